// The Vision Transformer.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { GELU, ReLU, Tanh } from '../../nn/activation.js';
import { Sequential } from '../../nn/container.js';
import { Conv2d } from '../../nn/conv.js';
import { Dropout } from '../../nn/dropout.js';
import { forgetsOutside } from '../../nn/forgetful.js';
import { init } from '../../nn/index.js';
import { LayerNorm } from '../../nn/layer-norm.js';
import { checkSize, Linear } from '../../nn/linear.js';
import { Module } from '../../nn/module.js';
import { MultiheadAttention } from '../../nn/multihead-attention.js';
import { BatchNorm2d } from '../../nn/norm.js';
import { type Parameter, parameterOf } from '../../nn/parameter.js';
import { add } from '../../ops/pointwise/arithmetic.js';
import { cat } from '../../ops/shape/concat.js';
import { expand, permute, reshape, select } from '../../ops/shape/view.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { empty, zeros } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type ActivationLayer, Conv2dNormActivation, MLP, type NormLayer } from '../../vision/ops/misc.js';

/** One convolution of a stem in the place of the patches. Xiao et al. 2021. */
export interface ConvStemConfig {
  outChannels: number;
  kernelSize: number;
  stride: number;
  /** Default: batch normalization. */
  normLayer?: NormLayer;
  /** Default: ReLU. */
  activationLayer?: ActivationLayer;
}

/** Options of all Vision Transformers. */
export interface ViTOptions {
  /** Height and width of the images; a multiple of the patch size. Default 224. */
  imageSize?: number;
  /** Default 1000. */
  numClasses?: number;
  /** Channels of the images. Default 3. */
  inChannels?: number;
  /** Default 0. */
  dropout?: number;
  /** Of the weights of attention. Default 0. */
  attentionDropout?: number;
  /** Size of a hidden layer with tanh before the last one. Default: none. */
  representationSize?: number | null;
  /** Makes the normalizations of `[N, S, E]`. Default: layer normalization with eps 1e-6. */
  normLayer?: NormLayer;
  /** Convolutions in the place of the patches. Default: none. */
  convStemConfigs?: readonly ConvStemConfig[] | null;
}

/** Options of {@link VisionTransformer}: its sizes too. */
export interface VisionTransformerOptions extends ViTOptions {
  patchSize: number;
  numLayers: number;
  numHeads: number;
  hiddenDim: number;
  mlpDim: number;
}

/** What each layer is told. */
interface LayerSettings {
  numHeads: number;
  hiddenDim: number;
  mlpDim: number;
  dropout: number;
  attentionDropout: number;
  normLayer: NormLayer;
}

class MLPBlock extends MLP {
  constructor(inDim: number, mlpDim: number, dropout: number) {
    super(inDim, [mlpDim, inDim], { activationLayer: () => new GELU(), dropout });
    for (const layer of this.layers) {
      if (!(layer instanceof Linear)) continue;
      init.xavierUniform_(layer.weight);
      if (layer.bias) init.normal_(layer.bias, 0, 1e-6);
    }
    // The names in torchvision's published files, which are older than its MLP.
    this.registerLoadStateDictPreHook((_module, state, prefix) => {
      for (const [old, name] of [
        ['linear_1', '0'],
        ['linear_2', '3'],
      ]) {
        for (const kind of ['weight', 'bias']) {
          const key = `${prefix}${old}.${kind}`;
          if (!Object.hasOwn(state, key)) continue;
          state[`${prefix}${name}.${kind}`] = state[key];
          delete state[key];
        }
      }
    });
  }
}

/** Self-attention and a perceptron, each behind its normalization and with a shortcut. */
class EncoderBlock extends Module {
  // The names of torchvision.
  readonly ln_1: Module;
  readonly selfAttention: MultiheadAttention;
  readonly dropout: Dropout;
  readonly ln_2: Module;
  readonly mlp: MLPBlock;

  constructor({ numHeads, hiddenDim, mlpDim, dropout, attentionDropout, normLayer }: LayerSettings) {
    super();
    this.ln_1 = normLayer(hiddenDim);
    this.selfAttention = new MultiheadAttention(hiddenDim, numHeads, { dropout: attentionDropout, batchFirst: true });
    this.dropout = new Dropout(dropout);
    this.ln_2 = normLayer(hiddenDim);
    this.mlp = new MLPBlock(hiddenDim, mlpDim, dropout);
  }

