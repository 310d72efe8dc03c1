// The option `out` of elementwise functions, and their variants in place: one kernel that writes to a given tensor.
import { AutogradError } from '../errors.js';
import { native } from '../native.js';
import { checkTensor } from '../tensor/check.js';
import { isGradEnabled } from '../tensor/frame.js';
import { Tensor } from '../tensor/tensor.js';
import { checkInPlace, inPlaceOf, operandInPlace } from './in-place.js';
import { withTarget } from './target.js';

/** Options of every elementwise function. */
export interface OutOptions {
  /**
   * The tensor to write to. It has the result's shape, a dtype that can hold the result, and is never resized. Nothing is
   * recorded: neither it nor an operand may require gradients, unless inside `noGrad`.
   */
  out?: Tensor | null;
}

/** The tensor given as `out`, if there is one. Other values in place of the options (an index of `map`) count as none. */
export function outOf(options: unknown): Tensor | null {
  if (typeof options !== 'object' || options === null) return null;
  return (options as OutOptions).out ?? null;
}

function store(op: string, x: Tensor, result: Tensor, operands: readonly unknown[]): void {
  if (result === x) return;
  checkInPlace(op, x, result.shape, result.dtype);
  native.copy(x._id, result._id);
  if (!operands.includes(result)) result.dispose();
}

/**
 * Runs a function of one kernel into `out`. Operands that share memory with `out` are read before it is written.
 * @throws AutogradError when a gradient would be lost, ShapeError or DTypeError when the result does not fit.
 */
export function into(op: string, out: Tensor, operands: readonly unknown[], run: () => Tensor): Tensor {
  checkTensor(op, out, 'out');
  let apart = true;
  for (const x of operands) {
    if (!(x instanceof Tensor)) continue;
    if (x !== out && x._version === out._version) apart = false;
  }
  if (isGradEnabled() && [out, ...operands].some((x) => x instanceof Tensor && x.requiresGrad)) {
    throw new AutogradError(op, 'with out records no gradient, but one of the tensors requires one; use noGrad()');
  }
  checkInPlace(op, out, out.shape, out.dtype);
  store(op, out, apart ? withTarget(out, run) : run(), operands);
  out._bump();
  return out;
}

/** A function of one tensor. Two signatures, so that `tensors.map(exp)` is one of its uses. */
export interface UnaryFunction {
  (x: Tensor, options?: OutOptions): Tensor;
  (x: Tensor): Tensor;
}

/** Gives a function of one kernel and one tensor the option `out`. */
export function unaryWithOut(op: string, run: (x: Tensor) => Tensor): (x: Tensor, options?: OutOptions) => Tensor {
  return (x, options) => {
    if (options === undefined) return run(x);
    const out = outOf(options);
    return out ? into(op, out, [x], () => run(x)) : run(x);
  };
}

/** Gives a function of one kernel and two operands the option `out`. */
export function binaryWithOut<A, B>(
  op: string,
  run: (a: A, b: B) => Tensor,
): (a: A, b: B, options?: OutOptions) => Tensor {
  return (a, b, options) => {
    if (options === undefined) return run(a, b);
    const out = outOf(options);
    return out ? into(op, out, [a, b], () => run(a, b)) : run(a, b);
  };
}

/** The variant in place of a function of one kernel. */
export function kernelInPlace<A extends readonly unknown[]>(
  op: string,
  compute: (x: Tensor, ...args: A) => Tensor,
): (x: Tensor, ...args: A) => Tensor {
  return inPlaceOf<A>(op, compute, (x, ...args) => {
    checkInPlace(op, x, x.shape, x.dtype);
    const apart = args.map((arg) => (arg instanceof Tensor ? operandInPlace(x, arg) : arg)) as unknown as A;
    store(
      op,
      x,
      withTarget(x, () => compute(x, ...apart)),
      apart,
    );
  });
}
