// Whole slices by index: look-ups along some axes at once, and their inverse. Everything here is made of two records.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { stridesLike } from '../../tensor/create.js';
import { checkDim, memoryOrder, numelOf, sameShape, stridesInOrder } from '../../tensor/layout.js';
import { emptyStrided, Tensor, viewOf } from '../../tensor/tensor.js';
import { IndexName, ScatterMode } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { scalarTensor } from '../elementwise.js';
import { changeInPlace, checkInPlace, operandInPlace, recordsInPlace } from '../in-place.js';
import { mul } from '../pointwise/arithmetic.js';
import { expand, permute, reshape, to } from '../shape/view.js';
import { checkSameType, checkVector, startOf } from './check.js';

/** Which slices: index tensors of one shape, the axis each belongs to, and what the kernels need to know. */
export interface Places {
  readonly indices: readonly Tensor[];
  readonly dims: readonly number[];
  /** Whether indices below 0 count from the end. */
  readonly negative: boolean;
  /** An IndexName, for errors. */
  readonly name: number;
}

type Facts = Omit<Places, 'indices'>;

const idsOf = (tensors: readonly Tensor[]): number[] => tensors.map((x) => x._id);

/** `list` with the axes in `dims` taken away. */
export const without = (list: readonly number[], dims: readonly number[]): number[] =>
  list.filter((_, i) => !dims.includes(i));

const lookUpOp = defineOp({
  name: 'index',
  narrow: 'moves',
  inputs: ['tensors...'],
  forward: ([x, ...indices]: readonly Tensor[], { dims, negative, name }: Facts, at: number) => {
    const lead = indices[0].shape;
    const rest = without(x.shape, dims);
    const shape = [...rest.slice(0, at), ...lead, ...rest.slice(at)];
    // One list of indices keeps the order in which the axes lie in memory.
    const like = lead.length === 1 && dims.length === 1 && dims[0] === at;
    const strides = stridesInOrder(shape, like ? memoryOrder(x.shape, x.strides) : shape.map((_, i) => i));
    const out = emptyStrided(shape, strides, x.dtype);
    if (at === 0 || lead.length === 0) {
      native.index(out._id, x._id, dims, idsOf(indices), negative, name);
      return out;
    }
    const front = [...shape.keys()].slice(at, at + lead.length);
    const order = [...front, ...[...shape.keys()].filter((i) => !front.includes(i))];
    const target = viewOf(
      out,
      order.map((i) => shape[i]),
      order.map((i) => strides[i]),
    );
    native.index(target._id, x._id, dims, idsOf(indices), negative, name);
    target.dispose();
    return out;
  },
  save: (_out, [x, ...indices], facts, at) => ({
    indices,
    facts,
    at,
    shape: x.shape,
    strides: stridesLike(x, x.shape),
  }),
  backward: ([g], { indices, facts, at, shape, strides }) => [
    addRows(toRows(g, indices[0].ndim, at), { indices, ...facts }, shape, strides),
    ...indices.map(() => null),
  ],
});

/** `[..., lead, ...]` with the `lead` axes at `at` to `[elements of lead, ...]`. */
export function toRows(x: Tensor, lead: number, at: number): Tensor {
  const axes = x.shape.map((_, i) => i);
  const front = axes.slice(at, at + lead);
  const order = [...front, ...axes.filter((i) => !front.includes(i))];
  const moved = at === 0 ? x : permute(x, order);
  if (lead === 1) return moved;
  return reshape(moved, [numelOf(moved.shape.slice(0, lead)), ...moved.shape.slice(lead)]);
}

/**
 * The slices that the indices name: their shape, behind `at` of the axes that have no index. The gradient adds up.
 */
export function lookUp(x: Tensor, { indices, ...facts }: Places, at = 0): Tensor {
  return lookUpOp([x, ...indices], facts, at);
}

