// Trading time for memory: what the tape would keep is given back and computed again when the backward pass gets there.
import { ArgumentError, AutogradError, valueText } from '../errors.js';
import { checkFunction, checkOptions, checkTensor } from '../tensor/check.js';
import { currentScope, isGradEnabled, isInferenceModeEnabled, runInFrame, Scope } from '../tensor/frame.js';
import { type Node, type Refill, watch } from '../tensor/graph.js';
import { defaultGenerator } from '../tensor/random.js';
import { collect } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';

/** Options of {@link checkpoint}. */
export interface CheckpointOptions {
  /** Draw the same random numbers again (dropout). Default true. */
  preserveRngState?: boolean;
  /** Compare number, shapes and dtypes of what is computed again. Default true. */
  determinismCheck?: boolean;
}

/** Runs `fn` and returns the calls it recorded that keep tensors, in order. */
function recordingOf<R>(fn: () => R): { result: R; nodes: Node[] } {
  const nodes: Node[] = [];
  const outer = watch.recorded;
  watch.recorded = (node) => nodes.push(node);
  try {
    return { result: fn(), nodes };
  } finally {
    watch.recorded = outer;
  }
}

const describeKept = (node: Node): string =>
  `${node.rule.name}(${node.kept.map((t) => `${t.dtype}[${t.shape.join(', ')}]`).join(', ')})`;

/** One checkpointed call: what it needs to run again, and the nodes that wait for it. */
class Region implements Refill {
  readonly #run: () => unknown;
  readonly #options: Required<CheckpointOptions>;
  readonly #inputs: readonly Tensor[];
  readonly #state = defaultGenerator.getState();
  #nodes: Node[] = [];
  #kept: readonly string[] = [];
  #waiting = new Set<Node>();
  #ended = false;

  constructor(run: () => unknown, inputs: readonly Tensor[], options: Required<CheckpointOptions>) {
    this.#run = run;
    this.#inputs = inputs;
    this.#options = options;
    for (const input of inputs) input._ref();
  }

  /** Gives back what these calls have saved. */
  takeOver(nodes: Node[]): void {
    this.#nodes = nodes;
    this.#kept = nodes.map(describeKept);
    this.#waiting = new Set(nodes);
    for (const node of nodes) {
      node.release();
      node.extra.refill = this;
    }
    if (nodes.length === 0) this.end();
  }

