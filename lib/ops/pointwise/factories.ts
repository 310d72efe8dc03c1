// What families of elementwise functions share: how operands are promoted, and what is recorded.
import { DTypeError } from '../../errors.js';
import { zerosLike } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import type { Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { checkNumeric, checkTensor, operands, runBinary, runUnary, toFloating } from '../elementwise.js';
import { binaryWithOut, type OutOptions, type UnaryFunction, unaryWithOut } from '../out.js';
import { clone, sumTo } from '../shape/view.js';

/** A tensor, or a number that counts as one of no axes. */
export type Operand = Tensor | number;

export type { UnaryFunction } from '../out.js';

/** A function of two operands that broadcast. */
export type BinaryFunction = (a: Tensor, b: Tensor, options?: OutOptions) => Tensor;

/** A function of two operands, of which one may be a number. */
export type OperandFunction = (a: Operand, b: Operand, options?: OutOptions) => Tensor;

/** The gradient from the incoming one and what was kept: the input or the output. */
export type Rule = (g: Tensor, kept: Tensor) => Tensor;

/** The gradients of both operands, before a broadcast is undone; null: there is none. */
export interface PairRule {
  a: ((g: Tensor, a: Tensor, b: Tensor, out: Tensor) => Tensor) | null;
  b: ((g: Tensor, a: Tensor, b: Tensor, out: Tensor) => Tensor) | null;
}

function record(name: string, code: number, keep: 'input' | 'output', rule: Rule): (x: Tensor) => Tensor {
  return defineOp({
    name,
    inputs: ['input'],
    forward: (x: Tensor) => runUnary(code, x),
    save: (out, x) => ({ kept: keep === 'input' ? x : out }),
    backward: ([g], { kept }) => [rule(g, kept)],
  });
}

/** Of numbers: integers stay integers. */
export function numericUnary(name: string, code: number, keep: 'input' | 'output', rule: Rule): UnaryFunction {
  const run = record(name, code, keep, rule);
  return unaryWithOut(name, (x) => {
    checkTensor(name, x);
    checkNumeric(name, x);
    return run(x);
  });
}

/** Integers and bool become floating-point numbers. */
export function floatingUnary(name: string, code: number, keep: 'input' | 'output', rule: Rule): UnaryFunction {
  const run = record(name, code, keep, rule);
  return unaryWithOut(name, (x) => {
    checkTensor(name, x);
    return run(toFloating(x));
  });
}

/** Steps: a gradient of zero, and integers are what they are. */
export function roundingUnary(name: string, code: number): UnaryFunction {
  const run = record(name, code, 'input', (_g, x) => zerosLike(x));
  return unaryWithOut(name, (x) => {
    checkTensor(name, x);
    checkNumeric(name, x);
    return isFloating(x.dtype) ? run(x) : clone(x);
  });
}

/** Floating-point tensors only. */
export function floatOnly(name: string, code: number, rule: Rule): UnaryFunction {
  const run = record(name, code, 'input', rule);
  return unaryWithOut(name, (x) => {
    checkTensor(name, x);
    checkFloating(name, x);
    return run(x);
  });
}

/** Refuses everything but floating-point tensors. */
export function checkFloating(op: string, ...tensors: readonly Tensor[]): void {
  for (const x of tensors) {
    if (!isFloating(x.dtype)) throw new DTypeError(op, `takes floating-point tensors, got ${x.dtype}`, x.dtype);
  }
}

/** Refuses everything but integers. */
export function checkIntegers(op: string, x: Tensor): void {
  if (isFloating(x.dtype) || x.dtype === 'bool') throw new DTypeError(op, `takes integers, got ${x.dtype}`, x.dtype);
}

/** The record of a function of two tensors of one dtype. */
export function pairRecord(name: string, code: number, rule: PairRule | null): (a: Tensor, b: Tensor) => Tensor {
  const forward = (a: Tensor, b: Tensor): Tensor => runBinary(name, code, a, b);
  if (!rule) return defineOp({ name, inputs: ['input', 'other'], forward });
  return defineOp({
    name,
    inputs: ['input', 'other'],
    forward,
    save: (out, a, b) => ({ a, b, out }),
    backward: ([g], { a, b, out }, needs) => [
      needs[0] && rule.a ? sumTo(rule.a(g, a, b, out), a.shape) : null,
      needs[1] && rule.b ? sumTo(rule.b(g, a, b, out), b.shape) : null,
    ],
  });
}

/** What a function of two operands takes: any dtype as it is, integers as floating-point, or one kind only. */
export type Kind = 'any' | 'floating' | 'floatOnly' | 'integers' | 'numeric';

/** A function of two operands, of which at least one is a tensor. */
export function binaryFunction(name: string, code: number, kind: Kind, rule: PairRule | null): OperandFunction {
  const run = pairRecord(name, code, rule);
  return binaryWithOut(name, (a: Operand, b: Operand) => {
    const [x, y] = operands(name, a, b);
    if (kind === 'floating') return run(toFloating(x), toFloating(y));
    if (kind === 'floatOnly') checkFloating(name, x);
    else if (kind === 'integers') checkIntegers(name, x);
    else if (kind === 'numeric') checkNumeric(name, x);
    return run(x, y);
  });
}
