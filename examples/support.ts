// What the examples share: options, splits, a line per epoch.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { data, NablaError } from 'nabla';

/** Reads an option that is an integer. */
export function integer(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be an integer of at least ${least}.`);
  };
}

/** Reads an option that is a number from 0 to 1. */
export function probability(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('It must be a number from 0 to 1.');
}

/** Splits a list at random; the same seed gives the same parts. */
export function splitAt<T>(items: readonly T[], heldOut: number, seed: number): { train: T[]; test: T[] } {
  const order = new data.Philox(seed).permutation(items.length);
  const test = Math.round(items.length * heldOut);
  const take = (from: number, to: number) => Array.from(order.subarray(from, to), (i) => items[i]);
  return { train: take(test, items.length), test: take(0, test) };
}

/** A list as a dataset. */
export const datasetOf = <T>(items: readonly T[]): data.Dataset<T> => ({
  length: items.length,
  get: (index) => items[index],
});

/** Writes what a PyTorch script needs to do the same. */
export async function dump(folder: string, name: string, content: unknown): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${name}.json`);
  await writeFile(file, JSON.stringify(content));
  console.log(`written to ${file}`);
}

export const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** The standard deviation. */
export function spread(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / Math.max(1, values.length - 1));
}

/** Shares in percent: mean and standard deviation. */
export const percentOf = (shares: readonly number[]): string =>
  `${(100 * mean(shares)).toFixed(1)} ± ${(100 * spread(shares)).toFixed(1)}`;

export const thousands = (value: number): string => value.toLocaleString('en-US');

/** Runs an example; mistakes of the user end it with their message. */
export async function runExample(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof NablaError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
