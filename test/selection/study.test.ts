import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FormatError, selection } from '../../lib/index.js';

const { categorical, float, RandomSampler, Study, TrialError } = selection;
const module = new URL('./programs/objective.mjs', import.meta.url);

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nabla-study-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const plain = (study: { trials: readonly selection.FinishedTrial<unknown>[] }) =>
  study.trials.map(({ number, params, state, value }) => ({ number, params, state, value }));

describe('trials', () => {
  const space = { x: float(0, 1), how: categorical(['good', 'throw', 'exit', 'NaN']) };

  it('can be asked for and told', async () => {
    const study = new Study({ space: { x: float(0, 1) }, sampler: new RandomSampler(), seed: 1 });
    const [first, second] = [study.ask(), study.ask()] as selection.Trial<{ x: number }>[];
    expect([first.number, second.number]).toEqual([0, 1]);
    expect(first.seed).not.toBe(second.seed);
    await study.tell(second, 2);
    await study.tell(first, 3);
    expect(plain(study).map(({ value }) => value)).toEqual([3, 2]);
    expect(study.best.number).toBe(1);
    await expect(study.tell(first, 1)).rejects.toThrow(/trial 0 does not run/);
    await expect(first.report(Number.NaN, 1)).rejects.toThrow(/value must be finite/);
    await first.report(1, 2);
    await expect(first.report(1, 2)).rejects.toThrow(/step must be a number above 2/);
    expect(() => new Study({ space }).best).toThrow(/no trial is complete/);
  });

  it('fail with their number and params, and the others are kept', async () => {
    const study = new Study({ space, sampler: new RandomSampler(), seed: 1 });
    const cause = new RangeError('no good');
    const run = study.optimize(
      ({ number }) => {
        if (number === 2) throw cause;
        return number;
      },
      { trials: 5 },
    );
    const error = (await run.catch((caught: unknown) => caught)) as InstanceType<typeof TrialError>;
    expect(error).toBeInstanceOf(TrialError);
    expect(error.message).toMatch(/^Study: trial 2 with \{"x":[\d.]+,"how":"\w+"\} failed: no good/);
    expect(error).toMatchObject({ trial: 2, cause, params: study.trials[2].params });
    expect(study.trials.map(({ state }) => state)).toEqual(['complete', 'complete', 'failed']);
    expect(study.trials[2]).toMatchObject({ value: null, error: 'no good' });
    await study.optimize(() => 7, { trials: 5 });
    expect(study.trials).toHaveLength(5);
    await expect(new Study({ space }).optimize(() => Number.NaN, { trials: 1 })).rejects.toThrow(/the value is NaN/);
  });

  it('run in worker threads, which are replaced when they die', async () => {
    const study = new Study({ space, sampler: new RandomSampler(), pruner: new selection.AshaPruner(), seed: 1 });
    await study.optimize(module, { trials: 20, parallel: 2, keepGoing: true });
    expect(study.trials).toHaveLength(20);
    const wanted = { throw: 'no good', exit: /worker thread ended.*exit code 3/, NaN: /the value is NaN/ };
    const ways = new Set(study.trials.map(({ params }) => params.how));
    expect(ways.size).toBe(4);
    for (const { params, state, value, error, reports } of study.trials) {
      if (params.how === 'good') {
        expect(['complete', 'pruned']).toContain(state);
        if (state === 'complete') expect(value).toBe((params.x - 0.3) ** 2);
        else expect(value).toBe(reports.at(-1)?.[1]);
      } else {
        expect(state).toBe('failed');
        expect(error).toMatch(wanted[params.how]);
      }
    }
  });

  it('stop when they are told to', async () => {
    const stop = new AbortController();
    const study = new Study({ space, sampler: new RandomSampler(), seed: 1 });
    await study.optimize(
      ({ number }) => {
        if (number === 3) stop.abort();
        return number;
      },
      { trials: 100, signal: stop.signal },
    );
    expect(study.trials).toHaveLength(4);
  });
});

