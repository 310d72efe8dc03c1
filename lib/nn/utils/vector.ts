// Parameters as one vector, and back.
import { ArgumentError, ShapeError, shapeText } from '../../errors.js';
import { cat } from '../../ops/shape/concat.js';
import { narrow, reshape } from '../../ops/shape/view.js';
import { checkTensor } from '../../tensor/check.js';
import { noGrad } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';

/**
 * The elements of the parameters, one after the other; differentiable.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parameters_to_vector.html
 */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  const flat = [...parameters].map((parameter) => reshape(parameter, [parameter.numel]));
  if (flat.length === 0) throw new ArgumentError('parametersToVector', 'needs at least one parameter');
  return cat(flat);
}

/**
 * Copies the elements of a vector into the parameters, in order.
 * @throws ShapeError when the vector has not as many elements as the parameters.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.vector_to_parameters.html
 */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  checkTensor('vectorToParameters', vector, 'vector');
  const list = [...parameters];
  const total = list.reduce((sum, parameter) => sum + parameter.numel, 0);
  if (vector.ndim !== 1 || vector.numel !== total) {
    const text = `a vector of ${total} elements is needed, got ${shapeText(vector.shape)}`;
    throw new ShapeError('vectorToParameters', text, vector.shape, [total]);
  }
  noGrad(() => {
    let start = 0;
    for (const parameter of list) {
      parameter.copy_(reshape(narrow(vector, 0, start, parameter.numel), parameter.shape));
      start += parameter.numel;
    }
  });
}