  forward(x: Tensor): Tensor {
    const normed = this.ln_1.forward(x);
    const [attended] = this.selfAttention.forward(normed, normed, normed, { needWeights: false });
    const sum = add(this.dropout.forward(attended), x);
    return add(sum, this.mlp.forward(this.ln_2.forward(sum)));
  }
}

class Encoder extends Module {
  readonly posEmbedding: Parameter;
  readonly dropout: Dropout;
  readonly layers: Sequential;
  readonly ln: Module;

  constructor(seqLength: number, numLayers: number, settings: LayerSettings) {
    super();
    const { hiddenDim, dropout, normLayer } = settings;
    this.posEmbedding = init.normal_(parameterOf(empty([1, seqLength, hiddenDim])), 0, 0.02);
    this.dropout = new Dropout(dropout);
    const layers = Array.from({ length: numLayers }, (_, i) => [`encoder_layer_${i}`, new EncoderBlock(settings)]);
    this.layers = new Sequential(Object.fromEntries(layers) as Record<string, Module>);
    this.ln = normLayer(hiddenDim);
  }

  forward(x: Tensor): Tensor {
    return this.ln.forward(this.layers.forward(this.dropout.forward(add(x, this.posEmbedding))));
  }
}

function convStem(inChannels: number, hiddenDim: number, configs: readonly ConvStemConfig[]): Sequential {
  const stem: Record<string, Module> = {};
  let channels = inChannels;
  configs.forEach(({ outChannels, ...options }, i) => {
    stem[`conv_bn_relu_${i}`] = new Conv2dNormActivation(channels, outChannels, {
      normLayer: (size) => new BatchNorm2d(size),
      activationLayer: (given) => new ReLU(given),
      inplace: false,
      ...options,
    });
    channels = outChannels;
  });
  const last = new Conv2d(channels, hiddenDim, 1);
  init.normal_(last.weight, 0, Math.sqrt(2 / hiddenDim));
  if (last.bias) init.zeros_(last.bias);
  stem.conv_last = last;
  return new Sequential(stem);
}

function patches(inChannels: number, hiddenDim: number, patchSize: number): Conv2d {
  const conv = new Conv2d(inChannels, hiddenDim, patchSize, { stride: patchSize });
  init.truncNormal_(conv.weight, 0, Math.sqrt(1 / (inChannels * patchSize ** 2)));
  if (conv.bias) init.zeros_(conv.bias);
  return conv;
}

function makeHeads(hiddenDim: number, representationSize: number | null, numClasses: number): Sequential {
  const head = new Linear(representationSize ?? hiddenDim, numClasses);
  init.zeros_(head.weight);
  if (head.bias) init.zeros_(head.bias);
  if (representationSize === null) return new Sequential({ head });
  const hidden = new Linear(hiddenDim, representationSize);
  init.truncNormal_(hidden.weight, 0, Math.sqrt(1 / hiddenDim));
  if (hidden.bias) init.zeros_(hidden.bias);
  return new Sequential({ pre_logits: hidden, act: new Tanh(), head });
}

/**
 * The Vision Transformer: patches of the image as a sequence with a class token before it, layers of self-attention, and a
 * classifier of what became of the token. Input `[N, inChannels, imageSize, imageSize]`, output `[N, numClasses]`.
 * @throws ArgumentError unless the patch size divides the image size; ShapeError for images of another size.
 * Source: Dosovitskiy et al., An Image is Worth 16x16 Words, 2020;
 * https://docs.pytorch.org/vision/stable/models/vision_transformer.html
 */
export class VisionTransformer extends Module {
  readonly classToken: Parameter;
  readonly convProj: Conv2d | Sequential;
  readonly encoder: Encoder;
  readonly heads: Sequential;
  readonly imageSize: number;
  readonly patchSize: number;
  readonly hiddenDim: number;

