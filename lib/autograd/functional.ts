/**
 * Jacobians, Hessians and their products with vectors, of functions of one or several tensors.
 * @packageDocumentation
 */
import { ArgumentError, AutogradError, ShapeError, shapeText, valueText } from '../errors.js';
import { cat } from '../ops/shape/concat.js';
import { checkFunction, checkOptions, checkTensor } from '../tensor/check.js';
import { onesLike, zeros, zerosLike } from '../tensor/create.js';
import { sameShape } from '../tensor/layout.js';
import { enableGrad } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { grad } from './engine.js';

/** One tensor, or several. */
export type Tensors = Tensor | readonly Tensor[];
/** What a function of one tensor, or of several, looks like. */
export type FunctionOf<I extends Tensors, O extends Tensors> = (
  ...inputs: I extends readonly Tensor[] ? I : [I & Tensor]
) => O;
/** A tensor for a single one, an array for several. */
export type Like<T extends Tensors> = T extends Tensor ? Tensor : Tensor[];

/** Options of the functions of `autograd.functional`. */
export interface FunctionalOptions {
  /** Record how the result is computed, so that it can be differentiated. */
  createGraph?: boolean;
  /** Throw when an output does not depend on an input, rather than give zeros. */
  strict?: boolean;
}

interface Call {
  readonly op: string;
  readonly inputs: Tensor[];
  readonly outputs: Tensor[];
  readonly single: { readonly input: boolean; readonly output: boolean };
  readonly createGraph: boolean;
  readonly strict: boolean;
}

function listOf(op: string, name: string, value: Tensors): readonly Tensor[] {
  const list = value instanceof Tensor ? [value] : value;
  if (!Array.isArray(list) || list.length === 0) {
    throw new ArgumentError(op, `${name} must be a Tensor or an array of Tensors, got ${valueText(value)}`, value);
  }
  for (const item of list) checkTensor(op, item, name);
  return list;
}

/** Runs `fn` on inputs that require gradients: views of the given ones under createGraph, else copies of no history. */
function callOf(op: string, fn: unknown, given: Tensors, options: FunctionalOptions): Call {
  checkFunction(op, fn);
  checkOptions(op, options);
  const { createGraph = false, strict = false } = options;
  const inputs = listOf(op, 'inputs', given).map((x) => {
    if (createGraph && x.requiresGrad) return x.reshape(x.shape);
    return x.detach().requiresGrad_();
  });
  const result = (fn as (...inputs: Tensor[]) => Tensors)(...inputs);
  const outputs = [...listOf(op, 'outputs of the function', result)];
  const single = { input: given instanceof Tensor, output: result instanceof Tensor };
  if (strict) {
    const at = outputs.findIndex((y) => !y.requiresGrad);
    if (at >= 0) throw new AutogradError(op, `output ${at} does not depend on the inputs (strict)`);
  }
  return { op, inputs, outputs, single, createGraph, strict };
}

/** The gradients of outputs with respect to inputs; zeros where nothing flows, or an error under strict. */
function gradients(
  { op, strict }: Pick<Call, 'op' | 'strict'>,
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  weights: readonly (Tensor | null)[],
  createGraph: boolean,
): Tensor[] {
  const used = outputs.flatMap((y, i) => (y.requiresGrad ? [i] : []));
  const grads =
    used.length === 0
      ? inputs.map(() => null)
      : grad(
          used.map((i) => outputs[i]),
          inputs,
          { gradOutputs: used.map((i) => weights[i]), createGraph, retainGraph: true, allowUnused: true },
        );
  return grads.map((g, i) => {
    if (g) return g;
    if (strict) throw new AutogradError(op, `the outputs do not depend on input ${i} (strict)`);
    return zerosLike(inputs[i]);
  });
}

const finish = (x: Tensor, createGraph: boolean): Tensor => (createGraph ? x : x.detach());

