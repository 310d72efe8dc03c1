// The differential fuzzer: draws calls of one entry, and makes a failing one small.
import { Draw } from '../reference/draw.js';
import type { Api, Entry } from '../reference/entry.js';
import { generator } from '../reference/numbers.js';
import { type Call, drawCall } from './call.js';
import { problemOf } from './check.js';

export interface Failure {
  readonly call: Call;
  readonly problem: string;
}

/** Which part of an entry is run. */
export interface Trial {
  readonly entry: Entry;
  readonly gradient: boolean;
}

const draw = (trial: Trial, choices: readonly number[], seed: number | null): { call: Call; choices: number[] } => {
  const d = new Draw(choices, seed, trial.gradient);
  return { call: drawCall(trial.entry, d), choices: d.choices };
};

/** The call of a seed. */
export const callOf = (trial: Trial, seed: number): Call => draw(trial, [], seed).call;

/** Whether the entry runs its gradients this time. */
export function trialOf(entry: Entry, next: () => number): Trial {
  return { entry, gradient: entry.differentiable !== false && next() < 0.35 };
}

/** One call; a failing one is made small. */
export function tryOnce(trial: Trial, seed: number, find?: Api): Failure | undefined {
  const { call, choices } = draw(trial, [], seed);
  const problem = problemOf(call, find);
  return problem === undefined ? undefined : shrink(trial, choices, { call, problem }, find);
}

const TRIES = 400;

/** Replaces choices by simpler ones as long as the call still fails. */
function shrink(trial: Trial, choices: readonly number[], failure: Failure, find?: Api): Failure {
  let best = [...choices];
  let found = failure;
  let tries = 0;
  const attempt = (candidate: number[]): boolean => {
    if (tries++ >= TRIES) return false;
    const next = draw(trial, candidate, null);
    const problem = problemOf(next.call, find);
    if (problem === undefined) return false;
    best = next.choices;
    found = { call: next.call, problem };
    return true;
  };
  for (let again = true; again && tries < TRIES; ) {
    again = false;
    for (let i = 0; i < best.length && tries < TRIES; i++) {
      if (best[i] === 0) continue;
      for (const value of [0, 1, best[i] >> 8, best[i] - 1]) {
        if (value >= best[i] || value < 0) continue;
        if (attempt([...best.slice(0, i), value, ...best.slice(i + 1)])) {
          again = value !== 0 || again;
          break;
        }
      }
    }
  }
  return found;
}

/** Seeds of a run, one after the other. */
export function seeds(seed: number): () => number {
  const next = generator(seed);
  return () => Math.floor(next() * 2 ** 31);
}
