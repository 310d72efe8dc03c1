// One layer of a Transformer: encoder and decoder.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { gelu } from '../ops/layers/activation.js';
import { scaledDotProductAttention } from '../ops/layers/attention.js';
import { add } from '../ops/pointwise/arithmetic.js';
import { relu } from '../ops/pointwise/unary.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { getDefaultDType } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import { Dropout } from './dropout.js';
import { LayerNorm } from './layer-norm.js';
import { checkFloatDType, checkSize, Linear } from './linear.js';
import { Module } from './module.js';
import { MultiheadAttention } from './multihead-attention.js';

/** What stands between the two linear layers: 'relu', 'gelu', a module or a function. */
export type TransformerActivation = 'relu' | 'gelu' | Module | ((x: Tensor) => Tensor);

/** Options of {@link TransformerEncoderLayer} and {@link TransformerDecoderLayer}. */
export interface TransformerLayerOptions {
  /** Size between the two linear layers. Default 2048. */
  dimFeedforward?: number;
  /** Default 0.1. */
  dropout?: number;
  /** Default 'relu'. */
  activation?: TransformerActivation;
  /** Default 1e-5. */
  layerNormEps?: number;
  /** Sequences are `[N, L, E]` instead of `[L, N, E]`. Default false. */
  batchFirst?: boolean;
  /** Normalize before attention and linear layers instead of after. Default false. */
  normFirst?: boolean;
  /** Biases of linear layers and normalization. Default true. */
  bias?: boolean;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/** Options of a call of {@link TransformerEncoderLayer}. */
export interface EncoderLayerCall {
  /** `[L, L]` or `[N · heads, L, L]`, as `attnMask` of MultiheadAttention. */
  srcMask?: Tensor | null;
  /** `[N, L]`: true for padding. */
  srcKeyPaddingMask?: Tensor | null;
  /** `srcMask` is the causal mask. Default false. */
  isCausal?: boolean;
}

/** Options of a call of {@link TransformerDecoderLayer}. */
export interface DecoderLayerCall {
  /** `[T, T]` or `[N · heads, T, T]`. */
  tgtMask?: Tensor | null;
  /** `[T, S]` or `[N · heads, T, S]`. */
  memoryMask?: Tensor | null;
  /** `[N, T]`: true for padding. */
  tgtKeyPaddingMask?: Tensor | null;
  /** `[N, S]`: true for padding. */
  memoryKeyPaddingMask?: Tensor | null;
  /** `tgtMask` is the causal mask. Default false. */
  tgtIsCausal?: boolean;
  /** `memoryMask` is the causal mask. Default false. */
  memoryIsCausal?: boolean;
}

interface Attended {
  attnMask?: Tensor | null;
  keyPaddingMask?: Tensor | null;
  isCausal?: boolean;
}

type Resolved = Required<Omit<TransformerLayerOptions, 'activation'>> & {
  activation: Module | ((x: Tensor) => Tensor);
};

const FUNCTIONS = { relu, gelu };

function resolve(op: string, dModel: number, nhead: number, options: TransformerLayerOptions): Resolved {
  checkOptions(op, options);
  checkSize(op, 'dModel', dModel);
  checkSize(op, 'nhead', nhead);
  const { activation = 'relu' } = options;
  if (typeof activation === 'string' && !Object.hasOwn(FUNCTIONS, activation)) {
    throw new ArgumentError(op, `activation must be 'relu' or 'gelu', got ${valueText(activation)}`, activation);
  }
  if (typeof activation !== 'string' && typeof activation !== 'function' && !(activation instanceof Module)) {
    const text = `activation must be 'relu', 'gelu', a module or a function, got ${valueText(activation)}`;
    throw new ArgumentError(op, text, activation);
  }
  return {
    dimFeedforward: checkSize(op, 'dimFeedforward', options.dimFeedforward ?? 2048),
    dropout: options.dropout ?? 0.1,
    activation: typeof activation === 'string' ? FUNCTIONS[activation] : activation,
    layerNormEps: options.layerNormEps ?? 1e-5,
    batchFirst: options.batchFirst ?? false,
    normFirst: options.normFirst ?? false,
    bias: options.bias ?? true,
    dtype: checkFloatDType(op, options.dtype ?? getDefaultDType()),
  };
}

const attentionOf = (dModel: number, nhead: number, o: Resolved): MultiheadAttention =>
  new MultiheadAttention(dModel, nhead, { dropout: o.dropout, batchFirst: o.batchFirst, bias: o.bias, dtype: o.dtype });

const normOf = (dModel: number, o: Resolved): LayerNorm =>
  new LayerNorm(dModel, { eps: o.layerNormEps, bias: o.bias, dtype: o.dtype });

/** linear1, activation, dropout, linear2; relu runs in the kernel of linear1. */
function feedForward(
  layer: { linear1: Linear; linear2: Linear; dropout: Dropout; activation: Module | ((x: Tensor) => Tensor) },
  x: Tensor,
): Tensor {
  const { linear1, activation } = layer;
  const fused = activation === relu && linear1.forward === Linear.prototype.forward;
  const wide = fused ? linear1._forwardRelu(x) : activated(activation, linear1.forward(x));
  return layer.linear2.forward(layer.dropout.forward(wide));
}

const activated = (activation: Module | ((x: Tensor) => Tensor), x: Tensor): Tensor =>
  activation instanceof Module ? activation.forward(x) : activation(x);

/** Keys and values that decoding keeps for one layer. @internal */
export type HeadCache = (key: Tensor, value: Tensor) => readonly [Tensor, Tensor];

/**
 * Self-attention and two linear layers, each with a residual connection and a normalization. Input and output `[L, N, E]`,
 * `[N, L, E]` with batchFirst, or `[L, E]`. Vaswani et al. 2017; with normFirst, Xiong et al. 2020.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.TransformerEncoderLayer.html
 */
export class TransformerEncoderLayer extends Module<[src: Tensor, options?: EncoderLayerCall]> {
  readonly normFirst: boolean;
  readonly selfAttn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  /** What stands between the two linear layers. */
  readonly activation: Module | ((x: Tensor) => Tensor);

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const o = resolve('TransformerEncoderLayer', dModel, nhead, options);
    this.normFirst = o.normFirst;
    this.selfAttn = attentionOf(dModel, nhead, o);
    this.linear1 = new Linear(dModel, o.dimFeedforward, { bias: o.bias, dtype: o.dtype });
    this.dropout = new Dropout(o.dropout);
    this.linear2 = new Linear(o.dimFeedforward, dModel, { bias: o.bias, dtype: o.dtype });
    this.norm1 = normOf(dModel, o);
    this.norm2 = normOf(dModel, o);
    this.dropout1 = new Dropout(o.dropout);
    this.dropout2 = new Dropout(o.dropout);
    this.activation = o.activation;
  }

