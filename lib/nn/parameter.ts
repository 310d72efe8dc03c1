import { checkTensor } from '../tensor/check.js';
import { adoptView, Tensor } from '../tensor/tensor.js';

/** A tensor that a module trains: registered by being assigned to a field. Shares the memory of `data`. */
export class Parameter extends Tensor {
  constructor(data: Tensor, requiresGrad = true) {
    checkTensor('Parameter', data, 'data');
    super(data.shape, data.strides, data.dtype, data, 0);
    adoptView(this, data, 0);
    this.keep();
    this.requiresGrad = requiresGrad;
  }
}

/** A parameter of a tensor that nobody else has: its memory goes with the parameter. @internal */
export function parameterOf(data: Tensor): Parameter {
  const parameter = new Parameter(data);
  data.dispose();
  return parameter;
}
