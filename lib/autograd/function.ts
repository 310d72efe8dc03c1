// Custom operations: a class with a forward and a backward of its own.
import { ArgumentError, AutogradError, ShapeError, shapeText, valueText } from '../errors.js';
import { keepSaved } from '../ops/define.js';
import { setHistory } from '../ops/in-place.js';
import { sumTo, to } from '../ops/shape/view.js';
import { zeros } from '../tensor/create.js';
import { type DType, isFloating } from '../tensor/dtype.js';
import { currentScope, isGradEnabled, isInferenceModeEnabled, runInFrame, Scope } from '../tensor/frame.js';
import { type BackwardRule, type Edge, Node, noticed, type Saved, ViewKind } from '../tensor/graph.js';
import { sameShape } from '../tensor/layout.js';
import { Tensor } from '../tensor/tensor.js';

/** What `forward` returns. */
export type Result = Tensor | readonly Tensor[];
/** A gradient; null where there is none. */
export type Gradient = Tensor | null;

/** What one call of a custom function knows between its forward and its backward. Further fields are free to use. */
export class FunctionContext {
  /** For each argument of `forward`: whether a gradient is wanted. */
  needsInputGrad: readonly boolean[] = [];
  /** @internal */
  _toSave: readonly (Tensor | null)[] = [];
  /** @internal */
  readonly _nonDifferentiable = new Set<Tensor>();
  /** @internal */
  readonly _dirty = new Set<Tensor>();
  /** @internal */
  _materialize = true;
  /** @internal Set while `backward` runs. */
  _saved: readonly (Tensor | null)[] | null = null;
  [field: string]: unknown;

  /** Keeps tensors for `backward`, where {@link savedTensors} has them; a change in place in between is found. */
  saveForBackward(...tensors: readonly (Tensor | null)[]): void {
    for (const tensor of tensors) {
      if (tensor === null || tensor instanceof Tensor) continue;
      throw new ArgumentError('saveForBackward', `Tensors or null are needed, got ${valueText(tensor)}`, tensor);
    }
    this._toSave = tensors;
  }

  /** The tensors given to {@link saveForBackward}; in `backward`, with their history. */
  get savedTensors(): readonly (Tensor | null)[] {
    return this._saved ?? this._toSave;
  }

  /** These outputs need no gradient. */
  markNonDifferentiable(...outputs: readonly Tensor[]): void {
    for (const output of outputs) this._nonDifferentiable.add(output);
  }

  /** These inputs were changed in place by `forward`, which also returns them. */
  markDirty(...inputs: readonly Tensor[]): void {
    for (const input of inputs) this._dirty.add(input);
  }

  /** Whether `backward` gets zeros (the default) or null for an output that has no gradient. */
  setMaterializeGrads(value: boolean): void {
    this._materialize = value;
  }
}

/** A class that {@link CustomFunction.apply} can run. */
export interface FunctionClass<A extends readonly unknown[], R extends Result> {
  readonly name: string;
  /** Computes the outputs; runs without recording. */
  forward(ctx: FunctionContext, ...args: A): R;
  /** One gradient, or null, for each argument of `forward`, from one gradient per output. */
  backward(ctx: FunctionContext, ...grads: never[]): Gradient | readonly Gradient[];
}

/**
 * A custom operation, exported as `autograd.Function`. `forward` runs without recording; `backward` gets one gradient per
 * output and returns one gradient (or null) per argument of `forward`. It is differentiable again when it consists of
 * differentiable operations. Tensors made in either are freed at its end, except those returned or saved.
 * Source: https://docs.pytorch.org/docs/2.13/autograd.html#torch.autograd.Function
 *
 * @example
 * class Cube extends autograd.Function {
 *   static forward(ctx: autograd.FunctionContext, x: Tensor) {
 *     ctx.saveForBackward(x);
 *     return x.pow(3);
 *   }
 *   static backward(ctx: autograd.FunctionContext, g: Tensor) {
 *     const [x] = ctx.savedTensors as [Tensor];
 *     return g.mul(x.square()).mul(3);
 *   }
 * }
 * const y = Cube.apply(x);
 */
// biome-ignore lint/complexity/noStaticOnlyClass: subclasses bring forward and backward, as in PyTorch
export abstract class CustomFunction {
  /** Runs the function on these arguments. */
  static apply<A extends readonly unknown[], R extends Result>(this: FunctionClass<A, R>, ...args: A): R {
    // biome-ignore lint/complexity/noThisInStatic: the class that a subclass calls this on
    return applyFunction(this, args);
  }
}

