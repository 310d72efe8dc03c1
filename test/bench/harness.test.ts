// Contestants take turns, a missing one stops nobody, and every row has a case in nabla's worker.
import { describe, expect, it } from 'vitest';
import { GROUPS } from '../../bench/groups.js';
import { Contest, type Contestant, reasonOf } from '../../bench/harness.js';
import { nabla, onnx, tfjs, torch, worker } from '../../bench/rivals.js';
import { compileWorkloads } from '../../bench/workloads/compile.js';

/** A worker whose steps all take `time`; at the line `only 2` it has its say. */
function fake(name: string, time: number): Contestant {
  const code = `
    const lines = require('node:readline').createInterface({ input: process.stdin });
    console.log(JSON.stringify({ ready: 'ready' }));
    lines.on('line', (line) => {
      if (line.startsWith('? ')) return console.log(JSON.stringify({ maxError: ${time} }));
      const [task, steps] = line.split(' ');
      console.log(JSON.stringify(task === 'no' ? { error: 'no such task' } : { times: Array(Number(steps)).fill(${time}), peakRssMb: 7 }));
    });`;
  return { name, command: process.execPath, args: ['-e', code] };
}

const plan = { rounds: 3, steps: 2, warmup: 1 };

describe('a contest', () => {
  it('takes turns and keeps the rounds apart', async () => {
    const contest = new Contest([fake('a', 1), fake('b', 2)]);
    await contest.start();
    const [a, b] = await contest.measure(plan, 'task', true);
    expect(a.rounds).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
    expect(b.times).toEqual([2, 2, 2, 2, 2, 2]);
    expect([a.description, a.peakRssMb, a.inspection, b.inspection]).toEqual([
      'ready',
      7,
      { maxError: 1 },
      { maxError: 2 },
    ]);
    const failed = await contest.measure(plan, 'no');
    expect(failed.map(({ error, times }) => [error, times])).toEqual([
      ['no such task', []],
      ['no such task', []],
    ]);
    expect((await contest.measure(plan, 'task'))[0].times.length).toBe(6); // one task that fails does not end it
    contest.stop();
  });
  it('goes on without those that are not installed', async () => {
    const gone = { name: 'gone', command: '/nonexistent/python', args: [] };
    const noModule = { name: 'no module', command: process.execPath, args: ['-e', 'require("no-such-package")'] };
    const told = { ...fake('told', 1), missing: 'not installed (no folder)' };
    const contest = new Contest([fake('a', 1), gone, noModule, told]);
    await contest.start();
    const results = await contest.measure(plan, 'task');
    contest.stop();
    expect(results[0].times.length).toBe(6);
    for (const result of results.slice(1)) {
      expect(result.times).toEqual([]);
      expect(result.error).toMatch(/^not installed/);
    }
  });
  it('names the reason of a death', () => {
    expect(reasonOf("Traceback\nModuleNotFoundError: No module named 'torch'\n")).toMatch(/^not installed .*torch/);
    expect(reasonOf('ValueError: wrong')).toBe('ValueError: wrong');
    expect(reasonOf('')).toBe('the process ended');
  });
});

describe('rivals', () => {
  const places = { python: 'python3', variants: ['default', 'tuned'] };
  it('are PyTorch in the wanted variants', () => {
    expect(torch('x.py', places).map(({ name, args }) => [name, args[1]])).toEqual([
      ['PyTorch', 'default'],
      ['PyTorch, tuned', 'tuned'],
    ]);
    expect(torch('x.py', { ...places, variants: ['tuned'] })[0].env).toHaveProperty('MALLOC_TRIM_THRESHOLD_');
    expect(() => torch('x.py', { ...places, variants: ['fast'] })).toThrow(/no variant fast/);
  });
  it('are looked for in the folder that an option names', () => {
    expect(tfjs(places).missing).toMatch(/not installed/);
    expect(onnx({ ...places, rivals: '/nonexistent' }).missing).toMatch(/no onnxruntime-node/);
  });
});

describe('rows', () => {
  for (const [name, { cases }] of Object.entries(GROUPS)) {
    it(`of ${name} are those of its worker`, async () => {
      if (name === 'workloads') compileWorkloads();
      const file = name === 'train-step' ? 'train_step' : name;
      const contest = new Contest([nabla([worker(`${file}.mjs`)])]);
      try {
        await contest.start();
        expect(new Set(await contest.names())).toEqual(new Set(cases.map((row) => row.name)));
      } finally {
        contest.stop();
      }
    });
  }
  it('run: one step of a small product with its error and its memory', async () => {
    const contest = new Contest([nabla([worker('gemm.mjs')])]);
    await contest.start();
    const [result] = await contest.measure({ rounds: 1, steps: 1, warmup: 1 }, '64x64x64 tt', true);
    contest.stop();
    expect(result.error).toBeUndefined();
    expect(result.times.length).toBe(1);
    const { maxError = 1, normError = 1, stepMb = 0, flops } = result.inspection ?? {};
    expect(maxError).toBeGreaterThan(0);
    expect(maxError).toBeLessThan(2e-6);
    expect(normError).toBeLessThanOrEqual(2e-6);
    expect(stepMb).toBeGreaterThanOrEqual(0);
    expect(flops).toBe(2 * 64 ** 3);
  });
});
