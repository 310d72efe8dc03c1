// Modules that look rows of a table up. (torch.nn.modules.sparse)
import { ArgumentError, ShapeError, shapeText } from '../errors.js';
import { embedding } from '../ops/indexing/embedding.js';
import { type BagMode, embeddingBag } from '../ops/indexing/embedding-bag.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { getDefaultDType } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import { noGrad } from '../tensor/scope.js';
import { emptyContiguous, type Tensor } from '../tensor/tensor.js';
import { normal_ } from './init.js';
import { checkFloatDType, checkSize } from './linear.js';
import { Module } from './module.js';
import { Parameter, parameterOf } from './parameter.js';
import { boolText, floatText } from './repr.js';

/** Options of {@link Embedding}. */
export interface EmbeddingModuleOptions {
  /** A row that starts as zeros and gets no gradient; negative counts from the end. */
  paddingIdx?: number | null;
  /** Rows that are looked up and longer than this are shortened to it. */
  maxNorm?: number | null;
  /** The order of the norm of `maxNorm`. Default 2. */
  normType?: number;
  /** Divide the gradient of a row by how often it was looked up. Default false. */
  scaleGradByFreq?: boolean;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/** Options of {@link Embedding.fromPretrained}. */
export interface PretrainedOptions extends Omit<EmbeddingModuleOptions, 'dtype'> {
  /** Do not train the table. Default true. */
  freeze?: boolean;
}

/** A table with the options of a look-up. */
abstract class Table<Inputs extends readonly unknown[]> extends Module<Inputs> {
  declare readonly weight: Parameter;
  readonly paddingIdx: number | null;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;

  constructor(
    readonly numEmbeddings: number,
    readonly embeddingDim: number,
    options: EmbeddingModuleOptions,
    table: Tensor | null,
  ) {
    super();
    const op = new.target.name;
    checkSize(op, 'numEmbeddings', numEmbeddings, 0);
    checkSize(op, 'embeddingDim', embeddingDim, 0);
    checkOptions(op, options);
    const { paddingIdx = null, maxNorm = null, normType = 2, scaleGradByFreq = false } = options;
    this.paddingIdx = rowNumber(op, paddingIdx, numEmbeddings);
    this.maxNorm = maxNorm;
    this.normType = normType;
    this.scaleGradByFreq = scaleGradByFreq;
    if (table) {
      this.weight = new Parameter(table);
      return;
    }
    const dtype = checkFloatDType(op, options.dtype ?? getDefaultDType());
    this.weight = parameterOf(emptyContiguous([numEmbeddings, embeddingDim], dtype));
    this.resetParameters();
  }

  /** Normal numbers; zeros in the padding row. */
  resetParameters(): void {
    normal_(this.weight);
    const { paddingIdx } = this;
    if (paddingIdx !== null) noGrad(() => void this.weight.select(0, paddingIdx).fill_(0));
  }

  /** What is printed before and behind what only one of the two has. */
  protected textParts(): string[] {
    const { paddingIdx, maxNorm, normType, scaleGradByFreq } = this;
    return [
      paddingIdx === null ? '' : `padding_idx=${paddingIdx}`,
      maxNorm === null ? '' : `max_norm=${floatOf(maxNorm)}`,
      normType === 2 ? '' : `norm_type=${floatOf(normType)}`,
      scaleGradByFreq ? `scale_grad_by_freq=${boolText(true)}` : '',
    ];
  }
}

const floatOf = (value: number): string => (Number.isInteger(value) ? `${value}.0` : floatText(value));

function rowNumber(op: string, paddingIdx: number | null, rows: number): number | null {
  if (paddingIdx === null) return null;
  if (!Number.isInteger(paddingIdx) || paddingIdx < -rows || paddingIdx >= rows) {
    throw new ArgumentError(op, `paddingIdx ${String(paddingIdx)} is not a row of ${rows}`, paddingIdx);
  }
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
}

function checkPretrained(op: string, embeddings: Tensor): [number, number] {
  checkTensor(op, embeddings, 'embeddings');
  const [rows, width] = embeddings.shape;
  if (embeddings.ndim === 2) return [rows, width];
  throw new ShapeError(op, `embeddings must be a matrix, got ${shapeText(embeddings.shape)}`, embeddings.shape);
}

/**
 * Rows of a table by index: indices of any shape `[*]` give `[*, embeddingDim]`; weight `[numEmbeddings, embeddingDim]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Embedding.html
 */
export class Embedding extends Table<[Tensor]> {
  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    options: EmbeddingModuleOptions = {},
    /** @internal */
    table: Tensor | null = null,
  ) {
    super(numEmbeddings, embeddingDim, options, table);
  }

