// `x[...]` and `x[...] = v`: numbers, slices, index tensors and masks in one list.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { fromTypedArray, tensor } from '../../tensor/create.js';
import type { TypedArray } from '../../tensor/dtype.js';
import { dtypeOfArray } from '../../tensor/dtype.js';
import { broadcastShapes, sameShape } from '../../tensor/layout.js';
import { emptyContiguous, Tensor, viewOf } from '../../tensor/tensor.js';
import { IndexName, ScatterMode } from '../codes.js';
import { dataDependent, type Pending } from '../data-dependent.js';
import { addMethods } from '../define.js';
import { scalarTensor } from '../elementwise.js';
import { changeInPlace, checkInPlace, recordsInPlace } from '../in-place.js';
import { add_, copy_ } from '../pointwise/inplace.js';
import { clone, expand, reshape, select, slice, to, unsqueeze } from '../shape/view.js';
import { coordinates, maskedFill_, whereTrue } from './masked.js';
import { lookUp, type Places, putRows, putRowsDirect, toRows, without } from './rows.js';

/** Python's `start:end:step`. */
export interface SliceEntry {
  start?: number | null;
  end?: number | null;
  step?: number;
}

/** Integers or booleans, nested to any depth. */
export type IndexArray = readonly (number | boolean | IndexArray)[];

/**
 * One item between the brackets of `x[...]`: a position, `null` for `:`, a {@link SliceEntry}, `'...'` for all axes that
 * no other entry takes, `'newaxis'` for an axis of size 1, a tensor of integers or booleans, or an array of them.
 */
export type IndexEntry = number | null | '...' | 'newaxis' | SliceEntry | Tensor | IndexArray | TypedArray;

/** What basic entries have made of the tensor, and what is left to look up on which axes. */
interface Parsed {
  readonly view: Tensor;
  readonly advanced: ReadonlyMap<number, Tensor>;
}

function tensorEntry(op: string, entry: IndexArray | TypedArray | Tensor): Tensor {
  if (entry instanceof Tensor) {
    checkTensor(op, entry, 'an index');
  } else if (dtypeOfArray(entry)) {
    return tensorEntry(op, fromTypedArray(entry as TypedArray, [entry.length], dtypeOfArray(entry) as 'int64'));
  } else {
    let first: unknown = entry;
    while (Array.isArray(first)) first = first[0];
    return tensor(entry as never, { dtype: typeof first === 'boolean' ? 'bool' : 'int64' });
  }
  if (entry.dtype === 'bool' || entry.dtype === 'int64' || entry.dtype === 'int32') return entry;
  throw new DTypeError(op, `an index must be int64, int32 or bool, got ${entry.dtype}`, entry.dtype);
}

const isSlice = (entry: unknown): entry is SliceEntry =>
  typeof entry === 'object' && entry !== null && Object.getPrototypeOf(entry) === Object.prototype;

/** How many axes an entry takes. */
const takes = (entry: IndexEntry | Tensor): number => {
  if (entry === '...' || entry === 'newaxis') return 0;
  return entry instanceof Tensor && entry.dtype === 'bool' ? entry.ndim : 1;
};

function position(op: string, x: Tensor, dim: number, at: number): Tensor {
  const size = x.shape[dim];
  if (!Number.isInteger(at) || at < -size || at >= size) {
    throw new ShapeError(op, `index ${valueText(at)} is out of range for axis ${dim} of size ${size}`, x.shape);
  }
  return select(x, dim, at);
}

function checkMaskShape(op: string, mask: Tensor, view: Tensor, dim: number): void {
  if (mask.ndim === 0) throw new ShapeError(op, 'a 0-d mask does not index an axis', mask.shape);
  mask.shape.forEach((size, i) => {
    if (size === view.shape[dim + i]) return;
    throw new ShapeError(
      op,
      `the mask ${shapeText(mask.shape)} at axis ${dim} does not match ${shapeText(view.shape)}`,
      mask.shape,
      view.shape,
    );
  });
}

function parse(op: string, x: Tensor, entries: readonly IndexEntry[]): Parsed {
  checkTensor(op, x);
  if (!Array.isArray(entries)) {
    throw new ArgumentError(op, `an array of indices is needed, got ${valueText(entries)}`, entries);
  }
  const list = entries.map((entry) =>
    Array.isArray(entry) || entry instanceof Tensor || dtypeOfArray(entry) ? tensorEntry(op, entry) : entry,
  );
  const taken = list.reduce((sum, entry) => sum + takes(entry), 0);
  if (taken > x.ndim) throw new ShapeError(op, `${taken} indices for ${x.ndim} axes of ${shapeText(x.shape)}`, x.shape);
  if (list.filter((entry) => entry === '...').length > 1)
    throw new ArgumentError(op, "only one '...' is possible", list);
  const advanced = new Map<number, Tensor>();
  let view = x;
  let dim = 0;
  for (const entry of list) {
    if (entry === null) dim++;
    else if (entry === '...') dim += x.ndim - taken;
    else if (entry === 'newaxis') view = unsqueeze(view, dim++);
    else if (typeof entry === 'number') view = position(op, view, dim, entry);
    else if (entry instanceof Tensor) {
      if (entry.dtype === 'bool') checkMaskShape(op, entry, view, dim);
      advanced.set(dim, entry);
      dim += takes(entry);
    } else if (isSlice(entry)) view = slice(view, dim++, entry.start, entry.end, entry.step ?? 1);
    else throw new ArgumentError(op, `${valueText(entry)} is not an index`, entry);
  }
  return { view, advanced };
}