const putOp = defineOp({
  name: 'indexPut',
  inputs: ['tensors?...'],
  forward: (
    [x, src, ...indices]: readonly (Tensor | null)[],
    { dims, negative, name }: Facts,
    mode: number,
    shape: readonly number[],
    strides: readonly number[],
  ) => {
    const out = startOf(x, shape, strides, src as Tensor);
    native.indexPut(out._id, dims, idsOf(indices as Tensor[]), (src as Tensor)._id, mode, negative, name);
    return out;
  },
  save: (_out, [_x, _src, ...indices], facts, mode) => ({ indices: indices as Tensor[], facts, mode }),
  backward: ([g], { indices, facts, mode }, needs) => {
    const places = { indices, ...facts };
    const none = indices.map(() => null);
    const own = mode === ScatterMode.set ? putValue(g, places, 0) : g;
    return [needs[0] ? own : null, needs[1] ? rowsOf(g, places) : null, ...none];
  },
});

/** {@link lookUp} as rows `[elements of an index, ...]`. */
function rowsOf(x: Tensor, places: Places): Tensor {
  return toRows(lookUp(x, places), places.indices[0].ndim, 0);
}

/** Zeros with rows added: the gradient of {@link lookUp}. */
export function addRows(
  src: Tensor,
  { indices, ...facts }: Places,
  shape: readonly number[],
  strides: readonly number[],
): Tensor {
  return putOp([null, src, ...indices], facts, ScatterMode.add, shape, strides);
}

/** A copy of `x` in which the named slices are set to, or changed by, the rows of `src`. */
export function putRows(x: Tensor, { indices, ...facts }: Places, src: Tensor, mode: number): Tensor {
  return putOp([x, src, ...indices], facts, mode, x.shape, x.strides);
}

/** {@link putRows} in the memory of `x`, not recorded. */
export function putRowsDirect(x: Tensor, { indices, dims, negative, name }: Places, src: Tensor, mode: number): void {
  native.indexPut(x._id, dims, idsOf(indices), operandInPlace(x, src)._id, mode, negative, name);
}

/** One value, seen as the rows that the places of `x` need. */
export function valueRows(x: Tensor, { indices, dims }: Places, value: Tensor): Tensor {
  return expand(value, [indices[0].numel, ...without(x.shape, dims)]);
}

function putValue(x: Tensor, places: Places, value: number): Tensor {
  return putRows(x, places, valueRows(x, places, scalarTensor(value, x.dtype)), ScatterMode.set);
}

/** A 0-d tensor counts as one element of one axis. */
const lifted = (x: Tensor): Tensor => (x.ndim === 0 ? reshape(x, [1]) : x);
const flat = (index: Tensor): Tensor => (index.ndim === 1 ? index : reshape(index, [1]));

/** The places of one list of indices along one axis. */
function along(op: string, x: Tensor, dim: number, index: Tensor, name: number, negative = false): Places {
  checkTensor(op, x);
  const d = checkDim(op, dim, x.ndim);
  checkVector(op, index);
  if (x.ndim === 0 && index.numel !== 1) {
    throw new ShapeError(op, `a 0-d input takes one index, got ${shapeText(index.shape)}`, index.shape);
  }
  return { indices: [flat(index)], dims: [d], negative, name };
}

/**
 * The slices of `x` along `dim` that `index` (one-dimensional) lists.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.index_select.html
 */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  const places = along('indexSelect', x, dim, index, IndexName.indexSelect);
  const out = lookUp(lifted(x), places, places.dims[0]);
  return x.ndim === 0 ? reshape(out, []) : out;
}

/** Rows `[N, ...]` of a source that has the shape of `x` with N positions at the indexed axis. */
function sourceRows(op: string, x: Tensor, { dims: [d], indices: [index] }: Places, source: Tensor): Tensor {
  checkSameType(op, 'source', source, x);
  const wanted = x.shape.map((size, i) => (i === d ? index.numel : size));
  if (!sameShape(source.shape, wanted)) {
    throw new ShapeError(
      op,
      `source has shape ${shapeText(source.shape)}; ${index.numel} indices into ${shapeText(x.shape)} need ${shapeText(wanted)}`,
      source.shape,
      wanted,
    );
  }
  return toRows(lifted(source), 1, d);
}

const unlifted = (out: Tensor, x: Tensor): Tensor => (x.ndim === 0 ? reshape(out, []) : out);

