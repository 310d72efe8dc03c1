/**
 * PyTorch's `torch.nn.init`: fills parameters in place.
 * Source: https://docs.pytorch.org/docs/2.13/nn.init.html
 * @packageDocumentation
 */
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { scatter_ } from '../ops/indexing/scatter-reduce.js';
import { diagonalOf } from '../ops/linalg/parts.js';
import { qr } from '../ops/linalg/qr.js';
import { ndtr, ndtri } from '../ops/pointwise/gamma.js';
import { sign } from '../ops/pointwise/unary.js';
import type { RandomOptions } from '../ops/random/draw.js';
import { normal_ as fillNormal, uniform_ as fillUniform } from '../ops/random/in-place.js';
import { argsort } from '../ops/reduce/sort.js';
import { diagonal } from '../ops/shape/diagonal.js';
import { narrow, reshape, select, transpose } from '../ops/shape/view.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { tensor as tensorOf, zeros } from '../tensor/create.js';
import { computeDType } from '../tensor/dtype.js';
import { numelOf } from '../tensor/layout.js';
import type { Tensor } from '../tensor/tensor.js';
import { fillInitial } from './fill.js';

/** Activations that {@link calculateGain} knows. */
export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'convTranspose1d'
  | 'convTranspose2d'
  | 'convTranspose3d'
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
    case 'convTranspose1d':
    case 'convTranspose2d':
    case 'convTranspose3d':
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

function checkAxes(op: string, tensor: Tensor): void {
  checkTensor(op, tensor, 'tensor');
  if (tensor.ndim >= 2) return;
  throw new ShapeError(op, `at least 2 dimensions are needed, got ${shapeText(tensor.shape)}`, tensor.shape);
}

function checkMatrix(op: string, tensor: Tensor): void {
  checkTensor(op, tensor, 'tensor');
  if (tensor.ndim === 2) return;
  throw new ShapeError(op, `a matrix is needed, got ${shapeText(tensor.shape)}`, tensor.shape);
}

/** Connections into and out of one unit of a weight `[O, I, ...]`. */
function fans(op: string, weight: Tensor): { fanIn: number; fanOut: number } {
  checkAxes(op, weight);
  const field = numelOf(weight.shape.slice(2));
  return { fanIn: weight.shape[1] * field, fanOut: weight.shape[0] * field };
}

/** Values from U(low, high). */
export const uniform_ = <T extends Tensor>(tensor: T, low = 0, high = 1, options: RandomOptions = {}): T =>
  fillInitial('uniform_', tensor, (raw) => fillUniform(raw, low, high, options));

/** Values from N(mean, std²). */
export const normal_ = <T extends Tensor>(tensor: T, mean = 0, std = 1, options: RandomOptions = {}): T =>
  fillInitial('normal_', tensor, (raw) => fillNormal(raw, mean, std, options));

/**
 * Values from N(mean, std²) within [a, b]: its distribution function inverted, in float64.
 * @throws ArgumentError unless `std` is above 0 and `a` not above `b`.
 * Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.trunc_normal_
 */
export function truncNormal_<T extends Tensor>(
  tensor: T,
  mean = 0,
  std = 1,
  a = -2,
  b = 2,
  options: RandomOptions = {},
): T {
  if (!Number.isFinite(mean) || !Number.isFinite(std) || std <= 0) {
    const text = `mean must be a finite number and std one above 0, got ${valueText(mean)} and ${valueText(std)}`;
    throw new ArgumentError('truncNormal_', text, std);
  }
  if (typeof a !== 'number' || typeof b !== 'number' || !(a <= b)) {
    throw new ArgumentError('truncNormal_', `a must not be above b, got ${valueText(a)} and ${valueText(b)}`, a);
  }
  return fillInitial('truncNormal_', tensor, (raw) => {
    // In the lower tail small probabilities keep all their digits.
    const upper = a + b > 2 * mean;
    const [low, high] = upper ? [(mean - b) / std, (mean - a) / std] : [(a - mean) / std, (b - mean) / std];
    const [p, q] = ndtr(tensorOf([low, high], { dtype: 'float64' })).unbind();
    const share = fillUniform(zeros(raw.shape, { dtype: 'float64' }), 0, 1, options);
    const z = ndtri(share.mul_(q.sub(p)).add_(p).clamp_(Number.MIN_VALUE));
    raw.copy_(
      z
        .mul_(upper ? -std : std)
        .add_(mean)
        .clamp_(a, b),
    );
  });
}

/** Every value is `value`. */
export const constant_ = <T extends Tensor>(tensor: T, value: number): T =>
  fillInitial('constant_', tensor, (raw) => raw.fill_(value));
/** Zeros. */
export const zeros_ = <T extends Tensor>(tensor: T): T => constant_(tensor, 0);
/** Ones. */
export const ones_ = <T extends Tensor>(tensor: T): T => constant_(tensor, 1);

/**
 * Ones on the diagonal of a matrix `[M, N]`, else zeros.
 * @throws ShapeError for another number of axes.
 */
