// The reference array: a shape and float64 numbers in row-major order. Plain loops, nothing of lib/.

/** Element types as their names; narrow ones are computed here in float64 and rounded by the comparison. */
export type RefDType = 'float64' | 'float32' | 'bfloat16' | 'float16' | 'int64' | 'int32' | 'int8' | 'uint8' | 'bool';

export type Shape = readonly number[];

/** An array. `data` holds exact numbers: integers wrapped to their type, floats not yet rounded to theirs. */
export class Arr {
  readonly shape: Shape;
  readonly dtype: RefDType;
  readonly data: Float64Array;

  constructor(shape: Shape, dtype: RefDType, data: Float64Array) {
    if (data.length !== count(shape)) throw new Error(`${data.length} values for shape [${shape}]`);
    this.shape = shape;
    this.dtype = dtype;
    this.data = data;
  }

  get ndim(): number {
    return this.shape.length;
  }
}

export const count = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);

/** Every index of a shape, in row-major order. The array is reused: copy what is kept. */
export function* indicesOf(shape: Shape): Generator<number[]> {
  const index = shape.map(() => 0);
  for (let n = count(shape); n > 0; n--) {
    yield index;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

export function flatIndex(shape: Shape, index: readonly number[]): number {
  let flat = 0;
  for (let axis = 0; axis < shape.length; axis++) flat = flat * shape[axis] + index[axis];
  return flat;
}

/** The element at an index. */
export const at = (a: Arr, index: readonly number[]): number => a.data[flatIndex(a.shape, index)];

/** The element of `a` that a broadcast shows at an index of a larger shape. */
export function atBroadcast(a: Arr, index: readonly number[]): number {
  const skip = index.length - a.ndim;
  let flat = 0;
  for (let axis = 0; axis < a.ndim; axis++) {
    flat = flat * a.shape[axis] + (a.shape[axis] === 1 ? 0 : index[axis + skip]);
  }
  return a.data[flat];
}

const BITS: Partial<Record<RefDType, number>> = { int64: 64, int32: 32, int8: 8 };

/** A number as the dtype holds it: integers wrap, floats stay exact (the comparison rounds them). */
export function stored(dtype: RefDType, value: number): number {
  if (isFloat(dtype)) return value;
  if (dtype === 'bool') return value !== 0 ? 1 : 0;
  const whole = Math.trunc(value);
  const bits = BITS[dtype];
  if (bits !== undefined && Math.abs(whole) < 2 ** (bits - 1)) return whole;
  if (!Number.isFinite(whole)) return 0;
  return Number(bits === undefined ? BigInt.asUintN(8, BigInt(whole)) : BigInt.asIntN(bits, BigInt(whole)));
}

/** An array from a function of the index (reused between calls) and the position. */
export function build(shape: Shape, dtype: RefDType, value: (index: readonly number[], flat: number) => number): Arr {
  const data = new Float64Array(count(shape));
  let flat = 0;
  for (const index of indicesOf(shape)) {
    data[flat] = stored(dtype, value(index, flat));
    flat++;
  }
  return new Arr(shape, dtype, data);
}

export const scalarArr = (value: number, dtype: RefDType): Arr => new Arr([], dtype, Float64Array.of(value));

/** Element by element. */
export const mapped = (a: Arr, fn: (x: number) => number, dtype: RefDType = a.dtype): Arr =>
  new Arr(
    a.shape,
    dtype,
    a.data.map((x) => stored(dtype, fn(x))),
  );

/** The common shape of a broadcast. */
export function broadcastShape(...shapes: readonly Shape[]): number[] {
  const ndim = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: ndim }, (_, i) => {
    let size = 1;
    for (const shape of shapes) {
      const own = shape[i - ndim + shape.length] ?? 1;
      if (own !== 1) size = own;
    }
    return size;
  });
}

/** A function of broadcast elements. */
export function zipped(dtype: RefDType, fn: (...values: number[]) => number, ...arrays: readonly Arr[]): Arr {
  return build(broadcastShape(...arrays.map((a) => a.shape)), dtype, (index) =>
    fn(...arrays.map((a) => atBroadcast(a, index))),
  );
}

/** A negative axis counted from the end; 0-d arrays have axis 0. */
export const axisOf = (dim: number, ndim: number): number => (dim < 0 ? dim + Math.max(ndim, 1) : dim);

