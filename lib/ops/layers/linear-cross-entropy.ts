// Cross entropy of a linear layer's outputs.
import { ArgumentError, ShapeError, shapeText } from '../../errors.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { numelOf, sameShape } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { reshape } from '../shape/view.js';
import { linear } from './linear.js';
import { type CrossEntropyOptions, crossEntropy } from './loss-class.js';

/** Options of {@link linearCrossEntropy}. */
export interface LinearCrossEntropyOptions extends Omit<CrossEntropyOptions, 'ignoreIndex'> {
  /** `[C]`, or `[C, d1, ...]` as the weight has it: added to the outputs of the layer. Default: none. */
  linearBias?: Tensor | null;
  /** Class indices with this value count nothing. Default -100; only for class indices. */
  ignoreIndex?: number | null;
}

const OP = 'linearCrossEntropy';

function checkShapes(input: Tensor, weight: Tensor, bias: Tensor | null): void {
  const fail = (text: string): never => {
    throw new ShapeError(OP, text, input.shape, weight.shape);
  };
  if (input.ndim !== 1 && input.ndim !== 2) fail(`input must be [N, I] or [I], got ${shapeText(input.shape)}`);
  if (weight.ndim < 2) fail(`linearWeight must be [C, ..., I], got ${shapeText(weight.shape)}`);
  if (input.shape[input.ndim - 1] !== weight.shape[weight.ndim - 1]) {
    fail(`input ${shapeText(input.shape)} and linearWeight ${shapeText(weight.shape)} differ in their last axis`);
  }
  if (weight.ndim > 2 && input.ndim === 1) {
    fail(`linearWeight ${shapeText(weight.shape)} needs an input [N, I], got ${shapeText(input.shape)}`);
  }
  const wanted = weight.shape.slice(0, -1);
  if (bias && !sameShape(bias.shape, wanted)) {
    fail(
      `linearBias must be ${shapeText(wanted)} for linearWeight ${shapeText(weight.shape)}, got ${shapeText(bias.shape)}`,
    );
  }
}

/**
 * `crossEntropy(linear(input, linearWeight, linearBias), target)`: input `[N, I]` or `[I]`, weight `[C, I]`, target class
 * indices `[N]` or probabilities `[N, C]`. With a weight `[C, d1, ..., I]` each place d1, ... has a classification of its own:
 * class indices `[N, d1, ...]` or probabilities `[N, C, d1, ...]`.
 * @throws ShapeError naming the shapes that do not go together, ArgumentError for ignoreIndex with probabilities.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.linear_cross_entropy.html
 */
export function linearCrossEntropy(
  input: Tensor,
  linearWeight: Tensor,
  target: Tensor,
  options: LinearCrossEntropyOptions = {},
): Tensor {
  checkTensor(OP, input);
  checkTensor(OP, linearWeight, 'linearWeight');
  checkTensor(OP, target, 'target');
  checkOptions(OP, options);
  const { linearBias = null, ignoreIndex = null, ...rest } = options;
  if (linearBias) checkTensor(OP, linearBias, 'linearBias');
  checkShapes(input, linearWeight, linearBias);
  const [outputs, size] = [linearWeight.shape.slice(0, -1), input.shape[input.ndim - 1]];
  const shape = [...input.shape.slice(0, -1), ...outputs];
  if (ignoreIndex !== null && sameShape(target.shape, shape)) {
    throw new ArgumentError(OP, 'ignoreIndex does not go together with class probabilities', ignoreIndex);
  }
  const rows = numelOf(outputs);
  const bias = linearBias && reshape(linearBias, [rows]);
  const logits = linear(input, reshape(linearWeight, [rows, size]), bias);
  return crossEntropy(reshape(logits, shape), target, ignoreIndex === null ? rest : { ...rest, ignoreIndex });
}
