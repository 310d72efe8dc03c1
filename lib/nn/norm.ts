import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import type { Epilogue, Rectifier } from '../ops/layers/epilogue.js';
import { batchNormWith } from '../ops/layers/norm.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { getDefaultDType, ones, tensor, zeros } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import { ones_, zeros_ } from './init.js';
import { checkFloatDType, checkSize } from './linear.js';
import { Module } from './module.js';
import { type Parameter, parameterOf } from './parameter.js';
import { boolText, floatText } from './repr.js';

/** Options of batch normalization. */
export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Weight of the new batch in the running statistics; null averages over all batches. Default 0.1. */
  momentum?: number | null;
  /** Learn a scale and a shift per channel. Default true. */
  affine?: boolean;
  /** With `affine`: learn the shift too. Default true. */
  bias?: boolean;
  /** Keep running statistics for evaluation. Default true. */
  trackRunningStats?: boolean;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/** Throws unless `value` is a finite number. @internal */
export function checkNumber(op: string, name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new ArgumentError(op, `${name} must be a finite number, got ${valueText(value)}`, value);
}

/** What the counters of batches hold, so that the average over all batches need not read them. */
const counts = new WeakMap<Tensor, { batches: number; version: number }>();

/** Counts a batch. The number, where it is wanted, is read once if something else has written to the counter. */
function countBatch(counter: Tensor, wanted: boolean): number {
  const known = counts.get(counter);
  const before = known?.version === counter._version.n ? known.batches : wanted ? counter.itemSync() : null;
  counter.add_(1);
  if (before === null) return 0;
  counts.set(counter, { batches: before + 1, version: counter._version.n });
  return before + 1;
}

/** What normalizations with running statistics hold. @internal */
export interface Statistics {
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
  readonly numBatchesTracked: Tensor | null;
}

/** Running mean 0, variance 1, no batches. @internal */
export function resetStatistics({ runningMean, runningVar, numBatchesTracked }: Statistics): void {
  runningMean?.zero_();
  runningVar?.fill_(1);
  numBatchesTracked?.zero_();
}

/** Scale 1 and shift 0; the statistics as at the start. @internal */
export function resetNorm(norm: Statistics): void {
  resetStatistics(norm);
  resetAffine(norm);
}

/** Scale 1 and shift 0. @internal */
export function resetAffine({ weight, bias }: Pick<Statistics, 'weight' | 'bias'>): void {
  if (weight) ones_(weight);
  if (bias) zeros_(bias);
}

/** Common part of the batch normalizations. Ioffe & Szegedy 2015. @internal */
export abstract class BatchNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  declare runningMean: Tensor | null;
  declare runningVar: Tensor | null;
  declare numBatchesTracked: Tensor | null;
  readonly eps: number;
  readonly momentum: number | null;
  readonly trackRunningStats: boolean;

  protected abstract readonly dims: readonly number[];

  constructor(
    readonly numFeatures: number,
    options: BatchNormOptions = {},
  ) {
    super();
    const op = new.target.name;
    checkSize(op, 'numFeatures', numFeatures, 0);
    checkOptions(op, options);
    this.eps = checkNumber(op, 'eps', options.eps ?? 1e-5);
    const { momentum = 0.1 } = options;
    this.momentum = momentum === null ? null : checkNumber(op, 'momentum', momentum);
    this.trackRunningStats = options.trackRunningStats ?? true;
    const dtype = checkFloatDType(op, options.dtype ?? getDefaultDType());
    const affine = options.affine ?? true;
    this.weight = affine ? parameterOf(ones([numFeatures], { dtype })) : null;
    this.bias = affine && (options.bias ?? true) ? parameterOf(zeros([numFeatures], { dtype })) : null;
    this.registerBuffer('runningMean', this.trackRunningStats ? zeros([numFeatures], { dtype }) : null);
    this.registerBuffer('runningVar', this.trackRunningStats ? ones([numFeatures], { dtype }) : null);
    this.registerBuffer('numBatchesTracked', this.trackRunningStats ? tensor(0, { dtype: 'int64' }) : null);
    const counter = this.numBatchesTracked;
    if (counter) counts.set(counter, { batches: 0, version: counter._version.n });
  }

  /** Running mean 0, variance 1, no batches. */
  resetRunningStats(): void {
    resetStatistics(this);
  }

  /** {@link resetRunningStats}; scale 1 and shift 0. */
  resetParameters(): void {
    resetNorm(this);
  }

  /** @internal Whether it takes inputs of so many dimensions. */
  _takes(ndim: number): boolean {
    return this.dims.includes(ndim);
  }

  /** @internal Whether it does the same to every input: by its running statistics, without changing them. */
  _isFixed(): boolean {
    return !this.training && this.trackRunningStats;
  }

  forward(x: Tensor): Tensor {
    return this._forwardWith(x);
  }

  /** @internal */
  _forwardWith(x: Tensor, epilogue?: Epilogue<Rectifier>): Tensor {
    const name = this.constructor.name;
    checkTensor(name, x);
    if (!this._takes(x.ndim)) {
      throw new ShapeError(
        name,
        `input of ${this.dims.join(' or ')} dimensions is needed, got ${shapeText(x.shape)}`,
        x.shape,
      );
    }
    const tracking = this.training && this.trackRunningStats;
    const batches = tracking && this.numBatchesTracked ? countBatch(this.numBatchesTracked, this.momentum === null) : 0;
    const options = {
      training: this.training || !this.trackRunningStats,
      momentum: this.momentum ?? (tracking ? 1 / batches : 0),
      eps: this.eps,
    };
    return batchNormWith(x, this, options, epilogue);
  }

  override extraRepr(): string {
    return (
      `${this.numFeatures}, eps=${floatText(this.eps)}, momentum=${this.momentum === null ? 'None' : floatText(this.momentum)}, ` +
      `affine=${boolText(this.weight !== null)}, bias=${boolText(this.bias !== null)}, track_running_stats=${boolText(this.trackRunningStats)}`
    );
  }
}

/**
 * y = (x − mean) / √(var + eps) · weight + bias per channel. Input `[N, C]` or `[N, C, L]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.BatchNorm1d.html
 */
export class BatchNorm1d extends BatchNorm {
  protected readonly dims = [2, 3];
}

/**
 * y = (x − mean) / √(var + eps) · weight + bias per channel. Input `[N, C, H, W]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.BatchNorm2d.html
 */
export class BatchNorm2d extends BatchNorm {
  protected readonly dims = [4];
}

/**
 * y = (x − mean) / √(var + eps) · weight + bias per channel. Input `[N, C, D, H, W]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.BatchNorm3d.html
 */
export class BatchNorm3d extends BatchNorm {
  protected readonly dims = [5];
}
