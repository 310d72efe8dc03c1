import { ArgumentError, AutogradError } from '../errors.js';
import { isFloating } from '../tensor/dtype.js';
import { isGradEnabled, isInferenceModeEnabled } from '../tensor/frame.js';
import { type BackwardRule, type Edge, Node, noticed, type Saved, tracing, ViewKind, watch } from '../tensor/graph.js';
import { Tensor } from '../tensor/tensor.js';
import { narrowRule, runNarrow } from './narrow.js';

/** What an op gives back: a tensor, or several. */
export type OpResult = Tensor | readonly Tensor[];

/**
 * One op, one record: what it takes, how it runs, what it keeps, and how gradients flow back.
 *
 * `inputs` names the leading tensor arguments of `forward`: `'bias?'` may be null, a single `'tensors...'` is a list.
 */
export interface OpRecord<A extends readonly unknown[], R extends OpResult, S extends Saved> {
  readonly name: string;
  readonly inputs: readonly string[];
  /** The result is a view of the first input: a change in place of either reaches the gradients of both. */
  readonly view?: true;
  /**
   * What happens to bfloat16 and float16 inputs. `'moves'`: forward and backward only move elements and take them as
   * they are. `'products'`: so with bfloat16, whose kernels sum in float32. By default inputs of one such dtype are
   * computed in float32; `'mixed'` allows float32 inputs beside them, and the result follows the first floating-point
   * input.
   */
  readonly narrow?: 'moves' | 'products' | 'mixed';
  /** Checks shapes and dtypes, makes the output, queues the kernel. Never records. */
  forward(...args: A): R;
  /** What `backward` needs. Called only when the call is recorded; tensors in it stay alive until `backward` has run. */
  save?(result: R, ...args: A): S;
  /**
   * The gradient for each input (null where `needs` is false or there is none), from differentiable ops only, so that
   * second derivatives work. `grads` has one entry per output; the first is never null for ops with one output.
   * Absent: the op is not differentiable.
   */
  backward?(grads: readonly Tensor[], saved: S, needs: readonly boolean[]): readonly (Tensor | null)[];
}

/** Every record by name; the tests check that each has a spec. */
export const registry = new Map<string, { readonly inputs: readonly string[]; readonly differentiable: boolean }>();

const NOTHING: Saved = {};

/** Whether the input is narrow. */
function checkInput(op: string, name: string, value: unknown): boolean {
  if (value instanceof Tensor) {
    if (value._disposed) value._handle(op);
    return value.dtype === 'bfloat16' || value.dtype === 'float16';
  }
  if (name.endsWith('?') && (value === null || value === undefined)) return false;
  const text = value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
  throw new ArgumentError(op, `${name.replace('?', '')} must be a Tensor, got ${text}`, value);
}

function checkList(op: string, name: string, value: unknown): boolean {
  if (!Array.isArray(value)) throw new ArgumentError(op, `${name} must be an array of Tensors`, value);
  let narrow = false;
  for (const item of value) if (checkInput(op, name, item)) narrow = true;
  return narrow;
}

/** Ties a view to the tensor whose memory it shows, so that changes in place find each other's history. */
function markView(result: Tensor, input: Tensor): void {
  result._base = input._base ?? input;
  result._seen = result._version.n;
  if (input._viewKind !== ViewKind.plain) result._viewKind = input._viewKind;
  else if (!isGradEnabled()) {
    const within = isInferenceModeEnabled() && !input.isInference();
    result._viewKind = within ? ViewKind.inference : ViewKind.noGrad;
  }
}

/** @internal What a recorded call keeps; the tensors live until its rule has run. */
export function keepSaved(node: Node, saved: Saved): void {
  const kept: Tensor[] = [];
  for (const key in saved) {
    const value = saved[key];
    if (typeof value !== 'object') continue;
    if (value instanceof Tensor) kept.push(value);
    else if (Array.isArray(value)) {
      for (const item of value) if (typeof item === 'object' && item instanceof Tensor) kept.push(item);
    }
  }
  node.saved = saved;
  if (kept.length === 0) return;
  const versions = new Array<number>(kept.length);
  for (let i = 0; i < kept.length; i++) {
    versions[i] = kept[i]._version.n;
    if (versions[i] < 0) refuseInference(node.rule.name);
    kept[i]._ref();
  }
  node.kept = kept;
  node.versions = versions;
}

