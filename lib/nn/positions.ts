// Modules that tell a model where an element stands in its sequence.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { embedding } from '../ops/indexing/embedding.js';
import { applyRotaryEmb, rotaryTables, sinusoidalPositions } from '../ops/layers/positions.js';
import { add } from '../ops/pointwise/arithmetic.js';
import { dropout } from '../ops/random/dropout.js';
import { narrow, unsqueeze } from '../ops/shape/view.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { getDefaultDType } from '../tensor/create.js';
import { computeDType, type DType } from '../tensor/dtype.js';
import { runScoped } from '../tensor/scope.js';
import { emptyContiguous, type Tensor } from '../tensor/tensor.js';
import { normal_ } from './init.js';
import { checkFloatDType, checkSize } from './linear.js';
import { Module } from './module.js';
import { type Parameter, parameterOf } from './parameter.js';
import { boolText, floatText } from './repr.js';

/** Where a part of a sequence begins. */
export interface OffsetOption {
  /** Position of the first element: of use when a sequence comes in parts. Default 0. */
  offset?: number;
}

/** Options of {@link SinusoidalPositionalEncoding}. */
export interface SinusoidalOptions {
  /** Longest sequence. Default 5000. */
  maxLen?: number;
  /** Behind the sum. Default 0. */
  dropout?: number;
  /** Sequences are `[N, L, E]` instead of `[L, N, E]`. Default false. */
  batchFirst?: boolean;
  /** The longest wavelength is 2π · base. Default 10000. */
  base?: number;
}

/** Options of {@link LearnedPositionalEmbedding}. */
export interface LearnedPositionOptions {
  /** Behind the sum. Default 0. */
  dropout?: number;
  /** Sequences are `[N, L, E]` instead of `[L, N, E]`. Default false. */
  batchFirst?: boolean;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/** Options of {@link RotaryEmbedding}. */
export interface RotaryEmbeddingOptions {
  /** Longest sequence. Default 4096. */
  maxLen?: number;
  /** Default 10000. */
  base?: number;
  /** Neighbours make pairs, instead of the first half with the second. Default false. */
  interleaved?: boolean;
}

/** Where the elements of a call of {@link RotaryEmbedding} stand. */
export interface RotaryCall extends OffsetOption {
  /** int64 `[L]` or `[N, L]`, in the place of `offset`. */
  positions?: Tensor | null;
}

function checkDropout(op: string, p: unknown): number {
  if (typeof p === 'number' && p >= 0 && p <= 1) return p;
  throw new ArgumentError(op, `dropout must lie in [0, 1], got ${valueText(p)}`, p);
}

/** Throws unless positions `offset` to `offset + length` exist. @internal */
export function checkPositions(op: string, x: Tensor, length: number, offset: unknown, maxLen: number): number {
  if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) {
    throw new ArgumentError(op, `offset must be an integer >= 0, got ${valueText(offset)}`, offset);
  }
  if (offset + length <= maxLen) return offset;
  const behind = offset > 0 ? ` behind ${offset} others` : '';
  const text = `input ${shapeText(x.shape)} has ${length} positions${behind}, there are ${maxLen}`;
  throw new ShapeError(op, text, x.shape, [maxLen]);
}

/** Tables that outlive the scope, and the inference mode, in which they are first needed. */
const forGood = <R>(fn: () => R): R => runScoped(fn, false, false);

abstract class AddedPositions extends Module<[x: Tensor, options?: OffsetOption]> {
  readonly batchFirst: boolean;

  /** @internal */
  constructor(
    readonly maxLen: number,
    readonly dModel: number,
    readonly dropout: number,
    batchFirst: boolean,
  ) {
    super();
    const op = new.target.name;
    checkSize(op, 'maxLen', maxLen);
    checkSize(op, 'dModel', dModel);
    checkDropout(op, dropout);
    this.batchFirst = batchFirst;
  }

  /** @internal `[maxLen, E]` in the dtype of `x`. */
  protected abstract tableFor(x: Tensor): Tensor;

  /** `x` `[L, N, E]`, `[N, L, E]` with batchFirst, or `[L, E]`, and the positions from `offset` on. */
  forward(x: Tensor, options: OffsetOption = {}): Tensor {
    const op = this.constructor.name;
    checkTensor(op, x);
    checkOptions(op, options);
    if ((x.ndim !== 2 && x.ndim !== 3) || x.shape[x.ndim - 1] !== this.dModel) {
      const text = `input must have 2 or 3 axes and end in dModel ${this.dModel}, got ${shapeText(x.shape)}`;
      throw new ShapeError(op, text, x.shape, [this.dModel]);
    }
    const axis = x.ndim === 3 && this.batchFirst ? 1 : 0;
    const offset = checkPositions(op, x, x.shape[axis], options.offset ?? 0, this.maxLen);
    const rows = narrow(this.tableFor(x), 0, offset, x.shape[axis]);
    const sum = add(x, x.ndim === 3 && axis === 0 ? unsqueeze(rows, 1) : rows);
    return dropout(sum, this.dropout, { training: this.training });
  }

  override extraRepr(): string {
    return `${this.maxLen}, ${this.dModel}, dropout=${floatText(this.dropout)}, batch_first=${boolText(this.batchFirst)}`;
  }
}

/**
 * Adds sines and cosines of different wavelengths to a sequence `[L, N, E]` (Vaswani et al., 2017, section 3.5). Nothing is
 * learned, and nothing stands in the state dict.
 */
