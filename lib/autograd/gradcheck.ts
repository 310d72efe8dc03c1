// Gradients against finite differences, as a tool for users.
import { ArgumentError, AutogradError, DTypeError, shapeText, valueText } from '../errors.js';
import { randnLike } from '../ops/random/random.js';
import { checkFunction, checkOptions, checkTensor } from '../tensor/check.js';
import { fromTypedArray, zerosLike } from '../tensor/create.js';
import { isFloating } from '../tensor/dtype.js';
import { enableGrad, noGrad, scope } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { grad } from './engine.js';

/** A function that {@link gradcheck} can test. */
export type Checked = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

/** Options of {@link gradcheck}. */
export interface GradcheckOptions {
  /** Step of the finite differences. Default 1e-6. */
  eps?: number;
  /** Allowed absolute difference. Default 1e-5. */
  atol?: number;
  /** Allowed difference in relation to the number. Default 1e-3. */
  rtol?: number;
  /** Throw, rather than return false. Default true. */
  raiseException?: boolean;
  /** Allowed difference between two runs of the backward pass. Default 0. */
  nondetTol?: number;
}

/** Options of {@link gradgradcheck}. */
export type GradgradcheckOptions = GradcheckOptions;

/** Thrown by {@link gradcheck}: names output, input and the worst entry. */
export class GradcheckError extends AutogradError {}

/** A matrix `[inputs elements, output elements]`, by rows. */
type Jacobian = Float64Array[];

interface Limits {
  readonly eps: number;
  readonly atol: number;
  readonly rtol: number;
  readonly nondetTol: number;
}

const listOf = (result: Tensor | readonly Tensor[]): readonly Tensor[] =>
  result instanceof Tensor ? [result] : result;

function numbersOf(x: Tensor): Float64Array {
  return Float64Array.from(x.detach().dataSync(), Number);
}

function outputsOf(op: string, fn: Checked, inputs: readonly Tensor[]): readonly Tensor[] {
  const outputs = listOf(fn(...inputs));
  if (!Array.isArray(outputs) || !outputs.every((y) => y instanceof Tensor)) {
    throw new ArgumentError(op, `the function must return a Tensor or an array of Tensors, got ${valueText(outputs)}`);
  }
  return outputs;
}

/** The inputs with one element shifted; the others are the tensors themselves, so that aliases stay what they are. */
function shifted(inputs: readonly Tensor[], at: number, element: number, by: number): Tensor[] {
  return inputs.map((input, i) => {
    if (i !== at) return input.detach();
    const data = input.contiguous().detach().dataSync().slice() as Float64Array;
    data[element] += by;
    return fromTypedArray(data, input.shape, input.dtype);
  });
}

/** Central differences: rows for the elements of one input, one matrix per output. */
function numericalJacobians(
  fn: Checked,
  inputs: readonly Tensor[],
  at: number,
  outputs: number[],
  eps: number,
): Jacobian[] {
  const result: Jacobian[] = outputs.map(() => []);
  for (let element = 0; element < inputs[at].numel; element++) {
    const run = (by: number) =>
      noGrad(() => {
        const all = outputsOf('gradcheck', fn, shifted(inputs, at, element, by));
        return outputs.map((o) => numbersOf(all[o]));
      });
    const up = run(eps);
    const down = run(-eps);
    up.forEach((values, o) => {
      result[o].push(values.map((value, k) => (value - down[o][k]) / (2 * eps)));
    });
  }
  return result;
}

/** Rows for the elements of one input, from one backward pass per element of the output. */
function analyticalJacobians(output: Tensor, inputs: readonly Tensor[]): Jacobian[] {
  const result: Jacobian[] = inputs.map((x) => Array.from({ length: x.numel }, () => new Float64Array(output.numel)));
  if (!output.requiresGrad) return result;
  for (let k = 0; k < output.numel; k++) {
    const data = new Float64Array(output.numel);
    data[k] = 1;
    const unit = fromTypedArray(data, output.shape, 'float64');
    const grads = grad(output, inputs, { gradOutputs: [unit], retainGraph: true, allowUnused: true });
    grads.forEach((g, i) => {
      if (!g) return;
      numbersOf(g).forEach((value, element) => {
        result[i][element][k] = value;
      });
      g.dispose();
    });
    unit.dispose();
  }
  return result;
}

