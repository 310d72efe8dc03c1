// Sequence to sequence with a Transformer.
import { ArgumentError, valueText } from '../errors.js';
import { normal_ } from '../nn/init.js';
import { KVCache } from '../nn/kv-cache.js';
import { checkFloatDType, checkSize, Linear } from '../nn/linear.js';
import { type AnyModule, Module } from '../nn/module.js';
import { SinusoidalPositionalEncoding } from '../nn/positions.js';
import { Embedding } from '../nn/sparse.js';
import { Transformer, type TransformerDecoder } from '../nn/transformer.js';
import type { TransformerActivation, TransformerDecoderLayer } from '../nn/transformer-layer.js';
import { indexSelect } from '../ops/indexing/indexing.js';
import { mul } from '../ops/pointwise/arithmetic.js';
import { eq, ne } from '../ops/pointwise/compare.js';
import { tril } from '../ops/shape/triangle.js';
import { reshape, select } from '../ops/shape/view.js';
import { checkOptions } from '../tensor/check.js';
import { getDefaultDType, ones } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkTokens, type DecodingCache, type StepModel, type TranslateOptions, translateWith } from './decoding.js';
import { checkBatch } from './rnn-seq2seq.js';

/** Options of {@link TransformerSeq2Seq}. */
export interface TransformerSeq2SeqOptions {
  /** Tokens of the source. */
  sourceVocabSize: number;
  /** Tokens of the target. */
  targetVocabSize: number;
  /** Size of the features, E. Default 256. */
  dModel?: number;
  /** Default 4. */
  nhead?: number;
  /** Default 3. */
  numEncoderLayers?: number;
  /** Default 3. */
  numDecoderLayers?: number;
  /** Default 4 · dModel. */
  dimFeedforward?: number;
  /** Default 0.1. */
  dropout?: number;
  /** Default 'relu'. */
  activation?: TransformerActivation;
  /** Normalize before attention and linear layers. Default false. */
  normFirst?: boolean;
  /** Longest source and target. Default 512. */
  maxLen?: number;
  /** Places of the source with this token are padding. Default: none. */
  padToken?: number | null;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/** Keys and values of the target so far and of the source. */
class TransformerCache implements DecodingCache {
  /** @internal */
  constructor(
    readonly own: KVCache,
    private held: readonly Tensor[],
    private padding: Tensor | null,
  ) {
    for (const x of padding ? [...held, padding] : held) x.keep();
  }

  get length(): number {
    return this.own.length;
  }

  /** @internal Keys and values of the source for a layer. */
  memoryOf(layer: number): readonly [Tensor, Tensor] {
    return [this.held[2 * layer], this.held[2 * layer + 1]];
  }

  /** @internal bool `[N, 1, 1, S]`: true where the source is no padding. */
  get visible(): Tensor | null {
    return this.padding;
  }

  reorder(rows: Tensor): void {
    this.own.reorder(rows);
    const moved = (x: Tensor): Tensor => {
      const next = indexSelect(x, 0, rows).keep();
      x.dispose();
      return next;
    };
    this.held = this.held.map(moved);
    this.padding = this.padding && moved(this.padding);
  }

