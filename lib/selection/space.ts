// What may be chosen: numbers, integers and categories, some of them only where another choice asks for them.
import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { checkInteger } from './check.js';
import type { Random } from './random.js';

/** A value of a search space. */
export type Choice = string | number | boolean | null;

/** One thing to choose. Made by {@link float}, {@link int}, {@link categorical} and {@link when}. */
export interface Dimension<T = unknown> {
  readonly kind: 'float' | 'int' | 'categorical';
  readonly low: number;
  readonly high: number;
  /** Even in the logarithm. */
  readonly log: boolean;
  /** What a categorical dimension chooses from. */
  readonly choices: readonly Choice[];
  /** There only where another dimension has one of these values. */
  readonly condition: { readonly name: string; readonly values: readonly Choice[] } | null;
  /** Carries the type of the values; never there. */
  readonly _value?: T;
}

/** Things to choose, by name. A condition names one that stands before. */
export type Space = Readonly<Record<string, Dimension>>;

/** A choice for every name; `undefined` where a condition does not hold. */
export type Params<S extends Space = Space> = {
  readonly [K in keyof S]: S[K] extends Dimension<infer T> ? T : never;
};

/** Options of {@link float} and {@link int}. */
export interface RangeOptions {
  /** Draws evenly in the logarithm: for rates, decays and sizes. Default false. */
  log?: boolean;
}

function checkRange(op: string, low: unknown, high: unknown, options: RangeOptions): boolean {
  checkOptions(op, options);
  const { log = false } = options;
  const finite = typeof low === 'number' && typeof high === 'number' && Number.isFinite(low) && Number.isFinite(high);
  if (!finite || low > high) {
    throw new ArgumentError(op, `low <= high is needed, got ${valueText(low)} and ${valueText(high)}`, [low, high]);
  }
  if (typeof log !== 'boolean') throw new ArgumentError(op, `log must be true or false, got ${valueText(log)}`, log);
  if (log && low <= 0) throw new ArgumentError(op, `low must be greater than 0 with log, got ${low}`, low);
  return log;
}

/**
 * A number from `low` to `high`.
 * @example const space = { lr: float(1e-5, 1e-1, { log: true }), dropout: float(0, 0.5) };
 * @throws ArgumentError unless `low <= high` are finite, and above 0 with `log`
 */
export function float(low: number, high: number, options: RangeOptions = {}): Dimension<number> {
  const log = checkRange('float', low, high, options);
  return { kind: 'float', low, high, log, choices: [], condition: null };
}

/**
 * An integer from `low` to `high`, both included.
 * @throws ArgumentError unless `low <= high` are integers, and above 0 with `log`
 */
export function int(low: number, high: number, options: RangeOptions = {}): Dimension<number> {
  checkInteger('int', 'low', low, Number.MIN_SAFE_INTEGER);
  checkInteger('int', 'high', high, Number.MIN_SAFE_INTEGER);
  const log = checkRange('int', low, high, options);
  return { kind: 'int', low, high, log, choices: [], condition: null };
}

/**
 * One of several values without an order.
 * @example const space = { optimizer: categorical(['sgd', 'adam']), batchNorm: categorical([true, false]) };
 * @throws ArgumentError for no values, or the same twice
 */
export function categorical<const T extends Choice>(choices: readonly T[]): Dimension<T> {
  const valid = Array.isArray(choices) && choices.length > 0 && new Set(choices).size === choices.length;
  const known = valid && choices.every((one) => one === null || ['string', 'number', 'boolean'].includes(typeof one));
  if (!known) throw new ArgumentError('categorical', `different values are needed, got ${valueText(choices)}`, choices);
  return { kind: 'categorical', low: 0, high: choices.length - 1, log: false, choices: [...choices], condition: null };
}

/**
 * A dimension that is there only where another one, which stands before it, has a value, or one of several.
 * @example
 * const space = {
 *   optimizer: categorical(['sgd', 'adam']),
 *   momentum: when({ optimizer: 'sgd' }, float(0, 0.99)),
 * };
 */
export function when<T>(
  condition: Readonly<Record<string, Choice | readonly Choice[]>>,
  dimension: Dimension<T>,
): Dimension<T | undefined> {
  checkOptions('when', condition);
  const entries = Object.entries(condition);
  if (entries.length !== 1) throw new ArgumentError('when', `one name is needed, got ${entries.length}`, condition);
  checkOptions('when', dimension);
  const [name, value] = entries[0];
  const values = (Array.isArray(value) ? value : [value]) as readonly Choice[];
  return { ...dimension, condition: { name, values } } as Dimension<T | undefined>;
}