/** What to look up: where, and in front of which of the other axes the result's new axes stand. */
interface Plan {
  readonly view: Tensor;
  readonly places: Places;
  readonly at: number;
  /** The shape of the indices together. */
  readonly lead: readonly number[];
}

function plan(op: string, view: Tensor, indices: readonly Tensor[], dims: readonly number[], name: number): Plan {
  const lead = indices.map((index) => index.shape).reduce((a, b) => broadcastShapes(op, a, b));
  const adjacent = dims.every((d, i) => i === 0 || d === dims[i - 1] + 1);
  const places = { indices: indices.map((index) => expand(index, lead)), dims, negative: true, name };
  return { view, places, at: adjacent ? dims[0] : 0, lead };
}

const hasMask = ({ advanced }: Parsed): boolean => [...advanced.values()].some((index) => index.dtype === 'bool');

/** The plan when no mask is among the indices. */
function planNow(op: string, { view, advanced }: Parsed, name: number): Plan {
  return plan(op, view, [...advanced.values()], [...advanced.keys()], name);
}

/** Waits for the masks, each of which is an index for every axis it takes. */
function planLater<R>(op: string, { view, advanced }: Parsed, name: number, then: (p: Plan) => R): Pending<R> {
  const found: { dim: number; pending: Pending<Tensor> | null; indices: Tensor[] }[] = [];
  for (const [dim, index] of advanced) {
    if (index.dtype !== 'bool') {
      found.push({ dim, pending: null, indices: [index] });
      continue;
    }
    const { shape } = index;
    const item: (typeof found)[number] = { dim, pending: null, indices: [] };
    item.pending = whereTrue(index, (positions) => coordinates(positions, shape, true));
    found.push(item);
  }
  const waiting = found.flatMap(({ pending }) => (pending ? [pending] : []));
  const counts = emptyContiguous([waiting.length], 'int64');
  const held = found.flatMap((item) => (item.pending ? [] : item.indices)).map((index) => index.detach().keep());
  native.cat(
    counts._id,
    waiting.map((pending) => pending.counts._id),
    0,
  );
  counts.keep();
  return {
    counts,
    finish: (totals) => {
      let mask = 0;
      let plain = 0;
      const indices: Tensor[] = [];
      const dims: number[] = [];
      for (const { dim, pending } of found) {
        const rows = pending ? pending.finish([totals[mask++]]) : null;
        const own = rows ? rowsOf(rows) : [held[plain++]];
        indices.push(...own);
        dims.push(...own.map((_, i) => dim + i));
      }
      return then(plan(op, view, indices, dims, name));
    },
    release: () => {
      for (const pending of waiting) {
        pending.counts.dispose();
        pending.release?.();
      }
      for (const x of held) x.dispose();
    },
  };
}

const rowsOf = (x: Tensor): Tensor[] =>
  Array.from({ length: x.shape[0] }, (_, i) => viewOf(x, [x.shape[1]], [1], i * x.shape[1]));

const lookAt = ({ view, places, at }: Plan): Tensor => lookUp(view, places, at);

const [indexByMask, indexByMaskAsync] = dataDependent('index', (parsed: Parsed): Pending<Tensor> => {
  // Another handle: the user may dispose the tensor before its elements are looked up.
  const view = reshape(parsed.view, parsed.view.shape).keep();
  const pending = planLater('index', { ...parsed, view }, IndexName.index, lookAt);
  return {
    ...pending,
    release: () => {
      pending.release?.();
      view.dispose();
    },
  };
});

/**
 * `x[i, :, j]` is `x.index([i, null, j])`. Entries: a position (the axis goes away), `null` for `:`,
 * `{ start, end, step }`, `'...'`, `'newaxis'`, an integer tensor or array (negative positions count from the end), or a
 * bool tensor or array, which takes as many axes as it has. Index tensors broadcast together; the axes of the result
 * that they make stand where they stood, or first when something stood between them. Without index tensors the result
 * is a view; a mask waits for its values.
 * @throws ShapeError for too many entries, a position out of range, or a mask of another shape.
 * Source: https://docs.pytorch.org/docs/2.13/tensor_view.html and NumPy's "Advanced indexing"
 */
export function index(x: Tensor, entries: readonly IndexEntry[]): Tensor {
  const parsed = parse('index', x, entries);
  if (parsed.advanced.size === 0) return parsed.view === x ? reshape(x, x.shape) : parsed.view;
  return hasMask(parsed) ? indexByMask(parsed) : lookAt(planNow('index', parsed, IndexName.index));
}

/** {@link index} that leaves the event loop free while it waits for masks. */
export async function indexAsync(x: Tensor, entries: readonly IndexEntry[]): Promise<Tensor> {
  const parsed = parse('index', x, entries);
  return hasMask(parsed) ? indexByMaskAsync(parsed) : index(x, entries);
}

