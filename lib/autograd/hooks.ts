// Hooks on gradients, kept gradients of tensors that are no leaves, and the graph as users see it.
import { ArgumentError, AutogradError, valueText } from '../errors.js';
import type { Edge, GradientHook, LeafHooks, Node, NodeHook, NodePreHook } from '../tensor/graph.js';
import { Tensor } from '../tensor/tensor.js';
import { hooked } from './pass.js';

/** What a registration returns. */
export interface HookHandle {
  /** Takes the hook away; a second call does nothing. */
  remove(): void;
}

/** @internal */
export function addHook<T>(op: string, hooks: Set<T>, hook: T, removed: () => void = () => {}): HookHandle {
  if (typeof hook !== 'function') {
    throw new ArgumentError(op, `the hook must be a function, got ${valueText(hook)}`, hook);
  }
  // The same function may be registered twice: each registration is an entry of its own.
  const entry = ((...args: unknown[]) => (hook as (...values: unknown[]) => unknown)(...args)) as T;
  hooks.add(entry);
  return {
    remove: () => {
      if (hooks.delete(entry)) removed();
    },
  };
}

function leafHooks(leaf: Tensor): LeafHooks {
  if (!leaf._hooks) {
    leaf._hooks = { hooks: new Set(), accumulated: new Set() };
    hooked.leaves++;
  }
  return leaf._hooks;
}

function forget(leaf: Tensor): void {
  if (!leaf._hooks || leaf._hooks.hooks.size + leaf._hooks.accumulated.size > 0) return;
  leaf._hooks = null;
  hooked.leaves--;
}

const edgeOf = (op: string, x: Tensor): Edge => {
  x._handle(op);
  const edge = x._edge();
  if (!edge) throw new AutogradError(op, 'the tensor does not require gradients');
  return edge;
};

/**
 * One recorded call as users see it, like PyTorch's `grad_fn`: `MulBackward`, and `AccumulateGrad` for a leaf.
 */
export class GradFn {
  readonly #edge: Edge;

  /** @internal */
  constructor(edge: Edge) {
    this.#edge = edge;
  }

  /** The name of the op with `Backward` behind it. */
  get name(): string {
    const name = this.#edge.node?.rule.name;
    if (name === undefined) return 'AccumulateGrad';
    return `${name[0].toUpperCase()}${name.slice(1)}Backward`;
  }

  /** Where the gradients of its inputs go: the call that made each, and which output of it; null needs none. */
  get nextFunctions(): readonly (readonly [GradFn | null, number])[] {
    const { node } = this.#edge;
    return (node?.edges ?? []).map((edge) => [edge && gradFnOf(edge), edge?.output ?? 0] as const);
  }

  /** The leaf of an `AccumulateGrad`. */
  get variable(): Tensor | null {
    return this.#edge.leaf;
  }

  /** Runs `hook(gradInputs, gradOutputs)` after the rule; it may return other gradients for the inputs. */
  registerHook(hook: NodeHook): HookHandle {
    return addHook('registerHook', this.#node('registerHook').extra.after, hook);
  }

  /** Runs `hook(gradOutputs)` before the rule; it may return other gradients of the outputs. */
  registerPrehook(hook: NodePreHook): HookHandle {
    return addHook('registerPrehook', this.#node('registerPrehook').extra.before, hook);
  }

  #node(op: string): Node {
    if (!this.#edge.node) throw new AutogradError(op, 'a leaf has hooks of its own: tensor.registerHook');
    return this.#edge.node;
  }

  /** The name of the operation. */
  toString(): string {
    return `<${this.name}>`;
  }
}

const made = new WeakMap<object, GradFn>();

function gradFnOf(edge: Edge): GradFn {
  const key = edge.node ?? (edge.leaf as Tensor);
  let found = made.get(key);
  if (!found) {
    found = new GradFn(edge);
    made.set(key, found);
  }
  return found;
}

declare module '../tensor/tensor.js' {
  interface Tensor {
    /**
     * Calls `hook` with the gradient of this tensor when a backward pass has all of it; what it returns replaces the
     * gradient. A hook on a tensor that is changed in place later sees the gradient of the value it had before.
     * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.register_hook.html
     */
    registerHook(hook: GradientHook): HookHandle;
    /**
     * Calls `hook` with this leaf after a backward pass has added to its `grad`.
     * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.register_post_accumulate_grad_hook.html
     */
    registerPostAccumulateGradHook(hook: (leaf: this) => void): HookHandle;
    /** Keeps the gradient of this tensor in `grad` although it is no leaf. */
    retainGrad(): void;
    /** Whether {@link retainGrad} is in force. */
    readonly retainsGrad: boolean;
    /** The recorded call that made this tensor; null for a leaf. */
    readonly gradFn: GradFn | null;
  }
}

Tensor.prototype.registerHook = function (hook) {
  const { node, output } = edgeOf('registerHook', this);
  if (node) return addHook('registerHook', node.hooksOf(output).hooks, hook);
  if (typeof hook !== 'function') return addHook('registerHook', new Set(), hook);
  return addHook('registerHook', leafHooks(this).hooks, hook, () => forget(this));
};

Tensor.prototype.registerPostAccumulateGradHook = function (hook) {
  const op = 'registerPostAccumulateGradHook';
  if (edgeOf(op, this).node) throw new AutogradError(op, 'only leaves accumulate gradients; this tensor is a result');
  if (typeof hook !== 'function') return addHook(op, new Set(), hook);
  return addHook(op, leafHooks(this).accumulated, hook as (leaf: Tensor) => void, () => forget(this));
};

Tensor.prototype.retainGrad = function () {
  const { node, output } = edgeOf('retainGrad', this);
  if (node) node.hooksOf(output).retainer = this;
};

Object.defineProperty(Tensor.prototype, 'retainsGrad', {
  get(this: Tensor): boolean {
    const node = this._edge()?.node;
    return node?.rare?.outputs.get(this._output)?.retainer === this;
  },
});

Object.defineProperty(Tensor.prototype, 'gradFn', {
  get(this: Tensor): GradFn | null {
    const edge = this._edge();
    return edge?.node ? gradFnOf(edge) : null;
  },
});