interface OutputInfo {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

function applyFunction<A extends readonly unknown[], R extends Result>(fn: FunctionClass<A, R>, args: A): R {
  const ctx = new FunctionContext();
  const recording = isGradEnabled();
  const edges = args.map((arg) => (recording && arg instanceof Tensor ? arg._edge() : null));
  ctx.needsInputGrad = edges.map((edge) => edge !== null);
  const records = edges.some((edge) => edge !== null);
  const node = records ? new Node(ruleOf(fn, ctx, args), edges, 1) : null;
  const outer = currentScope();
  const scope = new Scope(outer);
  return runInFrame({ scope, grad: false, inference: isInferenceModeEnabled() }, () => {
    const versions = new Map(
      [...args].flatMap((arg) => (arg instanceof Tensor ? [[arg, arg._version.n] as const] : [])),
    );
    let kept: ReadonlySet<Tensor> | null = null;
    try {
      const result = fn.forward(ctx, ...args);
      const given = checkOutputs(fn.name, result);
      const outputs = given.map((output) => ownOutput(fn.name, output, args, ctx));
      markVersions(ctx, versions);
      if (node) {
        attach(fn.name, node, outputs, ctx, edges, args);
        const saved = ctx._toSave.map((tensor) => outputs[given.indexOf(tensor as Tensor)] ?? tensor);
        keepSaved(node, { tensors: saved, outputs: outputs.map(({ shape, dtype }) => ({ shape, dtype })) });
        ctx._toSave = [];
        noticed(node);
      }
      kept = new Set(outputs);
      return (result instanceof Tensor ? outputs[0] : outputs) as R;
    } finally {
      scope.close(kept);
    }
  });
}

function checkOutputs(name: string, result: Result): readonly Tensor[] {
  const outputs = result instanceof Tensor ? [result] : result;
  if (Array.isArray(outputs) && outputs.length > 0 && outputs.every((output) => output instanceof Tensor))
    return outputs;
  throw new ArgumentError(
    name,
    `forward must return a Tensor or an array of Tensors, got ${valueText(result)}`,
    result,
  );
}

/** An input that comes back unchanged is returned as a view of it, so that it keeps its own history. */
function ownOutput(name: string, output: Tensor, args: readonly unknown[], ctx: FunctionContext): Tensor {
  if (ctx._dirty.has(output)) return output;
  const view = args.find((arg): arg is Tensor => arg instanceof Tensor && arg._version === output._version);
  if (!view) return output;
  const own = output === view ? output._alias(name) : output;
  own._base = view._base ?? view;
  own._seen = own._version.n;
  own._viewKind = ViewKind.custom;
  return own;
}

/** A dirty input counts as changed even where `forward` bypassed the counter. */
function markVersions(ctx: FunctionContext, versions: ReadonlyMap<Tensor, number>): void {
  for (const input of ctx._dirty) if (versions.get(input) === input._version.n) input._bump();
}

function attach(
  name: string,
  node: Node,
  outputs: readonly Tensor[],
  ctx: FunctionContext,
  edges: readonly (Edge | null)[],
  args: readonly unknown[],
): void {
  outputs.forEach((output, i) => {
    if (ctx._nonDifferentiable.has(output) || !isFloating(output.dtype)) return;
    if (!ctx._dirty.has(output)) {
      output._node = node;
      output._output = i;
      output._seen = output._version.n;
      return;
    }
    const before = edges[args.indexOf(output)] ?? null;
    if (before && !before.node)
      throw new AutogradError(name, 'a leaf that requires gradients cannot be changed in place');
    if (output._base && outputs.length > 1) {
      throw new AutogradError(name, 'a function that changes a view in place must return one tensor');
    }
    setHistory(output, { node, output: i, leaf: null }, before);
  });
}

function ruleOf<A extends readonly unknown[], R extends Result>(
  fn: FunctionClass<A, R>,
  ctx: FunctionContext,
  args: A,
): BackwardRule {
  const inputs = args.map((arg) => (arg instanceof Tensor ? { shape: arg.shape, dtype: arg.dtype } : null));
  return {
    name: fn.name,
    backward: (grads, saved: Saved) => {
      const { tensors, outputs } = saved as { tensors: readonly (Tensor | null)[]; outputs: readonly OutputInfo[] };
      const given = outputs.map(
        ({ shape, dtype }, i) => grads[i] ?? (ctx._materialize ? zeros(shape, { dtype }) : null),
      );
      ctx._saved = tensors;
      try {
        const result = fn.backward(ctx, ...(given as never[]));
        return checkGradients(fn.name, result === null || result instanceof Tensor ? [result] : result, inputs);
      } finally {
        ctx._saved = null;
      }
    },
  };
}

/** One gradient per input, in its shape (a broadcast one is summed) and dtype. */
function checkGradients(
  name: string,
  grads: readonly Gradient[],
  inputs: readonly (OutputInfo | null)[],
): readonly Gradient[] {
  const extra = Array.isArray(grads) ? grads.slice(inputs.length) : [];
  if (!Array.isArray(grads) || grads.length < inputs.length || extra.some((grad) => grad !== null)) {
    const count = Array.isArray(grads) ? grads.length : valueText(grads);
    throw new AutogradError(name, `backward must return ${inputs.length} gradients, got ${count}`);
  }
  return inputs.map((input, i) => {
    const grad: Gradient | undefined = grads[i];
    if (grad === null || grad === undefined) return null;
    if (!(grad instanceof Tensor)) {
      throw new AutogradError(name, `gradient ${i} must be a Tensor or null, got ${valueText(grad)}`);
    }
    if (!input) throw new AutogradError(name, `gradient ${i} must be null: the argument is no Tensor`);
    return fitted(name, i, grad, input);
  });
}

function fitted(name: string, i: number, grad: Tensor, input: OutputInfo): Tensor {
  let sum = grad;
  if (!sameShape(grad.shape, input.shape)) {
    const extra = grad.ndim - input.shape.length;
    if (extra < 0 || input.shape.some((size, k) => size !== 1 && size !== grad.shape[k + extra])) {
      const message = `gradient ${i} has shape ${shapeText(grad.shape)}, the input ${shapeText(input.shape)}`;
      throw new ShapeError(name, message, grad.shape, input.shape);
    }
    sum = sumTo(grad, input.shape);
  }
  return to(sum, input.dtype);
}
