// Sequence to sequence with recurrent layers and attention.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { Dropout } from '../nn/dropout.js';
import { checkFloatDType, checkSize, Linear } from '../nn/linear.js';
import { type AnyModule, Module } from '../nn/module.js';
import { GRU, LSTM } from '../nn/rnn.js';
import { Embedding } from '../nn/sparse.js';
import { packPaddedSequence, padPackedSequence } from '../nn/utils/rnn.js';
import { ge } from '../ops/pointwise/compare.js';
import { tanh } from '../ops/pointwise/unary.js';
import { cat } from '../ops/shape/concat.js';
import { narrow, reshape, select, transpose, unsqueeze } from '../ops/shape/view.js';
import { checkOptions } from '../tensor/check.js';
import { getDefaultDType, tensor } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import { noGrad } from '../tensor/scope.js';
import { arange } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkCell, runRecurrent } from './char-rnn.js';
import { checkTokens, type StepModel, type TranslateOptions, translateWith } from './decoding.js';
import { BahdanauAttention, LuongAttention } from './recurrent-attention.js';
import { StateCache } from './state-cache.js';

/** Options of {@link RNNSeq2Seq}. */
export interface RNNSeq2SeqOptions {
  /** Tokens of the source. */
  sourceVocabSize: number;
  /** Tokens of the target. */
  targetVocabSize: number;
  /** Default 128. */
  embeddingDim?: number;
  /** Default 256. */
  hiddenSize?: number;
  /** Layers of encoder and decoder. Default 1. */
  numLayers?: number;
  /** Default 'lstm'. */
  cell?: 'lstm' | 'gru';
  /** The encoder reads in both directions. Default true. */
  bidirectional?: boolean;
  /** Bahdanau's, or one of Luong's scores. Default 'general'. */
  attention?: 'bahdanau' | 'dot' | 'general' | 'concat';
  /** Behind the embeddings, between layers and before the last one. Default 0. */
  dropout?: number;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/** How long the sources of a batch are. */
export interface SourceCall {
  /** Length of each source; what is behind it is padding. Default: all are whole. */
  sourceLengths?: readonly number[] | null;
}

/** What the decoder needs of the source. */
interface Encoded {
  readonly memory: Tensor;
  readonly prepared: Tensor;
  readonly mask: Tensor | null;
  readonly states: Tensor[];
}

const ATTENTIONS = ['bahdanau', 'dot', 'general', 'concat'] as const;

/** Throws unless source and target are tokens of one batch. @internal */
export function checkBatch(op: string, source: Tensor, target: Tensor): void {
  checkTokens(op, source, 'source');
  checkTokens(op, target, 'target');
  if (source.shape[0] === target.shape[0]) return;
  const text = `source ${shapeText(source.shape)} and target ${shapeText(target.shape)} differ in the batch`;
  throw new ShapeError(op, text, source.shape, target.shape);
}

/**
 * Encoder and decoder of recurrent layers, with attention: source `[N, S]` and target `[N, T]` (what was said so far, beginning
 * with a start token) give the logits `[N, T, targetVocabSize]` of the tokens that follow.
 *
 * With Bahdanau's attention (2015) the state before a step looks for its place, and the step gets what stands there; steps run
 * one by one. With one of Luong's (2015, without input feeding) the output of a step does, so that all steps of a known
 * target run at once. Behind both stands tanh(W [context; output]).
 */
export class RNNSeq2Seq
  extends Module<[source: Tensor, target: Tensor, options?: SourceCall]>
  implements StepModel<StateCache>
{
  readonly sourceEmbedding: Embedding;
  readonly targetEmbedding: Embedding;
  readonly dropout: Dropout;
  readonly encoder: LSTM | GRU;
  /** Make the decoder's first states of those of both directions; none where there is one. */
  readonly bridgeH: Linear | null = null;
  readonly bridgeC: Linear | null = null;
  readonly attention: BahdanauAttention | LuongAttention;
  readonly decoder: LSTM | GRU;
  readonly combine: Linear;
  readonly output: Linear;

  constructor(options: RNNSeq2SeqOptions) {
    super();
    const op = 'RNNSeq2Seq';
    checkOptions(op, options);
    const { embeddingDim = 128, hiddenSize = 256, numLayers = 1, bidirectional = true, dropout = 0 } = options;
    const { attention = 'general' } = options;
    if (!ATTENTIONS.includes(attention)) {
      const text = `attention must be one of ${ATTENTIONS.join(', ')}, got ${valueText(attention)}`;
      throw new ArgumentError(op, text, attention);
    }
    const dtype = checkFloatDType(op, options.dtype ?? getDefaultDType());
    const Layer = checkCell(op, options.cell ?? 'lstm') === 'lstm' ? LSTM : GRU;
    const memorySize = (bidirectional ? 2 : 1) * hiddenSize;
    const additive = attention === 'bahdanau';
    const table = (name: 'sourceVocabSize' | 'targetVocabSize'): Embedding =>
      new Embedding(checkSize(op, name, options[name]), embeddingDim, { dtype });
    this.sourceEmbedding = table('sourceVocabSize');
    this.targetEmbedding = table('targetVocabSize');
    this.dropout = new Dropout(dropout);
    const layers = { numLayers, dropout, batchFirst: true, dtype };
    this.encoder = new Layer(embeddingDim, hiddenSize, { ...layers, bidirectional });
    if (bidirectional) this.bridgeH = new Linear(memorySize, hiddenSize, { dtype });
    if (bidirectional && Layer === LSTM) this.bridgeC = new Linear(memorySize, hiddenSize, { dtype });
    this.attention = additive
      ? new BahdanauAttention(hiddenSize, memorySize, hiddenSize, { dtype })
      : new LuongAttention(hiddenSize, memorySize, { score: attention, dtype });
    this.decoder = new Layer(embeddingDim + (additive ? memorySize : 0), hiddenSize, layers);
    this.combine = new Linear(memorySize + hiddenSize, hiddenSize, { bias: false, dtype });
    this.output = new Linear(hiddenSize, checkSize(op, 'targetVocabSize', options.targetVocabSize), { dtype });
  }

  private encode(source: Tensor, options: SourceCall): Encoded {
    checkTokens('RNNSeq2Seq', source, 'source');
    checkOptions('RNNSeq2Seq', options);
    const { sourceLengths = null } = options;
    const x = this.dropout.forward(this.sourceEmbedding.forward(source));
    const [memory, last] = sourceLengths ? this.encodePacked(x, sourceLengths) : runRecurrent(this.encoder, x, []);
    const mask = sourceLengths
      ? ge(unsqueeze(arange(x.shape[1]), 0), unsqueeze(tensor([...sourceLengths], { dtype: 'int64' }), 1))
      : null;
    const bridges = [this.bridgeH, this.bridgeC];
    const states = last.map((state, i) => this.bridged(state, bridges[i]));
    return { memory, prepared: this.attention.prepare(memory), mask, states };
  }

  private encodePacked(x: Tensor, lengths: readonly number[]): [Tensor, Tensor[]] {
    const packed = packPaddedSequence(x, lengths, { batchFirst: true, enforceSorted: false });
    const { encoder } = this;
    const [out, last] = encoder instanceof LSTM ? encoder.forward(packed) : encoder.forward(packed);
    const [padded] = padPackedSequence(out, { batchFirst: true, totalLength: x.shape[1] });
    return [padded, Array.isArray(last) ? [...(last as readonly Tensor[])] : [last as Tensor]];
  }

  /** `[2 · layers, N, H]` of both directions as `[layers, N, H]`. */
  private bridged(state: Tensor, bridge: Linear | null): Tensor {
    if (!bridge) return state;
    const [rows, batch, size] = state.shape;
    const sides = transpose(reshape(state, [rows / 2, 2, batch, size]), 1, 2);
    return tanh(bridge.forward(reshape(sides, [rows / 2, batch, 2 * size])));
  }

  /** Outputs `[N, T, H]` behind the attention, and the last states. */
  private decode(target: Tensor, encoded: Encoded): [Tensor, Tensor[]] {
    const x = this.dropout.forward(this.targetEmbedding.forward(target));
    const look = (query: Tensor): Tensor => this.attention.forward(query, encoded.memory, encoded)[0];
    const joined = (context: Tensor, out: Tensor): Tensor => tanh(this.combine.forward(cat([context, out], 2)));
    if (this.attention instanceof LuongAttention) {
      const [out, states] = runRecurrent(this.decoder, x, encoded.states);
      return [joined(look(out), out), states];
    }
    let { states } = encoded;
    const outs: Tensor[] = [];
    for (let t = 0; t < x.shape[1]; t++) {
      const [h] = states;
      const context = look(unsqueeze(select(h, 0, h.shape[0] - 1), 1));
      const [out, next] = runRecurrent(this.decoder, cat([narrow(x, 1, t, 1), context], 2), states);
      outs.push(joined(context, out));
      states = next;
    }
    return [outs.length > 1 ? cat(outs, 1) : outs[0], states];
  }

  forward(source: Tensor, target: Tensor, options: SourceCall = {}): Tensor {
    checkBatch('RNNSeq2Seq', source, target);
    const [out] = this.decode(target, this.encode(source, options));
    return this.output.forward(this.dropout.forward(out));
  }

  /** A cache for {@link step}, with what the encoder made of the source `[N, S]`. Call `eval()` before. */
  createCache(source: Tensor, options: SourceCall = {}): StateCache {
    const { memory, prepared, mask, states } = noGrad(() => this.encode(source, options));
    // With score 'dot' both are one tensor.
    const own = prepared === memory ? memory.detach() : prepared;
    const cache = new StateCache(mask ? [memory, own, mask] : [memory, own]);
    cache.update(states, 0);
    return cache;
  }

  /** Logits `[N, targetVocabSize]` of what follows the new tokens `[N, T]` of the target. */
  step(tokens: Tensor, cache: StateCache): Tensor {
    checkTokens('RNNSeq2Seq', tokens);
    return noGrad(() => {
      const [memory, prepared, mask = null] = cache.constants;
      const [out, states] = this.decode(tokens, { memory, prepared, mask, states: [...cache.tensors] });
      cache.update(states, tokens.shape[1]);
      return this.output.forward(select(out, 1, out.shape[1] - 1));
    });
  }

  /** Targets `[N, at most maxNewTokens]` for sources `[N, S]`, without the start token. In evaluation mode. */
  generate(source: Tensor, options: TranslateOptions & SourceCall): Promise<Tensor> {
    const model = this as AnyModule & StepModel<StateCache>;
    return translateWith('RNNSeq2Seq.generate', model, source, options, () => this.createCache(source, options));
  }
}