  constructor(options: VisionTransformerOptions) {
    super();
    const op = 'VisionTransformer';
    checkOptions(op, options);
    const { imageSize = 224, numClasses = 1000, inChannels = 3, dropout = 0, attentionDropout = 0 } = options;
    const { patchSize, hiddenDim, numHeads, mlpDim, representationSize = null, convStemConfigs = null } = options;
    const { normLayer = (size) => new LayerNorm(size, { eps: 1e-6 }) } = options;
    checkSize(op, 'patchSize', patchSize);
    checkSize(op, 'numClasses', numClasses);
    checkSize(op, 'numLayers', options.numLayers);
    if (!Number.isSafeInteger(imageSize) || imageSize < patchSize || imageSize % patchSize !== 0) {
      const text = `imageSize must be a multiple of patchSize ${patchSize}, got ${valueText(imageSize)}`;
      throw new ArgumentError(op, text, imageSize);
    }
    this.imageSize = imageSize;
    this.patchSize = patchSize;
    this.hiddenDim = hiddenDim;
    this.classToken = parameterOf(zeros([1, 1, hiddenDim]));
    this.convProj = convStemConfigs
      ? convStem(inChannels, hiddenDim, convStemConfigs)
      : patches(inChannels, hiddenDim, patchSize);
    const settings = { numHeads, hiddenDim, mlpDim, dropout, attentionDropout, normLayer };
    this.encoder = new Encoder((imageSize / patchSize) ** 2 + 1, options.numLayers, settings);
    this.heads = makeHeads(hiddenDim, representationSize, numClasses);
  }

  forward(x: Tensor): Tensor {
    checkTensor('VisionTransformer', x);
    const { imageSize, hiddenDim } = this;
    if (x.ndim !== 4 || x.shape[2] !== imageSize || x.shape[3] !== imageSize) {
      const text = `input [N, C, ${imageSize}, ${imageSize}] is needed, got ${shapeText(x.shape)}`;
      throw new ShapeError('VisionTransformer', text, x.shape);
    }
    const n = x.shape[0];
    const side = imageSize / this.patchSize;
    const grid = reshape(this.convProj.forward(x), [n, hiddenDim, side * side]);
    const token = expand(this.classToken, [n, -1, -1]);
    const encoded = this.encoder.forward(cat([token, permute(grid, [0, 2, 1])], 1));
    return this.heads.forward(select(encoded, 1, 0));
  }
}

type Sizes = readonly [patchSize: number, numLayers: number, numHeads: number, hiddenDim: number];

function make([patchSize, numLayers, numHeads, hiddenDim]: Sizes, options: ViTOptions): VisionTransformer {
  return new VisionTransformer({ ...options, patchSize, numLayers, numHeads, hiddenDim, mlpDim: 4 * hiddenDim });
}

/** {@link VisionTransformer} ViT-B/16: 12 layers, 12 heads, 768 channels; 86,567,656 parameters. */
export const vitB16 = (options: ViTOptions = {}): VisionTransformer => make([16, 12, 12, 768], options);

/** {@link VisionTransformer} ViT-B/32: 12 layers, 12 heads, 768 channels; 88,224,232 parameters. */
export const vitB32 = (options: ViTOptions = {}): VisionTransformer => make([32, 12, 12, 768], options);

/** {@link VisionTransformer} ViT-L/16: 24 layers, 16 heads, 1024 channels; 304,326,632 parameters. */
export const vitL16 = (options: ViTOptions = {}): VisionTransformer => make([16, 24, 16, 1024], options);

/** {@link VisionTransformer} ViT-L/32: 24 layers, 16 heads, 1024 channels; 306,535,400 parameters. */
export const vitL32 = (options: ViTOptions = {}): VisionTransformer => make([32, 24, 16, 1024], options);

/** {@link VisionTransformer} ViT-H/14: 32 layers, 16 heads, 1280 channels; 632,045,800 parameters. */
export const vitH14 = (options: ViTOptions = {}): VisionTransformer => make([14, 32, 16, 1280], options);

/** {@link VisionTransformer} ViT-S/16: 12 layers, 6 heads, 384 channels; 22,050,664 parameters. Touvron et al. 2020. */
export const vitS16 = (options: ViTOptions = {}): VisionTransformer => make([16, 12, 6, 384], options);

/** {@link VisionTransformer} ViT-Ti/16: 12 layers, 3 heads, 192 channels; 5,717,416 parameters. Touvron et al. 2020. */
export const vitTi16 = (options: ViTOptions = {}): VisionTransformer => make([16, 12, 3, 192], options);

forgetsOutside(EncoderBlock);