function shaped<T>(list: readonly T[], single: boolean): T | T[] {
  return single ? list[0] : [...list];
}

/** Vectors of products: one like each tensor; ones for a single number when left out. */
function vectorsFor(op: string, given: Tensors | null | undefined, targets: readonly Tensor[], what: string): Tensor[] {
  if (given === null || given === undefined) {
    if (targets.length === 1 && targets[0].numel === 1) return [onesLike(targets[0].detach())];
    throw new ArgumentError(op, `a vector is needed unless there is a single ${what} with one element`);
  }
  const list = listOf(op, 'v', given);
  if (list.length !== targets.length) {
    throw new ArgumentError(op, `${list.length} vectors for ${targets.length} ${what}s`, given);
  }
  list.forEach((v, i) => {
    if (sameShape(v.shape, targets[i].shape)) return;
    const message = `vector ${i} has shape ${shapeText(v.shape)}, the ${what} ${shapeText(targets[i].shape)}`;
    throw new ShapeError(op, message, v.shape, targets[i].shape);
  });
  return [...list];
}

/** d output / d inputs, each `[...output, ...input]`. */
function jacobianRows(call: Call, output: Tensor, createGraph: boolean): Tensor[] {
  const rows: Tensor[][] = call.inputs.map(() => []);
  const flat = output.reshape([-1]);
  for (let k = 0; k < flat.numel; k++) {
    const row = gradients(call, [flat.select(0, k)], call.inputs, [null], createGraph);
    row.forEach((g, i) => {
      rows[i].push(g.reshape([1, -1]));
    });
  }
  return call.inputs.map((input, i) => {
    const shape = [...output.shape, ...input.shape];
    const matrix = rows[i].length > 0 ? cat(rows[i], 0) : zeros(shape, { dtype: input.dtype });
    return finish(matrix.reshape(shape), createGraph);
  });
}

/**
 * The Jacobian of `fn`: `[...output, ...input]` for one output and one input; an array over the inputs where they are
 * given as an array, and of such arrays over the outputs where `fn` returns an array.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.functional.jacobian.html
 */
export function jacobian<I extends Tensors, O extends Tensors>(
  fn: FunctionOf<I, O>,
  inputs: I,
  options: FunctionalOptions = {},
): O extends Tensor ? Like<I> : Like<I>[] {
  return enableGrad(() => {
    const call = callOf('jacobian', fn, inputs, options);
    const all = call.outputs.map((output) => shaped(jacobianRows(call, output, call.createGraph), call.single.input));
    return shaped(all, call.single.output) as O extends Tensor ? Like<I> : Like<I>[];
  });
}

function scalarOf(call: Call): Tensor {
  const [y] = call.outputs;
  if (call.outputs.length === 1 && y.numel === 1) return y.reshape([]);
  const shapes = call.outputs.map(({ shape }) => shapeText(shape)).join(', ');
  throw new ShapeError(call.op, `the function must return one tensor with one element, got ${shapes}`, y.shape);
}

/**
 * The Hessian of a function with a single number: `[...input, ...input]`, or rows over rows of such for several inputs.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.functional.hessian.html
 */
export function hessian<I extends Tensors>(
  fn: FunctionOf<I, Tensor>,
  inputs: I,
  options: FunctionalOptions = {},
): I extends Tensor ? Tensor : Tensor[][] {
  return enableGrad(() => {
    const call = callOf('hessian', fn, inputs, options);
    const first = gradients(call, [scalarOf(call)], call.inputs, [null], true);
    if (call.strict && first.some((g) => !g.requiresGrad)) {
      throw new AutogradError('hessian', 'the gradient does not depend on the inputs (strict)');
    }
    const rows = first.map((g) => shaped(jacobianRows(call, g, call.createGraph), call.single.input));
    return shaped(rows, call.single.input) as I extends Tensor ? Tensor : Tensor[][];
  });
}

