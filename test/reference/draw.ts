// What generators of arguments draw from: numbers, shapes, dtypes and tensors, from a list of choices. The list is what
// shrinking works on: a choice of 0 always means the simplest alternative.
import { count, isFloat, type RefDType, type Shape } from './array.js';
import { generator } from './numbers.js';

/** How the elements of a drawn tensor are made. */
export type Values =
  /** Any numbers of [low, high]. */
  | 'uniform'
  /** Multiples of 1/64 plus 1/128: none near an integer or a half. */
  | 'grid'
  /** No two equal. */
  | 'distinct'
  /** Whole numbers of [low, high]: many ties. */
  | 'whole'
  /** Uniform, with NaN, infinities and both zeros among them. */
  | 'special';

/** How a tensor lies in memory. */
export interface Layout {
  /** The axes from the outermost to the innermost. */
  order?: number[];
  /** Per axis: every how many-th element is used. */
  step?: number[];
  /** Axes with stride 0: equal elements along them. */
  expanded?: number[];
  offset?: number;
}

/** A tensor argument, as a description that fits on a line. */
export class TensorArg {
  readonly shape: Shape;
  readonly dtype: RefDType;
  readonly values: Values | readonly number[];
  readonly low: number;
  readonly high: number;
  readonly seed: number;
  /** Whether its gradient is checked. */
  readonly grad: boolean;
  layout: Layout;

  constructor(from: Omit<TensorArg, 'replacing'>) {
    this.shape = from.shape;
    this.dtype = from.dtype;
    this.values = from.values;
    this.low = from.low;
    this.high = from.high;
    this.seed = from.seed;
    this.grad = from.grad;
    this.layout = from.layout;
  }

  /** The same with other fields. */
  replacing(fields: Partial<Omit<TensorArg, 'replacing'>>): TensorArg {
    return new TensorArg({ ...this, ...fields });
  }
}

/** What a call may be made of. */
export type Arg =
  | TensorArg
  | number
  | string
  | boolean
  | null
  | undefined
  | readonly Arg[]
  | { readonly [key: string]: Arg };

/** Options of {@link Draw.tensor}. */
export interface TensorOptions {
  dtype?: RefDType;
  /** Default -3. */
  low?: number;
  /** Default 3. */
  high?: number;
  values?: Values | readonly number[];
  /** False: no gradient flows to it, or it is not checked. Default: floats have one. */
  grad?: boolean;
}

/** Options of {@link Draw.shape}. */
export interface ShapeOptions {
  /** Fewest axes. Default 0. */
  min?: number;
  /** Most axes. Default 5. */
  max?: number;
  /** No axis of size 0. Default false. */
  full?: boolean;
  /** Most elements. Default about 2000, rarely more; in gradient runs 150. */
  most?: number;
}

const SIZES = [1, 2, 3, 1, 4, 5, 7, 8, 0, 9, 16, 17, 33] as const;
const LONG = [65, 100, 257, 1000, 1025, 4099, 10_007] as const;

export type DTypeGroup = 'float' | 'integer' | 'index' | 'numeric' | 'all' | 'wide';

/** Which dtypes the library under test has; the runner sets it. */
let available: ReadonlySet<string> = new Set(['float32', 'float64', 'int32', 'int64', 'uint8', 'bool']);

export function setAvailable(dtypes: Iterable<string>): void {
  available = new Set(dtypes);
}

const GROUPS: Readonly<Record<DTypeGroup, readonly RefDType[]>> = {
  float: ['float32', 'float64', 'float32', 'bfloat16', 'float16'],
  wide: ['float32', 'float64'],
  integer: ['int64', 'int32', 'uint8', 'int8'],
  index: ['int64', 'int32'],
  numeric: ['float32', 'float64', 'float32', 'int64', 'int32', 'uint8', 'bfloat16', 'float16', 'int8'],
  all: ['float32', 'float64', 'float32', 'int64', 'int32', 'uint8', 'bool', 'bfloat16', 'float16', 'int8'],
};

export class Draw {
  /** Every choice made so far; a prefix of it may have been given. */
  readonly choices: number[] = [];
  /** This call is for a gradient check: float64, few elements, no ties, no kinks, no NaN. */
  readonly gradient: boolean;
  /** Set to make {@link dtype} return it wherever the group has it. */
  readonly only: RefDType | undefined;
  readonly #given: readonly number[];
  readonly #next: () => number;

  /** Choices come from `given` first, then from the seed; without a seed they are 0. */
  constructor(given: readonly number[], seed: number | null, gradient: boolean, only?: RefDType) {
    this.#given = given;
    this.#next = seed === null ? () => 0 : generator(seed);
    this.gradient = gradient;
    this.only = only;
  }

  #choice(): number {
    const given = this.#given[this.choices.length];
    const choice = given ?? Math.floor(this.#next() * 2 ** 30);
    this.choices.push(choice);
    return choice;
  }

