// What the nine workloads share: sizes, and numbers that Python makes too (workloads.py).
import { getDefaultDType, type nn, noGrad, type Tensor, tensor } from '../../lib/index.js';

/** `small` for the test against PyTorch in float64, `full` for timing. Either in the default dtype. */
export type Size = 'small' | 'full';

/** Something to run again and again. */
export interface Job {
  /** One step; returns a loss or an output. */
  step(): Tensor;
  /** What has a gradient after a step. */
  readonly leaves: readonly Tensor[];
}

export type Make = (size: Size) => Job;

/** Numbers of [-0.5, 0.5) by a hash of seed and position. */
export function hashed(n: number, seed: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => {
    let h = (Math.imul(i, 0x9e3779b1) + Math.imul(seed, 0x85ebca77)) >>> 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) >>> 0;
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) >>> 0;
    return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32 - 0.5;
  });
}

const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** A tensor of the default dtype: `low` to `high`. */
export function values(shape: readonly number[], seed: number, low = -1, high = 1): Tensor {
  const data = hashed(count(shape), seed).map((x) => low + (x + 0.5) * (high - low));
  return tensor(data, { shape, dtype: getDefaultDType() });
}

/** Class numbers. */
export function classes(n: number, of: number, seed: number): Tensor {
  return tensor(BigInt64Array.from(hashed(n, seed), (x) => BigInt(Math.floor((x + 0.5) * of))));
}

/** Fills parameters by the order of their names: weights with variance 2 / inputs, biases around 0, scales around 1. */
export function fill(model: nn.AnyModule): void {
  const named = [...model.namedParameters()].sort(([a], [b]) => (a < b ? -1 : 1));
  noGrad(() => {
    named.forEach(([name, parameter], k) => {
      const own = hashed(parameter.numel, 1000 + k);
      const inputs = parameter.numel / parameter.shape[0];
      const vector = parameter.ndim === 1;
      const factor = vector ? 0.2 : Math.sqrt(24 / inputs);
      const start = vector && /weight$/.test(name) ? 1 : 0;
      parameter.copy_(
        tensor(
          own.map((x) => start + x * factor),
          { shape: parameter.shape },
        ),
      );
    });
  });
}