  dispose(): void {
    this.own.dispose();
    for (const x of this.held) x.dispose();
    this.padding?.dispose();
    this.held = [];
    this.padding = null;
  }
}

/**
 * The translation model of "Attention is all you need" (Vaswani et al., 2017): embeddings times √E, sinusoidal positions,
 * `nn.Transformer`, a linear layer. Source `[N, S]` and target `[N, T]` (what was said so far, beginning with a start token)
 * give the logits `[N, T, targetVocabSize]` of the tokens that follow.
 */
export class TransformerSeq2Seq
  extends Module<[source: Tensor, target: Tensor]>
  implements StepModel<TransformerCache>
{
  readonly sourceEmbedding: Embedding;
  readonly targetEmbedding: Embedding;
  readonly positions: SinusoidalPositionalEncoding;
  readonly transformer: Transformer;
  readonly output: Linear;
  readonly padToken: number | null;

  constructor(options: TransformerSeq2SeqOptions) {
    super();
    const op = 'TransformerSeq2Seq';
    checkOptions(op, options);
    const { sourceVocabSize, targetVocabSize, maxLen = 512, padToken = null, ...layers } = options;
    const { dModel = 256, nhead = 4, dropout = 0.1, numEncoderLayers = 3, numDecoderLayers = 3 } = layers;
    if (padToken !== null && !Number.isSafeInteger(padToken)) {
      throw new ArgumentError(op, `padToken must be an integer, got ${valueText(padToken)}`, padToken);
    }
    this.padToken = padToken;
    const dtype = checkFloatDType(op, options.dtype ?? getDefaultDType());
    checkSize(op, 'dModel', dModel);
    this.sourceEmbedding = new Embedding(checkSize(op, 'sourceVocabSize', sourceVocabSize), dModel, { dtype });
    this.targetEmbedding = new Embedding(checkSize(op, 'targetVocabSize', targetVocabSize), dModel, { dtype });
    for (const { weight } of [this.sourceEmbedding, this.targetEmbedding]) normal_(weight, 0, dModel ** -0.5);
    this.positions = new SinusoidalPositionalEncoding(dModel, { maxLen, dropout, batchFirst: true });
    this.transformer = new Transformer(dModel, nhead, {
      numEncoderLayers,
      numDecoderLayers,
      dimFeedforward: layers.dimFeedforward ?? 4 * dModel,
      dropout,
      activation: layers.activation,
      normFirst: layers.normFirst,
      batchFirst: true,
      dtype,
    });
    this.output = new Linear(dModel, targetVocabSize, { dtype });
  }

  private embed(table: Embedding, tokens: Tensor, offset = 0): Tensor {
    return this.positions.forward(mul(table.forward(tokens), Math.sqrt(table.embeddingDim)), { offset });
  }

  /** @throws ShapeError for sequences longer than maxLen. */
  forward(source: Tensor, target: Tensor): Tensor {
    checkBatch('TransformerSeq2Seq', source, target);
    const padding = this.padToken === null ? null : eq(source, this.padToken);
    const { dtype } = this.output.weight;
    const out = this.transformer.forward(
      this.embed(this.sourceEmbedding, source),
      this.embed(this.targetEmbedding, target),
      {
        srcKeyPaddingMask: padding,
        memoryKeyPaddingMask: padding,
        tgtMask: Transformer.generateSquareSubsequentMask(target.shape[1], { dtype }),
      },
    );
    return this.output.forward(out);
  }

  private get decoderLayers(): readonly TransformerDecoderLayer[] {
    return [...(this.transformer.decoder as TransformerDecoder).layers] as unknown as TransformerDecoderLayer[];
  }

  /** A cache for {@link step}, with what the encoder made of the source `[N, S]`. Call `eval()` before. */
  createCache(source: Tensor): TransformerCache {
    checkTokens('TransformerSeq2Seq', source, 'source');
    const { decoderLayers: layers, padToken } = this;
    const [heads, visible] = noGrad(() => {
      const padding = padToken === null ? null : eq(source, padToken);
      const call = { srcKeyPaddingMask: padding };
      const memory = this.transformer.encoder.forward(this.embed(this.sourceEmbedding, source), call);
      const [batch, length] = source.shape;
      const seen = padToken === null ? null : reshape(ne(source, padToken), [batch, 1, 1, length]);
      return [layers.flatMap((layer) => [...layer._memoryHeads(memory)]), seen] as const;
    });
    return new TransformerCache(new KVCache(layers.length, { maxLength: this.positions.maxLen }), heads, visible);
  }

  /** Logits `[N, targetVocabSize]` of what follows the new tokens `[N, T]` of the target. */
  step(tokens: Tensor, cache: TransformerCache): Tensor {
    checkTokens('TransformerSeq2Seq', tokens);
    return noGrad(() => {
      const [before, length] = [cache.length, tokens.shape[1]];
      let x = this.embed(this.targetEmbedding, tokens, before);
      const mask = length === 1 ? null : tril(ones([length, before + length], { dtype: 'bool' }), before);
      for (const [i, layer] of this.decoderLayers.entries()) {
        x = layer._step(x, cache.memoryOf(i), (key, value) => cache.own.update(i, key, value), mask, cache.visible);
      }
      const { norm } = this.transformer.decoder as TransformerDecoder;
      const last = select(x, 1, length - 1);
      return this.output.forward(norm ? norm.forward(last) : last);
    });
  }

  /** Targets `[N, at most maxNewTokens]` for sources `[N, S]`, without the start token. In evaluation mode. */
  generate(source: Tensor, options: TranslateOptions): Promise<Tensor> {
    const model = this as AnyModule & StepModel<TransformerCache>;
    return translateWith('TransformerSeq2Seq.generate', model, source, options, () => this.createCache(source));
  }
}

export type { TransformerCache };
