import { inspect } from 'node:util';
import { AutogradError, DisposedError, ShapeError } from '../errors.js';
import { args, native, releaseHandle } from '../native.js';
import { DTYPE_CODES, type DType, ITEM_SIZES, isFloating } from './dtype.js';
import { currentFrame, isInferenceModeEnabled, type Scope, scopeOf } from './frame.js';
import { type Edge, type LeafHooks, type Node, ViewKind, viewHistory } from './graph.js';
import { checkDim, contiguousStrides, isChannelsLast, isContiguous, MAX_DIMS, numelOf } from './layout.js';

/** The first version of memory made in inferenceMode: all of them are below 0. */
const INFERENCE = -(2 ** 30);

/** Counts in-place writes; shared by a tensor and its views. */
interface Version {
  n: number;
}

/**
 * An n-dimensional array on a device. Shapes, dtypes and lifetimes are checked at the call; the arithmetic runs behind,
 * in order, and reading waits for it.
 *
 * Memory: a tensor is freed when its scope closes, when it is disposed, or when nobody refers to it any more.
 * Using it after that throws a {@link DisposedError}.
 *
 * The operations (`add`, `matmul`, …) are declared beside their implementation in `lib/ops`.
 */
export class Tensor implements Disposable {
  readonly shape: readonly number[];
  /** Steps in elements between neighbours along each axis. */
  readonly strides: readonly number[];
  readonly dtype: DType;
  /** Where the elements are. */
  readonly device: 'cpu' = 'cpu';
  /** @internal Slot of the native side; 0 once it was released. */
  _id = 0;
  /** @internal Holders: one for the user, one for each recorded call that saved it. */
  _refs = 1;
  /** @internal */
  _disposed = false;
  /** @internal */
  _scope: Scope | null = null;
  /** @internal The recorded call that made it, and which of its outputs it is. */
  _node: Node | null = null;
  /** @internal */
  _output = 0;
  /** @internal */
  _leafRequiresGrad = false;
  /** @internal Leads to {@link grad}. */
  _leafEdge: Edge | null = null;
  /** @internal {@link grad} for the library itself. */
  _grad: Tensor | null = null;
  /** @internal User code has a reference to it: a gradient that nobody saw is freed by zeroGrad(). */
  _exposed = false;
  /** @internal */
  _version: Version;
  /** @internal */
  readonly _isView: boolean;
  /** @internal Elements between the start of the memory and the first one of this tensor. */
  _offset = 0;
  /** @internal The tensor of which this is a recorded view (never itself a view); null for all others, detached ones too. */
  _base: Tensor | null = null;
  /** @internal How the view was made: decides whether a recorded change in place is possible. */
  _viewKind: ViewKind = ViewKind.plain;
  /** @internal The version of the memory for which `_node` is right; a view of changed memory gets a new one. */
  _seen = 0;
  /** @internal Hooks of a leaf; those of other tensors stand at their node. */
  _hooks: LeafHooks | null = null;

  /** @internal Use `tensor()`, `zeros()` and the operations instead. Without a handle: see {@link adopt}. */
  constructor(shape: readonly number[], strides: readonly number[], dtype: DType, base: Tensor | null, offset: number) {
    this.shape = shape;
    this.strides = strides;
    this.dtype = dtype;
    this._version = base === null ? { n: 0 } : base._version;
    this._isView = base !== null;
    if (base !== null) this._offset = base._offset + offset;
  }

