import { ArgumentError, valueText } from '../errors.js';

/** Throws unless `value` is a safe integer of at least `least`. */
export function checkCount(op: string, name: string, value: unknown, least: number): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  const rule = least === Number.MIN_SAFE_INTEGER ? 'a safe integer' : `an integer of at least ${least}`;
  throw new ArgumentError(op, `${name} must be ${rule}, got ${valueText(value)}`, value);
}

/** Throws unless `value` is a boolean. */
export function checkFlag(op: string, name: string, value: unknown): asserts value is boolean {
  if (typeof value === 'boolean') return;
  throw new ArgumentError(op, `${name} must be true or false, got ${valueText(value)}`, value);
}

/** Throws unless `value` is an array or a typed array. */
export function checkList(op: string, name: string, value: unknown): asserts value is ArrayLike<unknown> {
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) return;
  throw new ArgumentError(op, `${name} must be an array, got ${valueText(value)}`, value);
}

/** Throws unless `value` has a length and gives items by number. */
export function checkDataset(op: string, value: unknown, name = 'dataset'): void {
  const { get } = (value ?? {}) as { get?: unknown };
  if (typeof get === 'function' && hasLength(value)) return;
  throw new ArgumentError(op, `${name} must have a length and get(index), got ${valueText(value)}`, value);
}

/** Throws unless `value` has a length, as datasets do. */
export function checkLength(op: string, name: string, value: unknown): asserts value is { readonly length: number } {
  if (hasLength(value)) return;
  throw new ArgumentError(op, `${name} must have a length, got ${valueText(value)}`, value);
}

const hasLength = (value: unknown): boolean => {
  const length = (value as { length?: unknown } | null | undefined)?.length;
  return typeof value === 'object' && Number.isSafeInteger(length) && (length as number) >= 0;
};

/** Throws unless item `index` is there. */
export function checkIndex(op: string, index: number, length: number): void {
  if (Number.isInteger(index) && index >= 0 && index < length) return;
  throw new ArgumentError(op, `index ${index} is out of range [0, ${length})`, index);
}