  /** A module whose table is `embeddings` `[rows, D]`, sharing its memory. */
  static fromPretrained(embeddings: Tensor, options: PretrainedOptions = {}): Embedding {
    const [rows, width] = checkPretrained('Embedding.fromPretrained', embeddings);
    const module = new Embedding(rows, width, options, embeddings);
    module.weight.requiresGrad = options.freeze === false;
    return module;
  }

  forward(input: Tensor): Tensor {
    const { paddingIdx, maxNorm, normType, scaleGradByFreq } = this;
    return embedding(input, this.weight, { paddingIdx, maxNorm, normType, scaleGradByFreq });
  }

  override extraRepr(): string {
    const parts = [`${this.numEmbeddings}, ${this.embeddingDim}`, ...this.textParts()];
    return parts.filter((text) => text !== '').join(', ');
  }
}

/** Options of {@link EmbeddingBag}. */
export interface EmbeddingBagModuleOptions extends EmbeddingModuleOptions {
  /** What becomes of the rows of a bag. Default 'mean'. */
  mode?: BagMode;
  /** The last offset is where the last bag ends. Default false. */
  includeLastOffset?: boolean;
}

/**
 * Sums, means or maxima of bags of rows: indices `[B, n]`, or a list with offsets `[B]`, give `[B, embeddingDim]`;
 * weight `[numEmbeddings, embeddingDim]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.EmbeddingBag.html
 */
export class EmbeddingBag extends Table<[Tensor, (Tensor | null)?, (Tensor | null)?]> {
  readonly mode: BagMode;
  readonly includeLastOffset: boolean;

  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    options: EmbeddingBagModuleOptions = {},
    /** @internal */
    table: Tensor | null = null,
  ) {
    super(numEmbeddings, embeddingDim, options, table);
    this.mode = options.mode ?? 'mean';
    this.includeLastOffset = options.includeLastOffset ?? false;
  }

  /** A module whose table is `embeddings` `[rows, D]`, sharing its memory. */
  static fromPretrained(
    embeddings: Tensor,
    options: PretrainedOptions & Omit<EmbeddingBagModuleOptions, 'dtype'> = {},
  ): EmbeddingBag {
    const [rows, width] = checkPretrained('EmbeddingBag.fromPretrained', embeddings);
    const module = new EmbeddingBag(rows, width, options, embeddings);
    module.weight.requiresGrad = options.freeze === false;
    return module;
  }

  forward(input: Tensor, offsets: Tensor | null = null, perSampleWeights: Tensor | null = null): Tensor {
    const { paddingIdx, maxNorm, normType, scaleGradByFreq, mode, includeLastOffset } = this;
    const look = { paddingIdx, maxNorm, normType, scaleGradByFreq };
    return embeddingBag(input, this.weight, offsets, { ...look, mode, includeLastOffset, perSampleWeights });
  }

  override extraRepr(): string {
    const [padding, ...rest] = this.textParts();
    const parts = [`${this.numEmbeddings}, ${this.embeddingDim}`, ...rest, `mode='${this.mode}'`, padding];
    return parts.filter((text) => text !== '').join(', ');
  }
}
