// A language model that sees what came before only, laid out as GPT-2.
import { ShapeError, shapeText } from '../errors.js';
import { ModuleList } from '../nn/container.js';
import { Dropout } from '../nn/dropout.js';
import { normal_, zeros_ } from '../nn/init.js';
import { KVCache } from '../nn/kv-cache.js';
import { LayerNorm } from '../nn/layer-norm.js';
import { checkFloatDType, checkSize, Linear } from '../nn/linear.js';
import { type AnyModule, Module } from '../nn/module.js';
import { type Parameter, parameterOf } from '../nn/parameter.js';
import { Embedding } from '../nn/sparse.js';
import type { LoadOptions, LoadResult, StateDict } from '../nn/state-dict.js';
import { skipInit } from '../nn/utils/skip-init.js';
import { gelu } from '../ops/layers/activation.js';
import { scaledDotProductAttention } from '../ops/layers/attention.js';
import { mergeHeads, splitHeads } from '../ops/layers/heads.js';
import { linear } from '../ops/layers/linear.js';
import { add } from '../ops/pointwise/arithmetic.js';
import { tril } from '../ops/shape/triangle.js';
import { narrow, select, transpose } from '../ops/shape/view.js';
import { checkOptions } from '../tensor/check.js';
import { getDefaultDType, ones } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import { noGrad } from '../tensor/scope.js';
import { emptyContiguous, type Tensor } from '../tensor/tensor.js';
import { checkTokens, evaluating, type GenerateOptions, generateWith, type StepModel } from './decoding.js';

/** Options of {@link GPT}: the names of Hugging Face's configuration, in camelCase. */
export interface GPTOptions {
  /** Tokens that there are. Default 50257. */
  vocabSize?: number;
  /** Longest sequence. Default 1024. */
  nPositions?: number;
  /** Size of the features, E. Default 768. */
  nEmbd?: number;
  /** Default 12. */
  nLayer?: number;
  /** Default 12. */
  nHead?: number;
  /** Size between the two linear layers of a block. Default 4 · nEmbd. */
  nInner?: number | null;
  /** Dropout behind attention and linear layers. Default 0.1. */
  residPdrop?: number;
  /** Dropout behind the embeddings. Default 0.1. */
  embdPdrop?: number;
  /** Dropout of the attention weights. Default 0.1. */
  attnPdrop?: number;
  /** Default 1e-5. */
  layerNormEpsilon?: number;
  /** Standard deviation of the weights at first. Default 0.02. */
  initializerRange?: number;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

type Config = Required<Omit<GPTOptions, 'nInner'>> & { nInner: number };

function configOf(options: GPTOptions): Config {
  const op = 'GPT';
  checkOptions(op, options);
  const { nEmbd = 768 } = options;
  const config = {
    vocabSize: options.vocabSize ?? 50257,
    nPositions: options.nPositions ?? 1024,
    nEmbd,
    nLayer: options.nLayer ?? 12,
    nHead: options.nHead ?? 12,
    nInner: options.nInner ?? 4 * nEmbd,
  };
  for (const [name, value] of Object.entries(config)) checkSize(op, name, value);
  if (nEmbd % config.nHead !== 0) {
    throw new ShapeError(op, `nEmbd ${nEmbd} is not divisible by nHead ${config.nHead}`, [nEmbd], [config.nHead]);
  }
  return {
    ...config,
    residPdrop: options.residPdrop ?? 0.1,
    embdPdrop: options.embdPdrop ?? 0.1,
    attnPdrop: options.attnPdrop ?? 0.1,
    layerNormEpsilon: options.layerNormEpsilon ?? 1e-5,
    initializerRange: options.initializerRange ?? 0.02,
    dtype: checkFloatDType(op, options.dtype ?? getDefaultDType()),
  };
}

/** A linear layer whose weight lies `[inFeatures, outFeatures]`, as GPT-2's files have it. */
class Conv1D extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(inFeatures: number, outFeatures: number, { initializerRange, dtype }: Config) {
    super();
    this.weight = parameterOf(emptyContiguous([inFeatures, outFeatures], dtype));
    this.bias = parameterOf(emptyContiguous([outFeatures], dtype));
    normal_(this.weight, 0, initializerRange);
    zeros_(this.bias);
  }

  forward(x: Tensor): Tensor {
    return linear(x, transpose(this.weight, 0, 1), this.bias);
  }

  override extraRepr(): string {
    return `nf=${this.weight.shape[1]}, nx=${this.weight.shape[0]}`;
  }
}

