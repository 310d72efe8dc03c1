// Changes in the memory of a tensor, with their history. docs/adding-an-op.md shows how a variant is written.
import { AutogradError, DTypeError, ShapeError, shapeText } from '../errors.js';
import { native } from '../native.js';
import { checkTensor } from '../tensor/check.js';
import { emptyLikeLayout, zerosLike } from '../tensor/create.js';
import { canStore, type DType, isFloating, isNarrow } from '../tensor/dtype.js';
import { isGradEnabled, isInferenceModeEnabled } from '../tensor/frame.js';
import { type BackwardRule, type Edge, moveRetainer, Node, ViewKind, viewHistory } from '../tensor/graph.js';
import { isDense, sameShape } from '../tensor/layout.js';
import { emptyStrided, Tensor } from '../tensor/tensor.js';
import { clearRegion, type Geometry, geometryOf, restride } from './shape/strided.js';
import { clone, to } from './shape/view.js';

/** Throws unless a result of this shape and dtype fits into the memory of `x`, each element into a place of its own. */
export function checkInPlace(op: string, x: Tensor, shape: readonly number[], dtype: DType): void {
  checkTensor(op, x);
  const { strides } = x;
  for (let i = 0; i < strides.length; i++) {
    if (strides[i] !== 0 || x.shape[i] <= 1 || x.numel === 0) continue;
    throw new ShapeError(op, 'elements of an expanded tensor share memory; use clone() before writing', x.shape);
  }
  checkFits(op, x, shape, dtype);
}

/** Throws for memory made in inferenceMode, outside of it. */
export function checkWritable(op: string, x: Tensor): void {
  if (x.isInference() && !isInferenceModeEnabled()) {
    throw new AutogradError(op, 'a tensor made in inferenceMode cannot be changed in place outside of it; clone() it');
  }
}

function checkFits(op: string, x: Tensor, shape: readonly number[], dtype: DType): void {
  checkWritable(op, x);
  if (!sameShape(x.shape, shape)) {
    const message = `the result has shape ${shapeText(shape)}, the tensor ${shapeText(x.shape)}`;
    throw new ShapeError(op, message, shape, x.shape);
  }
  if (x.dtype !== dtype && !canStore(dtype, x.dtype)) {
    throw new DTypeError(op, `the result is ${dtype}, the tensor ${x.dtype}`, dtype, x.dtype);
  }
}

const wantsGradient = (value: unknown): boolean =>
  value instanceof Tensor ? value.requiresGrad : Array.isArray(value) && value.some(wantsGradient);

/**
 * Whether a change of `x` computed from `x`, `a` and `b` (tensors, lists of tensors or anything else) has to be recorded,
 * or computed in float32 because `x` is bfloat16 or float16: {@link changeInPlace} does both.
 * Throws where PyTorch refuses to: leaves that require gradients, views of them, views made in noGrad or by unbind.
 */
export function recordsInPlace(op: string, x: Tensor, a?: unknown, b?: unknown): boolean {
  checkTensor(op, x);
  const narrow = isNarrow(x.dtype);
  if (!x.requiresGrad && !wantsGradient(a) && !wantsGradient(b)) return narrow;
  if (!isFloating(x.dtype) || !isGradEnabled()) return narrow;
  if (x._base) {
    refuseView(op, x, 'cannot be changed in place');
    if (x.requiresGrad && x._base.isLeaf) {
      throw new AutogradError(op, 'a view of a leaf that requires gradients cannot be changed in place; use noGrad()');
    }
  }
  if (x.requiresGrad && x.isLeaf) {
    throw new AutogradError(op, 'a leaf that requires gradients cannot be changed in place; use noGrad() or a copy');
  }
  return true;
}

const REFUSED: readonly ((what: string) => string)[] = [
  () => '',
  (what) => `a view made inside noGrad ${what} while gradients are recorded; make both inside or both outside`,
  (what) => `one of several views (unbind, split, chunk) ${what}; use an out-of-place operation`,
  (what) => `a view made inside inferenceMode ${what} while gradients are recorded; make both inside or both outside`,
  (what) => `a view made by a custom Function ${what}: that would replace its own gradient; clone() the output`,
];

function refuseView(op: string, view: Tensor, what: string): void {
  if (view._viewKind !== ViewKind.plain) throw new AutogradError(op, REFUSED[view._viewKind](what));
}

/**
 * Puts what `compute` makes of the old `x` into the memory of `x`, and gives `x` its history where one is recorded.
 * `compute` returns a new tensor, or the tensor it was given. `constant`: all its elements are equal, so that elements of
 * `x` may share memory.
 */
export function changeInPlace(
  op: string,
  x: Tensor,
  compute: (old: Tensor) => Tensor,
  constant: 'constant' | null = null,
): Tensor {
  if (!constant) checkInPlace(op, x, x.shape, x.dtype);
  const edge = isGradEnabled() ? x._edge() : null;
  const old = x._alias(op);
  old._version = { n: 0 };
  if (edge) {
    old._node = edge.node;
    old._output = edge.output;
  }
  const alone = x._base === null && native.storageUsers(x._id) === 2;
  let result = compute(old);
  if (result === old) {
    old.dispose();
    x._bump();
    return x;
  }
  checkFits(op, x, result.shape, result.dtype);
  const intermediate = result;
  const history = isGradEnabled() ? result._edge() : null;
  if (history && result.dtype !== x.dtype) result = to(result, x.dtype);
  else if (result._version === old._version || (history && !history.node)) result = clone(result);
  if (alone) replaceMemory(x, result);
  else {
    if (old._refs > 1) preserve(old);
    native.copy(x._id, result._id);
  }
  x._bump();
  const after = isGradEnabled() ? (result._edge() ?? (edge && blockedEdge(op, edge))) : null;
  if (after) setHistory(x, after, edge);
  if (result._refs > 1) shareSaved(result, x);
  if (intermediate !== result) intermediate.dispose();
  result.dispose();
  old.dispose();
  return x;
}

