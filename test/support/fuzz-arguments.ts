// Random arguments for the fuzz test: tensors of all kinds, plausible and absurd numbers, lists and options.
import { type DType, Tensor, zeros } from '../../lib/index.js';

const SHAPES: readonly (readonly number[])[] = [
  [],
  [0],
  [1],
  [3],
  [4],
  [17],
  [2, 3],
  [3, 2],
  [3, 4],
  [4, 4],
  [1, 1],
  [0, 3],
  [3, 0],
  [2, 3, 4],
  [4, 4, 4],
  [1, 2, 1],
  [2, 3, 5, 5],
  [1, 1, 4, 4],
  [4, 3, 3, 3],
  [2, 0, 4, 4],
  [2, 4, 6, 7],
  [3, 3, 1, 1],
  [1, 2, 3, 2, 2],
  [1, 1, 1, 1, 1, 1, 1, 2],
];
const DTYPES: readonly DType[] = [
  'float32',
  'float32',
  'float32',
  'float64',
  'int64',
  'int64',
  'int32',
  'uint8',
  'bool',
  'int8',
  'bfloat16',
  'float16',
];
const NUMBERS = [
  0,
  1,
  2,
  3,
  -1,
  -2,
  5,
  0.5,
  1e-5,
  -0.5,
  100,
  2 ** 31,
  2 ** 40,
  -(2 ** 31),
  1e300,
  Number.NaN,
  Infinity,
  -Infinity,
];
const OPTION_KEYS =
  'dim dims keepdim stride padding dilation groups dtype shape p training eps momentum reduction weight ignoreIndex ' +
  'labelSmoothing bias kernelSize ceilMode countIncludePad descending largest unbiased correction alpha beta min max ' +
  'startDim endDim requiresGrad gradient retainGraph createGraph numClasses approximate threshold negativeSlope affine';
const KEYS = OPTION_KEYS.split(' ');
const STRINGS = ['x', '', 'float32', 'float99', 'mean', 'sum', 'none', 'same', 'valid', 'channelsLast', 'constant'];

/** A small seeded generator (mulberry32 on a hash of the text). */
function random(text: string): () => number {
  let state = 2166136261;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 16777619);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class ArgumentMaker {
  readonly #next: () => number;
  #last: readonly number[] = [2, 3];

  constructor(seed: string) {
    this.#next = random(seed);
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#next() * items.length)];
  }

  #chance(p: number): boolean {
    return this.#next() < p;
  }

  arguments(tensorFirst: boolean): unknown[] {
    const count = Math.floor(this.#next() * 5) + (tensorFirst ? 1 : 0);
    const args: unknown[] = [];
    for (let i = 0; i < count; i++) args.push(tensorFirst && i === 0 ? this.#tensor(0.05) : this.#argument(i));
    return args;
  }

  #argument(position: number): unknown {
    const r = this.#next();
    if (r < (position < 2 ? 0.6 : 0.3)) return this.#tensor(0.04);
    if (r < 0.7) return this.#number();
    if (r < 0.78) return this.#list();
    if (r < 0.92) return this.#options();
    return this.#odd();
  }

  /** Often of the shape of the tensor before, so that calls get past the first check. */
  #tensor(disposed: number): Tensor {
    const shape = this.#chance(0.5) ? this.#last : this.#pick(SHAPES);
    this.#last = shape;
    const dtype = this.#pick(DTYPES);
    let x = zeros(this.#chance(0.2) ? [...shape].reverse() : shape, { dtype });
    if (this.#chance(0.3)) x = x.add(this.#pick([1, 2, 100, -1]));
    if (x.ndim > 1 && this.#chance(0.25)) x = x.transpose(0, x.ndim - 1);
    if (x.ndim === 4 && this.#chance(0.3)) x = x.contiguous('channelsLast');
    if (x.ndim > 0 && x.shape[0] > 1 && this.#chance(0.15)) x = x.slice(0, 0, null, 2);
    x = x.detach();
    if (x.dtype.startsWith('float') && this.#chance(0.3)) x.requiresGrad = true;
    if (this.#chance(disposed)) x.dispose();
    return x;
  }

  #number(): number {
    return this.#pick(NUMBERS);
  }

  #list(): unknown[] {
    const length = Math.floor(this.#next() * 5);
    if (this.#chance(0.3)) return Array.from({ length }, () => this.#tensor(0.1));
    if (this.#chance(0.8)) return Array.from({ length }, () => this.#pick([0, 1, 2, 3, -1, 4, 1]));
    return Array.from({ length }, () => (this.#chance(0.5) ? this.#number() : this.#odd()));
  }

  #options(): Record<string, unknown> {
    const options: Record<string, unknown> = {};
    const count = Math.floor(this.#next() * 3);
    for (let i = 0; i <= count; i++) options[this.#pick(KEYS)] = this.#value();
    return options;
  }

  #value(): unknown {
    const r = this.#next();
    if (r < 0.5) return this.#number();
    if (r < 0.65) return this.#list();
    if (r < 0.75) return this.#tensor(0.1);
    return this.#odd();
  }

  #odd(): unknown {
    const kinds: readonly (() => unknown)[] = [
      () => undefined,
      () => null,
      () => true,
      () => false,
      () => this.#pick(STRINGS),
      () => 10n,
      () => Symbol.iterator,
      () => ({}),
      () => () => 1,
      () => new Float32Array(3),
      () => new Date(0),
      () => Object.create(null),
    ];
    return this.#pick(kinds)();
  }
}

/** A value as a reader of the failure needs it. */
export function describe(value: unknown): string {
  if (value instanceof Tensor) {
    const flags = [
      value.isDisposed && 'disposed',
      value.requiresGrad && 'requiresGrad',
      !value.isContiguous() && `strides ${value.strides}`,
    ];
    return `<${[`${value.dtype} [${value.shape}]`, ...flags.filter(Boolean)].join(', ')}>`;
  }
  if (Array.isArray(value)) return `[${value.map(describe).join(', ')}]`;
  if (ArrayBuffer.isView(value)) return value.constructor.name;
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return `{ ${Object.entries(value)
      .map(([k, v]) => `${k}: ${describe(v)}`)
      .join(', ')} }`;
  }
  if (typeof value === 'object' && value !== null) return Object.prototype.toString.call(value);
  if (typeof value === 'function') return 'function';
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'bigint' ? `${value}n` : String(value);
}
