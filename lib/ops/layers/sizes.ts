// Sizes along one, two or three axes: one number for all, or one each.
import { ArgumentError, valueText } from '../../errors.js';

/** A size along one axis. */
export type Size1 = number | readonly [length: number];
/** A size for height and width, or one each. */
export type Size2 = number | readonly [height: number, width: number];
/** A size for depth, height and width, or one each. */
export type Size3 = number | readonly [depth: number, height: number, width: number];

const NAMES = ['', '[length]', '[height, width]', '[depth, height, width]'];

/** @internal `axes` integers of at least `least`; one number stands for all. */
export function sizes(op: string, name: string, value: unknown, axes: number, least: number): number[] {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value < 2 ** 31) {
    return axes === 2 ? [value, value] : axes === 1 ? [value] : [value, value, value];
  }
  const list = typeof value === 'number' ? [] : value;
  const valid = (size: unknown) =>
    Number.isSafeInteger(size) && (size as number) >= least && (size as number) < 2 ** 31;
  if (!Array.isArray(list) || list.length !== axes || !list.every(valid)) {
    const rule = `${name} must be an integer >= ${least} or ${NAMES[axes]}`;
    throw new ArgumentError(op, `${rule}, got ${valueText(value)}`, value);
  }
  return [...list];
}
