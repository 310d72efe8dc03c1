// A call that was drawn: its tensors as numbers, as nabla tensors in some memory layout, and as one line of text.
import * as nabla from '../../lib/index.js';
import { fromTypedArray } from '../../lib/tensor/create.js';
import { type DType, newTypedArray, type TypedArray } from '../../lib/tensor/dtype.js';
import { Tensor, viewOf } from '../../lib/tensor/tensor.js';
import { Arr, count, flatIndex, indicesOf, isFloat, type RefDType, stored } from '../reference/array.js';
import { type Arg, type Draw, mapTensors, TensorArg, tensorsOf } from '../reference/draw.js';
import { type Api, type Entry, publicName } from '../reference/entry.js';
import { generator, rounded } from '../reference/numbers.js';

/** How the public function is called. */
export type Form = 'function' | 'method' | 'inPlace' | 'out' | 'gradient' | 'inPlaceGradient';

export interface Call {
  readonly entry: Entry;
  readonly form: Form;
  readonly args: readonly Arg[];
}

const SPECIAL = [Number.NaN, Infinity, -Infinity, 0, -0];

/** Where a grid begins: multiples of 1/256 stay, so that two grids can be kept apart. */
const gridStart = (low: number): number => (Number.isInteger(low * 256) ? low : Math.ceil(low * 64) / 64);

function drawnValues(arg: TensorArg): Float64Array {
  const n = count(arg.shape);
  const next = generator(arg.seed);
  const span = arg.high - arg.low;
  if (arg.values === 'distinct') return distinctValues(arg, n, next);
  return Float64Array.from({ length: n }, () => {
    const u = next();
    if (!isFloat(arg.dtype) || arg.values === 'whole') {
      return Math.min(Math.ceil(arg.low) + Math.floor(u * (Math.floor(span) + 1)), Math.floor(arg.high));
    }
    if (arg.values === 'grid') return gridStart(arg.low) + Math.floor(u * span * 64) / 64 + 1 / 128;
    if (arg.values === 'special' && next() < 0.1) return SPECIAL[Math.floor(u * SPECIAL.length)];
    return arg.low + u * span;
  });
}

function distinctValues(arg: TensorArg, n: number, next: () => number): Float64Array {
  const order = Float64Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  if (!isFloat(arg.dtype)) return order.map((place) => place + Math.ceil(arg.low));
  return order.map((place) => arg.low + ((arg.high - arg.low) * (place + 0.5)) / n);
}

/** The numbers of a tensor argument, as its dtype holds them; equal along expanded axes. */
export function arrayOf(arg: TensorArg): Arr {
  const raw = typeof arg.values === 'string' ? drawnValues(arg) : Float64Array.from(arg.values);
  const data = raw.map((x) => rounded(arg.dtype, stored(arg.dtype, x)));
  for (const axis of arg.layout.expanded ?? []) {
    for (const index of indicesOf(arg.shape)) {
      const first = index.map((i, k) => (k === axis ? 0 : i));
      data[flatIndex(arg.shape, index)] = data[flatIndex(arg.shape, first)];
    }
  }
  return new Arr(arg.shape, arg.dtype, data);
}

const NARROW: ReadonlySet<string> = new Set(['bfloat16', 'float16']);

function typed(values: ArrayLike<number>, dtype: RefDType): TypedArray {
  const array = newTypedArray((NARROW.has(dtype) ? 'float32' : dtype) as DType, values.length);
  for (let i = 0; i < values.length; i++) {
    if (array instanceof BigInt64Array) array[i] = BigInt(values[i]);
    else array[i] = values[i];
  }
  return array;
}

function tensorOf(values: Float64Array, shape: readonly number[], dtype: RefDType): Tensor {
  const wide = NARROW.has(dtype) ? 'float32' : dtype;
  const x = fromTypedArray(typed(values, dtype), shape, wide as DType);
  return wide === dtype ? x : x.to(dtype as DType);
}

/** The elements of a tensor as numbers. */
export function readArr(x: Tensor): Arr {
  const wide = NARROW.has(x.dtype) ? x.detach().to('float32') : x;
  return new Arr([...x.shape], x.dtype as RefDType, Float64Array.from(wide.dataSync(), Number));
}

/** A tensor in its layout, and the memory around it. */
export interface Laid {
  readonly tensor: Tensor;
  readonly base: Tensor;
  /** What the base held before the call. */
  readonly before: Float64Array;
  /** Positions of the elements in the base. */
  readonly places: Int32Array;
}