/** @internal A checked space: draws, points of the unit cube, and what a model sees. */
export class CompiledSpace {
  readonly names: readonly string[];
  readonly dimensions: readonly Dimension[];
  /** Numbers that a model sees: one for a number, one for each choice of a category. */
  readonly slots: number;

  constructor(
    op: string,
    readonly space: Space,
  ) {
    checkOptions(op, space);
    this.names = Object.keys(space);
    this.dimensions = Object.values(space);
    if (this.names.length === 0) throw new ArgumentError(op, 'the space is empty', space);
    this.dimensions.forEach((dimension, i) => {
      const { kind, condition } = (dimension ?? {}) as Partial<Dimension>;
      if (kind === undefined || !['float', 'int', 'categorical'].includes(kind)) {
        const rule = `${this.names[i]} must be made by float, int, categorical or when`;
        throw new ArgumentError(op, `${rule}, got ${valueText(dimension)}`, dimension);
      }
      if (!condition || this.names.slice(0, i).includes(condition.name)) return;
      const rule = `the condition of ${this.names[i]} names ${valueText(condition.name)}`;
      throw new ArgumentError(op, `${rule}, which does not stand before it`, condition.name);
    });
    this.slots = this.dimensions.reduce(
      (sum, { kind, choices }) => sum + (kind === 'categorical' ? choices.length : 1),
      0,
    );
  }

  /** The choices that belong to a point of the unit cube, one coordinate for each name. */
  at(point: ArrayLike<number>): Params {
    const params: Record<string, Choice | undefined> = {};
    this.names.forEach((name, i) => {
      if (this.active(i, params)) params[name] = valueAt(this.dimensions[i], point[i]);
    });
    return params;
  }

  sample(random: Random): Params {
    return this.at(this.names.map(() => random.uniform()));
  }

  /** Whether a dimension is there, with these choices before it. */
  active(index: number, params: Readonly<Record<string, unknown>>): boolean {
    const { condition } = this.dimensions[index];
    return condition === null || condition.values.includes(params[condition.name] as Choice);
  }

  /** What a model sees: numbers from 0 to 1, what is not there in the middle. */
  encode(params: Readonly<Record<string, unknown>>): Float64Array {
    const encoded = new Float64Array(this.slots);
    let slot = 0;
    this.dimensions.forEach((dimension, i) => {
      const value = params[this.names[i]];
      if (dimension.kind === 'categorical') {
        const chosen = dimension.choices.indexOf(value as Choice);
        if (chosen >= 0) encoded[slot + chosen] = 1;
        slot += dimension.choices.length;
      } else {
        encoded[slot++] = value === undefined ? 0.5 : placeOf(dimension, value as number);
      }
    });
    return encoded;
  }

  /** Why params are no choice of this space, or null. */
  misfit(params: Readonly<Record<string, unknown>>): string | null {
    for (const [i, name] of this.names.entries()) {
      const value = params[name];
      if (!this.active(i, params)) {
        if (value !== undefined) return `${name} is ${valueText(value)}, its condition does not hold`;
        continue;
      }
      const { kind, low, high, choices } = this.dimensions[i];
      const number = typeof value === 'number' && value >= low && value <= high;
      const fits = kind === 'categorical' ? choices.includes(value as Choice) : number;
      if (!fits || (kind === 'int' && !Number.isInteger(value))) return `${name} is ${valueText(value)}`;
    }
    const unknown = Object.keys(params).find((name) => !this.names.includes(name));
    return unknown === undefined ? null : `there is no ${unknown}`;
  }
}

/** The value at `u` from 0 to 1. Integers and choices get equal parts. */
function valueAt({ kind, low, high, log, choices }: Dimension, u: number): Choice {
  if (kind === 'categorical') return choices[Math.min(choices.length - 1, Math.floor(u * choices.length))];
  const half = kind === 'int' ? 0.5 : 0;
  const [from, to] = log ? [Math.log(low - half), Math.log(high + half)] : [low - half, high + half];
  const value = log ? Math.exp(from + u * (to - from)) : from + u * (to - from);
  return Math.min(high, Math.max(low, kind === 'int' ? Math.round(value) : value));
}

/** Where a number lies between the ends, 0 to 1. */
function placeOf({ low, high, log }: Dimension, value: number): number {
  if (low === high) return 0.5;
  return log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}

/** @internal The number at `place`, the inverse of what a model sees. */
export function numberAt(dimension: Dimension, place: number): number {
  const { kind, low, high, log } = dimension;
  const value = log ? low * (high / low) ** place : low + place * (high - low);
  return Math.min(high, Math.max(low, kind === 'int' ? Math.round(value) : value));
}