/** The array without axis `dim`, or with size 1 there. */
export const withoutAxis = (shape: Shape, dim: number, keepdim = false): number[] =>
  shape.flatMap((size, axis) => (axis === dim ? (keepdim ? [1] : []) : [size]));

/**
 * What remains when each line along `dim` becomes one number: `fn` gets the line. A 0-d array has one line.
 */
export function alongAxis(
  a: Arr,
  dim: number,
  keepdim: boolean,
  dtype: RefDType,
  fn: (line: Float64Array) => number,
): Arr {
  if (a.ndim === 0) return mapped(a, (x) => fn(Float64Array.of(x)), dtype);
  const axis = axisOf(dim, a.ndim);
  const out = build(withoutAxis(a.shape, axis, true), dtype, (index) => fn(lineAt(a, axis, index)));
  return new Arr(withoutAxis(a.shape, axis, keepdim), dtype, out.data);
}

/** The elements along `axis` at an index (whose entry there does not count). */
export function lineAt(a: Arr, axis: number, index: readonly number[]): Float64Array {
  const own = [...index];
  return Float64Array.from({ length: a.shape[axis] }, (_, i) => {
    own[axis] = i;
    return at(a, own);
  });
}

/** Each line along `dim` replaced by the line that `fn` makes of it (any length). */
export function linesReplaced(
  a: Arr,
  dim: number,
  dtype: RefDType,
  length: number,
  fn: (line: Float64Array) => ArrayLike<number>,
): Arr {
  if (a.ndim === 0) return mapped(a, (x) => fn(Float64Array.of(x))[0], dtype);
  const axis = axisOf(dim, a.ndim);
  const shape = a.shape.map((size, i) => (i === axis ? length : size));
  const out = new Float64Array(count(shape));
  for (const index of indicesOf(withoutAxis(a.shape, axis, true))) {
    const own = [...index];
    const line = fn(lineAt(a, axis, own));
    for (let i = 0; i < length; i++) {
      own[axis] = i;
      out[flatIndex(shape, own)] = stored(dtype, line[i]);
    }
  }
  return new Arr(shape, dtype, out);
}

/** The same elements in another shape. */
export const reshaped = (a: Arr, shape: Shape): Arr => new Arr(shape, a.dtype, a.data);

const RANKS: readonly (readonly RefDType[])[] = [
  ['bool'],
  ['uint8', 'int8', 'int32', 'int64'],
  ['float16', 'bfloat16', 'float32', 'float64'],
];

export const isFloat = (dtype: RefDType): boolean => RANKS[2].includes(dtype);
export const isInteger = (dtype: RefDType): boolean => RANKS[1].includes(dtype);
const category = (dtype: RefDType): number => RANKS.findIndex((row) => row.includes(dtype));

/** torch.promote_types. */
export function promoted(a: RefDType, b: RefDType): RefDType {
  if (a === b) return a;
  const [ca, cb] = [category(a), category(b)];
  if (ca !== cb) return ca > cb ? a : b;
  const pair = [a, b].sort().join();
  if (pair === 'bfloat16,float16') return 'float32';
  if (pair === 'int8,uint8') return 'int32'; // no int16 here
  const row = RANKS[ca];
  return row.indexOf(a) > row.indexOf(b) ? a : b;
}

/** torch.result_type: arrays with axes first, then 0-d arrays, then numbers; each matters only by a higher category. */
export function resultType(...operands: readonly (Arr | number)[]): RefDType {
  const arrays = operands.filter((x): x is Arr => x instanceof Arr);
  const fold = (list: readonly Arr[]): RefDType | null =>
    list.length === 0 ? null : list.map((x) => x.dtype).reduce(promoted);
  let type = fold(arrays.filter((x) => x.ndim > 0));
  const zero = fold(arrays.filter((x) => x.ndim === 0));
  if (zero && (!type || category(zero) > category(type))) type = type ? promoted(type, zero) : zero;
  for (const x of operands) {
    if (typeof x !== 'number') continue;
    const own: RefDType = Number.isInteger(x) ? 'int64' : 'float32';
    if (!type || category(own) > category(type)) type = own;
  }
  return type ?? 'float32';
}

/** Integers and bool as the default floating-point type. */
export const floating = (dtype: RefDType): RefDType => (isFloat(dtype) ? dtype : 'float32');
