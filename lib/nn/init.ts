// Initial values, in place. Source: https://docs.pytorch.org/docs/2.13/nn.init.html
import { ArgumentError, ShapeError, shapeText } from '../errors.js';
import type { RandomOptions } from '../ops/random/draw.js';
import { normal_ as fillNormal, uniform_ as fillUniform } from '../ops/random/in-place.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { numelOf } from '../tensor/layout.js';
import type { Tensor } from '../tensor/tensor.js';

/** Activations that {@link calculateGain} knows. */
export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leakyRelu'
  | 'selu';

/** Options of the Kaiming initialisations. */
export interface KaimingOptions extends RandomOptions {
  /** Negative slope of leakyRelu. Default 0. */
  a?: number;
  /** Which pass keeps its variance. Default fanIn. */
  mode?: 'fanIn' | 'fanOut';
  /** Default leakyRelu. */
  nonlinearity?: Nonlinearity;
}

/** The gain that keeps the variance of activations behind a nonlinearity. */
export function calculateGain(nonlinearity: Nonlinearity, a = 0.01): number {
  switch (nonlinearity) {
    case 'linear':
    case 'conv1d':
    case 'conv2d':
    case 'conv3d':
    case 'sigmoid':
      return 1;
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + a * a));
    case 'selu':
      return 3 / 4;
    default:
      throw new ArgumentError('calculateGain', `unknown nonlinearity ${String(nonlinearity)}`, nonlinearity);
  }
}

/** Connections into and out of one unit of a weight `[O, I, ...]`. */
function fans(op: string, weight: Tensor): { fanIn: number; fanOut: number } {
  checkTensor(op, weight, 'tensor');
  if (weight.ndim < 2)
    throw new ShapeError(op, `at least 2 dimensions are needed, got ${shapeText(weight.shape)}`, weight.shape);
  const field = numelOf(weight.shape.slice(2));
  return { fanIn: weight.shape[1] * field, fanOut: weight.shape[0] * field };
}

/** Writes to a leaf that may require gradients: initial values have no history. */
function inPlace<T extends Tensor>(op: string, tensor: T, write: (raw: Tensor) => void): T {
  checkTensor(op, tensor, 'tensor');
  const raw = tensor.detach();
  write(raw);
  raw.dispose();
  return tensor;
}

/** Values from U(low, high). */
export const uniform_ = <T extends Tensor>(tensor: T, low = 0, high = 1, options: RandomOptions = {}): T =>
  inPlace('uniform_', tensor, (raw) => fillUniform(raw, low, high, options));

/** Values from N(mean, std²). */
export const normal_ = <T extends Tensor>(tensor: T, mean = 0, std = 1, options: RandomOptions = {}): T =>
  inPlace('normal_', tensor, (raw) => fillNormal(raw, mean, std, options));

export const constant_ = <T extends Tensor>(tensor: T, value: number): T =>
  inPlace('constant_', tensor, (raw) => raw.fill_(value));
export const zeros_ = <T extends Tensor>(tensor: T): T => constant_(tensor, 0);
export const ones_ = <T extends Tensor>(tensor: T): T => constant_(tensor, 1);

/** U(-b, b) with b = gain · √(6 / (fanIn + fanOut)). Glorot & Bengio 2010. */
export function xavierUniform_<T extends Tensor>(tensor: T, options: RandomOptions & { gain?: number } = {}): T {
  checkOptions('xavierUniform_', options);
  const { fanIn, fanOut } = fans('xavierUniform_', tensor);
  const bound = (options.gain ?? 1) * Math.sqrt(6 / (fanIn + fanOut));
  return uniform_(tensor, -bound, bound, options);
}

/** N(0, s²) with s = gain · √(2 / (fanIn + fanOut)). Glorot & Bengio 2010. */
export function xavierNormal_<T extends Tensor>(tensor: T, options: RandomOptions & { gain?: number } = {}): T {
  checkOptions('xavierNormal_', options);
  const { fanIn, fanOut } = fans('xavierNormal_', tensor);
  return normal_(tensor, 0, (options.gain ?? 1) * Math.sqrt(2 / (fanIn + fanOut)), options);
}

function kaimingStd(op: string, tensor: Tensor, options: KaimingOptions): number {
  checkOptions(op, options);
  const { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' } = options;
  if (mode !== 'fanIn' && mode !== 'fanOut')
    throw new ArgumentError(op, `mode must be fanIn or fanOut, got ${String(mode)}`, mode);
  return calculateGain(nonlinearity, a) / Math.sqrt(fans(op, tensor)[mode]);
}

/** U(-b, b) with b = gain · √(3 / fan). He et al. 2015. */
export function kaimingUniform_<T extends Tensor>(tensor: T, options: KaimingOptions = {}): T {
  const bound = Math.sqrt(3) * kaimingStd('kaimingUniform_', tensor, options);
  return uniform_(tensor, -bound, bound, options);
}

/** N(0, s²) with s = gain / √fan. He et al. 2015. */
export const kaimingNormal_ = <T extends Tensor>(tensor: T, options: KaimingOptions = {}): T =>
  normal_(tensor, 0, kaimingStd('kaimingNormal_', tensor, options), options);

/** PyTorch's default for Linear and convolution: weight U(±1/√fanIn) (Kaiming with a = √5), bias U(±1/√fanIn). */
export function resetLinear(weight: Tensor, bias: Tensor | null): void {
  kaimingUniform_(weight, { a: Math.sqrt(5) });
  if (!bias) return;
  const { fanIn } = fans('resetLinear', weight);
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  uniform_(bias, -bound, bound);
}