/** A change of the listed slices, as a new tensor and in place. */
function changes<A extends readonly unknown[]>(
  op: string,
  name: number,
  negative: boolean,
  mode: number,
  rows: (op: string, x: Tensor, places: Places, ...args: A) => Tensor,
) {
  const change = (x: Tensor, dim: number, index: Tensor, ...args: A): Tensor => {
    const places = along(op, x, dim, index, name, negative);
    return unlifted(putRows(lifted(x), places, rows(op, x, places, ...args), mode), x);
  };
  const changeDirectly = (x: Tensor, dim: number, index: Tensor, ...args: A): Tensor => {
    if (recordsInPlace(`${op}_`, x, args)) {
      return changeInPlace(`${op}_`, x, (old) => change(old, dim, index, ...args));
    }
    const places = along(`${op}_`, x, dim, index, name, negative);
    const src = rows(`${op}_`, x, places, ...args);
    checkInPlace(`${op}_`, x, x.shape, x.dtype);
    putRowsDirect(lifted(x), places, src, mode);
    x._bump();
    return x;
  };
  return [change, changeDirectly] as const;
}

/** Options of {@link indexAdd}. */
export interface IndexAddOptions {
  /** Factor of `source`. Default 1. */
  alpha?: number;
}

function scaled(op: string, source: Tensor, options: IndexAddOptions): Tensor {
  checkOptions(op, options);
  const { alpha = 1 } = options;
  if (typeof alpha !== 'number') throw new ArgumentError(op, `alpha must be a number, got ${valueText(alpha)}`, alpha);
  if (alpha === 1) return source;
  const product = mul(source, alpha);
  if (product.dtype === source.dtype) return product;
  throw new DTypeError(op, `alpha ${alpha} does not fit ${source.dtype}`, source.dtype);
}

const [added, addedDirectly] = changes(
  'indexAdd',
  IndexName.indexAdd,
  false,
  ScatterMode.add,
  (op, x, places, source: Tensor, options: IndexAddOptions) => {
    const rows = sourceRows(op, x, places, source);
    return scaled(op, rows, options);
  },
);

/**
 * A copy of `x` with the slices of `source` added at the positions `index` lists along `dim`, in that order.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.index_add_.html
 */
export function indexAdd(x: Tensor, dim: number, index: Tensor, source: Tensor, options: IndexAddOptions = {}): Tensor {
  return added(x, dim, index, source, options);
}

/** {@link indexAdd} in the memory of `x`. */
export function indexAdd_(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  options: IndexAddOptions = {},
): Tensor {
  return addedDirectly(x, dim, index, source, options);
}

const [copied, copiedDirectly] = changes('indexCopy', IndexName.indexCopy, false, ScatterMode.set, sourceRows);

/**
 * A copy of `x` with the slices at the positions `index` lists along `dim` replaced by those of `source`; of equal
 * indices the last one counts.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.index_copy_.html
 */
export function indexCopy(x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  return copied(x, dim, index, source);
}

/** {@link indexCopy} in the memory of `x`. */
export function indexCopy_(x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  return copiedDirectly(x, dim, index, source);
}

/** @internal A number or a 0-d tensor, as a 0-d tensor of the dtype of `x`. */
export function fillValue(op: string, x: Tensor, value: number | Tensor): Tensor {
  if (typeof value === 'number') return scalarTensor(value, x.dtype);
  if (!(value instanceof Tensor)) {
    throw new ArgumentError(op, `value must be a number or a 0-d Tensor, got ${valueText(value)}`, value);
  }
  checkTensor(op, value, 'value');
  if (value.ndim > 0) throw new ShapeError(op, `value must be 0-d, got ${shapeText(value.shape)}`, value.shape);
  return to(value, x.dtype);
}

const [filled, filledDirectly] = changes(
  'indexFill',
  IndexName.indexFill,
  true,
  ScatterMode.set,
  (op, x, places, value: number | Tensor) => valueRows(lifted(x), places, fillValue(op, x, value)),
);

/**
 * A copy of `x` with the slices at the positions `index` lists along `dim` (negative ones count from the end) filled
 * with a number or a 0-d tensor.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.index_fill_.html
 */