  /** A whole number of [low, high]; the simplest is `low`. */
  int(low: number, high: number): number {
    return low + (this.#choice() % (high - low + 1));
  }

  /** True with this probability; the simplest is false. */
  chance(p: number): boolean {
    return this.#choice() / 2 ** 30 > 1 - p;
  }

  /** One of a list; the simplest is the first. */
  pick<const T>(list: readonly T[]): T {
    return list[this.int(0, list.length - 1)];
  }

  /** A number with few digits of [low, high]; sometimes a whole one. */
  number(low: number, high: number): number {
    const value = low + ((high - low) * this.int(0, 64)) / 64;
    return this.chance(0.3) ? Math.round(value) : value;
  }

  /** Either the value or nothing (an argument left out). */
  maybe<T>(value: () => T): T | undefined {
    return this.chance(0.5) ? value() : undefined;
  }

  dtype(group: DTypeGroup): RefDType {
    const list = GROUPS[group].filter((dtype) => available.has(dtype));
    if (this.gradient && list.includes('float64')) return 'float64';
    if (this.only && GROUPS[group].includes(this.only)) return this.only;
    return list[this.int(0, list.length - 1)];
  }

  shape(options: ShapeOptions = {}): number[] {
    const { min = 0, max = 5, full = false } = options;
    const most = Math.min(options.most ?? Infinity, this.gradient ? 150 : this.chance(0.03) ? 50_000 : 2000);
    const ndim = this.int(min, max);
    const shape: number[] = [];
    let total = 1;
    for (let axis = 0; axis < ndim; axis++) {
      const long = !this.gradient && this.chance(0.02);
      let size = long ? this.pick(LONG) : this.pick(SIZES);
      if (size === 0 && (full || !this.chance(0.4))) size = 2;
      while (size > 1 && total * size > most) size = size >> 1;
      shape.push(size);
      total *= Math.max(size, 1);
    }
    return shape;
  }

  /** A shape that broadcasts to `shape`: leading axes left out, others of size 1. */
  broadcastable(shape: Shape): number[] {
    const from = this.chance(0.3) ? this.int(0, shape.length) : 0;
    return shape.slice(from).map((size) => (this.chance(0.2) ? 1 : size));
  }

  /** Two shapes that broadcast with each other. */
  pair(options: ShapeOptions = {}): [number[], number[]] {
    const full = this.shape(options);
    if (!this.chance(0.5)) return [full, full];
    return this.chance(0.5) ? [full, this.broadcastable(full)] : [this.broadcastable(full), this.broadcastable(full)];
  }

  /** An axis, counted from either end. */
  dim(ndim: number): number {
    const n = Math.max(ndim, 1);
    const axis = this.int(0, n - 1);
    return this.chance(0.3) ? axis - n : axis;
  }

  /** Different axes, at least `least` of them, in any order. */
  axes(ndim: number, least = 0): number[] {
    const chosen = this.permutation(ndim).filter((_, i) => i < least || this.chance(0.5));
    return chosen.map((axis) => (this.chance(0.3) ? axis - ndim : axis));
  }

  permutation(n: number): number[] {
    const list = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = i - this.int(0, i);
      [list[i], list[j]] = [list[j], list[i]];
    }
    return list;
  }

  /** A tensor. In gradient runs floats are float64 and, unless asked otherwise, on a grid away from kinks. */
  tensor(shape: Shape, options: TensorOptions = {}): TensorArg {
    const dtype = options.dtype ?? this.dtype('float');
    const { low = -3, high = 3 } = options;
    let { values = 'uniform' } = options;
    if (this.gradient && (values === 'uniform' || values === 'special')) values = 'grid';
    if (!isFloat(dtype) && (values === 'special' || values === 'grid')) values = 'uniform';
    const drawn = typeof values === 'string';
    const seed = drawn && count(shape) > 0 ? this.int(0, 2 ** 20) : 0;
    const grad = options.grad ?? isFloat(dtype);
    const smallest = dtype === 'uint8' || dtype === 'bool' ? Math.max(0, low) : low;
    return new TensorArg({ shape, dtype, values, low: smallest, high, seed, grad, layout: {} });
  }

  /** Tensor values for ordinary functions: mostly any numbers, sometimes with NaN and infinities, sometimes with ties. */
  anyValues(): Values {
    return this.gradient ? 'grid' : this.pick(['uniform', 'uniform', 'whole', 'special']);
  }

  /** Whole numbers of [0, size) as an index tensor (int64, sometimes int32); negative ones too when asked for. */
  indices(shape: Shape, size: number, negative = false): TensorArg {
    const dtype = this.chance(0.3) ? 'int32' : 'int64';
    return this.tensor(shape, { dtype, low: negative ? -size : 0, high: Math.max(size - 1, 0), grad: false });
  }

  /** A layout for a tensor of this shape. */
  layout(shape: Shape): Layout {
    const layout: Layout = {};
    if (!this.chance(0.6)) return layout;
    const n = shape.length;
    if (n > 1 && this.chance(0.5)) layout.order = n === 4 && this.chance(0.4) ? [0, 2, 3, 1] : this.permutation(n);
    if (n > 0 && this.chance(0.4)) layout.step = shape.map(() => this.pick([1, 1, 2, 3]));
    if (n > 0 && !this.gradient && this.chance(0.1)) layout.expanded = [this.int(0, n - 1)];
    if (this.chance(0.4)) layout.offset = this.int(1, 9);
    return layout;
  }
}

/** The same call with each tensor replaced. */
export function mapTensors<R>(arg: Arg, fn: (tensor: TensorArg) => R): unknown {
  if (arg instanceof TensorArg) return fn(arg);
  if (Array.isArray(arg)) return arg.map((item: Arg) => mapTensors(item, fn));
  if (typeof arg !== 'object' || arg === null) return arg;
  return Object.fromEntries(Object.entries(arg).map(([key, value]) => [key, mapTensors(value, fn)]));
}

/** Every tensor of a call, in order. */
export function tensorsOf(args: readonly Arg[]): TensorArg[] {
  const list: TensorArg[] = [];
  mapTensors(args, (tensor) => list.push(tensor));
  return list;
}
