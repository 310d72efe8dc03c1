// Checks that several optimizers and schedules share; the messages are PyTorch's.
import { ArgumentError, valueText } from '../errors.js';

/** PyTorch's check of a number that must not be negative (and not NaN). */
export function checkNotNegative(op: string, label: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0) return;
  throw new ArgumentError(op, `Invalid ${label}: ${valueText(value)}`, value);
}

export function checkFinite(op: string, label: string, value: unknown): void {
  if (typeof value === 'number' && Number.isFinite(value)) return;
  throw new ArgumentError(op, `Invalid ${label}: ${valueText(value)}`, value);
}

export function checkBooleans(op: string, options: Readonly<Record<string, unknown>>, ...names: string[]): void {
  for (const name of names) {
    const value = options[name];
    if (typeof value === 'boolean') continue;
    throw new ArgumentError(op, `${name} must be a boolean, got ${valueText(value)}`, value);
  }
}

/** `value` is a list of `count` numbers. */
export function checkNumbers(op: string, name: string, value: unknown, count: number): asserts value is number[] {
  if (Array.isArray(value) && value.length === count && value.every((x) => typeof x === 'number' && !Number.isNaN(x)))
    return;
  const words = ['no', 'one', 'two', 'three'];
  throw new ArgumentError(op, `${name} must be ${words[count]} numbers, got ${valueText(value)}`, value);
}

/** Two rates of decay in [0, 1). */
export function checkBetas(op: string, betas: unknown): void {
  if (!Array.isArray(betas) || betas.length !== 2) {
    throw new ArgumentError(op, `betas must be two numbers, got ${valueText(betas)}`, betas);
  }
  betas.forEach((beta: unknown, i) => {
    if (typeof beta === 'number' && beta >= 0 && beta < 1) return;
    throw new ArgumentError(op, `Invalid beta parameter at index ${i}: ${valueText(beta)}`, beta);
  });
}

/** What most optimizers check: learning rate, epsilon and weight decay, where they have them, and `maximize`. */
export function checkCommon(op: string, group: object): void {
  const { lr, eps, weightDecay } = group as { lr: unknown; eps?: unknown; weightDecay?: unknown };
  checkNotNegative(op, 'learning rate', lr);
  if ('eps' in group) checkNotNegative(op, 'epsilon value', eps);
  if ('weightDecay' in group) checkNotNegative(op, 'weightDecay value', weightDecay);
  if ('maximize' in group) checkBooleans(op, { ...group }, 'maximize');
}

/** A whole number of at least `least`. */
export function checkCount(op: string, name: string, value: unknown, least = 1): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  throw new ArgumentError(op, `${name} must be an integer of at least ${least}, got ${valueText(value)}`, value);
}
