// Classifiers as convolutions that slide over larger images.
import { ArgumentError, NablaError, shapeText, valueText } from '../errors.js';
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  Flatten,
  Linear,
  Module,
  Sequential,
} from '../nn/index.js';
import type { AnyModule } from '../nn/module.js';
import { skipInit } from '../nn/utils/skip-init.js';
import { rand } from '../ops/random/random.js';
import { reshape } from '../ops/shape/view.js';
import { checkOptions } from '../tensor/check.js';
import { checkShape } from '../tensor/layout.js';
import { noGrad } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';

/** Options of {@link toConvolutional}. */
export interface ToConvolutionalOptions {
  /** Shape `[C, H, W]` of the images that the classifier was made for. */
  input: readonly number[];
}

const OP = 'toConvolutional';

const isChain = (layer: AnyModule): layer is Sequential =>
  layer instanceof Sequential && layer.forward === Sequential.prototype.forward;

const unfolded = (layers: readonly AnyModule[]): AnyModule[] =>
  layers.flatMap((layer) => (isChain(layer) ? unfolded(layer.layers as readonly AnyModule[]) : [layer]));

/** The layers in the order in which they run: those of a Sequential, or the parts of the model that ran. */
function layersOf(model: AnyModule, x: Tensor): { layers: AnyModule[]; logits: Tensor } {
  const ran: AnyModule[] = [];
  const children = isChain(model) ? [] : model.children();
  const handles = children.map((child) => child.registerForwardHook((module) => void ran.push(module)));
  let logits: unknown;
  try {
    logits = (model as unknown as Module).forward(x);
  } finally {
    for (const handle of handles) handle.remove();
  }
  if (!(logits instanceof Tensor) || logits.ndim !== 2) {
    const got = logits instanceof Tensor ? shapeText(logits.shape) : valueText(logits);
    throw new ArgumentError(OP, `a model that returns [N, classes] is needed, got ${got}`, model);
  }
  const layers = unfolded(isChain(model) ? [model] : ran);
  const first = layers.findIndex((layer) => layer instanceof Linear);
  if (first >= 0 && !layers.slice(0, first).some((layer) => layer instanceof Flatten)) {
    // A model of its own calls flatten as a function, in front of its classifier.
    const pool = layers.findLastIndex((layer, i) => i < first && layer instanceof AdaptiveAvgPool2d);
    layers.splice(pool >= 0 ? pool + 1 : first, 0, new Flatten());
  }
  return { layers, logits };
}

function slidingPool(
  pool: AdaptiveAvgPool2d,
  [, , height, width]: readonly number[],
  out: readonly number[],
): Module[] {
  const [rows, columns] = out.slice(2);
  if (rows === height && columns === width) return [];
  if (height % rows !== 0 || width % columns !== 0) {
    throw new ArgumentError(OP, `${pool} of ${height} x ${width} places has windows of different sizes`, pool);
  }
  const size = [height / rows, width / columns] as const;
  // One window is moved by single places: the densest answer on larger images.
  return [new AvgPool2d(size, { stride: [rows === 1 ? 1 : size[0], columns === 1 ? 1 : size[1]] })];
}

/** The same products as a convolution over a map `[C, H, W]`. */
function likeLinear(layer: Linear, [channels, height, width]: readonly number[]): Conv2d {
  const options = { bias: layer.bias !== null, dtype: layer.weight.dtype };
  const conv = skipInit(Conv2d, channels, layer.outFeatures, [height, width], options);
  const weight = reshape(layer.weight.detach(), [layer.outFeatures, channels, height, width]);
  conv.loadStateDict({ weight, ...(layer.bias ? { bias: layer.bias.detach() } : {}) });
  return conv;
}

function likeNorm(norm: BatchNorm1d): BatchNorm2d {
  const { eps, momentum, weight, bias, trackRunningStats } = norm;
  const dtype = weight?.dtype ?? norm.runningMean?.dtype;
  const options = { eps, momentum, affine: weight !== null, bias: bias !== null, trackRunningStats, dtype };
  const wide = new BatchNorm2d(norm.numFeatures, options);
  wide.loadStateDict(norm.stateDict());
  return wide;
}

function converted(layers: readonly AnyModule[], input: Tensor): Module[] {
  const result: Module[] = [];
  let x = input;
  let flat: readonly number[] | null = null;
  for (const layer of layers as unknown as readonly Module[]) {
    const before = x.shape;
    x = layer.forward(x);
    if (layer instanceof Flatten && before.length === 4) flat = before.slice(1);
    else if (!flat && layer instanceof AdaptiveAvgPool2d) result.push(...slidingPool(layer, before, x.shape));
    else if (flat && layer instanceof Linear) {
      result.push(likeLinear(layer, flat));
      flat = [layer.outFeatures, 1, 1];
    } else if (flat && layer instanceof BatchNorm1d) result.push(likeNorm(layer));
    else result.push(layer);
  }
  return result;
}

/** Throws unless both give the same for one image. */
function checkEqual(model: AnyModule, sliding: Sequential, x: Tensor, logits: Tensor): void {
  const got = sliding.forward(x);
  const fits = got.ndim === 4 && got.numel === logits.numel;
  const scale = fits ? logits.abs().max().itemSync() : 0;
  if (fits && got.flatten(1).sub(logits).abs().max().itemSync() <= 1e-3 * scale) return;
  throw new ArgumentError(
    OP,
    `the parts of ${model.constructor.name} do not run one after the other; give a Sequential`,
    model,
  );
}

/**
 * The classifier with its linear layers as convolutions, the first over the whole map: the same logits on images of the
 * size it was made for, `[N, classes, 1, 1]`, and a map of logits `[N, classes, H', W']` on larger ones. Pools that adapt
 * become sliding ones. Weights are copies. Takes a Sequential, or a model whose parts run one after the other (AlexNet, VGG,
 * GoogLeNet, ResNet), which is tried with one image: that waits for the result.
 *
 * @example
 * const sliding = models.toConvolutional(models.vgg16(), { input: [3, 224, 224] });
 * sliding.eval().forward(rand([1, 3, 320, 320])).shape; // [1, 1000, 4, 4]
 *
 * @throws ArgumentError for a model that cannot be laid out so
 * Source: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", https://arxiv.org/abs/1411.4038
 */
export function toConvolutional(model: AnyModule, options: ToConvolutionalOptions): Sequential {
  if (!(model instanceof Module)) throw new ArgumentError(OP, `a Module is needed, got ${valueText(model)}`, model);
  checkOptions(OP, options);
  checkShape(OP, options.input);
  if (options.input.length !== 3) {
    throw new ArgumentError(OP, `input must be [C, H, W], got ${shapeText(options.input)}`, options.input);
  }
  const copy = model.clone().eval() as AnyModule;
  const sliding = noGrad(() => {
    const x = rand([1, ...options.input], { dtype: copy.parameters()[0]?.dtype ?? 'float32' });
    const { layers, logits } = layersOf(copy, x);
    try {
      const made = new Sequential(...converted(layers, x)).eval();
      checkEqual(copy, made, x, logits);
      for (const tensor of [...made.parameters(), ...made.buffers()]) tensor.keep();
      return made;
    } catch (error) {
      if (!(error instanceof NablaError) || error instanceof ArgumentError) throw error;
      const text = `the parts of ${model.constructor.name} do not run one after the other (${error.message})`;
      throw new ArgumentError(OP, `${text}; give a Sequential`, model);
    }
  });
  return sliding.train(model.training);
}
