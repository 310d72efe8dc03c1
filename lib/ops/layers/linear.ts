import { DTypeError, ShapeError, shapeText } from '../../errors.js';
import { native } from '../../native.js';
import { isFloating } from '../../tensor/dtype.js';
import { numelOf } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { checkTensor } from '../elementwise.js';
import { matmul } from '../linalg/matmul.js';
import { reluGrad } from '../pointwise/unary.js';
import { reshape, sumTo, transpose } from '../shape/view.js';

const linearOp = defineOp({
  name: 'linear',
  inputs: ['input', 'weight', 'bias?'],
  narrow: 'products',
  forward: (x: Tensor, weight: Tensor, bias: Tensor | null, relu: boolean) => {
    const out = emptyContiguous([x.shape[0], weight.shape[0]], x.dtype);
    native.linear(out._id, x._id, weight._id, bias?._id ?? 0, relu ? 1 : 0);
    return out;
  },
  save: (out, x, weight, bias, relu) => ({ x, weight, biasShape: bias?.shape ?? null, y: relu ? out : null }),
  backward: ([grad], { x, weight, biasShape, y }, needs) => {
    const g = y ? reluGrad(grad, y) : grad;
    return [
      needs[0] ? matmul(g, weight) : null,
      needs[1] ? matmul(transpose(g, 0, 1), x) : null,
      needs[2] && biasShape ? sumTo(g, biasShape) : null,
    ];
  },
});

function checkLinear(x: Tensor, weight: Tensor, bias: Tensor | null): void {
  if (weight.ndim !== 2) {
    throw new ShapeError('linear', `weight must be [O, I], got ${shapeText(weight.shape)}`, weight.shape);
  }
  const [outputs, inputs] = weight.shape;
  if (x.ndim === 0 || x.shape[x.ndim - 1] !== inputs) {
    throw new ShapeError(
      'linear',
      `input ${shapeText(x.shape)} needs ${inputs} features for weight ${shapeText(weight.shape)}`,
      x.shape,
      weight.shape,
    );
  }
  if (bias && (bias.ndim !== 1 || bias.shape[0] !== outputs)) {
    throw new ShapeError(
      'linear',
      `bias must be [${outputs}] for weight ${shapeText(weight.shape)}, got ${shapeText(bias.shape)}`,
      bias.shape,
      weight.shape,
    );
  }
  for (const other of bias ? [weight, bias] : [weight]) {
    if (other.dtype !== x.dtype) {
      const name = other === weight ? 'weight' : 'bias';
      throw new DTypeError('linear', `input is ${x.dtype}, ${name} is ${other.dtype}`, x.dtype, other.dtype);
    }
  }
  if (!isFloating(x.dtype)) throw new DTypeError('linear', `float32 or float64 is needed, got ${x.dtype}`, x.dtype);
}

function run(input: Tensor, weight: Tensor, bias: Tensor | null, relu: boolean): Tensor {
  checkTensor('linear', input);
  checkTensor('linear', weight, 'weight');
  if (bias) checkTensor('linear', bias, 'bias');
  checkLinear(input, weight, bias);
  if (input.ndim === 2) return linearOp(input, weight, bias, relu);
  const lead = input.shape.slice(0, -1);
  const rows = numelOf(lead);
  return reshape(linearOp(reshape(input, [rows, weight.shape[1]]), weight, bias, relu), [...lead, weight.shape[0]]);
}

/**
 * `y = x W^T + b`, torch.nn.functional.linear: input `[..., I]`, weight `[O, I]`, bias `[O]`, result `[..., O]`.
 * @throws ShapeError when the feature sizes differ.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.linear.html
 */
export function linear(input: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  return run(input, weight, bias, false);
}

/** @internal `relu(linear(input, weight, bias))` in one kernel, with the same bits; for nn.Sequential. */
export function linearRelu(input: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  return run(input, weight, bias, true);
}
