// Lazy modules: they learn the size of their input in the first forward, and are ordinary modules from then on.
// Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.modules.lazy.LazyModuleMixin.html
import { ShapeError, shapeText } from '../errors.js';
import { checkTensor } from '../tensor/check.js';
import { Tensor } from '../tensor/tensor.js';
import { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, type InstanceNormModuleOptions } from './layer-norm.js';
import { Linear, type LinearOptions } from './linear.js';
import type { AnyModule } from './module.js';
import { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormOptions } from './norm.js';
import { isUninitialized, Parameter, UninitializedBuffer, UninitializedParameter } from './parameter.js';

/** What the classes of this file add to the module that they become. */
export interface LazyModule {
  /** Whether the shape of a parameter or buffer is still unknown. */
  hasUninitializedParams(): boolean;
}

/** Takes away the shapes of the parameters and buffers in these fields; `order` is that of a weight's axes in memory. @internal */
export function hideShapes(module: AnyModule, fields: readonly string[], order?: readonly number[]): void {
  for (const field of fields) {
    const known: unknown = Reflect.get(module, field);
    if (!(known instanceof Tensor)) continue;
    const options = { dtype: known.dtype, order };
    const hidden =
      known instanceof Parameter ? new UninitializedParameter(true, options) : new UninitializedBuffer(options);
    Reflect.set(module, field, hidden);
    known.dispose();
  }
}

/** Gives shapes to what has none yet. @internal */
export function materialize(module: AnyModule, shapes: Readonly<Record<string, readonly number[]>>): void {
  for (const [field, shape] of Object.entries(shapes)) {
    const hidden: unknown = Reflect.get(module, field);
    if (isUninitialized(hidden)) hidden.materialize(shape);
  }
}

/** Whether a shape is still unknown. @internal */
export const hasHidden = (module: AnyModule): boolean =>
  [...module._ownParameters(), ...module._ownBuffers()].some(([, x]) => isUninitialized(x));

/** The module is of the plain class from now on; one of a class of the user keeps it. @internal */
export function become(
  module: AnyModule,
  lazy: { readonly prototype: object },
  plain: { readonly prototype: object },
): void {
  if (Object.getPrototypeOf(module) === lazy.prototype) Object.setPrototypeOf(module, plain.prototype);
}

/**
 * A {@link Linear} that takes `inFeatures` from the last axis of its first input `[*, inFeatures]`, and is a `Linear` then.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyLinear.html
 */
export class LazyLinear extends Linear implements LazyModule {
  constructor(outFeatures: number, options: LinearOptions = {}) {
    super(0, outFeatures, options);
    hideShapes(this, ['weight', 'bias']);
  }

  hasUninitializedParams(): boolean {
    return hasHidden(this);
  }

  /** Initial values, as soon as the shapes are known. */
  override resetParameters(): void {
    if (this.inFeatures > 0) super.resetParameters();
  }

  override forward(x: Tensor): Tensor {
    checkTensor(this.constructor.name, x);
    if (this.inFeatures === 0) learnFeatures(this, x);
    become(this, LazyLinear, Linear);
    return super.forward(x);
  }
}

function learnFeatures(module: Linear, x: Tensor): void {
  if (x.ndim === 0)
    throw new ShapeError(module.constructor.name, 'an input of 1 axis or more is needed, got a number', x.shape);
  const inFeatures = isUninitialized(module.weight) ? (x.shape.at(-1) as number) : module.weight.shape[1];
  const isNew = hasHidden(module);
  materialize(module, { weight: [module.outFeatures, inFeatures], bias: [module.outFeatures] });
  Object.assign(module, { inFeatures });
  if (isNew) module.resetParameters();
}

type Norm = BatchNorm1d | BatchNorm2d | BatchNorm3d | InstanceNorm1d | InstanceNorm2d | InstanceNorm3d;
const NORM_FIELDS = ['weight', 'bias', 'runningMean', 'runningVar'] as const;

/** Before the first batch: as many features as the input has channels. */
function learnChannels(module: Norm, channels: number): void {
  if (module.numFeatures !== 0) return;
  const known = NORM_FIELDS.map((field) => module[field]).find((x) => x && !isUninitialized(x));
  const numFeatures = known?.numel ?? channels;
  const isNew = hasHidden(module);
  materialize(module, Object.fromEntries(NORM_FIELDS.map((field) => [field, [numFeatures]])));
  Object.assign(module, { numFeatures });
  if (isNew) module.resetParameters();
}

/** The module after a check of its input's axes. */
function checkedChannels(module: Norm, x: Tensor, dims: readonly number[], axis: number): number {
  const name = module.constructor.name;
  checkTensor(name, x);
  if (dims.includes(x.ndim)) return x.shape.at(axis) as number;
  throw new ShapeError(name, `input of ${dims.join(' or ')} axes is needed, got ${shapeText(x.shape)}`, x.shape);
}

