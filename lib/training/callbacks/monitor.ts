// Watching a value of the epoch log.
import { ArgumentError, valueText } from '../../errors.js';
import type { EpochLog } from '../callback.js';

/** Whether lower (`min`) or higher (`max`) values are better. */
export type MonitorMode = 'min' | 'max';

export function checkMode(op: string, mode: unknown): MonitorMode {
  if (mode === 'min' || mode === 'max') return mode;
  throw new ArgumentError(op, `mode must be "min" or "max", got ${valueText(mode)}`, mode);
}

export function checkName(op: string, monitor: unknown): string {
  if (typeof monitor === 'string' && monitor !== '') return monitor;
  throw new ArgumentError(op, `monitor must be the name of a value, got ${valueText(monitor)}`, monitor);
}

export function checkNumber(op: string, name: string, value: unknown, least = 0): number {
  if (typeof value === 'number' && value >= least) return value;
  throw new ArgumentError(op, `${name} must be a number >= ${least}, got ${valueText(value)}`, value);
}

export function checkCount(op: string, name: string, value: unknown, least: number): number {
  if (
    typeof value === 'number' &&
    (Number.isSafeInteger(value) || value === Number.POSITIVE_INFINITY) &&
    value >= least
  ) {
    return value;
  }
  throw new ArgumentError(op, `${name} must be an integer >= ${least}, got ${valueText(value)}`, value);
}

/** The watched value of a log. A callback may have failed to put it there. */
export function monitored(op: string, log: EpochLog, name: string): number {
  const value = log[name];
  if (typeof value === 'number') return value;
  const known = Object.keys(log).join(', ');
  throw new ArgumentError(op, `there is no value ${valueText(name)} to monitor; there are ${known}`, name);
}

/** Whether `value` is better than `best` by more than `minDelta`; NaN never is. */
export function isBetter(mode: MonitorMode, value: number, best: number | null, minDelta = 0): boolean {
  if (best === null) return !Number.isNaN(value);
  return mode === 'min' ? value < best - minDelta : value > best + minDelta;
}
