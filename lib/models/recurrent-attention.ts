// Attention of recurrent decoders: what the decoder is about to say looks for its place in the source.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { checkSize, Linear } from '../nn/linear.js';
import { Module } from '../nn/module.js';
import { linear } from '../ops/layers/linear.js';
import { softmax } from '../ops/layers/softmax.js';
import { matmul } from '../ops/linalg/matmul.js';
import { add } from '../ops/pointwise/arithmetic.js';
import { where } from '../ops/pointwise/select.js';
import { tanh } from '../ops/pointwise/unary.js';
import { narrow, squeeze, transpose, unsqueeze } from '../ops/shape/view.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import type { DType } from '../tensor/dtype.js';
import { sameShape } from '../tensor/layout.js';
import type { Tensor } from '../tensor/tensor.js';

/** How {@link LuongAttention} compares. */
export type LuongScore = 'dot' | 'general' | 'concat';

/** Options of {@link LuongAttention}. */
export interface LuongOptions {
  /** Default 'general'. */
  score?: LuongScore;
  /** Size of the comparison with 'concat'. Default querySize. */
  hiddenSize?: number;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/** Options of a call of an attention. */
export interface MemoryCall {
  /** bool `[N, S]`: true for places that nobody sees. */
  mask?: Tensor | null;
  /** What {@link BahdanauAttention.prepare} made of the memory: saves that in a loop. */
  prepared?: Tensor | null;
}

abstract class MemoryAttention extends Module<[query: Tensor, memory: Tensor, options?: MemoryCall], [Tensor, Tensor]> {
  /** @internal */
  constructor(
    readonly querySize: number,
    readonly memorySize: number,
  ) {
    super();
    checkSize(new.target.name, 'querySize', querySize);
    checkSize(new.target.name, 'memorySize', memorySize);
  }

  /** The part of the comparison that depends on the memory `[N, S, memorySize]` only. */
  abstract prepare(memory: Tensor): Tensor;

  /** @internal Scores `[N, T, S]`. */
  protected abstract scores(query: Tensor, prepared: Tensor): Tensor;

  /**
   * The mixed memory `[N, T, memorySize]` and the weights `[N, T, S]` for queries `[N, T, querySize]` and memory
   * `[N, S, memorySize]`.
   * @throws ShapeError naming what does not fit.
   */
  forward(query: Tensor, memory: Tensor, options: MemoryCall = {}): [context: Tensor, weights: Tensor] {
    const op = this.constructor.name;
    checkTensor(op, query, 'query');
    checkTensor(op, memory, 'memory');
    checkOptions(op, options);
    const { mask } = options;
    const fits =
      query.ndim === 3 &&
      memory.ndim === 3 &&
      query.shape[0] === memory.shape[0] &&
      query.shape[2] === this.querySize &&
      memory.shape[2] === this.memorySize;
    if (!fits) {
      const wanted = `[N, T, ${this.querySize}] and [N, S, ${this.memorySize}]`;
      const text = `query ${shapeText(query.shape)} and memory ${shapeText(memory.shape)} must be ${wanted}`;
      throw new ShapeError(op, text, query.shape, memory.shape);
    }
    const scores = this.scores(query, options.prepared ?? this.prepare(memory));
    const weights = softmax(mask ? where(unsqueeze(checkMask(op, mask, memory), 1), -Infinity, scores) : scores, -1);
    return [matmul(weights, memory), weights];
  }
}

function checkMask(op: string, mask: Tensor, memory: Tensor): Tensor {
  checkTensor(op, mask, 'mask');
  const wanted = memory.shape.slice(0, 2);
  if (mask.dtype === 'bool' && sameShape(mask.shape, wanted)) return mask;
  const text = `mask must be bool ${shapeText(wanted)}, got ${mask.dtype} ${shapeText(mask.shape)}`;
  throw new ShapeError(op, text, mask.shape, wanted);
}

/**
 * Additive attention: score(q, m) = v · tanh(W q + U m + b), for queries `[N, T, Q]` and memory `[N, S, M]`.
 * Bahdanau, Cho and Bengio 2015, "Neural machine translation by jointly learning to align and translate".
 */
export class BahdanauAttention extends MemoryAttention {
  readonly query: Linear;
  readonly key: Linear;
  readonly energy: Linear;

  constructor(querySize: number, memorySize: number, hiddenSize: number, options: { dtype?: DType } = {}) {
    super(querySize, memorySize);
    checkOptions('BahdanauAttention', options);
    checkSize('BahdanauAttention', 'hiddenSize', hiddenSize);
    this.query = new Linear(querySize, hiddenSize, { ...options, bias: false });
    this.key = new Linear(memorySize, hiddenSize, options);
    this.energy = new Linear(hiddenSize, 1, { ...options, bias: false });
  }

  prepare(memory: Tensor): Tensor {
    return this.key.forward(memory);
  }

  /** @internal */
  protected scores(query: Tensor, prepared: Tensor): Tensor {
    const pairs = tanh(add(unsqueeze(this.query.forward(query), 2), unsqueeze(prepared, 1)));
    return squeeze(this.energy.forward(pairs), -1);
  }
}

/**
 * Attention of Luong, Pham and Manning 2015, "Effective approaches to attention-based neural machine translation": the score
 * of a query `[N, T, Q]` and memory `[N, S, M]` is q · m ('dot', Q = M), q · W m ('general') or v · tanh(W [q; m]) ('concat').
 */
export class LuongAttention extends MemoryAttention {
  readonly score: LuongScore;
  readonly linear: Linear | null = null;
  readonly energy: Linear | null = null;

  constructor(querySize: number, memorySize: number, options: LuongOptions = {}) {
    super(querySize, memorySize);
    const op = 'LuongAttention';
    checkOptions(op, options);
    const { score = 'general', hiddenSize = querySize, dtype } = options;
    if (score !== 'dot' && score !== 'general' && score !== 'concat') {
      throw new ArgumentError(op, `score must be 'dot', 'general' or 'concat', got ${valueText(score)}`, score);
    }
    if (score === 'dot' && querySize !== memorySize) {
      const text = `score 'dot' needs equal sizes, got querySize ${querySize} and memorySize ${memorySize}`;
      throw new ShapeError(op, text, [querySize], [memorySize]);
    }
    this.score = score;
    if (score === 'general') this.linear = new Linear(memorySize, querySize, { bias: false, dtype });
    if (score !== 'concat') return;
    this.linear = new Linear(querySize + memorySize, hiddenSize, { bias: false, dtype });
    this.energy = new Linear(hiddenSize, 1, { bias: false, dtype });
  }

  /** The columns of W for the queries, or those for the memory. */
  private part(memory: boolean): Tensor {
    const { weight } = this.linear as Linear;
    return memory ? narrow(weight, 1, this.querySize, this.memorySize) : narrow(weight, 1, 0, this.querySize);
  }

  prepare(memory: Tensor): Tensor {
    if (this.score === 'dot') return memory;
    if (this.score === 'general') return (this.linear as Linear).forward(memory);
    return linear(memory, this.part(true));
  }

  /** @internal */
  protected scores(query: Tensor, prepared: Tensor): Tensor {
    if (this.score !== 'concat') return matmul(query, transpose(prepared, 1, 2));
    const pairs = tanh(add(unsqueeze(linear(query, this.part(false)), 2), unsqueeze(prepared, 1)));
    return squeeze((this.energy as Linear).forward(pairs), -1);
  }

  override extraRepr(): string {
    return `${this.querySize}, ${this.memorySize}, score=${this.score}`;
  }
}