/** Options of the lazy instance normalizations: as in PyTorch, they learn and track unless told otherwise. */
export interface LazyInstanceNormOptions extends InstanceNormModuleOptions {
  /** Learn a scale and a shift per channel. Default true. */
  affine?: boolean;
  /** Keep running statistics for evaluation. Default true. */
  trackRunningStats?: boolean;
}

/**
 * A {@link BatchNorm1d} that takes `numFeatures` from its first input `[N, C]` or `[N, C, L]`, and is a `BatchNorm1d` then.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyBatchNorm1d.html
 */
export class LazyBatchNorm1d extends BatchNorm1d implements LazyModule {
  constructor(options: BatchNormOptions = {}) {
    super(0, options);
    hideShapes(this, NORM_FIELDS);
  }

  hasUninitializedParams(): boolean {
    return hasHidden(this);
  }

  override forward(x: Tensor): Tensor {
    learnChannels(this, checkedChannels(this, x, [2, 3], 1));
    become(this, LazyBatchNorm1d, BatchNorm1d);
    return super.forward(x);
  }
}

/**
 * A {@link BatchNorm2d} that takes `numFeatures` from its first input `[N, C, H, W]`, and is a `BatchNorm2d` then.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyBatchNorm2d.html
 */
export class LazyBatchNorm2d extends BatchNorm2d implements LazyModule {
  constructor(options: BatchNormOptions = {}) {
    super(0, options);
    hideShapes(this, NORM_FIELDS);
  }

  hasUninitializedParams(): boolean {
    return hasHidden(this);
  }

  override forward(x: Tensor): Tensor {
    learnChannels(this, checkedChannels(this, x, [4], 1));
    become(this, LazyBatchNorm2d, BatchNorm2d);
    return super.forward(x);
  }
}

/**
 * A {@link BatchNorm3d} that takes `numFeatures` from its first input `[N, C, D, H, W]`, and is a `BatchNorm3d` then.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyBatchNorm3d.html
 */
export class LazyBatchNorm3d extends BatchNorm3d implements LazyModule {
  constructor(options: BatchNormOptions = {}) {
    super(0, options);
    hideShapes(this, NORM_FIELDS);
  }

  hasUninitializedParams(): boolean {
    return hasHidden(this);
  }

  override forward(x: Tensor): Tensor {
    learnChannels(this, checkedChannels(this, x, [5], 1));
    become(this, LazyBatchNorm3d, BatchNorm3d);
    return super.forward(x);
  }
}

/**
 * An {@link InstanceNorm1d} that takes `numFeatures` from its first input `[N, C, L]` or `[C, L]`, and is an `InstanceNorm1d` then.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyInstanceNorm1d.html
 */
export class LazyInstanceNorm1d extends InstanceNorm1d implements LazyModule {
  constructor(options: LazyInstanceNormOptions = {}) {
    super(0, { affine: true, trackRunningStats: true, ...options });
    hideShapes(this, NORM_FIELDS);
  }

  hasUninitializedParams(): boolean {
    return hasHidden(this);
  }

  override forward(x: Tensor): Tensor {
    learnChannels(this, checkedChannels(this, x, [2, 3], -2));
    become(this, LazyInstanceNorm1d, InstanceNorm1d);
    return super.forward(x);
  }
}

/**
 * An {@link InstanceNorm2d} that takes `numFeatures` from its first input `[N, C, H, W]` or `[C, H, W]`, and is an `InstanceNorm2d` then.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyInstanceNorm2d.html
 */
export class LazyInstanceNorm2d extends InstanceNorm2d implements LazyModule {
  constructor(options: LazyInstanceNormOptions = {}) {
    super(0, { affine: true, trackRunningStats: true, ...options });
    hideShapes(this, NORM_FIELDS);
  }

  hasUninitializedParams(): boolean {
    return hasHidden(this);
  }

  override forward(x: Tensor): Tensor {
    learnChannels(this, checkedChannels(this, x, [3, 4], -3));
    become(this, LazyInstanceNorm2d, InstanceNorm2d);
    return super.forward(x);
  }
}

/**
 * An {@link InstanceNorm3d} that takes `numFeatures` from its first input `[N, C, D, H, W]` or `[C, D, H, W]`, and is an `InstanceNorm3d` then.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyInstanceNorm3d.html
 */
export class LazyInstanceNorm3d extends InstanceNorm3d implements LazyModule {
  constructor(options: LazyInstanceNormOptions = {}) {
    super(0, { affine: true, trackRunningStats: true, ...options });
    hideShapes(this, NORM_FIELDS);
  }

  hasUninitializedParams(): boolean {
    return hasHidden(this);
  }

  override forward(x: Tensor): Tensor {
    learnChannels(this, checkedChannels(this, x, [4, 5], -4));
    become(this, LazyInstanceNorm3d, InstanceNorm3d);
    return super.forward(x);
  }
}