export function indexFill(x: Tensor, dim: number, index: Tensor, value: number | Tensor): Tensor {
  return filled(x, dim, index, value);
}

/** {@link indexFill} in the memory of `x`. */
export function indexFill_(x: Tensor, dim: number, index: Tensor, value: number | Tensor): Tensor {
  return filledDirectly(x, dim, index, value);
}

/**
 * The elements of `x`, seen as one axis in row-major order, at the positions `index` lists (negative ones count from
 * the end), in the shape of `index`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.take.html
 */
export function take(x: Tensor, index: Tensor): Tensor {
  checkTensor('take', x);
  const [line, places] = inLine('take', x, index, IndexName.take);
  return lookUp(line, places);
}

function inLine(op: string, x: Tensor, index: Tensor, name: number): [Tensor, Places] {
  checkTensor(op, index, 'index');
  if (index.dtype !== 'int64' && index.dtype !== 'int32') {
    throw new DTypeError(op, `index must be int64 or int32, got ${index.dtype}`, index.dtype);
  }
  return [reshape(x, [x.numel]), { indices: [index], dims: [0], negative: true, name }];
}

/** Options of {@link put}. */
export interface PutOptions {
  /** Add instead of replace. Default false. */
  accumulate?: boolean;
}

function putSource(op: string, x: Tensor, index: Tensor, source: Tensor): Tensor {
  checkSameType(op, 'source', source, x);
  if (source.numel !== index.numel) {
    throw new ShapeError(op, `${source.numel} elements for ${index.numel} indices`, source.shape, index.shape);
  }
  return reshape(source, [source.numel]);
}

const putMode = (op: string, options: PutOptions): number => {
  checkOptions(op, options);
  return options.accumulate ? ScatterMode.add : ScatterMode.set;
};

/**
 * A copy of `x` with the elements at the positions `index` lists (in row-major order; negative ones count from the end)
 * replaced by those of `source`, of equal indices by the last one; or with `source` added (`accumulate`).
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.put_.html
 */
export function put(x: Tensor, index: Tensor, source: Tensor, options: PutOptions = {}): Tensor {
  checkTensor('put', x);
  const mode = putMode('put', options);
  const [line, places] = inLine('put', x, index, IndexName.put);
  return reshape(putRows(line, places, putSource('put', x, index, source), mode), x.shape);
}

/** {@link put} in the memory of `x`. */
export function put_(x: Tensor, index: Tensor, source: Tensor, options: PutOptions = {}): Tensor {
  if (recordsInPlace('put_', x, source) || !x.isContiguous()) {
    return changeInPlace('put_', x, (old) => put(old, index, source, options));
  }
  const mode = putMode('put_', options);
  const [line, places] = inLine('put_', x, index, IndexName.put);
  putRowsDirect(line, places, putSource('put_', x, index, source), mode);
  x._bump();
  return x;
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link indexSelect}. */
    indexSelect(dim: number, index: Tensor): Tensor;
    /** See {@link indexAdd}. */
    indexAdd(dim: number, index: Tensor, source: Tensor, options?: IndexAddOptions): Tensor;
    /** See {@link indexAdd_}. */
    indexAdd_(dim: number, index: Tensor, source: Tensor, options?: IndexAddOptions): Tensor;
    /** See {@link indexCopy}. */
    indexCopy(dim: number, index: Tensor, source: Tensor): Tensor;
    /** See {@link indexCopy_}. */
    indexCopy_(dim: number, index: Tensor, source: Tensor): Tensor;
    /** See {@link indexFill}. */
    indexFill(dim: number, index: Tensor, value: number | Tensor): Tensor;
    /** See {@link indexFill_}. */
    indexFill_(dim: number, index: Tensor, value: number | Tensor): Tensor;
    /** See {@link take}. */
    take(index: Tensor): Tensor;
    /** See {@link put}. */
    put(index: Tensor, source: Tensor, options?: PutOptions): Tensor;
    /** See {@link put_}. */
    put_(index: Tensor, source: Tensor, options?: PutOptions): Tensor;
  }
}

addMethods({ indexSelect, indexAdd, indexAdd_, indexCopy, indexCopy_, indexFill, indexFill_, take, put, put_ });