function refuseInference(op: string): never {
  throw new AutogradError(op, 'a tensor made in inferenceMode cannot be saved for a gradient; clone() it first');
}

/** The edges of a call, or null when nothing needs a gradient. */
function edgesOf(inputs: readonly unknown[], count: number): (Edge | null)[] | null {
  let edges: (Edge | null)[] | null = null;
  for (let i = 0; i < count; i++) {
    const input = inputs[i];
    const edge = input instanceof Tensor ? input._edge() : null;
    if (edge !== null && edges === null) edges = new Array<Edge | null>(count).fill(null);
    if (edges !== null) edges[i] = edge;
  }
  return edges;
}

/** Makes the op function of a record: checks its tensors, runs it, and records it when a gradient is wanted. */
export function defineOp<A extends readonly unknown[], R extends OpResult, S extends Saved = Saved>(
  record: OpRecord<A, R, S>,
): (...args: A) => R {
  const { name, inputs, forward, save, backward, view } = record;
  const moves = view || record.narrow === 'moves';
  const products = record.narrow === 'products';
  if (registry.has(name)) throw new Error(`op ${name} is defined twice`);
  registry.set(name, { inputs, differentiable: backward !== undefined });
  const list = inputs.length === 1 && inputs[0].endsWith('...');
  const rule: BackwardRule = {
    name,
    backward: (grads, saved, needs) => {
      if (!backward) throw new AutogradError(name, 'is not differentiable');
      return backward(grads as readonly Tensor[], saved as S, needs);
    },
  };
  const call = (...args: A): R => {
    if (tracing.op !== null) return tracing.op(name, () => call(...args), args) as R;
    let narrow = false;
    if (list) narrow = checkList(name, inputs[0].slice(0, -3), args[0]);
    else for (let i = 0; i < inputs.length; i++) if (checkInput(name, inputs[i], args[i])) narrow = true;
    if (moves || (narrow && products && (args[0] as Tensor).dtype === 'bfloat16')) narrow = false;
    const result = narrow ? runNarrow(name, forward, args, inputs.length, record.narrow === 'mixed') : forward(...args);
    if (view) markView(result as Tensor, args[0] as Tensor);
    if (!backward || !isGradEnabled()) return result;
    const tensors = list ? (args[0] as readonly unknown[]) : args;
    const count = list ? tensors.length : inputs.length;
    const edges = edgesOf(tensors, count);
    if (!edges) return result;
    attach(
      new Node(
        narrow ? narrowRule(rule, tensors.slice(0, count)) : rule,
        edges,
        result instanceof Tensor ? 1 : (result as readonly Tensor[]).length,
      ),
      result,
    );
    const node = nodeOf(result);
    if (node && save) keepSaved(node, save(result, ...args));
    else if (node) node.saved = NOTHING;
    if (node && (watch.recorded !== null || watch.anomaly !== null)) noticed(node);
    return result;
  };
  return call;
}

/**
 * Makes functions whose first parameter is a tensor into methods of Tensor. Their types stand in a
 * `declare module '../tensor/tensor.js'` block beside the functions.
 */
export function addMethods(functions: Readonly<Record<string, (x: Tensor, ...args: never[]) => unknown>>): void {
  for (const [name, fn] of Object.entries(functions)) {
    Object.defineProperty(Tensor.prototype, name, {
      value(this: Tensor, ...args: never[]) {
        return fn(this, ...args);
      },
      writable: true,
      configurable: true,
    });
  }
}

function attach(node: Node, result: OpResult): void {
  if (result instanceof Tensor) {
    if (isFloating(result.dtype)) result._node = node;
    return;
  }
  const outputs = result as readonly Tensor[];
  for (let i = 0; i < outputs.length; i++) {
    if (!isFloating(outputs[i].dtype)) continue;
    outputs[i]._node = node;
    outputs[i]._output = i;
  }
}

function nodeOf(result: OpResult): Node | null {
  if (result instanceof Tensor) return result._node;
  for (const tensor of result as readonly Tensor[]) if (tensor._node) return tensor._node;
  return null;
}
