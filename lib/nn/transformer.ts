// Stacks of Transformer layers, and both of them together.
import { ArgumentError, valueText } from '../errors.js';
import { triu } from '../ops/shape/triangle.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { full, type TensorOptions } from '../tensor/create.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { ModuleList } from './container.js';
import { xavierUniform_ } from './init.js';
import { LayerNorm } from './layer-norm.js';
import { checkSize } from './linear.js';
import { Module } from './module.js';
import {
  checkPair,
  type DecoderLayerCall,
  type EncoderLayerCall,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from './transformer-layer.js';

/** Options of a call of {@link TransformerEncoder}. */
export interface EncoderCall {
  /** `[L, L]` or `[N · heads, L, L]`, as `attnMask` of MultiheadAttention. */
  mask?: Tensor | null;
  /** `[N, L]`: true for padding. */
  srcKeyPaddingMask?: Tensor | null;
  /** `mask` is the causal mask. Default: true for one that generateSquareSubsequentMask made. */
  isCausal?: boolean | null;
}

/** Options of a call of {@link TransformerDecoder}; `tgtIsCausal` is as `isCausal` of {@link EncoderCall}. */
export interface DecoderCall extends Omit<DecoderLayerCall, 'tgtIsCausal'> {
  tgtIsCausal?: boolean | null;
}

/** Options of a call of {@link Transformer}. */
export interface TransformerCall extends DecoderCall {
  /** `[S, S]` or `[N · heads, S, S]`. */
  srcMask?: Tensor | null;
  /** `[N, S]`: true for padding. */
  srcKeyPaddingMask?: Tensor | null;
  /** `srcMask` is the causal mask; default as `isCausal` of {@link EncoderCall}. */
  srcIsCausal?: boolean | null;
}

/** An encoder of one's own. */
export type CustomEncoder = Module<[src: Tensor, options?: EncoderCall]>;
/** A decoder of one's own. */
export type CustomDecoder = Module<[tgt: Tensor, memory: Tensor, options?: DecoderCall]>;

/** Options of {@link Transformer}. */
export interface TransformerOptions extends TransformerLayerOptions {
  /** Default 6. */
  numEncoderLayers?: number;
  /** Default 6. */
  numDecoderLayers?: number;
  /** In the place of the encoder. */
  customEncoder?: CustomEncoder | null;
  /** In the place of the decoder. */
  customDecoder?: CustomDecoder | null;
}

/** Masks that are causal, with the version of their values: so nobody has to read values to see it. */
const causal = new WeakMap<Tensor, number>();

const knownCausal = (mask: Tensor | null | undefined): boolean => !!mask && causal.get(mask) === mask._version.n;

/** The hint for the layers. */
const hintOf = (mask: Tensor | null | undefined, hint: boolean | null | undefined): boolean =>
  hint ?? knownCausal(mask);

function copiesOf<M extends Module<never[], unknown>>(op: string, layer: M, count: number): M[] {
  if (!(layer instanceof Module)) throw new ArgumentError(op, `a layer is needed, got ${valueText(layer)}`, layer);
  checkSize(op, 'numLayers', count);
  return Array.from({ length: count }, () => layer.clone());
}

/**
 * A stack of copies of an encoder layer, and a normalization behind them. Input and output `[L, N, E]`, `[N, L, E]` with
 * batchFirst, or `[L, E]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.TransformerEncoder.html
 */
export class TransformerEncoder extends Module<[src: Tensor, options?: EncoderCall]> {
  readonly layers: ModuleList<Module<[src: Tensor, options?: EncoderLayerCall]>>;
  readonly norm: Module | null;

  constructor(
    encoderLayer: Module<[src: Tensor, options?: EncoderLayerCall]>,
    readonly numLayers: number,
    norm: Module | null = null,
  ) {
    super();
    this.layers = new ModuleList(copiesOf('TransformerEncoder', encoderLayer, numLayers));
    this.norm = norm;
  }

  /** The masks stand in the options. */
  forward(src: Tensor, options: EncoderCall = {}): Tensor {
    checkTensor('TransformerEncoder', src, 'src');
    checkOptions('TransformerEncoder', options);
    const { mask, srcKeyPaddingMask } = options;
    const call = { srcMask: mask, srcKeyPaddingMask, isCausal: hintOf(mask, options.isCausal) };
    let x = src;
    for (const layer of this.layers) x = layer.forward(x, call);
    return this.norm ? this.norm.forward(x) : x;
  }
}

/**
 * A stack of copies of a decoder layer, and a normalization behind them. Input and output `[T, N, E]`, `[N, T, E]` with
 * batchFirst, or `[T, E]`; memory `[S, N, E]` and so on.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.TransformerDecoder.html
 */
export class TransformerDecoder extends Module<[tgt: Tensor, memory: Tensor, options?: DecoderCall]> {
  readonly layers: ModuleList<Module<[tgt: Tensor, memory: Tensor, options?: DecoderLayerCall]>>;
  readonly norm: Module | null;

  constructor(
    decoderLayer: Module<[tgt: Tensor, memory: Tensor, options?: DecoderLayerCall]>,
    readonly numLayers: number,
    norm: Module | null = null,
  ) {
    super();
    this.layers = new ModuleList(copiesOf('TransformerDecoder', decoderLayer, numLayers));
    this.norm = norm;
  }

  /** The masks stand in the options. */
  forward(tgt: Tensor, memory: Tensor, options: DecoderCall = {}): Tensor {
    checkTensor('TransformerDecoder', tgt, 'tgt');
    checkTensor('TransformerDecoder', memory, 'memory');
    checkOptions('TransformerDecoder', options);
    const call = { ...options, tgtIsCausal: hintOf(options.tgtMask, options.tgtIsCausal) };
    let x = tgt;
    for (const layer of this.layers) x = layer.forward(x, memory, call);
    return this.norm ? this.norm.forward(x) : x;
  }
}

/**
 * Encoder and decoder of "Attention is all you need" (Vaswani et al. 2017), without embeddings and positions:
 * src `[S, N, E]` and tgt `[T, N, E]` give `[T, N, E]`; `[N, S, E]` and so on with batchFirst.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Transformer.html
 */
export class Transformer extends Module<[src: Tensor, tgt: Tensor, options?: TransformerCall]> {
  readonly encoder: CustomEncoder;
  readonly decoder: CustomDecoder;
  readonly batchFirst: boolean;

  constructor(
    readonly dModel = 512,
    readonly nhead = 8,
    options: TransformerOptions = {},
  ) {
    super();
    checkOptions('Transformer', options);
    const { numEncoderLayers = 6, numDecoderLayers = 6, customEncoder, customDecoder, ...layer } = options;
    const norm = (): LayerNorm =>
      new LayerNorm(dModel, { eps: layer.layerNormEps, bias: layer.bias, dtype: layer.dtype });
    this.encoder =
      customEncoder ??
      new TransformerEncoder(new TransformerEncoderLayer(dModel, nhead, layer), numEncoderLayers, norm());
    this.decoder =
      customDecoder ??
      new TransformerDecoder(new TransformerDecoderLayer(dModel, nhead, layer), numDecoderLayers, norm());
    this.batchFirst = layer.batchFirst ?? false;
    this.resetParameters();
  }

  /** Glorot's uniform numbers for every matrix. */
  resetParameters(): void {
    for (const p of this.parameters()) if (p.ndim > 1) xavierUniform_(p);
  }

  /**
   * The masks stand in the options.
   * @throws ShapeError when src and tgt differ in the batch or do not end in dModel.
   */
  forward(src: Tensor, tgt: Tensor, options: TransformerCall = {}): Tensor {
    checkPair('Transformer', src, tgt, this.dModel, this.batchFirst);
    checkOptions('Transformer', options);
    const { srcMask, srcKeyPaddingMask, srcIsCausal, ...rest } = options;
    const memory = this.encoder.forward(src, { mask: srcMask, srcKeyPaddingMask, isCausal: srcIsCausal });
    return this.decoder.forward(tgt, memory, rest);
  }

  /** The causal mask `[size, size]`: 0 on and below the diagonal, -Infinity above it. */
  static generateSquareSubsequentMask(size: number, options: Pick<TensorOptions, 'dtype'> = {}): Tensor {
    checkSize('generateSquareSubsequentMask', 'size', size, 0);
    checkOptions('generateSquareSubsequentMask', options);
    const mask = noGrad(() => triu(full([size, size], -Infinity, options), 1));
    causal.set(mask, mask._version.n);
    return mask;
  }
}
