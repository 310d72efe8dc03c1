// How each dtype holds a number, bit by bit: what inputs are rounded to before both sides see them.
import type { RefDType } from './array.js';

/** The distance of 1 to the next number. */
export const EPSILON: Partial<Record<RefDType, number>> = {
  float64: 2 ** -52,
  float32: 2 ** -23,
  bfloat16: 2 ** -7,
  float16: 2 ** -10,
};

/** Below it numbers lose digits (or count as 0). */
export const TINY: Partial<Record<RefDType, number>> = {
  float64: 2 ** -1022,
  float32: 2 ** -126,
  bfloat16: 2 ** -126,
  float16: 2 ** -14,
};

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

/** A number as bfloat16, to nearest, halves to even. */
export function asBfloat16(value: number): number {
  single[0] = value;
  if (Number.isNaN(value) || !Number.isFinite(single[0])) return single[0];
  bits[0] = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) & 0xffff0000;
  return single[0];
}

/** A number as float16, to nearest, halves to even. */
export function asFloat16(value: number): number {
  const x = Math.fround(value);
  const size = Math.abs(x);
  if (!Number.isFinite(x) || size === 0) return x;
  if (size >= 65520) return x > 0 ? Infinity : -Infinity;
  const exponent = Math.max(Math.floor(Math.log2(size)), -14);
  const step = 2 ** (exponent - 10);
  const units = x / step;
  const low = Math.floor(units);
  const up = units - low > 0.5 || (units - low === 0.5 && low % 2 !== 0);
  return (low + (up ? 1 : 0)) * step;
}

/** The nearest number that a dtype can hold. */
export function rounded(dtype: RefDType, value: number): number {
  if (dtype === 'float32') return Math.fround(value);
  if (dtype === 'bfloat16') return asBfloat16(value);
  return dtype === 'float16' ? asFloat16(value) : value;
}

/** A small seeded generator of numbers in [0, 1) (mulberry32). */
export function generator(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