/** Options of {@link indexPut}. */
export interface IndexPutOptions {
  /** Add instead of replace; equal indices add in row-major order. Default false. */
  accumulate?: boolean;
}

function valueTensor(op: string, x: Tensor, value: Tensor | number): Tensor {
  if (typeof value === 'number') return scalarTensor(value, x.dtype);
  checkTensor(op, value, 'value');
  return to(value, x.dtype);
}

/** Queues, or records, the change of the planned places of `view`. */
function putAt(op: string, { view, places, at, lead }: Plan, value: Tensor, mode: number): void {
  const rest = without(view.shape, places.dims);
  const shape = [...rest.slice(0, at), ...lead, ...rest.slice(at)];
  const rows = toRows(broadcastValue(op, value, shape), lead.length, at);
  if (recordsInPlace(op, view, value)) {
    changeInPlace(op, view, (old) => putRows(old, places, rows, mode));
    return;
  }
  checkInPlace(op, view, view.shape, view.dtype);
  putRowsDirect(view, places, rows, mode);
  view._bump();
}

/** Leading axes of size 1 go, as in an assignment; the others broadcast. */
function broadcastValue(op: string, value: Tensor, shape: readonly number[]): Tensor {
  let own = value;
  if (own.ndim > shape.length) {
    const extra = own.ndim - shape.length;
    if (own.shape.slice(0, extra).every((size) => size === 1)) own = reshape(own, own.shape.slice(extra));
  }
  if (sameShape(own.shape, shape)) return own;
  if (own.ndim > shape.length || !sameShape(broadcastShapes(op, own.shape, shape), shape)) {
    const message = `the value ${shapeText(value.shape)} does not broadcast to ${shapeText(shape)}`;
    throw new ShapeError(op, message, value.shape, shape);
  }
  return expand(own, shape);
}

const [putByMask] = dataDependent('indexPut_', (parsed: Parsed, value: Tensor, mode: number): Pending<void> => {
  return planLater('indexPut_', parsed, IndexName.indexPut, (p) => putAt('indexPut_', p, value, mode));
});

/** One mask and one number: no positions are needed, and nothing waits. */
function fillMask({ view, advanced }: Parsed, value: Tensor): boolean {
  const [dim, mask] = [...advanced][0];
  if (advanced.size > 1 || mask.dtype !== 'bool' || value.ndim > 0) return false;
  const behind = view.ndim - dim - mask.ndim;
  maskedFill_(view, reshape(mask, [...mask.shape, ...new Array<number>(behind).fill(1)]), value);
  return true;
}

/**
 * `x[i, :, j] = value` is `x.indexPut_([i, null, j], value)`, or `x.set([i, null, j], value)`: the entries are those of
 * {@link index}, and `value` (a number or a tensor, converted to the dtype of `x`) broadcasts to what `index` would
 * give. Of equal indices the last one counts; with `accumulate` all are added.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.index_put_.html
 */
export function indexPut_(
  x: Tensor,
  entries: readonly IndexEntry[],
  value: Tensor | number,
  options: IndexPutOptions = {},
): Tensor {
  checkOptions('indexPut_', options);
  const parsed = parse('indexPut_', x, entries);
  const filling = valueTensor('indexPut_', x, value);
  const { accumulate = false } = options;
  const { view, advanced } = parsed;
  if (advanced.size === 0) {
    const own = broadcastValue('indexPut_', filling, view.shape);
    if (accumulate) add_(view, own);
    else copy_(view, own);
    return x;
  }
  if (!accumulate && fillMask(parsed, filling)) return x;
  const mode = accumulate ? ScatterMode.add : ScatterMode.set;
  if (hasMask(parsed)) putByMask(parsed, filling, mode);
  else putAt('indexPut_', planNow('indexPut_', parsed, IndexName.indexPut), filling, mode);
  return x;
}

/** `indexPut_` on a copy. */
export function indexPut(
  x: Tensor,
  entries: readonly IndexEntry[],
  value: Tensor | number,
  options: IndexPutOptions = {},
): Tensor {
  checkTensor('indexPut', x);
  return indexPut_(clone(x), entries, value, options);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link index}. */
    index(entries: readonly IndexEntry[]): Tensor;
    /** See {@link indexAsync}. */
    indexAsync(entries: readonly IndexEntry[]): Promise<Tensor>;
    /** See {@link indexPut}. */
    indexPut(entries: readonly IndexEntry[], value: Tensor | number, options?: IndexPutOptions): Tensor;
    /** See {@link indexPut_}. */
    indexPut_(entries: readonly IndexEntry[], value: Tensor | number, options?: IndexPutOptions): Tensor;
    /** `x[entries] = value`: {@link indexPut_}. */
    set(entries: readonly IndexEntry[], value: Tensor | number): Tensor;
  }
}

addMethods({
  index,
  indexAsync,
  indexPut,
  indexPut_,
  set: (x: Tensor, entries: readonly IndexEntry[], value: Tensor | number) => indexPut_(x, entries, value),
});