export class SinusoidalPositionalEncoding extends AddedPositions {
  readonly base: number;
  private table: Tensor | null = null;

  constructor(dModel: number, options: SinusoidalOptions = {}) {
    checkOptions('SinusoidalPositionalEncoding', options);
    super(options.maxLen ?? 5000, dModel, options.dropout ?? 0, options.batchFirst ?? false);
    this.base = options.base ?? 10000;
    sinusoidalPositions(0, dModel, { base: this.base }).dispose(); // looks at the base
  }

  /** @internal */
  protected tableFor(x: Tensor): Tensor {
    if (this.table?.dtype === x.dtype && !this.table._disposed) return this.table;
    const { base } = this;
    this.table = forGood(() => sinusoidalPositions(this.maxLen, this.dModel, { base, dtype: x.dtype })).keep();
    return this.table;
  }
}

/**
 * Adds a learned vector for each position to a sequence `[L, N, E]`; weight `[maxLen, E]`, from N(0, 0.02²) at first
 * (Radford et al., 2018).
 */
export class LearnedPositionalEmbedding extends AddedPositions {
  readonly weight: Parameter;

  constructor(maxLen: number, dModel: number, options: LearnedPositionOptions = {}) {
    const op = 'LearnedPositionalEmbedding';
    checkOptions(op, options);
    super(maxLen, dModel, options.dropout ?? 0, options.batchFirst ?? false);
    const dtype = checkFloatDType(op, options.dtype ?? getDefaultDType());
    this.weight = parameterOf(emptyContiguous([maxLen, dModel], dtype));
    this.resetParameters();
  }

  /** Draws the table anew. */
  resetParameters(): void {
    normal_(this.weight, 0, 0.02);
  }

  /** @internal */
  protected tableFor(): Tensor {
    return this.weight;
  }
}

/**
 * Turns the first `dim` features of queries and keys `[..., L, D]` by their position (Su et al., 2021): with the halves as
 * pairs, as GPT-NeoX and Llama do, or interleaved, as in the paper. Queries and keys have the layout of
 * `scaledDotProductAttention`, `[N, heads, L, D]`. Nothing is learned, and nothing stands in the state dict.
 */
export class RotaryEmbedding extends Module<[x: Tensor, options?: RotaryCall]> {
  readonly maxLen: number;
  readonly base: number;
  readonly interleaved: boolean;
  private tables: [cos: Tensor, sin: Tensor] | null = null;

  constructor(
    readonly dim: number,
    options: RotaryEmbeddingOptions = {},
  ) {
    super();
    checkSize('RotaryEmbedding', 'dim', dim, 2);
    checkOptions('RotaryEmbedding', options);
    this.maxLen = checkSize('RotaryEmbedding', 'maxLen', options.maxLen ?? 4096);
    this.base = options.base ?? 10000;
    this.interleaved = options.interleaved ?? false;
    for (const table of rotaryTables(0, dim, { base: this.base })) table.dispose(); // looks at dim and base
  }

  private tablesFor(x: Tensor): [cos: Tensor, sin: Tensor] {
    const dtype = computeDType(x.dtype);
    if (this.tables?.[0].dtype === dtype && !this.tables[0]._disposed) return this.tables;
    const tables = forGood(() => rotaryTables(this.maxLen, this.dim, { base: this.base, dtype }));
    for (const table of tables) table.keep();
    this.tables = tables;
    return tables;
  }

  /**
   * `x` turned; where the elements stand, the options say.
   * @throws ShapeError for more than maxLen positions. A position out of range in `positions` rejects the next read.
   */
  forward(x: Tensor, options: RotaryCall = {}): Tensor {
    const op = 'RotaryEmbedding';
    checkTensor(op, x);
    checkOptions(op, options);
    if (x.ndim < 2 || x.shape[x.ndim - 1] < this.dim) {
      const text = `input must be [..., L, D] with D >= ${this.dim}, got ${shapeText(x.shape)}`;
      throw new ShapeError(op, text, x.shape, [this.dim]);
    }
    const length = x.shape[x.ndim - 2];
    const tables = this.tablesFor(x);
    const rows = options.positions ? this.looked(x, options.positions, tables) : null;
    const offset = rows ? 0 : checkPositions(op, x, length, options.offset ?? 0, this.maxLen);
    const [cos, sin] = rows ?? tables.map((table) => narrow(table, 0, offset, length));
    return applyRotaryEmb(x, cos, sin, { interleaved: this.interleaved });
  }

  private looked(x: Tensor, positions: Tensor, tables: readonly Tensor[]): Tensor[] {
    const op = 'RotaryEmbedding';
    checkTensor(op, positions, 'positions');
    const { ndim, shape } = positions;
    const fits = shape[ndim - 1] === x.shape[x.ndim - 2] && (ndim === 1 || (ndim === 2 && shape[0] === x.shape[0]));
    if (!fits || ndim >= x.ndim) {
      const text = `positions ${shapeText(shape)} must be [L] or [N, L] for input ${shapeText(x.shape)}`;
      throw new ShapeError(op, text, shape, x.shape);
    }
    return tables.map((table) => {
      let rows = embedding(positions, table);
      for (let axis = x.ndim; ndim === 2 && rows.ndim < axis; axis--) rows = unsqueeze(rows, 1);
      return rows;
    });
  }

  override extraRepr(): string {
    return `${this.dim}, max_len=${this.maxLen}, base=${this.base}, interleaved=${boolText(this.interleaved)}`;
  }
}