const bothNaN = (a: number, b: number): boolean => Number.isNaN(a) && Number.isNaN(b);

/** The entry that differs most beyond what is allowed; null when none does. */
function worstEntry(
  numerical: Jacobian,
  analytical: Jacobian,
  { atol, rtol }: { atol: number; rtol: number },
): { row: number; column: number; count: number } | null {
  let worst = null as { row: number; column: number; by: number } | null;
  let count = 0;
  numerical.forEach((values, row) => {
    values.forEach((value, column) => {
      const other = analytical[row][column];
      const difference = Math.abs(value - other);
      if (difference <= atol + rtol * Math.abs(value) || value === other || bothNaN(value, other)) return;
      count++;
      const by = Number.isNaN(difference) ? Infinity : difference;
      if (!worst || by > worst.by) worst = { row, column, by };
    });
  });
  return worst && { row: worst.row, column: worst.column, count };
}

function positionText(flat: number, shape: readonly number[]): string {
  const at: number[] = [];
  let rest = flat;
  for (let i = shape.length - 1; i >= 0; i--) {
    at.unshift(rest % shape[i]);
    rest = Math.floor(rest / shape[i]);
  }
  return shapeText(at);
}

function checkPair(
  output: Tensor,
  o: number,
  input: Tensor,
  i: number,
  pair: [Jacobian, Jacobian],
  limits: Limits,
): void {
  const [numerical, analytical] = pair;
  const worst = worstEntry(numerical, analytical, limits);
  if (!worst) return;
  const { row, column, count } = worst;
  throw new GradcheckError(
    'gradcheck',
    `the gradient of output ${o} ${shapeText(output.shape)} with respect to input ${i} ${shapeText(input.shape)} is wrong ` +
      `in ${count} of ${input.numel * output.numel} entries; the worst: d output${positionText(column, output.shape)} / ` +
      `d input${positionText(row, input.shape)} is ${analytical[row][column]}, finite differences give ${numerical[row][column]}`,
  );
}

function checkedInputs(op: string, inputs: Tensor | readonly Tensor[]): readonly Tensor[] {
  const list = inputs instanceof Tensor ? [inputs] : inputs;
  if (!Array.isArray(list)) throw new ArgumentError(op, `inputs must be Tensors, got ${valueText(inputs)}`, inputs);
  for (const input of list) checkTensor(op, input);
  const wanted = list.filter((input) => input.requiresGrad);
  if (wanted.length === 0) throw new ArgumentError(op, 'at least one input must require gradients', inputs);
  for (const { dtype } of wanted) {
    if (dtype !== 'float64') {
      throw new DTypeError(
        op,
        `inputs that require gradients must be float64 for finite differences, got ${dtype}`,
        dtype,
      );
    }
  }
  return list;
}

function runCheck(fn: Checked, list: readonly Tensor[], limits: Limits): void {
  const wanted = list.flatMap((input, i) => (input.requiresGrad ? [i] : []));
  const outputs = outputsOf('gradcheck', fn, list);
  const floating = outputs.flatMap((y, o) => (isFloating(y.dtype) ? [o] : []));
  if (!floating.some((o) => outputs[o].requiresGrad)) {
    checkConstant(fn, list, wanted, floating, limits);
    return;
  }
  const inputs = wanted.map((i) => list[i]);
  const analytical = floating.map((o) => analyticalJacobians(outputs[o], inputs));
  for (const [w, i] of wanted.entries()) {
    const numerical = numericalJacobians(fn, list, i, floating, limits.eps);
    for (const [k, o] of floating.entries()) {
      checkPair(outputs[o], o, list[i], i, [numerical[k], analytical[k][w]], limits);
    }
  }
  for (const [k, o] of floating.entries()) checkRepeated(outputs[o], o, inputs, analytical[k], limits.nondetTol);
}

