// Layers that run as one kernel. Each may be a subclass, have hooks or another `forward`: then it runs as it is.
import type { Activation, Rectifier } from '../ops/layers/epilogue.js';
import { markRectified } from '../ops/layers/rectified.js';
import { add } from '../ops/pointwise/arithmetic.js';
import { isGradEnabled, noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { GELU, Hardsigmoid, Hardswish, ReLU, ReLU6, Sigmoid, SiLU, Tanh } from './activation.js';
import { ConvForward, runForward, runForwardPooled } from './conv.js';
import { Dropout } from './dropout.js';
import { forgets, isForgetful, pass } from './forgetful.js';
import { Flatten, Identity, Linear } from './linear.js';
import type { Module } from './module.js';
import { BatchNorm } from './norm.js';
import { AdaptiveAvgPool2d, AvgPool2d, MaxPool2d } from './pool.js';
import { fuseConvBnWeights } from './utils/fusion.js';

type Layer = Module | null | undefined;

const isConv = (layer: Layer): layer is ConvForward =>
  layer instanceof ConvForward && layer.forward === ConvForward.prototype.forward;

const isNorm = (layer: Layer): layer is BatchNorm =>
  layer instanceof BatchNorm && layer.forward === BatchNorm.prototype.forward;

/** Layers that can take a ReLU into their kernel. @internal */
export const takesRelu = (layer: Layer): layer is ConvForward | Linear =>
  isConv(layer) || (layer instanceof Linear && layer.forward === Linear.prototype.forward);

/** What a kernel can do in place of this layer, if anything. @internal */
export function activationOf(layer: Layer): Rectifier | null {
  if (layer instanceof ReLU && layer.forward === ReLU.prototype.forward) return 'relu';
  return layer instanceof ReLU6 && layer.forward === ReLU6.prototype.forward ? 'relu6' : null;
}

const SMOOTH = [
  [SiLU, 'silu'],
  [Hardswish, 'hardswish'],
  [Hardsigmoid, 'hardsigmoid'],
  [Sigmoid, 'sigmoid'],
] as const;

/** What a convolution's kernel can do in place of this layer, if anything. */
function convActivationOf(layer: Layer): Activation | null {
  const rectifier = activationOf(layer);
  if (rectifier || !layer || isGradEnabled()) return rectifier;
  if (layer instanceof GELU && layer.forward === GELU.prototype.forward) {
    return layer.approximate === 'none' ? 'gelu' : null;
  }
  const found = SMOOTH.find(([kind]) => layer instanceof kind && layer.forward === kind.prototype.forward);
  return found ? found[1] : null;
}

/** `activation(conv(x))`, by one kernel where it can do both. @internal */
export function convActivation(conv: Module, activation: Module, x: Tensor): Tensor {
  const kind = isConv(conv) ? convActivationOf(activation) : null;
  return kind ? runForward(conv as ConvForward, x, { activation: kind }) : activation.forward(conv.forward(x));
}

const isMaxPool2d = (layer: Layer): layer is MaxPool2d =>
  layer instanceof MaxPool2d && layer.forward === MaxPool2d.prototype.forward && layer.returnIndices === false;

/** True where the layer behind a convolution with its ReLU does the ReLU's backward pass with its own. */
const masksGradient = (layer: Layer, next: Layer): boolean =>
  isConv(layer) && (isConv(next) ? next.paddingMode === 'zeros' : isMaxPool2d(next));

/** True where a convolution, a ReLU and the layer behind it may be one op. */
const pools = (conv: Layer, relu: Layer, pool: Layer): pool is MaxPool2d =>
  isConv(conv) &&
  conv.kernelSize.length === 2 &&
  conv.paddingMode === 'zeros' &&
  activationOf(relu) === 'relu' &&
  isMaxPool2d(pool);

/** True where a convolution and a normalization behind it are one convolution: in evaluation without gradients. */
function folds(conv: Layer, norm: Layer, x: Tensor): boolean {
  if (!isConv(conv) || !isNorm(norm) || isGradEnabled()) return false;
  const { weight } = conv;
  return (
    norm._isFixed() &&
    norm._takes(x.ndim) &&
    x.ndim === weight.ndim &&
    norm.numFeatures === weight.shape[0] &&
    (weight.dtype === 'float32' || weight.dtype === 'float64') &&
    x.dtype === weight.dtype &&
    norm.runningMean?.dtype === weight.dtype &&
    norm.runningVar?.dtype === weight.dtype
  );
}

interface Folded {
  readonly norm: BatchNorm;
  /** What it was made from, with the versions. */
  readonly sources: readonly (Tensor | null)[];
  readonly versions: readonly (number | undefined)[];
  readonly weight: Tensor;
  readonly bias: Tensor;
}

const known = new WeakMap<ConvForward, Folded>();

/** The convolution that does what both do, made again when one of them has changed. */
function foldedOf(conv: ConvForward, norm: BatchNorm): Folded {
  const sources = [conv.weight, conv.bias, norm.weight, norm.bias, norm.runningMean, norm.runningVar];
  const versions = sources.map((source) => source?._version.n);
  const last = known.get(conv);
  if (last?.norm === norm && sources.every((s, i) => s === last.sources[i] && versions[i] === last.versions[i])) {
    return last;
  }
  last?.weight.dispose();
  last?.bias.dispose();
  const { runningMean, runningVar, eps } = norm as BatchNorm & { runningMean: Tensor; runningVar: Tensor };
  const [weight, bias] = noGrad(() =>
    fuseConvBnWeights(conv.weight, conv.bias, runningMean, runningVar, eps, norm.weight, norm.bias),
  );
  const folded = { norm, sources, versions, weight: weight.keep(), bias: bias.keep() };
  known.set(conv, folded);
  return folded;
}

/** `activation(norm(x) + addend)`, by one kernel where the norm is a plain batch normalization. @internal */
export function normActivation(norm: Module, activation: Layer, x: Tensor, addend?: Tensor): Tensor {
  const kind = activationOf(activation);
  if (isNorm(norm) && (kind || !activation)) return norm._forwardWith(x, { activation: kind ?? 'none', addend });
  const out = norm.forward(x);
  const sum = addend ? add(out, addend) : out;
  return activation ? activation.forward(sum) : sum;
}

/** `activation(norm(conv(x)) + addend)`, in evaluation without gradients by one kernel. @internal */
export function convNorm(conv: Module, norm: Module, activation: Layer, x: Tensor, addend?: Tensor): Tensor {
  if (folds(conv, norm, x)) {
    const kind = convActivationOf(activation);
    const folded = foldedOf(conv as ConvForward, norm as BatchNorm);
    const out = runForward(conv as ConvForward, x, { activation: kind ?? 'none', addend }, folded);
    return activation && !kind ? activation.forward(out) : out;
  }
  return normActivation(norm, activation, conv.forward(x), addend);
}

/** Runs `layers[i]` and the layers behind it that its kernel takes on; the result, and how many layers these were. */
function runFused(layers: readonly Module[], i: number, x: Tensor): [out: Tensor, used: number] {
  const [layer, second, third, fourth] = layers.slice(i, i + 4);
  if (folds(layer, second, x)) {
    const pooled = pools(layer, third, fourth)
      ? runForwardPooled(layer as ConvForward, x, fourth, foldedOf(layer as ConvForward, second as BatchNorm))
      : null;
    if (pooled) return [pooled, 4];
    const last = convActivationOf(third) ? third : null;
    return [convNorm(layer, second, last, x), last ? 3 : 2];
  }
  if (isNorm(layer) && activationOf(second)) return [normActivation(layer, second, x), 2];
  if (isConv(layer) && second && !isGradEnabled() && convActivationOf(second) && !pools(layer, second, third)) {
    return [convActivation(layer, second, x), 2];
  }
  if (!takesRelu(layer) || activationOf(second) !== 'relu') {
    return [pass(layer, x), 1];
  }
  const pooled = pools(layer, second, third) ? runForwardPooled(layer as ConvForward, x, third) : null;
  if (pooled) return [pooled, 3];
  const out = layer._forwardRelu(x);
  return [masksGradient(layer, third) ? markRectified(out) : out, 2];
}

forgets(ConvForward, Linear, BatchNorm, ReLU, ReLU6, GELU, SiLU, Sigmoid, Tanh, Hardswish, Hardsigmoid);
forgets(MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, Flatten, Identity, Dropout);

/** Runs layers one after another. Without gradients it frees what only the next layer needed. @internal */
export function runInOrder(layers: readonly Module[], x: Tensor, at?: (index: number) => void): Tensor {
  const frees = !isGradEnabled();
  let out = x;
  let own = false; // nobody else has seen `out`
  for (let i = 0; i < layers.length; ) {
    at?.(i);
    const [result, used] = runFused(layers, i, out);
    const forgotten = frees && layers.slice(i, i + used).every(isForgetful);
    if (forgotten && own && result !== out) out.dispose();
    own = forgotten && (own || result !== out);
    out = result;
    i += used;
  }
  return out;
}