  private attend(x: Tensor, call: EncoderLayerCall): Tensor {
    const { srcMask, srcKeyPaddingMask, isCausal } = call;
    const options = { attnMask: srcMask, keyPaddingMask: srcKeyPaddingMask, isCausal, needWeights: false } as const;
    return this.dropout1.forward(this.selfAttn.forward(x, x, x, options)[0]);
  }

  private feed(x: Tensor): Tensor {
    return this.dropout2.forward(feedForward(this, x));
  }

  /** The masks stand in the options. */
  forward(src: Tensor, options: EncoderLayerCall = {}): Tensor {
    checkTensor('TransformerEncoderLayer', src, 'src');
    checkOptions('TransformerEncoderLayer', options);
    if (this.normFirst) {
      const x = add(src, this.attend(this.norm1.forward(src), options));
      return add(x, this.feed(this.norm2.forward(x)));
    }
    const x = this.norm1.forward(add(src, this.attend(src, options)));
    return this.norm2.forward(add(x, this.feed(x)));
  }
}

/**
 * Self-attention, attention to the encoder's output (`memory` `[S, N, E]`) and two linear layers, each with a residual
 * connection and a normalization. Input and output `[T, N, E]`, `[N, T, E]` with batchFirst, or `[T, E]`.
 * Vaswani et al. 2017.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.TransformerDecoderLayer.html
 */