/**
 * `[fn(inputs), v^T J]`: the product of a vector (like the outputs) with the Jacobian, like the inputs.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.functional.vjp.html
 */
export function vjp<I extends Tensors, O extends Tensors>(
  fn: FunctionOf<I, O>,
  inputs: I,
  v: Tensors | null = null,
  options: FunctionalOptions = {},
): [Like<O>, Like<I>] {
  return enableGrad(() => {
    const call = callOf('vjp', fn, inputs, options);
    const vectors = vectorsFor('vjp', v, call.outputs, 'output');
    const product = gradients(call, call.outputs, call.inputs, vectors, call.createGraph);
    return resultOf(call, call.outputs, call.single.output, product, call.single.input) as [Like<O>, Like<I>];
  });
}

/**
 * `[fn(inputs), J v]`: the product of the Jacobian with a vector (like the inputs), like the outputs. Computed with two
 * backward passes.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.functional.jvp.html
 */
export function jvp<I extends Tensors, O extends Tensors>(
  fn: FunctionOf<I, O>,
  inputs: I,
  v: Tensors | null = null,
  options: FunctionalOptions = {},
): [Like<O>, Like<O>] {
  return enableGrad(() => {
    const call = callOf('jvp', fn, inputs, options);
    const vectors = vectorsFor('jvp', v, call.inputs, 'input');
    // The gradient is linear in the weights of the outputs: its derivative with respect to them is J.
    const weights = call.outputs.map((y) => zerosLike(y.detach(), { requiresGrad: true }));
    const back = gradients(call, call.outputs, call.inputs, weights, true);
    const product = gradients(call, back, weights, vectors, call.createGraph);
    return resultOf(call, call.outputs, call.single.output, product, call.single.output) as [Like<O>, Like<O>];
  });
}

/**
 * `[fn(inputs), v^T H]`, with the Hessian of a function with a single number.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.functional.vhp.html
 */
export function vhp<I extends Tensors>(
  fn: FunctionOf<I, Tensor>,
  inputs: I,
  v: Tensors | null = null,
  options: FunctionalOptions = {},
): [Tensor, Like<I>] {
  return enableGrad(() => {
    const call = callOf('vhp', fn, inputs, options);
    const vectors = vectorsFor('vhp', v, call.inputs, 'input');
    const first = gradients(call, [scalarOf(call)], call.inputs, [null], true);
    const product = gradients(call, first, call.inputs, vectors, call.createGraph);
    return resultOf(call, call.outputs, true, product, call.single.input) as [Tensor, Like<I>];
  });
}

/**
 * `[fn(inputs), H v]`. The Hessian is symmetric, so {@link vhp} gives the same faster.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.functional.hvp.html
 */
export function hvp<I extends Tensors>(
  fn: FunctionOf<I, Tensor>,
  inputs: I,
  v: Tensors | null = null,
  options: FunctionalOptions = {},
): [Tensor, Like<I>] {
  return enableGrad(() => {
    const call = callOf('hvp', fn, inputs, options);
    const vectors = vectorsFor('hvp', v, call.inputs, 'input');
    const first = gradients(call, [scalarOf(call)], call.inputs, [null], true);
    const weights = call.inputs.map((x) => zerosLike(x.detach(), { requiresGrad: true }));
    const back = gradients(call, first, call.inputs, weights, true);
    const product = gradients(call, back, weights, vectors, call.createGraph);
    return resultOf(call, call.outputs, true, product, call.single.input) as [Tensor, Like<I>];
  });
}

function resultOf(
  { createGraph }: Call,
  outputs: readonly Tensor[],
  singleOutput: boolean,
  product: readonly Tensor[],
  singleProduct: boolean,
): [Tensor | Tensor[], Tensor | Tensor[]] {
  const done = (list: readonly Tensor[]): Tensor[] => list.map((x) => finish(x, createGraph));
  return [shaped(done(outputs), singleOutput), shaped(done(product), singleProduct)];
}