  fill(_first: Node): void {
    const nodes = this.#nodes;
    const waiting = this.#waiting;
    const again = this.#again();
    const fits = again.length === nodes.length && nodes.every((node, i) => node.rule.name === again[i].rule.name);
    const same = fits && this.#kept.every((text, i) => text === describeKept(again[i]));
    if (!fits || (this.#options.determinismCheck && !same)) {
      throw new AutogradError('checkpoint', 'the function did other operations when it was run again');
    }
    nodes.forEach((node, i) => {
      if (waiting.has(node)) hand(again[i], node);
      else if (!isGradEnabled()) again[i].release();
    });
    this.#waiting = new Set();
    this.end();
  }

  replace(old: Node, node: Node): void {
    this.#nodes = this.#nodes.map((own) => (own === old ? node : own));
    if (this.#waiting.delete(old)) this.#waiting.add(node);
  }

  drop(node: Node): void {
    this.#waiting.delete(node);
    if (this.#waiting.size === 0) this.end();
  }

  /** Lets go of the inputs: nobody will ask again. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#nodes = [];
    for (const input of this.#inputs) input._unref();
  }

  /** Runs the function once more, with the random numbers of the first time. */
  #again(): Node[] {
    const before = defaultGenerator.getState();
    if (this.#options.preserveRngState) defaultGenerator.setState(this.#state);
    const scope = new Scope(null);
    try {
      return recordingOf(() => runInFrame({ scope, grad: true }, this.#run)).nodes;
    } finally {
      scope.close(null);
      if (this.#options.preserveRngState) defaultGenerator.setState(before);
    }
  }
}

/** Moves what one call has saved to another; under createGraph both keep it. */
function hand(from: Node, node: Node): void {
  node.saved = from.saved;
  node.kept = from.kept;
  node.versions = from.versions;
  const refill = from.rare?.refill ?? null;
  refill?.replace(from, node);
  node.extra.refill = refill;
  if (isGradEnabled()) {
    for (const tensor of node.kept) tensor._ref();
    return;
  }
  from.saved = null;
  from.kept = [];
  if (from.rare) from.extra.refill = null;
}

/** A tensor that user code may have disposed meanwhile, for another run. */
function revived(input: Tensor): Tensor {
  if (!input.isDisposed) return input;
  const alias = input._alias('checkpoint');
  alias._node = input._node;
  alias._output = input._output;
  return alias;
}

/**
 * Runs `fn(...inputs)` without keeping what its operations save for the backward pass: that is computed again when the
 * backward pass gets there. Needs less memory and about a third more time. Like PyTorch with `use_reentrant=False`:
 * `autograd.grad`, second derivatives, hooks and nested checkpoints work. `fn` must do the same operations both times
 * and be synchronous; tensors it makes and does not return are freed at its end.
 * Source: https://docs.pytorch.org/docs/2.13/checkpoint.html
 */
export function checkpoint<A extends readonly unknown[], R>(
  fn: (...inputs: A) => R,
  inputs: A,
  options: CheckpointOptions = {},
): R {
  checkFunction('checkpoint', fn);
  checkOptions('checkpoint', options);
  if (!Array.isArray(inputs)) {
    throw new ArgumentError('checkpoint', `inputs must be an array of arguments, got ${valueText(inputs)}`, inputs);
  }
  const scope = new Scope(currentScope());
  const grad = isGradEnabled();
  const list: readonly unknown[] = inputs;
  const tensors = [...collect(list, new Set<Tensor>())];
  const again = (): unknown => fn(...(list.map((x) => (x instanceof Tensor ? revived(x) : x)) as unknown as A));
  const { preserveRngState = true, determinismCheck = true } = options;
  const region = grad ? new Region(again, tensors, { preserveRngState, determinismCheck }) : null;
  let result: R | undefined;
  try {
    const run = recordingOf(() =>
      runInFrame({ scope, grad, inference: isInferenceModeEnabled() }, () => fn(...(list as A))),
    );
    result = run.result;
    if (result instanceof Promise) throw new ArgumentError('checkpoint', 'the function must be synchronous', fn);
    region?.takeOver(run.nodes);
    for (const node of run.nodes) watch.recorded?.(node);
    return result;
  } catch (error) {
    region?.end();
    throw error;
  } finally {
    scope.close(collect(result, new Set()));
  }
}

/**
 * Runs functions (or modules) one after the other, in `segments` checkpointed groups; the last group is recorded as usual.
 * Source: https://docs.pytorch.org/docs/2.13/checkpoint.html#torch.utils.checkpoint.checkpoint_sequential
 */
export function checkpointSequential(
  functions: Iterable<{ forward(x: Tensor): Tensor } | ((x: Tensor) => Tensor)>,
  segments: number,
  input: Tensor,
  options: CheckpointOptions = {},
): Tensor {
  checkTensor('checkpointSequential', input);
  if (typeof functions !== 'object' || functions === null || !(Symbol.iterator in functions)) {
    const message = `functions or modules in an array are needed, got ${valueText(functions)}`;
    throw new ArgumentError('checkpointSequential', message, functions);
  }
  for (const step of functions) checkFunction('checkpointSequential', typeof step === 'object' ? step?.forward : step);
  const steps = [...functions].map((step) => (typeof step === 'function' ? step : (x: Tensor) => step.forward(x)));
  if (!Number.isInteger(segments) || segments < 1 || segments > Math.max(steps.length, 1)) {
    throw new ArgumentError(
      'checkpointSequential',
      `segments must be in [1, ${steps.length}], got ${segments}`,
      segments,
    );
  }
  const size = Math.floor(steps.length / segments);
  const run = (from: number, to: number) => (x: Tensor) => steps.slice(from, to).reduce((y, step) => step(y), x);
  let out = input;
  for (let i = 0; i < segments - 1; i++) out = checkpoint(run(i * size, (i + 1) * size), [out] as const, options);
  return run((segments - 1) * size, steps.length)(out);
}