/** No output depends on the inputs, says the tape: then neither may the numbers. */
function checkConstant(
  fn: Checked,
  list: readonly Tensor[],
  wanted: number[],
  floating: number[],
  limits: Limits,
): void {
  for (const i of wanted) {
    for (const [k, jacobian] of numericalJacobians(fn, list, i, floating, limits.eps).entries()) {
      if (!jacobian.some((row) => row.some((value) => !(Math.abs(value) <= limits.atol)))) continue;
      throw new GradcheckError('gradcheck', `output ${floating[k]} changes with input ${i} but has no gradient`);
    }
  }
}

function checkRepeated(
  output: Tensor,
  o: number,
  inputs: readonly Tensor[],
  first: Jacobian[],
  tolerance: number,
): void {
  const again = analyticalJacobians(output, inputs);
  first.forEach((jacobian, i) => {
    if (!worstEntry(jacobian, again[i], { atol: tolerance, rtol: 0 })) return;
    throw new GradcheckError('gradcheck', `two backward passes of output ${o} gave different gradients for input ${i}`);
  });
}

/**
 * Compares the gradients of `fn` with finite differences, for every float64 input that requires gradients. Throws a
 * {@link GradcheckError} that names output, input and the worst entry, or returns false without `raiseException`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.gradcheck.gradcheck.html
 */
export function gradcheck(fn: Checked, inputs: Tensor | readonly Tensor[], options: GradcheckOptions = {}): boolean {
  checkFunction('gradcheck', fn);
  checkOptions('gradcheck', options);
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3, raiseException = true, nondetTol = 0 } = options;
  const list = checkedInputs('gradcheck', inputs);
  try {
    enableGrad(() => runCheck(fn, list, { eps, atol, rtol, nondetTol }));
    return true;
  } catch (error) {
    if (raiseException || !(error instanceof GradcheckError)) throw error;
    return false;
  }
}

/**
 * {@link gradcheck} of the gradients of `fn`: tests its second derivatives, with respect to its inputs and to the
 * gradients of its outputs (`gradOutputs`; random ones by default).
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.gradcheck.gradgradcheck.html
 */
export function gradgradcheck(
  fn: Checked,
  inputs: Tensor | readonly Tensor[],
  gradOutputs: Tensor | readonly Tensor[] | null = null,
  options: GradgradcheckOptions = {},
): boolean {
  checkFunction('gradgradcheck', fn);
  checkOptions('gradgradcheck', options);
  const list = checkedInputs('gradgradcheck', inputs);
  return scope(() => {
    const weights = gradOutputs === null ? randomWeights(fn, list) : listOf(gradOutputs);
    for (const weight of weights) checkTensor('gradgradcheck', weight, 'gradOutputs');
    const wanted = list.flatMap((input, i) => (input.requiresGrad ? [i] : []));
    const first = (...all: Tensor[]): readonly Tensor[] => {
      const own = all
        .slice(0, list.length)
        .map((x, i) => (wanted.includes(i) && !x.requiresGrad ? x.requiresGrad_() : x));
      return enableGrad(() => {
        const outputs = outputsOf('gradgradcheck', fn, own).filter((y) => y.requiresGrad);
        const grads = grad(
          outputs,
          wanted.map((i) => own[i]),
          {
            gradOutputs: all.slice(list.length),
            createGraph: true,
            allowUnused: true,
          },
        );
        return grads.map((g, k) => g ?? zerosLike(own[wanted[k]]));
      });
    };
    return gradcheck(first, [...list, ...weights], options);
  });
}

function randomWeights(fn: Checked, inputs: readonly Tensor[]): Tensor[] {
  const outputs = enableGrad(() => outputsOf('gradgradcheck', fn, inputs));
  return outputs.filter((y) => y.requiresGrad).map((y) => randnLike(y.detach(), { requiresGrad: true }));
}