/** Keys and values of a layer, with those that came before. */
type Remember = (key: Tensor, value: Tensor) => readonly [Tensor, Tensor];

/** New queries `[t]` at the end of `length` keys: which see which. */
function visible(queries: number, length: number): { isCausal: boolean; attnMask: Tensor | null } {
  if (queries === 1 || queries === length) return { isCausal: queries > 1, attnMask: null };
  return { isCausal: false, attnMask: tril(ones([queries, length], { dtype: 'bool' }), length - queries) };
}

class GPT2Attention extends Module<[x: Tensor, remember?: Remember]> {
  readonly cAttn: Conv1D;
  readonly cProj: Conv1D;
  readonly residDropout: Dropout;
  private readonly heads: number;
  private readonly dropoutP: number;

  constructor(config: Config) {
    super();
    this.cAttn = new Conv1D(config.nEmbd, 3 * config.nEmbd, config);
    this.cProj = new Conv1D(config.nEmbd, config.nEmbd, config);
    this.residDropout = new Dropout(config.residPdrop);
    this.heads = config.nHead;
    this.dropoutP = config.attnPdrop;
  }

  forward(x: Tensor, remember?: Remember): Tensor {
    const [q, key, value] = splitHeads(this.cAttn.forward(x), { parts: 3, heads: this.heads, batchFirst: true });
    const [k, v] = remember ? remember(key, value) : [key, value];
    const dropoutP = this.training ? this.dropoutP : 0;
    const mixed = scaledDotProductAttention(q, k, v, { ...visible(q.shape[2], k.shape[2]), dropoutP });
    return this.residDropout.forward(this.cProj.forward(mergeHeads(mixed, true)));
  }
}

class GPT2MLP extends Module {
  readonly cFc: Conv1D;
  readonly cProj: Conv1D;
  readonly dropout: Dropout;

  constructor(config: Config) {
    super();
    this.cFc = new Conv1D(config.nEmbd, config.nInner, config);
    this.cProj = new Conv1D(config.nInner, config.nEmbd, config);
    this.dropout = new Dropout(config.residPdrop);
  }

  forward(x: Tensor): Tensor {
    return this.dropout.forward(this.cProj.forward(gelu(this.cFc.forward(x), { approximate: 'tanh' })));
  }
}

class GPT2Block extends Module<[x: Tensor, remember?: Remember]> {
  // The name in GPT-2's files has its underscore before a digit.
  readonly ln_1: LayerNorm;
  readonly attn: GPT2Attention;
  readonly ln_2: LayerNorm;
  readonly mlp: GPT2MLP;

  constructor(config: Config) {
    super();
    const norm = { eps: config.layerNormEpsilon, dtype: config.dtype };
    this.ln_1 = new LayerNorm(config.nEmbd, norm);
    this.attn = new GPT2Attention(config);
    this.ln_2 = new LayerNorm(config.nEmbd, norm);
    this.mlp = new GPT2MLP(config);
  }

  forward(x: Tensor, remember?: Remember): Tensor {
    const y = add(x, this.attn.forward(this.ln_1.forward(x), remember));
    return add(y, this.mlp.forward(this.ln_2.forward(y)));
  }
}

class GPT2Model extends Module<[tokens: Tensor, cache?: KVCache]> {
  readonly wte: Embedding;
  readonly wpe: Embedding;
  readonly drop: Dropout;
  readonly h: ModuleList<GPT2Block>;
  readonly lnF: LayerNorm;

  constructor(config: Config) {
    super();
    const { vocabSize, nPositions, nEmbd, nLayer, dtype, initializerRange } = config;
    this.wte = skipInit(Embedding, vocabSize, nEmbd, { dtype });
    this.wpe = skipInit(Embedding, nPositions, nEmbd, { dtype });
    for (const table of [this.wte, this.wpe]) normal_(table.weight, 0, initializerRange);
    this.drop = new Dropout(config.embdPdrop);
    this.h = new ModuleList(Array.from({ length: nLayer }, () => new GPT2Block(config)));
    this.lnF = new LayerNorm(nEmbd, { eps: config.layerNormEpsilon, dtype });
    // The sum over 2 · nLayer residual branches keeps its size (Radford et al., 2019, section 2.3).
    const std = initializerRange / Math.sqrt(2 * nLayer);
    for (const { attn, mlp } of this.h) for (const layer of [attn, mlp]) normal_(layer.cProj.weight, 0, std);
  }