  get ndim(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get numel(): number {
    return numelOf(this.shape);
  }

  /** PyTorch's `size()`: the shape, or one axis of it. */
  size(): readonly number[];
  size(dim: number): number;
  size(dim?: number): readonly number[] | number {
    if (dim === undefined) return this.shape;
    if (this.ndim === 0) throw new ShapeError('size', 'a 0-d tensor has no axes', this.shape);
    return this.shape[checkDim('size', dim, this.ndim)];
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** Whether the elements lie one after the other, the last axis fastest. */
  isContiguous(): boolean {
    return isContiguous(this.shape, this.strides);
  }

  /** Whether memory runs N, ..., C: of tensors with 3 to 5 axes. */
  isChannelsLast(): boolean {
    return isChannelsLast(this.shape, this.strides);
  }

  /** The gradient that `backward()` has accumulated here, for leaves that require one. */
  get grad(): Tensor | null {
    if (this._grad) this._grad._exposed = true;
    return this._grad;
  }

  set grad(value: Tensor | null) {
    if (value !== this._grad) this._clearGrad();
    if (value) value._exposed = true;
    this._grad = value;
  }

  /** @internal Drops the gradient, and frees one that nobody outside the library has seen. */
  _clearGrad(): void {
    const grad = this._grad;
    this._grad = null;
    if (grad && !grad._exposed) grad.dispose();
  }

  /** True for a tensor that no recorded operation has made. */
  get isLeaf(): boolean {
    this._refresh();
    return this._node === null;
  }

  /** Whether gradients flow to this tensor. Settable on leaves of a floating-point dtype. */
  get requiresGrad(): boolean {
    return this._leafRequiresGrad || this._node !== null || (this._base?.requiresGrad ?? false);
  }

  set requiresGrad(value: boolean) {
    if (this._node) {
      if (value) return;
      throw new AutogradError('requiresGrad', 'can only be cleared on a leaf; use detach() on this result');
    }
    if (value && !isFloating(this.dtype)) {
      throw new AutogradError('requiresGrad', `only floating-point tensors can require gradients, got ${this.dtype}`);
    }
    if (value && this.isInference() && !isInferenceModeEnabled()) {
      throw new AutogradError('requiresGrad', 'a tensor made in inferenceMode cannot require gradients; clone() it');
    }
    this._leafRequiresGrad = value;
  }

  /** Whether the memory was made in inferenceMode. */
  isInference(): boolean {
    return this._version.n < 0;
  }

  /** Sets {@link requiresGrad} and returns the tensor. */
  requiresGrad_(value = true): this {
    this.requiresGrad = value;
    return this;
  }

  /** The same elements without a history; shares memory. */
  detach(): Tensor {
    return this._alias('detach');
  }

  /**
   * Forgets the history of this tensor, which becomes a leaf that requires no gradient. A view cannot.
   * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.detach_.html
   */
  detach_(): this {
    this._handle('detach_');
    if (this._base) throw new AutogradError('detach_', 'a view cannot be detached in place; use detach()');
    this._node = null;
    this._output = 0;
    this._leafRequiresGrad = false;
    return this;
  }

  /**
   * Frees the memory now, unless a recorded operation still needs it for its gradient: then it goes right after that.
   * Views of it stay valid. Disposing twice is harmless.
   */
  dispose(): void {
    if (this._disposed) return;
    this._disposed = true;
    this._unref();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Takes the tensor out of its scope: it lives until it is disposed or nobody refers to it. */
  keep(): this {
    this._scope = null;
    return this;
  }

  /** @internal The native handle, after the check for use after dispose. */
  _handle(op: string): number {
    if (this._disposed) throw new DisposedError(op, `the tensor of shape [${this.shape.join(', ')}] was disposed`);
    return this._id;
  }

  /** @internal A view of everything; valid even when this handle was disposed but is still held by the tape. */
  _alias(op: string): Tensor {
    if (this._id === 0) this._handle(op);
    return viewOf(this, this.shape, this.strides);
  }

  /** @internal */
  _ref(): void {
    this._refs++;
  }

  /** @internal */
  _unref(): void {
    if (--this._refs > 0 || this._id === 0) return;
    releaseHandle(this._id);
    this._id = 0;
  }

  /** @internal Whether nothing but this handle refers to it: no tape, no view with a history. */
  _isSoleUser(): boolean {
    return !this._disposed && this._refs === 1;
  }

  /** @internal The handle was given to another thread. */
  _leave(): void {
    this._disposed = true;
    this._refs = 0;
    this._id = 0;
  }

  /** @internal Where the gradient of this tensor goes. */
  _edge(): Edge | null {
    this._refresh();
    if (this._node !== null) return this._node.edge(this._output);
    if (!this.requiresGrad) return null;
    this._leafEdge ??= { node: null, output: 0, leaf: this };
    return this._leafEdge;
  }

  /** @internal Brings the history of a view up to date after its memory was changed through another tensor. */
  _refresh(): void {
    if (this._base !== null && this._seen !== this._version.n) viewHistory.refresh(this);
  }

  /** @internal Takes over the memory of `other`, which is disposed; the handle, its gradient and flags stay. */
  _setData(other: Tensor): void {
    this._handle('_setData');
    this._pointTo(other);
    other.dispose();
    this._bump();
  }

  /** @internal Shows the memory of `other` from now on. Counts as no change: the caller sees to the version. */
  _pointTo(other: Tensor): void {
    const old = this._id;
    this._id = native.view(this, other._id, describe(other.shape, other.strides), 0);
    native.release(old);
    Object.assign(this, { shape: other.shape, strides: other.strides, dtype: other.dtype });
    this._offset = other._offset;
  }

  /** @internal For in-place writes. */
  _bump(): void {
    this._version.n++;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** Writes the argument buffer for the next `empty` or `view`. */
function describe(shape: readonly number[], strides: readonly number[]): number {
  const ndim = shape.length;
  if (ndim > MAX_DIMS) throw new ShapeError('Tensor', `at most ${MAX_DIMS} dimensions, got ${ndim}`, shape);
  for (let i = 0; i < ndim; i++) {
    args[i] = shape[i];
    args[MAX_DIMS + i] = strides[i];
  }
  return ndim;
}

/** @internal Gives a new tensor its handle and its place in the scope. */
export function adopt(tensor: Tensor, id: number): Tensor {
  tensor._id = id;
  const frame = currentFrame();
  if (frame.inference === true && !tensor._isView) tensor._version.n = INFERENCE;
  const scope = scopeOf(frame);
  if (scope !== null) scope.add(tensor);
  return tensor;
}

/** @internal The same for a new view of `base`. */
export function adoptView(tensor: Tensor, base: Tensor, offset: number): Tensor {
  return adopt(tensor, native.view(tensor, base._id, describe(tensor.shape, tensor.strides), offset));
}

/** @internal An uninitialised tensor with any strides from 0 up. */
export function emptyStrided(shape: readonly number[], strides: readonly number[], dtype: DType): Tensor {
  const tensor = new Tensor(shape, strides, dtype, null, 0);
  const ndim = describe(shape, strides);
  return adopt(tensor, native.empty(tensor, DTYPE_CODES[dtype], ndim));
}

/** @internal A tensor that lies in memory like `like`, without a handle: an op that makes its output gives it one. */
export const unmadeLike = (like: Tensor, dtype: DType): Tensor => new Tensor(like.shape, like.strides, dtype, null, 0);

/** @internal An uninitialised row-major tensor. */
export function emptyContiguous(shape: readonly number[], dtype: DType): Tensor {
  return emptyStrided(shape, contiguousStrides(shape), dtype);
}

/** @internal Another look at the memory of `base`, `offset` elements in. Not recorded: see lib/ops/view.ts for that. */
export function viewOf(base: Tensor, shape: readonly number[], strides: readonly number[], offset = 0): Tensor {
  return adoptView(new Tensor(shape, strides, base.dtype, base, offset), base, offset);
}

/** @internal The bytes of `base` from its first element on, as elements of another dtype. Not recorded. */
export function viewBytesOf(base: Tensor, shape: readonly number[], strides: readonly number[], dtype: DType): Tensor {
  const tensor = new Tensor(shape, strides, dtype, base, 0);
  tensor._offset = (base._offset * ITEM_SIZES[base.dtype]) / ITEM_SIZES[dtype];
  return adopt(tensor, native.viewAs(tensor, base._id, DTYPE_CODES[dtype], describe(shape, strides)));
}