describe('the file of a study', () => {
  const space = { x: float(0, 1) };
  const make = (file: string, more: object = {}) =>
    new Study({ space, sampler: new RandomSampler(), file, seed: 5, ...more });
  const square = ({ params }: { params: { x: number } }) => params.x ** 2;

  it('keeps every trial, and the study goes on', async () => {
    const file = join(folder, 'a', 'study.ndjson');
    const first = make(file);
    await first.optimize(square, { trials: 3, parallel: 2 });
    const again = make(file, { seed: undefined });
    expect(again.seed).toBe(5);
    expect(again.trials).toEqual(first.trials);
    await again.optimize(square, { trials: 6 });
    const whole = new Study({ space, sampler: new RandomSampler(), seed: 5 });
    await whole.optimize(square, { trials: 6 });
    expect(plain(make(file))).toEqual(plain(whole));
  });

  it('loses only the line that a kill has cut off', async () => {
    const file = join(folder, 'cut.ndjson');
    await make(file).optimize(square, { trials: 3 });
    const lines = readFileSync(file, 'utf8').split('\n');
    appendFileSync(file, lines[3].slice(0, 20));
    const study = make(file);
    expect(study.trials).toHaveLength(3);
    await study.optimize(square, { trials: 4 });
    expect(make(file).trials).toHaveLength(4);
  });

  it('is refused when it is damaged, and stays as it is', async () => {
    const file = join(folder, 'bad.ndjson');
    await make(file).optimize(square, { trials: 3 });
    const good = readFileSync(file, 'utf8');
    const lines = good.split('\n');
    const damage: [string, RegExp][] = [
      [good.replace(/"value":0/, '"value":1'), /line 2: its checksum is wrong/],
      [[...lines.slice(0, 2), 'nonsense', ...lines.slice(3)].join('\n'), /line 3: is no line of a study/],
      [[...lines.slice(0, 3), ...lines.slice(2)].join('\n'), /trial 1 stands there twice/],
      [lines.slice(1).join('\n'), /is no study/],
      ['{"a": 1}\n', /line 1: is no line/],
      ['', /holds no complete line/],
    ];
    for (const [text, message] of damage) {
      writeFileSync(file, text);
      expect(() => make(file)).toThrow(FormatError);
      expect(() => make(file)).toThrow(message);
      expect(readFileSync(file, 'utf8')).toBe(text);
    }
    writeFileSync(file, good);
    expect(() => new Study({ space: { x: float(0, 2) }, file, seed: 5 })).toThrow(/has another space/);
    expect(() => make(file, { direction: 'maximize' })).toThrow(/has direction "minimize", not "maximize"/);
    expect(() => make(file, { seed: 6 })).toThrow(/has seed 5, not 6/);
  });

  it('holds the same trials after any number of kills', { timeout: 120_000 }, async () => {
    const program = fileURLToPath(new URL('./programs/killed-study.mjs', import.meta.url));
    const run = (file: string, killAt: string | null) =>
      new Promise<string>((resolve) => {
        const child = spawn(process.execPath, [program, file, '16'], { stdio: ['ignore', 'pipe', 'inherit'] });
        let out = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          out += text;
          if (killAt !== null && out.includes(killAt)) child.kill('SIGKILL');
        });
        child.on('close', () => resolve(out));
      });
    const undisturbed = await run(join(folder, 'whole.ndjson'), null);
    const file = join(folder, 'killed.ndjson');
    for (const at of ['trial 2\n', 'trial 7\n', 'trial 11\n']) {
      expect(await run(file, at)).not.toContain('[{');
    }
    const last = await run(file, null);
    expect(last).toContain('[{"number":0');
    expect(last.split('\n').at(-2)).toBe(undisturbed.split('\n').at(-2));
    // Trials that had ended were not run again.
    expect(last).not.toContain('trial 7\n');
  });
});
