// What the newer and the older weight and spectral normalization share.
import { normalize } from '../../ops/layers/group-norm.js';
import { matmul } from '../../ops/linalg/matmul.js';
import { div, mul } from '../../ops/pointwise/arithmetic.js';
import { abs } from '../../ops/pointwise/unary.js';
import { norm } from '../../ops/reduce/moments.js';
import { permute, reshape } from '../../ops/shape/view.js';
import { checkDim, numelOf } from '../../tensor/layout.js';
import { noGrad } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from '../conv.js';
import type { AnyModule } from '../module.js';

/** Norms of the slices along `dim`, of the shape `[1, ..., n, ..., 1]`; of everything when it is null. */
export function normExceptDim(v: Tensor, dim: number | null): Tensor {
  if (dim === null) return norm(v);
  const at = checkDim('weightNorm', dim, v.ndim);
  const others = v.shape.flatMap((_, i) => (i === at ? [] : [i]));
  return others.length === 0 ? abs(v) : norm(v, 2, others, { keepdim: true });
}

/** `g * v / norm(v)`. */
export const scaledDirection = (v: Tensor, g: Tensor, dim: number | null): Tensor =>
  mul(v, div(g, normExceptDim(v, dim)));

/** The option `dim`: PyTorch writes -1 for no axis. */
export const normDim = (dim: number | null | undefined): number | null =>
  dim === undefined ? 0 : dim === -1 ? null : dim;

/** A weight as matrix whose rows are the slices along `dim`. */
export function asMatrix(weight: Tensor, dim: number): Tensor {
  const axes = weight.shape.flatMap((_, i) => (i === dim ? [] : [i]));
  const rows = dim === 0 ? weight : permute(weight, [dim, ...axes]);
  return reshape(rows, [weight.shape[dim], numelOf(axes.map((i) => weight.shape[i]))]);
}

const TRANSPOSED = [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d];

/** The default of `dim`. */
export const outputDim = (module: AnyModule): number => (TRANSPOSED.some((type) => module instanceof type) ? 1 : 0);

/** One vector of the power method moves to the image of the other, in place. */
export function turn(vector: Tensor, matrix: Tensor, other: Tensor, eps: number): void {
  noGrad(() => {
    vector.copy_(normalize(matmul(matrix, other), { dim: 0, eps }));
  });
}
