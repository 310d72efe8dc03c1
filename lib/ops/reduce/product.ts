// For each element the product of the others: the gradient of a product, exact also where elements are 0.
import { native } from '../../native.js';
import { numelOf } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { div } from '../pointwise/arithmetic.js';
import { eq } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { expand, permute, reshape } from '../shape/view.js';
import { prod, sum } from './reduce.js';

/**
 * The product of the other elements along `dims`, in the shape of `x`. Where it has to be differentiable it multiplies
 * n x n elements for axes of n together, since a quotient has no derivative at 0.
 */
export function productOfOthers(x: Tensor, dims: readonly number[], differentiable: boolean): Tensor {
  return differentiable ? byProducts(x, dims) : byDivision(x, dims);
}

function byDivision(x: Tensor, dims: readonly number[]): Tensor {
  const zero = eq(x, 0);
  const rest = where(zero, 1, x);
  const product = prod(rest, dims, { keepdim: true });
  const zeros = sum(zero, dims, { keepdim: true });
  return where(zero, where(eq(zeros, 1), product, 0), where(eq(zeros, 0), div(product, rest), 0));
}

function byProducts(x: Tensor, dims: readonly number[]): Tensor {
  const order = [...x.shape.map((_, i) => i).filter((i) => !dims.includes(i)), ...dims];
  const shape = order.map((i) => x.shape[i]);
  const n = numelOf(dims.map((d) => x.shape[d]));
  if (x.numel === 0) return x.detach();
  const rows = reshape(permute(x, order), [-1, 1, n]);
  const positions = emptyContiguous([n], 'int64');
  native.arange(positions._id, 0, 1);
  const self = eq(reshape(positions, [n, 1]), positions);
  const others = prod(where(self, 1, expand(rows, [-1, n, n])), 2);
  const back = order.map((_, i) => order.indexOf(i));
  return permute(reshape(others, shape), back);
}
