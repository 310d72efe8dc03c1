// A study thinks in turns: the event loop never waits long for it. Time is the processor time of this thread, since
// others may hold the machine.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { selection } from '../../lib/index.js';
import { hartmann6 } from './functions.js';

const { BayesianSampler, RandomSampler, Study } = selection;

/** ms that this thread has run. */
const ran = (): number => Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1e6;

/** The longest turn of the event loop while `work` runs. */
async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = ran();
  let stopped = false;
  const tick = (): void => {
    const now = ran();
    longest = Math.max(longest, now - last);
    last = now;
    if (!stopped) setImmediate(tick);
  };
  setImmediate(tick);
  await work();
  stopped = true;
  return Math.max(longest, ran() - last);
}

describe.runIf(process.platform === 'linux')('the event loop', () => {
  const seen = async () => {
    const study = new Study({ space: hartmann6.space, sampler: new RandomSampler(), seed: 1 });
    await study.optimize(({ params }) => hartmann6.value(params), { trials: 120 });
    return study.trials;
  };

  it('waits less than 20 ms for a proposal, which is the one that is made at once', { timeout: 120_000 }, async () => {
    const finished = await seen();
    const study = new Study({ space: hartmann6.space, seed: 1 });
    const input = { space: (study as unknown as { space: never }).space, number: 120, seed: 1, direction: 'minimize' };
    const sampler = new BayesianSampler();
    const all = { ...input, finished, running: [] } as unknown as selection.SamplerInput;
    const atOnce = sampler.propose(all);
    let inTurns: unknown;
    const longest = await longestTurn(async () => {
      inTurns = await sampler.proposeAsync(all);
    });
    expect(inTurns).toEqual(atOnce);
    expect(longest).toBeLessThan(20);
    // The measure sees what is made at once.
    expect(await longestTurn(async () => void sampler.propose(all))).toBeGreaterThan(20);
  });

  it('waits less than 20 ms for a study, and several askers get trials of their own', {
    timeout: 120_000,
  }, async () => {
    const study = new Study({ space: hartmann6.space, seed: 2 });
    const longest = await longestTurn(() =>
      study.optimize(({ params }) => hartmann6.value(params), { trials: 30, parallel: 3 }),
    );
    expect(longest).toBeLessThan(20);
    const trials = await Promise.all([study.askAsync(), study.askAsync()]);
    expect(trials.map((trial) => trial?.number)).toEqual([30, 31]);
    const other = study.ask();
    expect(other?.number).toBe(32);
  });
});
