// The bilinear layer. Formula: torch.nn.functional.bilinear.
import { DTypeError, ShapeError, shapeText } from '../../errors.js';
import { checkTensor } from '../../tensor/check.js';
import { numelOf, sameShape } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { matmul } from '../linalg/matmul.js';
import { add } from '../pointwise/arithmetic.js';
import { permute, reshape } from '../shape/view.js';

/**
 * `x1^T weight[o] x2 + bias[o]` for every output o: x1 `[..., I1]` and x2 `[..., I2]` with equal leading axes, weight
 * `[O, I1, I2]`, bias `[O]`; the result is `[..., O]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.bilinear.html
 * @throws ShapeError when the sizes do not fit, DTypeError when the dtypes differ.
 */
export function bilinear(x1: Tensor, x2: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  const op = 'bilinear';
  checkTensor(op, x1, 'x1');
  checkTensor(op, x2, 'x2');
  checkTensor(op, weight, 'weight');
  if (bias) checkTensor(op, bias, 'bias');
  if (weight.ndim !== 3) {
    throw new ShapeError(op, `weight must be [O, I1, I2], got ${shapeText(weight.shape)}`, weight.shape);
  }
  const [o, i1, i2] = weight.shape;
  const lead = x1.shape.slice(0, -1);
  if (x1.shape[x1.ndim - 1] !== i1 || x2.shape[x2.ndim - 1] !== i2 || !sameShape(lead, x2.shape.slice(0, -1))) {
    throw new ShapeError(
      op,
      `inputs ${shapeText(x1.shape)} and ${shapeText(x2.shape)} do not fit weight ${shapeText(weight.shape)}`,
      x1.shape,
      x2.shape,
      weight.shape,
    );
  }
  if (bias && !sameShape(bias.shape, [o])) {
    throw new ShapeError(op, `bias must be [${o}], got ${shapeText(bias.shape)}`, bias.shape);
  }
  for (const x of bias ? [x2, weight, bias] : [x2, weight]) {
    if (x.dtype !== x1.dtype)
      throw new DTypeError(op, `one dtype is needed, got ${x1.dtype} and ${x.dtype}`, x1.dtype, x.dtype);
  }
  const n = numelOf(lead);
  // One product for all outputs, then one small product per row.
  const left = matmul(reshape(x1, [n, i1]), reshape(permute(weight, [1, 0, 2]), [i1, o * i2]));
  const product = matmul(reshape(left, [n, o, i2]), reshape(x2, [n, i2, 1]));
  const result = reshape(product, [...lead, o]);
  return bias ? add(result, bias) : result;
}
