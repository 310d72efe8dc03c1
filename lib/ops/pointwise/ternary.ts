// Arithmetic of three tensors in one pass.
import { ArgumentError, DTypeError, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions } from '../../tensor/check.js';
import { promoteScalar } from '../../tensor/dtype.js';
import { broadcastShapes } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { TernaryOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { checkNumeric, checkTensor, promote, resultStrides } from '../elementwise.js';
import { into, type OutOptions, outOf } from '../out.js';
import { sumTo, to } from '../shape/view.js';
import { emptyResult } from '../target.js';
import { div, mul, type Operand, sub } from './arithmetic.js';
import { checkFloating } from './factories.js';
import { neg } from './unary.js';

function run(name: string, code: number, a: Tensor, b: Tensor, c: Tensor | number, value = 1): Tensor {
  let shape = broadcastShapes(name, a.shape, b.shape);
  if (typeof c !== 'number') shape = broadcastShapes(name, shape, c.shape);
  const out = emptyResult(shape, resultStrides(shape, typeof c === 'number' ? [a, b] : [a, b, c]), a.dtype);
  if (typeof c === 'number') native.ternaryScalar(code, out._id, a._id, b._id, c);
  else native.ternary(code, out._id, a._id, b._id, c._id, value);
  return out;
}

const lerpTensors = defineOp({
  name: 'lerp',
  inputs: ['input', 'end', 'weight'],
  forward: (a: Tensor, b: Tensor, weight: Tensor) => run('lerp', TernaryOp.lerp, a, b, weight),
  save: (_out, a, b, weight) => ({ a, b, weight }),
  backward: ([g], { a, b, weight }, needs) => [
    needs[0] ? sumTo(mul(g, sub(1, weight)), a.shape) : null,
    needs[1] ? sumTo(mul(g, weight), b.shape) : null,
    needs[2] ? sumTo(mul(g, sub(b, a)), weight.shape) : null,
  ],
});

const lerpScalar = defineOp({
  name: 'lerpScalar',
  inputs: ['input', 'end'],
  forward: (a: Tensor, b: Tensor, weight: number) => run('lerp', TernaryOp.lerp, a, b, weight),
  save: (_out, a, b, weight) => ({ a: a.shape, b: b.shape, weight }),
  backward: ([g], { a, b, weight }, needs) => [
    needs[0] ? sumTo(mul(g, 1 - weight), a) : null,
    needs[1] ? sumTo(mul(g, weight), b) : null,
  ],
});

/**
 * `input + weight * (end - input)`, broadcast; exactly `end` at weight 1.
 * @throws DTypeError unless all are floating-point of one dtype (a weight without axes is converted).
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.lerp.html
 */
export function lerp(input: Tensor, end: Tensor, weight: Operand, options?: OutOptions): Tensor {
  checkTensor('lerp', input);
  checkTensor('lerp', end, 'end');
  checkFloating('lerp', input);
  checkSame('end', input, end);
  if (typeof weight !== 'number') {
    checkTensor('lerp', weight, 'weight');
    if (weight.ndim > 0) checkSame('weight', input, weight);
  }
  const compute = (): Tensor =>
    typeof weight === 'number' ? lerpScalar(input, end, weight) : lerpTensors(input, end, to(weight, input.dtype));
  const out = outOf(options);
  return out ? into('lerp', out, [input, end, weight], compute) : compute();
}

function checkSame(name: string, input: Tensor, other: Tensor): void {
  if (other.dtype === input.dtype) return;
  throw new DTypeError('lerp', `input is ${input.dtype}, ${name} is ${other.dtype}`, input.dtype, other.dtype);
}

const addcmulOp = defineOp({
  name: 'addcmul',
  inputs: ['input', 'tensor1', 'tensor2'],
  forward: (a: Tensor, b: Tensor, c: Tensor, value: number) => run('addcmul', TernaryOp.addcmul, a, b, c, value),
  save: (_out, a, b, c, value) => ({ shape: a.shape, b, c, value }),
  backward: ([g], { shape, b, c, value }, needs) => [
    needs[0] ? sumTo(g, shape) : null,
    needs[1] ? sumTo(mul(g, mul(c, value)), b.shape) : null,
    needs[2] ? sumTo(mul(g, mul(b, value)), c.shape) : null,
  ],
});

const addcdivOp = defineOp({
  name: 'addcdiv',
  inputs: ['input', 'tensor1', 'tensor2'],
  forward: (a: Tensor, b: Tensor, c: Tensor, value: number) => run('addcdiv', TernaryOp.addcdiv, a, b, c, value),
  save: (_out, a, b, c, value) => ({ shape: a.shape, b, c, value }),
  backward: ([g], { shape, b, c, value }, needs) => [
    needs[0] ? sumTo(g, shape) : null,
    needs[1] ? sumTo(mul(g, div(value, c)), b.shape) : null,
    needs[2] ? sumTo(neg(mul(g, div(mul(b, value), mul(c, c)))), c.shape) : null,
  ],
});

/** Options of {@link addcmul} and {@link addcdiv}. */
export interface ValueOptions extends OutOptions {
  /** The factor of the product or quotient. Default 1. */
  value?: number;
}

type Three = readonly [a: Tensor, b: Tensor, c: Tensor];

function factorOf(op: string, options: ValueOptions): number {
  checkOptions(op, options);
  const { value = 1 } = options;
  if (typeof value === 'number') return value;
  throw new ArgumentError(op, `value must be a number, got ${valueText(value)}`, value);
}

function promoted(op: string, a: Tensor, b: Tensor, c: Tensor): Three {
  checkTensor(op, a);
  checkTensor(op, b, 'tensor1');
  checkTensor(op, c, 'tensor2');
  if (a.dtype === b.dtype && b.dtype === c.dtype) return [a, b, c];
  const { dtype } = promote(promote(a, b)[0], c)[0];
  return [to(a, dtype), to(b, dtype), to(c, dtype)];
}

/**
 * `input + value * tensor1 * tensor2`, broadcast.
 * @throws DTypeError for bool, and for a fractional value with integers.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.addcmul.html
 */
export function addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, options: ValueOptions = {}): Tensor {
  const value = factorOf('addcmul', options);
  const [a, b, c] = promoted('addcmul', input, tensor1, tensor2);
  checkNumeric('addcmul', a);
  if (promoteScalar(a.dtype, value) !== a.dtype) {
    throw new DTypeError('addcmul', `value ${value} does not fit ${a.dtype} tensors`, a.dtype);
  }
  const out = outOf(options);
  return out
    ? into('addcmul', out, [input, tensor1, tensor2], () => addcmulOp(a, b, c, value))
    : addcmulOp(a, b, c, value);
}

/**
 * `input + value * tensor1 / tensor2`, broadcast.
 * @throws DTypeError when the quotient is one of integers.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.addcdiv.html
 */
export function addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, options: ValueOptions = {}): Tensor {
  const value = factorOf('addcdiv', options);
  const [a, b, c] = promoted('addcdiv', input, tensor1, tensor2);
  checkFloating('addcdiv', promote(tensor1, tensor2)[0]);
  const out = outOf(options);
  return out
    ? into('addcdiv', out, [input, tensor1, tensor2], () => addcdivOp(a, b, c, value))
    : addcdivOp(a, b, c, value);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link lerp}. */
    lerp(end: Tensor, weight: Operand): Tensor;
    /** See {@link addcmul}. */
    addcmul(tensor1: Tensor, tensor2: Tensor, options?: ValueOptions): Tensor;
    /** See {@link addcdiv}. */
    addcdiv(tensor1: Tensor, tensor2: Tensor, options?: ValueOptions): Tensor;
  }
}

addMethods({ lerp, addcmul, addcdiv });
