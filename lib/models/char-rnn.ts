// A recurrent language model.
import { ArgumentError, valueText } from '../errors.js';
import { Dropout } from '../nn/dropout.js';
import { checkFloatDType, checkSize, Linear } from '../nn/linear.js';
import { type AnyModule, Module } from '../nn/module.js';
import { GRU, LSTM, type LSTMState } from '../nn/rnn.js';
import { Embedding } from '../nn/sparse.js';
import { select } from '../ops/shape/view.js';
import { checkOptions } from '../tensor/check.js';
import { getDefaultDType } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkTokens, evaluating, type GenerateOptions, generateWith, type StepModel } from './decoding.js';
import { StateCache } from './state-cache.js';

/** Options of {@link CharRNN}. */
export interface CharRNNOptions {
  /** Tokens that there are. */
  vocabSize: number;
  /** Default 128. */
  embeddingDim?: number;
  /** Default 256. */
  hiddenSize?: number;
  /** Default 1. */
  numLayers?: number;
  /** Default 'lstm'. */
  cell?: 'lstm' | 'gru';
  /** Between the layers and before the last one. Default 0. */
  dropout?: number;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/** Runs either kind of layer; states are `[h, c]` or `[h]`, none for zeros. @internal */
export function runRecurrent(rnn: LSTM | GRU, x: Tensor, states: readonly Tensor[]): [Tensor, Tensor[]] {
  if (rnn instanceof LSTM) {
    const [out, [h, c]] = rnn.forward(x, states.length > 0 ? (states as unknown as LSTMState) : undefined);
    return [out, [h, c]];
  }
  const [out, h] = rnn.forward(x, states[0]);
  return [out, [h]];
}

/** Throws unless `cell` is 'lstm' or 'gru'. @internal */
export function checkCell(op: string, cell: unknown): 'lstm' | 'gru' {
  if (cell === 'lstm' || cell === 'gru') return cell;
  throw new ArgumentError(op, `cell must be 'lstm' or 'gru', got ${valueText(cell)}`, cell);
}

/**
 * A language model of recurrent layers: tokens `[N, T]` give the logits `[N, T, vocabSize]` of the tokens that follow.
 * Graves 2013; Karpathy 2015, "The Unreasonable Effectiveness of Recurrent Neural Networks".
 *
 * @example
 * const model = new models.CharRNN({ vocabSize: 60, hiddenSize: 256, numLayers: 2 });
 * const [logits, state] = model.unroll(tokens);
 * const [next] = model.unroll(moreTokens, state);
 */
export class CharRNN extends Module<[tokens: Tensor]> implements StepModel<StateCache> {
  readonly embedding: Embedding;
  readonly rnn: LSTM | GRU;
  readonly dropout: Dropout;
  readonly linear: Linear;

  constructor(options: CharRNNOptions) {
    super();
    const op = 'CharRNN';
    checkOptions(op, options);
    const { vocabSize, embeddingDim = 128, hiddenSize = 256, numLayers = 1, dropout = 0 } = options;
    checkSize(op, 'vocabSize', vocabSize);
    const dtype = checkFloatDType(op, options.dtype ?? getDefaultDType());
    this.embedding = new Embedding(vocabSize, embeddingDim, { dtype });
    const Layer = checkCell(op, options.cell ?? 'lstm') === 'lstm' ? LSTM : GRU;
    this.rnn = new Layer(embeddingDim, hiddenSize, { numLayers, dropout, batchFirst: true, dtype });
    this.dropout = new Dropout(dropout);
    this.linear = new Linear(hiddenSize, vocabSize, { dtype });
  }

  forward(tokens: Tensor): Tensor {
    return this.unroll(tokens)[0];
  }

  /** {@link forward} from a state on, `[h, c]` or `[h]` of `[numLayers, N, hiddenSize]`: the logits, and the state behind. */
  unroll(tokens: Tensor, state: readonly Tensor[] = []): [logits: Tensor, state: Tensor[]] {
    checkTokens('CharRNN', tokens);
    const [out, next] = runRecurrent(this.rnn, this.embedding.forward(tokens), state);
    return [this.linear.forward(this.dropout.forward(out)), next];
  }

  /** An empty cache for {@link step}. */
  createCache(): StateCache {
    return new StateCache();
  }

  /** Logits `[N, vocabSize]` of what follows the new tokens `[N, T]`. Call `eval()` before. */
  step(tokens: Tensor, cache: StateCache): Tensor {
    checkTokens('CharRNN', tokens);
    return noGrad(() => {
      const [out, next] = runRecurrent(this.rnn, this.embedding.forward(tokens), cache.tensors);
      cache.update(next, tokens.shape[1]);
      return this.linear.forward(this.dropout.forward(select(out, 1, out.shape[1] - 1)));
    });
  }

  /** Tokens `[N, T]` and up to maxNewTokens more, `[N, T + …]`. In evaluation mode. */
  async generate(tokens: Tensor, options: GenerateOptions): Promise<Tensor> {
    const cache = this.createCache();
    try {
      return await evaluating(this as AnyModule, () => generateWith('CharRNN.generate', this, tokens, cache, options));
    } finally {
      cache.dispose();
    }
  }
}
