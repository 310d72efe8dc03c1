// Checks that several files of this folder share.
import { ArgumentError, valueText } from '../errors.js';
import { Tensor } from '../tensor/tensor.js';
import { SplitError } from './errors.js';

/** What tells how many samples there are: the number itself, anything with a length, or a tensor `[N, ...]`. */
export type Samples = number | { readonly length: number } | Tensor;

/** The class or group of a sample. */
export type Label = number | string | bigint | boolean;

/** The labels of all samples, in order. */
export type Labels = ArrayLike<Label>;

/** @internal An integer of at least `least`. */
export function checkInteger(op: string, name: string, value: unknown, least: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  throw new ArgumentError(op, `${name} must be an integer >= ${least}, got ${valueText(value)}`, value);
}

/** @internal A number between two others, these included. */
export function checkBetween(op: string, name: string, value: unknown, low: number, high: number): number {
  if (typeof value === 'number' && value >= low && value <= high) return value;
  throw new ArgumentError(op, `${name} must be a number from ${low} to ${high}, got ${valueText(value)}`, value);
}

/** @internal One of a few texts. */
export function checkOneOf<const T extends string>(op: string, name: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T;
  throw new ArgumentError(op, `${name} must be one of ${choices.join(', ')}, got ${valueText(value)}`, value);
}

/** @internal How many samples there are. */
export function countOf(op: string, samples: Samples): number {
  const count = samples instanceof Tensor ? samples.shape[0] : typeof samples === 'number' ? samples : samples?.length;
  if (Number.isSafeInteger(count) && (count as number) >= 0 && (count as number) < 2 ** 32) return count as number;
  throw new ArgumentError(op, `samples must be a number or have a length, got ${valueText(samples)}`, samples);
}

/** @internal Labels as numbers from 0, in the order of the sorted labels, and the labels themselves. */
export interface Encoded {
  readonly codes: Uint32Array;
  readonly labels: readonly Label[];
  readonly counts: readonly number[];
}

/** @internal Numbers the labels. `what` is `y` or `groups`. */
export function encode(op: string, what: string, labels: Labels | null | undefined, count: number): Encoded {
  if (labels instanceof Tensor) {
    throw new ArgumentError(op, `${what} must be an array; read the tensor first: [...await ${what}.data()]`, labels);
  }
  if (typeof labels !== 'object' || labels === null || typeof labels.length !== 'number') {
    throw new ArgumentError(op, `${what} must be an array of labels, got ${valueText(labels)}`, labels);
  }
  if (labels.length !== count) {
    throw new SplitError(op, `there are ${count} samples, ${what} has ${labels.length} labels`, labels.length);
  }
  const seen = new Map<Label, number>();
  for (let i = 0; i < count; i++) {
    const label = labels[i];
    const valid = typeof label === 'number' ? !Number.isNaN(label) : /^(string|bigint|boolean)$/.test(typeof label);
    if (!valid) throw new SplitError(op, `${what} of sample ${i} is ${valueText(label)}`, label);
    seen.set(label, (seen.get(label) ?? 0) + 1);
  }
  const sorted = [...seen.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const place = new Map(sorted.map((label, i) => [label, i]));
  const codes = Uint32Array.from({ length: count }, (_, i) => place.get(labels[i]) as number);
  return { codes, labels: sorted, counts: sorted.map((label) => seen.get(label) as number) };
}