/** Puts numbers into memory as the layout says; the gaps hold what would spoil a result that reads them. */
export function laidOut(arg: TensorArg, values: Arr): Laid {
  const { shape, dtype, layout } = arg;
  const strides = new Array<number>(shape.length).fill(0);
  let length = 1;
  const order = layout.order ?? shape.map((_, i) => i);
  for (const axis of [...order].reverse()) {
    if (layout.expanded?.includes(axis)) continue;
    const step = layout.step?.[axis] ?? 1;
    strides[axis] = length * step;
    length *= Math.max(shape[axis] * step, 1);
  }
  const offset = layout.offset ?? 0;
  const plain = Object.keys(layout).length === 0;
  const before = new Float64Array(plain ? length : offset + length + 2).fill(isFloat(dtype) ? Number.NaN : 1);
  const places = new Int32Array(values.data.length);
  let at = 0;
  for (const index of indicesOf(shape)) {
    const place = index.reduce((sum, i, axis) => sum + i * strides[axis], offset);
    before[place] = values.data[at];
    places[at++] = place;
  }
  if (plain) {
    const tensor = tensorOf(values.data, shape, dtype);
    return { tensor, base: tensor, before: values.data.slice(), places };
  }
  const base = tensorOf(before, [before.length], dtype);
  return { tensor: viewOf(base, shape, strides, count(shape) === 0 ? 0 : offset), base, before, places };
}

/** What is wrong with the memory of a tensor: what changed around its elements, and in them unless they were written. */
export function memoryProblem(laid: Laid, written: boolean): string | undefined {
  const now = readArr(laid.base).data;
  const want = laid.before.slice();
  if (written) for (const place of laid.places) want[place] = now[place];
  const wrong = now.findIndex((x, i) => !Object.is(x, want[i]) && !(Number.isNaN(x) && Number.isNaN(want[i])));
  return wrong < 0 ? undefined : `memory was changed at ${wrong}: ${want[wrong]} became ${now[wrong]}`;
}

type Method = (this: Tensor, ...args: unknown[]) => unknown;

export function methodOf(name: string): Method | undefined {
  if (!Object.hasOwn(Tensor.prototype, name)) return undefined;
  const { value } = Object.getOwnPropertyDescriptor(Tensor.prototype, name) ?? {};
  return typeof value === 'function' ? (value as Method) : undefined;
}

/** Finds `add`, `F.conv2d`, `Tensor.view` among the exports. */
export const api: Api = (name) => {
  if (name.startsWith('Tensor.')) {
    const method = methodOf(name.slice(7));
    if (!method) throw new Error(`no method ${name}`);
    return (x, ...args) => method.apply(x as Tensor, args);
  }
  let found: unknown = nabla;
  for (const part of name.split('.')) found = (found as Record<string, unknown> | undefined)?.[part];
  if (typeof found !== 'function') throw new Error(`nabla exports no function ${name}`);
  return found as (...args: unknown[]) => unknown;
};

export const lastPart = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

/** The ways in which a call of these arguments can be made. */
export function formsOf(entry: Entry, args: readonly Arg[]): Form[] {
  const forms: Form[] = [];
  const name = publicName(entry);
  if (!name.startsWith('Tensor.') || entry.call) forms.push('function');
  const [first] = args;
  if (first instanceof TensorArg && !entry.call) {
    const own = lastPart(name);
    if (name.startsWith('Tensor.') || (entry.method !== false && methodOf(own))) forms.push('method');
    if (entry.inPlace !== false && !own.endsWith('_') && methodOf(`${own}_`)) forms.push('inPlace');
  }
  if (entry.out) forms.push('out');
  return forms;
}

/** Draws arguments, layouts and the form of a call. */
export function drawCall(entry: Entry, d: Draw): Call {
  const args = [...entry.draw(d)];
  while (args.length > 0 && args[args.length - 1] === undefined) args.pop();
  const forms = formsOf(entry, args);
  const changes = d.gradient && forms.includes('inPlace') && d.chance(0.4);
  const form = d.gradient ? (changes ? 'inPlaceGradient' : 'gradient') : d.pick(forms);
  if (entry.layouts !== false) for (const tensor of tensorsOf(args)) tensor.layout = d.layout(tensor.shape);
  return { entry, form, args };
}

/** The arguments with arrays in place of tensors. */
export const referenceArgs = (args: readonly Arg[], arrays: ReadonlyMap<TensorArg, Arr>): unknown[] =>
  mapTensors(args, (tensor) => arrays.get(tensor)) as unknown[];