export class TransformerDecoderLayer extends Module<[tgt: Tensor, memory: Tensor, options?: DecoderLayerCall]> {
  readonly normFirst: boolean;
  readonly selfAttn: MultiheadAttention;
  readonly multiheadAttn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly norm3: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly dropout3: Dropout;
  /** What stands between the two linear layers. */
  readonly activation: Module | ((x: Tensor) => Tensor);

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const o = resolve('TransformerDecoderLayer', dModel, nhead, options);
    this.normFirst = o.normFirst;
    this.selfAttn = attentionOf(dModel, nhead, o);
    this.multiheadAttn = attentionOf(dModel, nhead, o);
    this.linear1 = new Linear(dModel, o.dimFeedforward, { bias: o.bias, dtype: o.dtype });
    this.dropout = new Dropout(o.dropout);
    this.linear2 = new Linear(o.dimFeedforward, dModel, { bias: o.bias, dtype: o.dtype });
    this.norm1 = normOf(dModel, o);
    this.norm2 = normOf(dModel, o);
    this.norm3 = normOf(dModel, o);
    this.dropout1 = new Dropout(o.dropout);
    this.dropout2 = new Dropout(o.dropout);
    this.dropout3 = new Dropout(o.dropout);
    this.activation = o.activation;
  }

  /** The masks stand in the options. */
  forward(tgt: Tensor, memory: Tensor, options: DecoderLayerCall = {}): Tensor {
    const op = 'TransformerDecoderLayer';
    checkTensor(op, tgt, 'tgt');
    checkTensor(op, memory, 'memory');
    checkOptions(op, options);
    const attend = (layer: MultiheadAttention, x: Tensor, from: Tensor, call: Attended): Tensor =>
      layer.forward(x, from, from, { ...call, needWeights: false })[0];
    const { tgtMask, tgtKeyPaddingMask, tgtIsCausal, memoryMask, memoryKeyPaddingMask, memoryIsCausal } = options;
    const own = { attnMask: tgtMask, keyPaddingMask: tgtKeyPaddingMask, isCausal: tgtIsCausal };
    const other = { attnMask: memoryMask, keyPaddingMask: memoryKeyPaddingMask, isCausal: memoryIsCausal };
    return this.run(
      tgt,
      (x) => attend(this.selfAttn, x, x, own),
      (x) => attend(this.multiheadAttn, x, memory, other),
    );
  }

  private run(tgt: Tensor, own: (x: Tensor) => Tensor, other: (x: Tensor) => Tensor): Tensor {
    const first = (x: Tensor): Tensor => this.dropout1.forward(own(x));
    const second = (x: Tensor): Tensor => this.dropout2.forward(other(x));
    const third = (x: Tensor): Tensor => this.dropout3.forward(feedForward(this, x));
    const { norm1, norm2, norm3 } = this;
    if (this.normFirst) {
      const x = add(tgt, first(norm1.forward(tgt)));
      const y = add(x, second(norm2.forward(x)));
      return add(y, third(norm3.forward(y)));
    }
    const x = norm1.forward(add(tgt, first(tgt)));
    const y = norm2.forward(add(x, second(x)));
    return norm3.forward(add(y, third(y)));
  }

  /** @internal Heads of the encoder's output, for {@link _step}. */
  _memoryHeads(memory: Tensor): readonly [Tensor, Tensor] {
    return this.multiheadAttn._memoryHeads(memory);
  }

  /**
   * @internal New positions `[N, t, E]` (or `[t, N, E]`) behind those that `remember` holds; `mask` `[t, length]` is true
   * where a position sees another one, `padding` `[N, 1, 1, S]` where a key of the memory takes part.
   */
  _step(
    tgt: Tensor,
    memory: readonly [Tensor, Tensor],
    remember: HeadCache,
    mask: Tensor | null,
    padding: Tensor | null,
  ): Tensor {
    return this.run(
      tgt,
      (x) => {
        const [q, key, value] = this.selfAttn._selfHeads(x);
        const [k, v] = remember(key, value);
        return this.selfAttn._project(scaledDotProductAttention(q, k, v, { attnMask: mask }));
      },
      (x) => {
        const q = this.multiheadAttn._queryHeads(x);
        return this.multiheadAttn._project(scaledDotProductAttention(q, ...memory, { attnMask: padding }));
      },
    );
  }
}

/** Throws unless two sequences go together and end in `dModel`. @internal */
export function checkPair(op: string, src: Tensor, tgt: Tensor, dModel: number, batchFirst: boolean): void {
  checkTensor(op, src, 'src');
  checkTensor(op, tgt, 'tgt');
  const batch = batchFirst ? 0 : 1;
  const alike = src.ndim === tgt.ndim && (src.ndim !== 3 || src.shape[batch] === tgt.shape[batch]);
  if (alike && (src.ndim === 2 || src.ndim === 3)) {
    if (src.shape[src.ndim - 1] === dModel && tgt.shape[tgt.ndim - 1] === dModel) return;
    const text = `src ${shapeText(src.shape)} and tgt ${shapeText(tgt.shape)} must end in dModel ${dModel}`;
    throw new ShapeError(op, text, src.shape, tgt.shape, [dModel]);
  }
  const text = `src ${shapeText(src.shape)} and tgt ${shapeText(tgt.shape)} must have 2 or 3 axes and one batch`;
  throw new ShapeError(op, text, src.shape, tgt.shape);
}