  forward(tokens: Tensor, cache?: KVCache): Tensor {
    checkTokens('GPT', tokens);
    const before = cache?.length ?? 0;
    const length = tokens.shape[1];
    const most = this.wpe.numEmbeddings;
    if (before + length > most) {
      const behind = before > 0 ? ` behind ${before} others` : '';
      const text = `tokens ${shapeText(tokens.shape)}: ${length} positions${behind}, nPositions is ${most}`;
      throw new ShapeError('GPT', text, tokens.shape, [most]);
    }
    let x = this.drop.forward(add(this.wte.forward(tokens), narrow(this.wpe.weight, 0, before, length)));
    for (const [i, block] of [...this.h].entries()) {
      x = block.forward(x, cache && ((key, value) => cache.update(i, key, value)));
    }
    return this.lnF.forward(x);
  }
}

/** Files of GPT-2 differ: without `transformer.`, with the causal mask as a buffer, without the tied `lm_head`. */
function takeOldNames(_module: AnyModule, state: StateDict, prefix: string): void {
  for (const [key, value] of Object.entries(state)) {
    if (!key.startsWith(prefix)) continue;
    const name = key.slice(prefix.length);
    const bare = /^(wte|wpe|h|ln_f)\./.test(name);
    const mask = /(^|\.)h\.\d+\.attn\.(bias|masked_bias)$/.test(name);
    if (bare || mask) delete state[key];
    if (bare && !mask) state[`${prefix}transformer.${name}`] = value;
  }
  const [table, head] = [`${prefix}transformer.wte.weight`, `${prefix}lm_head.weight`];
  if (Object.hasOwn(state, table) && !Object.hasOwn(state, head)) state[head] = state[table];
}

/**
 * A decoder-only language model with the layout of GPT-2 (Radford et al., 2019): tokens `[N, T]` give the logits
 * `[N, T, vocabSize]` of the tokens that follow. Parameters have the names and shapes of Hugging Face's `GPT2LMHeadModel`, so
 * its safetensors load: `model.loadStateDict((await io.loadSafetensors(path)).tensors)`. The last layer shares its weight with `wte`.
 *
 * @example
 * const model = new models.GPT({ vocabSize: 65, nPositions: 128, nEmbd: 128, nLayer: 4, nHead: 4 });
 * const logits = model.forward(tokens);
 * const text = await model.generate(tokens, { maxNewTokens: 100 });
 */
export class GPT extends Module<[tokens: Tensor]> implements StepModel<KVCache> {
  readonly transformer: GPT2Model;
  readonly lmHead: Linear;

  constructor(options: GPTOptions = {}) {
    super();
    const config = configOf(options);
    this.transformer = new GPT2Model(config);
    this.lmHead = skipInit(Linear, config.nEmbd, config.vocabSize, { bias: false, dtype: config.dtype });
    this.tie();
    this.registerLoadStateDictPreHook(takeOldNames);
  }

  private tie(): void {
    const { weight } = this.transformer.wte;
    if (this.lmHead.weight === weight) return;
    this.lmHead.weight.dispose();
    this.lmHead.registerParameter('weight', weight);
  }

  override loadStateDict(state: Readonly<StateDict>, options: LoadOptions = {}): LoadResult {
    const result = super.loadStateDict(state, options);
    this.tie();
    return result;
  }

  /** @throws ShapeError for more than nPositions tokens. */
  forward(tokens: Tensor): Tensor {
    return this.lmHead.forward(this.transformer.forward(tokens));
  }

  /** An empty cache for {@link step}. */
  createCache(): KVCache {
    return new KVCache(this.transformer.h.length, { maxLength: this.transformer.wpe.numEmbeddings });
  }

  /** Logits `[N, vocabSize]` of what follows the new tokens `[N, T]`. Call `eval()` before. */
  step(tokens: Tensor, cache: KVCache): Tensor {
    return noGrad(() => {
      const x = this.transformer.forward(tokens, cache);
      return this.lmHead.forward(select(x, 1, x.shape[1] - 1));
    });
  }

  /** Tokens `[N, T]` and up to maxNewTokens more, `[N, T + …]`; each step computes one position. In evaluation mode. */
  async generate(tokens: Tensor, options: GenerateOptions): Promise<Tensor> {
    const cache = this.createCache();
    try {
      return await evaluating(this as AnyModule, () => generateWith('GPT.generate', this, tokens, cache, options));
    } finally {
      cache.dispose();
    }
  }
}
