import { native } from '../native.js';
import { broadcastShapes } from '../tensor/layout.js';
import type { Tensor } from '../tensor/tensor.js';
import { BinaryOp } from './codes.js';
import { addMethods, defineOp } from './define.js';
import { checkInPlace, checkTensor, promote, promoteWithScalar, runBinary, runScalar } from './elementwise.js';
import { sumTo } from './view.js';

const addTensors = defineOp({
  name: 'add',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor) => runBinary('add', BinaryOp.add, a, b),
  save: (_out, a, b) => ({ a: a.shape, b: b.shape }),
  backward: ([g], saved, needs) => [needs[0] ? sumTo(g, saved.a) : null, needs[1] ? sumTo(g, saved.b) : null],
});

const addScalar = defineOp({
  name: 'addScalar',
  inputs: ['input'],
  forward: (x: Tensor, scalar: number) => runScalar(BinaryOp.add, x, scalar),
  backward: ([g]) => [g],
});

const mulTensors = defineOp({
  name: 'mul',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor) => runBinary('mul', BinaryOp.mul, a, b),
  save: (_out, a, b) => ({ a, b }),
  backward: ([g], { a, b }, needs) => [
    needs[0] ? sumTo(mul(g, b), a.shape) : null,
    needs[1] ? sumTo(mul(g, a), b.shape) : null,
  ],
});

const mulScalar = defineOp({
  name: 'mulScalar',
  inputs: ['input'],
  forward: (x: Tensor, scalar: number) => runScalar(BinaryOp.mul, x, scalar),
  save: (_out, _x, scalar) => ({ scalar }),
  backward: ([g], { scalar }) => [mul(g, scalar)],
});

/** `a + b`, broadcast, in PyTorch's result type. */
export function add(a: Tensor, b: Tensor | number): Tensor {
  checkTensor('add', a);
  if (typeof b === 'number') return addScalar(promoteWithScalar('add', a, b), b);
  checkTensor('add', b, 'other');
  return addTensors(...promote(a, b));
}

/** `a * b`, broadcast, in PyTorch's result type. */
export function mul(a: Tensor, b: Tensor | number): Tensor {
  checkTensor('mul', a);
  if (typeof b === 'number') return mulScalar(promoteWithScalar('mul', a, b), b);
  checkTensor('mul', b, 'other');
  return mulTensors(...promote(a, b));
}

/** `a += b` in the memory of `a`. */
export function add_(a: Tensor, b: Tensor | number): Tensor {
  checkTensor('add_', a);
  if (typeof b === 'number') {
    checkInPlace('add_', a, a.shape, promoteWithScalar('add_', a, b).dtype);
    native.binaryScalar(BinaryOp.add, a._id, a._id, b, false);
  } else {
    checkTensor('add_', b, 'other');
    const [x, y] = promote(a, b);
    checkInPlace('add_', a, broadcastShapes('add_', x.shape, y.shape), x.dtype);
    native.binary(BinaryOp.add, a._id, a._id, y._id);
  }
  a._bump();
  return a;
}

declare module '../tensor/tensor.js' {
  interface Tensor {
    /** See {@link add}. */
    add(other: Tensor | number): Tensor;
    /** See {@link mul}. */
    mul(other: Tensor | number): Tensor;
    /** See {@link add_}. */
    add_(other: Tensor | number): Tensor;
  }
}

addMethods({ add, mul, add_ });
