// A small quasi-Newton method for functions of a few variables in a box.
import type { Steps } from './steps.js';

/** The value at `x`; writes the gradient into `gradient`. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

/** @internal The same in steps. */
export type StepwiseObjective = (x: Float64Array, gradient: Float64Array) => Steps<number>;

/** @internal Where a minimum was found. */
export interface Minimum {
  x: Float64Array;
  value: number;
}

/** @internal Where the box ends, and when to stop. */
export interface Box {
  readonly low: ArrayLike<number>;
  readonly high: ArrayLike<number>;
  /** Default 60. */
  readonly iterations?: number;
}

const MEMORY = 8;

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

/** @internal One step for each call. */
export const stepwise = (f: Objective): StepwiseObjective =>
  function* (x, gradient) {
    yield;
    return f(x, gradient);
  };

/**
 * @internal L-BFGS with projection to the box: variables at a bound that want to leave it stand still, and steps are halved
 * until the value falls enough. A value that is not finite counts as too large.
 */
export function* minimizeSteps(f: StepwiseObjective, start: ArrayLike<number>, box: Box): Steps<Minimum> {
  const { low, high, iterations = 60 } = box;
  const n = start.length;
  let x = Float64Array.from(start, (value, i) => Math.min(high[i], Math.max(low[i], value)));
  let gradient = new Float64Array(n);
  let value = yield* f(x, gradient);
  let pairs: { s: Float64Array; y: Float64Array; rho: number }[] = [];
  for (let iteration = 0; iteration < iterations; iteration++) {
    const free = gradient.map((g, i) => ((x[i] <= low[i] && g > 0) || (x[i] >= high[i] && g < 0) ? 0 : g));
    if (!(Math.max(...free.map(Math.abs)) > 1e-7)) break;
    let direction = descent(free, pairs);
    if (!(dot(direction, free) < 0)) {
      pairs = [];
      direction = free.map((g) => -g);
    }
    const first = pairs.length === 0 ? Math.min(1, 0.2 / Math.sqrt(dot(free, free))) : 1;
    const next = yield* backtrack(f, x, direction, free, value, first, box);
    if (next === null) {
      if (pairs.length === 0) break;
      pairs = [];
      continue;
    }
    const s = next.x.map((v, i) => v - x[i]);
    const y = next.gradient.map((g, i) => g - gradient[i]);
    const sy = dot(s, y);
    if (sy > 1e-12 * dot(y, y)) pairs = [...pairs.slice(1 - MEMORY), { s, y, rho: 1 / sy }];
    const fell = value - next.value;
    ({ x, gradient, value } = next);
    if (fell <= 1e-9 * (1e-3 + Math.abs(value))) break;
  }
  return { x, value };
}

/** Minus the free gradient, times the inverse Hessian that the pairs suggest; variables that stand still stay so. */
function descent(
  free: Float64Array,
  pairs: readonly { s: Float64Array; y: Float64Array; rho: number }[],
): Float64Array {
  const q = free.map((g) => -g);
  const alpha = new Float64Array(pairs.length);
  const move = (by: number, along: Float64Array): void => {
    for (let i = 0; i < q.length; i++) q[i] += by * along[i];
  };
  for (let k = pairs.length - 1; k >= 0; k--) {
    alpha[k] = pairs[k].rho * dot(pairs[k].s, q);
    move(-alpha[k], pairs[k].y);
  }
  const last = pairs.at(-1);
  if (last) {
    const scale = 1 / (last.rho * dot(last.y, last.y));
    for (let i = 0; i < q.length; i++) q[i] *= scale;
  }
  pairs.forEach(({ s, y, rho }, k) => {
    move(alpha[k] - rho * dot(y, q), s);
  });
  return q.map((value, i) => (free[i] === 0 ? 0 : value));
}

interface Reached {
  x: Float64Array<ArrayBuffer>;
  gradient: Float64Array<ArrayBuffer>;
  value: number;
}

function* backtrack(
  f: StepwiseObjective,
  x: Float64Array,
  direction: Float64Array,
  free: Float64Array,
  value: number,
  first: number,
  { low, high }: Box,
): Steps<Reached | null> {
  for (let step = first, tries = 0; tries < 25; step /= 2, tries++) {
    const next = Float64Array.from(x, (v, i) => Math.min(high[i], Math.max(low[i], v + step * direction[i])));
    let slope = 0;
    for (let i = 0; i < x.length; i++) slope += free[i] * (next[i] - x[i]);
    if (slope >= 0) return null;
    const gradient = new Float64Array(x.length);
    const reached = yield* f(next, gradient);
    if (reached <= value + 1e-4 * slope) return { x: next, gradient, value: reached };
  }
  return null;
}