export function eye_<T extends Tensor>(tensor: T): T {
  checkMatrix('eye_', tensor);
  return fillInitial('eye_', tensor, (raw) => {
    raw.zero_();
    diagonal(raw).fill_(1);
  });
}

/**
 * The weight `[O, I, ...]` (3 to 5 axes) of a convolution that passes its input through: a one at the centre of the kernel
 * from channel i to channel i, in each of `groups` groups of output channels.
 * @throws ShapeError for another number of axes, ArgumentError when `groups` does not divide O.
 * Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.dirac_
 */
export function dirac_<T extends Tensor>(tensor: T, groups = 1): T {
  checkTensor('dirac_', tensor, 'tensor');
  if (tensor.ndim < 3 || tensor.ndim > 5) {
    throw new ShapeError('dirac_', `3, 4 or 5 axes are needed, got ${shapeText(tensor.shape)}`, tensor.shape);
  }
  if (!Number.isInteger(groups) || groups < 1 || tensor.shape[0] % groups !== 0) {
    const text = `groups must divide the ${tensor.shape[0]} output channels, got ${valueText(groups)}`;
    throw new ArgumentError('dirac_', text, groups);
  }
  return fillInitial('dirac_', tensor, (raw) => {
    raw.zero_();
    if (raw.numel === 0) return;
    let centre: Tensor = raw;
    while (centre.ndim > 2) centre = select(centre, 2, Math.floor(centre.shape[2] / 2));
    const size = raw.shape[0] / groups;
    for (let g = 0; g < groups; g++) diagonal(narrow(centre, 0, g * size, size)).fill_(1);
  });
}

/**
 * A random orthogonal matrix times `gain`; a weight `[O, I, ...]` counts as the matrix `[O, I · ...]`, whose rows or columns
 * (the fewer ones) are orthonormal. Saxe et al. 2013; the signs make the distribution uniform (Mezzadri 2006).
 * @throws ShapeError for fewer than 2 axes.
 * Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.orthogonal_
 */
export function orthogonal_<T extends Tensor>(tensor: T, gain = 1, options: RandomOptions = {}): T {
  checkAxes('orthogonal_', tensor);
  if (typeof gain !== 'number') {
    throw new ArgumentError('orthogonal_', `gain must be a number, got ${valueText(gain)}`, gain);
  }
  return fillInitial('orthogonal_', tensor, (raw) => {
    if (raw.numel === 0) return;
    const [rows, cols] = [raw.shape[0], raw.numel / raw.shape[0]];
    const tall = [Math.max(rows, cols), Math.min(rows, cols)];
    const [q, r] = qr(fillNormal(zeros(tall, { dtype: computeDType(raw.dtype) }), 0, 1, options));
    const signed = q.mul_(sign(diagonalOf(r))).mul_(gain);
    raw.copy_(reshape(rows < cols ? transpose(signed, 0, 1) : signed, raw.shape));
  });
}

/**
 * A matrix `[M, N]` with values from N(0, std²), and the fraction `sparsity` (rounded up to whole elements) of every column
 * set to 0. Martens 2010.
 * @throws ShapeError for another number of axes, ArgumentError unless `sparsity` lies in [0, 1].
 * Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.sparse_
 */
export function sparse_<T extends Tensor>(tensor: T, sparsity: number, std = 0.01, options: RandomOptions = {}): T {
  checkMatrix('sparse_', tensor);
  if (typeof sparsity !== 'number' || !(sparsity >= 0 && sparsity <= 1)) {
    throw new ArgumentError('sparse_', `sparsity must lie in [0, 1], got ${valueText(sparsity)}`, sparsity);
  }
  return fillInitial('sparse_', tensor, (raw) => {
    fillNormal(raw, 0, std, options);
    const order = argsort(fillUniform(zeros(raw.shape), 0, 1, options), 0);
    scatter_(raw, 0, narrow(order, 0, 0, Math.ceil(sparsity * raw.shape[0])), 0);
  });
}

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
  const std = kaimingStd('kaimingUniform_', tensor, options);
  const bound = Math.sqrt(3) * std;
  return tensor.numel === 0 ? tensor : uniform_(tensor, -bound, bound, options);
}

/** N(0, s²) with s = gain / √fan. He et al. 2015. */
export function kaimingNormal_<T extends Tensor>(tensor: T, options: KaimingOptions = {}): T {
  const std = kaimingStd('kaimingNormal_', tensor, options);
  return tensor.numel === 0 ? tensor : normal_(tensor, 0, std, options);
}

/** PyTorch's default for Linear and convolution: weight U(±1/√fanIn) (Kaiming with a = √5), bias U(±1/√fanIn). */
export function resetLinear(weight: Tensor, bias: Tensor | null): void {
  kaimingUniform_(weight, { a: Math.sqrt(5) });
  if (!bias) return;
  const { fanIn } = fans('resetLinear', weight);
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  uniform_(bias, -bound, bound);
}
