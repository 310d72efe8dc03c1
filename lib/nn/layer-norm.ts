// The modules of layer, RMS, group, instance and local response normalization.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { groupNorm, instanceNorm, type LocalResponseNormOptions, localResponseNorm } from '../ops/layers/group-norm.js';
import { layerNorm, rmsNorm } from '../ops/layers/layer-norm.js';
import { squeeze, unsqueeze } from '../ops/shape/view.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { getDefaultDType, ones, tensor, zeros } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import { forgets } from './forgetful.js';
import { checkFloatDType, checkSize } from './linear.js';
import { Module } from './module.js';
import { checkNumber, resetAffine, resetNorm, resetStatistics } from './norm.js';
import { type Parameter, parameterOf } from './parameter.js';
import { boolText, floatText, textOfFloat, tuple } from './repr.js';

function checkSizes(op: string, shape: number | readonly number[]): readonly number[] {
  const sizes = typeof shape === 'number' ? [shape] : shape;
  if (Array.isArray(sizes) && sizes.length > 0 && sizes.every((size) => Number.isInteger(size) && size >= 1)) {
    return [...sizes];
  }
  throw new ArgumentError(op, `normalizedShape must be a size or an array of sizes, got ${valueText(shape)}`, shape);
}

/** Options of {@link LayerNorm}. */
export interface LayerNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Learn a scale (and a shift) per element. Default true. */
  elementwiseAffine?: boolean;
  /** With `elementwiseAffine`: learn the shift too. Default true. */
  bias?: boolean;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/**
 * y = (x − mean) / √(var + eps) · weight + bias over the last axes. Input `[..., *normalizedShape]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LayerNorm.html
 */
export class LayerNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly normalizedShape: readonly number[];
  readonly eps: number;

  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    checkOptions('LayerNorm', options);
    this.normalizedShape = checkSizes('LayerNorm', normalizedShape);
    this.eps = checkNumber('LayerNorm', 'eps', options.eps ?? 1e-5);
    const dtype = checkFloatDType('LayerNorm', options.dtype ?? getDefaultDType());
    const affine = options.elementwiseAffine ?? true;
    this.weight = affine ? parameterOf(ones(this.normalizedShape, { dtype })) : null;
    this.bias = affine && (options.bias ?? true) ? parameterOf(zeros(this.normalizedShape, { dtype })) : null;
  }

  /** Scale 1 and shift 0. */
  resetParameters(): void {
    resetAffine(this);
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.normalizedShape, this.weight, this.bias, { eps: this.eps });
  }

  override extraRepr(): string {
    const shape = tuple(this.normalizedShape);
    return `${shape}, eps=${floatText(this.eps)}, elementwise_affine=${boolText(this.weight !== null)}, bias=${boolText(this.bias !== null)}`;
  }
}

/** Options of {@link RMSNorm}. */
export interface RMSNormOptions {
  /** Added to the mean square. Default: the spacing of numbers at 1 in the input's dtype. */
  eps?: number | null;
  /** Learn a scale per element. Default true. */
  elementwiseAffine?: boolean;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/**
 * y = x / √(mean(x²) + eps) · weight over the last axes. Input `[..., *normalizedShape]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.RMSNorm.html
 */
export class RMSNorm extends Module {
  readonly weight: Parameter | null;
  readonly normalizedShape: readonly number[];
  readonly eps: number | null;

  constructor(normalizedShape: number | readonly number[], options: RMSNormOptions = {}) {
    super();
    checkOptions('RMSNorm', options);
    this.normalizedShape = checkSizes('RMSNorm', normalizedShape);
    const { eps = null } = options;
    this.eps = eps === null ? null : checkNumber('RMSNorm', 'eps', eps);
    const dtype = checkFloatDType('RMSNorm', options.dtype ?? getDefaultDType());
    this.weight = (options.elementwiseAffine ?? true) ? parameterOf(ones(this.normalizedShape, { dtype })) : null;
  }

  /** Scale 1. */
  resetParameters(): void {
    resetAffine({ weight: this.weight, bias: null });
  }

  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.normalizedShape, this.weight, { eps: this.eps });
  }

  override extraRepr(): string {
    const eps = this.eps === null ? 'None' : floatText(this.eps);
    return `${tuple(this.normalizedShape)}, eps=${eps}, elementwise_affine=${boolText(this.weight !== null)}`;
  }
}

/** Options of {@link GroupNorm}. */
export interface GroupNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Learn a scale (and a shift) per channel. Default true. */
  affine?: boolean;
  /** With `affine`: learn the shift too. Default true. */
  bias?: boolean;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/**
 * y = (x − mean) / √(var + eps) · weight + bias over groups of channels. Input `[N, C, ...]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.GroupNorm.html
 */
