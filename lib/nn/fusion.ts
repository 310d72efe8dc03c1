// Layers that run as one kernel. Each may be a subclass, have hooks or another `forward`: then it runs as it is.
import type { Activation } from '../ops/layers/conv.js';
import { add } from '../ops/pointwise/arithmetic.js';
import { isGradEnabled, noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { ReLU, ReLU6 } from './activation.js';
import { ConvForward, runForward } from './conv.js';
import { Linear } from './linear.js';
import type { Module } from './module.js';
import { BatchNorm } from './norm.js';
import { MaxPool2d } from './pool.js';
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
export function activationOf(layer: Layer): Activation | null {
  if (layer instanceof ReLU && layer.forward === ReLU.prototype.forward) return 'relu';
  return layer instanceof ReLU6 && layer.forward === ReLU6.prototype.forward ? 'relu6' : null;
}

/** True where the layer behind a convolution with its ReLU does the ReLU's backward pass with its own. @internal */
export const masksGradient = (layer: Layer, next: Layer): boolean =>
  isConv(layer) &&
  (isConv(next)
    ? next.paddingMode === 'zeros'
    : next instanceof MaxPool2d && next.forward === MaxPool2d.prototype.forward);

/** True where a convolution and a normalization behind it are one convolution: in evaluation without gradients. @internal */
export function folds(conv: Layer, norm: Layer, x: Tensor): boolean {
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

/** `activation(norm(conv(x)) + addend)`, in evaluation without gradients by one kernel. @internal */
export function convNorm(conv: Module, norm: Module, activation: Layer, x: Tensor, addend?: Tensor): Tensor {
  if (folds(conv, norm, x)) {
    const kind = activationOf(activation);
    const folded = foldedOf(conv as ConvForward, norm as BatchNorm);
    const out = runForward(conv as ConvForward, x, { activation: kind ?? 'none', addend }, folded);
    return activation && !kind ? activation.forward(out) : out;
  }
  const out = norm.forward(conv.forward(x));
  const sum = addend ? add(out, addend) : out;
  return activation ? activation.forward(sum) : sum;
}
