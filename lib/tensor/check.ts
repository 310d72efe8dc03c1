import { ArgumentError, valueText } from '../errors.js';
import { Tensor } from './tensor.js';

/** Throws unless `x` is a tensor that was not disposed. */
export function checkTensor(op: string, x: unknown, name = 'input'): asserts x is Tensor {
  if (x instanceof Tensor) x._handle(op);
  else throw new ArgumentError(op, `${name} must be a Tensor, got ${valueText(x)}`, x);
}

/** Throws unless `options` can be read as options. */
export function checkOptions(op: string, options: unknown): void {
  if (typeof options !== 'object' || options === null) {
    throw new ArgumentError(op, `options must be an object, got ${valueText(options)}`, options);
  }
}

/** Throws unless `fn` is a function. */
export function checkFunction(op: string, fn: unknown): void {
  if (typeof fn !== 'function') throw new ArgumentError(op, `a function is needed, got ${valueText(fn)}`, fn);
}