export class GroupNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly eps: number;

  constructor(
    readonly numGroups: number,
    readonly numChannels: number,
    options: GroupNormOptions = {},
  ) {
    super();
    checkSize('GroupNorm', 'numGroups', numGroups);
    checkSize('GroupNorm', 'numChannels', numChannels);
    checkOptions('GroupNorm', options);
    if (numChannels % numGroups !== 0) {
      throw new ArgumentError('GroupNorm', `${numChannels} channels do not divide into ${numGroups} groups`, numGroups);
    }
    this.eps = checkNumber('GroupNorm', 'eps', options.eps ?? 1e-5);
    const dtype = checkFloatDType('GroupNorm', options.dtype ?? getDefaultDType());
    const affine = options.affine ?? true;
    this.weight = affine ? parameterOf(ones([numChannels], { dtype })) : null;
    this.bias = affine && (options.bias ?? true) ? parameterOf(zeros([numChannels], { dtype })) : null;
  }

  /** Scale 1 and shift 0. */
  resetParameters(): void {
    resetAffine(this);
  }

  forward(x: Tensor): Tensor {
    return groupNorm(x, this.numGroups, this.weight, this.bias, { eps: this.eps });
  }

  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${floatText(this.eps)}, affine=${boolText(this.weight !== null)}, bias=${boolText(this.bias !== null)}`;
  }
}

/** Options of instance normalization. */
export interface InstanceNormModuleOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** How far the running statistics move. Default 0.1. */
  momentum?: number;
  /** Learn a scale and a shift per channel. Default false. */
  affine?: boolean;
  /** With `affine`: learn the shift too. Default true. */
  bias?: boolean;
  /** Keep running statistics for evaluation. Default false. */
  trackRunningStats?: boolean;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/** Common part of the instance normalizations. Ulyanov et al. 2016. */
abstract class InstanceNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  declare runningMean: Tensor | null;
  declare runningVar: Tensor | null;
  declare numBatchesTracked: Tensor | null;
  readonly eps: number;
  readonly momentum: number;
  readonly trackRunningStats: boolean;

  /** Axes of a batch. */
  protected abstract readonly rank: number;

  constructor(
    readonly numFeatures: number,
    options: InstanceNormModuleOptions = {},
  ) {
    super();
    const op = new.target.name;
    checkSize(op, 'numFeatures', numFeatures, 0);
    checkOptions(op, options);
    this.eps = checkNumber(op, 'eps', options.eps ?? 1e-5);
    this.momentum = checkNumber(op, 'momentum', options.momentum ?? 0.1);
    this.trackRunningStats = options.trackRunningStats ?? false;
    const dtype = checkFloatDType(op, options.dtype ?? getDefaultDType());
    this.weight = options.affine ? parameterOf(ones([numFeatures], { dtype })) : null;
    this.bias = options.affine && (options.bias ?? true) ? parameterOf(zeros([numFeatures], { dtype })) : null;
    this.registerBuffer('runningMean', this.trackRunningStats ? zeros([numFeatures], { dtype }) : null);
    this.registerBuffer('runningVar', this.trackRunningStats ? ones([numFeatures], { dtype }) : null);
    this.registerBuffer('numBatchesTracked', this.trackRunningStats ? tensor(0, { dtype: 'int64' }) : null);
  }

  /** Running mean 0, variance 1, no batches. */
  resetRunningStats(): void {
    resetStatistics(this);
  }

  /** {@link resetRunningStats}; scale 1 and shift 0. */
  resetParameters(): void {
    resetNorm(this);
  }

  forward(x: Tensor): Tensor {
    const name = this.constructor.name;
    checkTensor(name, x);
    if (x.ndim !== this.rank && x.ndim !== this.rank - 1) {
      const text = `input of ${this.rank - 1} or ${this.rank} axes is needed, got ${shapeText(x.shape)}`;
      throw new ShapeError(name, text, x.shape);
    }
    const run = (batch: Tensor): Tensor =>
      instanceNorm(batch, this.runningMean, this.runningVar, this.weight, this.bias, {
        useInputStats: this.training || !this.trackRunningStats,
        momentum: this.momentum,
        eps: this.eps,
      });
    return x.ndim === this.rank ? run(x) : squeeze(run(unsqueeze(x, 0)), 0);
  }

  override extraRepr(): string {
    return (
      `${this.numFeatures}, eps=${floatText(this.eps)}, momentum=${floatText(this.momentum)}, affine=${boolText(this.weight !== null)}, ` +
      `bias=${boolText(this.bias !== null)}, track_running_stats=${boolText(this.trackRunningStats)}`
    );
  }
}

/** Per sample and channel of `[N, C, L]`. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.InstanceNorm1d.html */
export class InstanceNorm1d extends InstanceNorm {
  protected readonly rank = 3;
}

/** Per sample and channel of `[N, C, H, W]`. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.InstanceNorm2d.html */
export class InstanceNorm2d extends InstanceNorm {
  protected readonly rank = 4;
}

/** Per sample and channel of `[N, C, D, H, W]`. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.InstanceNorm3d.html */
export class InstanceNorm3d extends InstanceNorm {
  protected readonly rank = 5;
}

/**
 * Divides by the mean square of neighbouring channels. Input `[N, C, ...]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LocalResponseNorm.html
 */
export class LocalResponseNorm extends Module {
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;

  constructor(
    readonly size: number,
    options: LocalResponseNormOptions = {},
  ) {
    super();
    checkSize('LocalResponseNorm', 'size', size);
    checkOptions('LocalResponseNorm', options);
    this.alpha = checkNumber('LocalResponseNorm', 'alpha', options.alpha ?? 1e-4);
    this.beta = checkNumber('LocalResponseNorm', 'beta', options.beta ?? 0.75);
    this.k = checkNumber('LocalResponseNorm', 'k', options.k ?? 1);
  }

  forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, { alpha: this.alpha, beta: this.beta, k: this.k });
  }

  override extraRepr(): string {
    return `${this.size}, alpha=${floatText(this.alpha)}, beta=${floatText(this.beta)}, k=${textOfFloat(this.k, 1)}`;
  }
}

forgets(LayerNorm, RMSNorm, GroupNorm, InstanceNorm, LocalResponseNorm);
