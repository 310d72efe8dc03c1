// The module of multi-head attention.
import { ArgumentError, valueText } from '../errors.js';
import { mergeHeads } from '../ops/layers/heads.js';
import {
  type AttendOptions,
  allHeads,
  type InProjection,
  keyValueHeads,
  multiHead,
  queryHeads,
} from '../ops/layers/multi-head.js';
import { checkOptions } from '../tensor/check.js';
import { getDefaultDType } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import { emptyContiguous, type Tensor } from '../tensor/tensor.js';
import { forgetsOutside } from './forgetful.js';
import { xavierNormal_, xavierUniform_, zeros_ } from './init.js';
import { checkFloatDType, checkSize, Linear } from './linear.js';
import { Module } from './module.js';
import { type Parameter, parameterOf } from './parameter.js';

/** Options of {@link MultiheadAttention}. */
export interface MultiheadAttentionOptions {
  /** Probability with which a weight is dropped in training. Default 0. */
  dropout?: number;
  /** Biases of all projections. Default true. */
  bias?: boolean;
  /** A learned key and value behind the given ones. Default false. */
  addBiasKv?: boolean;
  /** A key and value of zeros behind the given ones. Default false. */
  addZeroAttn?: boolean;
  /** Size of the keys. Default embedDim. */
  kdim?: number | null;
  /** Size of the values. Default embedDim. */
  vdim?: number | null;
  /** Inputs and output are `[N, L, E]` instead of `[L, N, E]`. Default false. */
  batchFirst?: boolean;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/** The name under which PyTorch prints the last projection. */
class NonDynamicallyQuantizableLinear extends Linear {}

function checkProbability(op: string, p: unknown): number {
  if (typeof p === 'number' && p >= 0 && p <= 1) return p;
  throw new ArgumentError(op, `dropout must lie in [0, 1], got ${valueText(p)}`, p);
}

/**
 * Attention of several heads: query `[L, N, E]`, key `[S, N, kdim]`, value `[S, N, vdim]`, without N for one sequence, and
 * `[N, L, E]` and so on with batchFirst. Parameters: `inProjWeight` `[3 · E, E]`, or `qProjWeight` `[E, E]`, `kProjWeight`
 * `[E, kdim]`, `vProjWeight` `[E, vdim]` where the sizes differ; `inProjBias` `[3 · E]`; `outProj`; `biasK`, `biasV`
 * `[1, 1, E]`. Self-attention projects queries, keys and values with one matrix product.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MultiheadAttention.html
 */
export class MultiheadAttention extends Module<
  [query: Tensor, key: Tensor, value: Tensor, options?: AttendOptions],
  [output: Tensor, weights: Tensor | null]
> {
  readonly kdim: number;
  readonly vdim: number;
  readonly headDim: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly addZeroAttn: boolean;
  readonly qProjWeight: Parameter | null = null;
  readonly kProjWeight: Parameter | null = null;
  readonly vProjWeight: Parameter | null = null;
  readonly inProjWeight: Parameter | null = null;
  readonly inProjBias: Parameter | null = null;
  readonly biasK: Parameter | null = null;
  readonly biasV: Parameter | null = null;
  readonly outProj: Linear;

  constructor(
    readonly embedDim: number,
    readonly numHeads: number,
    options: MultiheadAttentionOptions = {},
  ) {
    super();
    const op = 'MultiheadAttention';
    checkSize(op, 'embedDim', embedDim);
    checkSize(op, 'numHeads', numHeads);
    checkOptions(op, options);
    const { bias = true, kdim, vdim } = options;
    this.kdim = checkSize(op, 'kdim', kdim ?? embedDim);
    this.vdim = checkSize(op, 'vdim', vdim ?? embedDim);
    this.headDim = embedDim / numHeads;
    if (!Number.isInteger(this.headDim)) {
      throw new ArgumentError(op, `embedDim ${embedDim} is not divisible by numHeads ${numHeads}`, numHeads);
    }
    this.dropout = checkProbability(op, options.dropout ?? 0);
    this.batchFirst = options.batchFirst ?? false;
    this.addZeroAttn = options.addZeroAttn ?? false;
    const dtype = checkFloatDType(op, options.dtype ?? getDefaultDType());
    const make = (shape: readonly number[]): Parameter => parameterOf(emptyContiguous(shape, dtype));
    if (this.kdim === embedDim && this.vdim === embedDim) this.inProjWeight = make([3 * embedDim, embedDim]);
    else {
      this.qProjWeight = make([embedDim, embedDim]);
      this.kProjWeight = make([embedDim, this.kdim]);
      this.vProjWeight = make([embedDim, this.vdim]);
    }
    if (bias) this.inProjBias = make([3 * embedDim]);
    this.outProj = new NonDynamicallyQuantizableLinear(embedDim, embedDim, { bias, dtype });
    if (options.addBiasKv) {
      this.biasK = make([1, 1, embedDim]);
      this.biasV = make([1, 1, embedDim]);
    }
    this.resetParameters();
  }

  /** Glorot's uniform numbers for the projections of the inputs, normal ones for `biasK` and `biasV`, no biases. */
  resetParameters(): void {
    for (const weight of [this.inProjWeight, this.qProjWeight, this.kProjWeight, this.vProjWeight]) {
      if (weight) xavierUniform_(weight);
    }
    for (const bias of [this.inProjBias, this.inProjBias && this.outProj.bias]) if (bias) zeros_(bias);
    for (const bias of [this.biasK, this.biasV]) if (bias) xavierNormal_(bias);
  }

  /** @internal */
  get _projection(): InProjection {
    const { qProjWeight: q, kProjWeight: k, vProjWeight: v } = this;
    return {
      packed: this.inProjWeight,
      separate: q && k && v ? [q, k, v] : null,
      bias: this.inProjBias,
      embedDim: this.embedDim,
      heads: this.numHeads,
      batchFirst: this.batchFirst,
    };
  }

  /**
   * The output `[L, N, E]` and the weights `[N, L, S]`, `[N, heads, L, S]` without averageAttnWeights. Masks and what else
   * there is stands in the options; with `needWeights: false` the weights are null, and never stored.
   * @throws ShapeError naming the shapes that do not go together, ArgumentError for isCausal without attnMask.
   */
  forward(query: Tensor, key: Tensor, value: Tensor, options: AttendOptions & { needWeights: false }): [Tensor, null];
  forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options?: AttendOptions & { needWeights?: true },
  ): [Tensor, Tensor];
  forward(query: Tensor, key: Tensor, value: Tensor, options?: AttendOptions): [Tensor, Tensor | null];
  forward(query: Tensor, key: Tensor, value: Tensor, options: AttendOptions = {}): [Tensor, Tensor | null] {
    return multiHead(query, key, value, {
      op: 'MultiheadAttention',
      projection: this._projection,
      biasK: this.biasK,
      biasV: this.biasV,
      addZeroAttn: this.addZeroAttn,
      staticK: null,
      staticV: null,
      dropoutP: this.training ? this.dropout : 0,
      outWeight: this.outProj.weight,
      outBias: this.outProj.bias,
      call: options,
    });
  }

  /** @internal Heads of queries, keys and values of one sequence; for decoding step by step. */
  _selfHeads(x: Tensor): readonly [Tensor, Tensor, Tensor] {
    return allHeads(x, x, x, this._projection);
  }

  /** @internal */
  _queryHeads(x: Tensor): Tensor {
    return queryHeads(x, this._projection);
  }

  /** @internal */
  _memoryHeads(memory: Tensor): readonly [Tensor, Tensor] {
    return keyValueHeads(memory, memory, this._projection);
  }

  /** @internal The last projection of mixed heads. */
  _project(heads: Tensor): Tensor {
    return this.outProj.forward(mergeHeads(heads, this.batchFirst));
  }
}

forgetsOutside(MultiheadAttention);