/** Where nobody else sees the memory of `x`, it takes that of the result: no copy, and the old values stay for the tape. */
function replaceMemory(x: Tensor, result: Tensor): void {
  const fits = result.dtype === x.dtype && !result._isView && sameShape(result.strides, x.strides);
  const ownedBySelf = result._refs === 1 || savedAt(result).length === result._refs - 1;
  if (fits && ownedBySelf && native.storageUsers(result._id) === 1) {
    x._pointTo(result);
    return;
  }
  const copy = isDense(x.shape, x.strides) ? emptyStrided(x.shape, x.strides, x.dtype) : emptyLikeLayout(x);
  native.copy(copy._id, result._id);
  x._pointTo(copy);
  copy.dispose();
}

/** Where the call that made a tensor has saved it. */
const savedAt = (result: Tensor): number[] =>
  (result._node?.kept ?? []).flatMap((tensor, i) => (tensor === result ? [i] : []));

/** What was saved of the old values gets memory of its own; saved views of them are found by their version. */
function preserve(old: Tensor): void {
  const copy = emptyLikeLayout(old);
  native.copy(copy._id, old._id);
  old._bump();
  old._version = { n: 0 };
  old._pointTo(copy);
  copy.dispose();
}

/** A call that saved its own result keeps the changed tensor instead: no second copy, and a later change is found. */
function shareSaved(result: Tensor, x: Tensor): void {
  const node = result._node as Node;
  const at = savedAt(result);
  if (at.length !== result._refs - 1) return;
  result._pointTo(x);
  result._version = x._version;
  const versions = [...node.versions];
  for (const i of at) versions[i] = x._version.n;
  node.versions = versions;
}

/** The history of a result that depends on nothing that requires a gradient: zeros flow to the old values. */
function blockedEdge(op: string, edge: Edge): Edge {
  const rule: BackwardRule = { name: op, backward: ([g]) => [zerosLike(g as Tensor)] };
  return { node: open(new Node(rule, [edge], 1)), output: 0, leaf: null };
}

function open(node: Node, saved: Record<string, unknown> = {}): Node {
  node.saved = saved;
  return node;
}

/** A base some region of which was replaced. Its gradient goes to the old base outside the region, to the new values inside. */
const writeRule: BackwardRule = {
  name: 'copySlices',
  backward: ([g], saved, needs) => {
    const { base, region } = saved as { base: Geometry; region: Geometry };
    return [
      needs[0] ? clearRegion(g as Tensor, base, region) : null,
      needs[1] ? restride(g as Tensor, base, region, null) : null,
    ];
  },
};

/** A view of a base that has changed since the view was made. */
const viewRule: BackwardRule = {
  name: 'asStrided',
  backward: ([g], saved) => {
    const { base, region } = saved as { base: Geometry; region: Geometry };
    return [restride(g as Tensor, region, base, null)];
  },
};

/** @internal Makes `edge` the history of `x`, which had `before`; the base of a view gets a node that writes to it. */
export function setHistory(x: Tensor, edge: Edge, before: Edge | null): void {
  const base = x._base;
  if (!base) {
    moveRetainer(before, edge.node as Node, edge.output);
    x._node = edge.node;
    x._output = edge.output;
    return;
  }
  const regions = { base: geometryOf(base), region: geometryOf(x) };
  const old = base._edge();
  base._node = open(new Node(writeRule, [old, edge], 1), regions);
  base._output = 0;
  moveRetainer(old, base._node, 0);
}

/** Every view whose memory changed reads from the new history of its base. */
viewHistory.refresh = (view) => {
  const base = view._base as Tensor;
  if (!view._node && !base.requiresGrad) return;
  refuseView(view._node?.rule.name ?? 'view', view, 'cannot be used after its memory was changed in place');
  const regions = { base: geometryOf(base), region: geometryOf(view) };
  const before = view._node && { node: view._node, output: view._output, leaf: null };
  view._node = open(new Node(viewRule, [base._edge()], 1), regions);
  view._output = 0;
  moveRetainer(before, view._node, 0);
  view._seen = view._version.n;
};

/**
 * The in-place variant of a function. `direct` writes to `x` itself, is used where nothing is recorded, and checks its
 * arguments ({@link checkInPlace}) first; without it the result is computed and copied.
 */
export function inPlaceOf<A extends readonly unknown[]>(
  op: string,
  compute: (x: Tensor, ...args: A) => Tensor,
  direct?: (x: Tensor, ...args: A) => void,
): (x: Tensor, ...args: A) => Tensor {
  return (x, ...args) => {
    if (recordsInPlace(op, x, args) || !direct) {
      return changeInPlace(op, x, (old) => {
        const result = compute(old, ...args);
        return args.includes(result) ? clone(result) : result;
      });
    }
    checkWritable(op, x);
    direct(x, ...args);
    x._bump();
    return x;
  };
}

/** An operand in memory shared with `x` is copied before `x` is written. */
export const operandInPlace = (x: Tensor, other: Tensor): Tensor =>
  other._version === x._version && other !== x ? clone(other) : other;
