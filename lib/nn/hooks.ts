// Hooks of modules. A module with hooks gets a forward of its own; one without costs nothing.
import { type FunctionContext as Context, CustomFunction } from '../autograd/function.js';
import { addHook, type HookHandle } from '../autograd/hooks.js';
import { AutogradError } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { isGradEnabled } from '../tensor/frame.js';
import { Tensor } from '../tensor/tensor.js';
import type { AnyModule } from './module.js';

/** One gradient, or null, for each tensor. */
export type Gradients = readonly (Tensor | null)[];

/** Sees the inputs before `forward`; an array it returns replaces them, a single value the only one. */
export type ForwardPreHook = (module: AnyModule, inputs: readonly unknown[]) => unknown;
/** Sees inputs and output after `forward`; what it returns, unless undefined, replaces the output. */
export type ForwardHook = (module: AnyModule, inputs: readonly unknown[], output: unknown) => unknown;
/** Sees the gradients of the outputs before those of the inputs are computed, and may return others. */
export type BackwardPreHook = (module: AnyModule, gradOutput: Gradients) => Gradients | Tensor | undefined;
/** Sees the gradients of inputs and outputs, and may return others for the inputs. */
export type BackwardHook = (
  module: AnyModule,
  gradInput: Gradients,
  gradOutput: Gradients,
) => Gradients | Tensor | undefined;

interface Hooks {
  readonly forwardPre: Set<ForwardPreHook>;
  readonly forward: Set<ForwardHook>;
  readonly backwardPre: Set<BackwardPreHook>;
  readonly backward: Set<BackwardHook>;
}

/** Options of a registration. */
export interface HookOptions {
  /** Run before the hooks that are there already. Default false. */
  prepend?: boolean;
}

const all = new WeakMap<AnyModule, Hooks>();

/** @internal Registers a hook; the module keeps it until the handle removes it. */
export function addModuleHook<K extends keyof Hooks>(
  op: string,
  module: AnyModule,
  kind: K,
  hook: Hooks[K] extends Set<infer H> ? H : never,
  options: HookOptions,
): HookHandle {
  checkOptions(op, options);
  if (typeof hook !== 'function') return addHook(op, new Set(), hook);
  const hooks = all.get(module) ?? wrap(module);
  const set = hooks[kind] as Set<typeof hook>;
  const earlier = options.prepend ? [...set] : [];
  for (const other of earlier) set.delete(other);
  const handle = addHook(op, set, hook, () => unwrap(module, hooks));
  for (const other of earlier) set.add(other);
  return handle;
}

/** @internal The hooks of one module for its copy, whose fields are copied already. */
export function copyHooks(from: AnyModule, to: AnyModule): void {
  const hooks = all.get(from);
  if (!hooks) return;
  restoreForward(to, hooks);
  const own = wrap(to);
  for (const kind of Object.keys(hooks) as (keyof Hooks)[]) {
    for (const hook of hooks[kind]) (own[kind] as Set<unknown>).add(hook);
  }
}

function wrap(module: AnyModule): Hooks {
  const hooks: Hooks = { forwardPre: new Set(), forward: new Set(), backwardPre: new Set(), backward: new Set() };
  const own = Object.getOwnPropertyDescriptor(module, 'forward');
  const forward = module.forward as (...inputs: unknown[]) => unknown;
  originals.set(hooks, own);
  all.set(module, hooks);
  Object.defineProperty(module, 'forward', {
    value: (...inputs: unknown[]) => runWithHooks(module, hooks, forward, inputs),
    configurable: true,
    writable: true,
    enumerable: false,
  });
  return hooks;
}

const originals = new WeakMap<Hooks, PropertyDescriptor | undefined>();

function unwrap(module: AnyModule, hooks: Hooks): void {
  if (Object.values(hooks).some((set: Set<unknown>) => set.size > 0)) return;
  restoreForward(module, hooks);
  all.delete(module);
}

function restoreForward(module: AnyModule, hooks: Hooks): void {
  const own = originals.get(hooks);
  if (own) Object.defineProperty(module, 'forward', own);
  else Reflect.deleteProperty(module, 'forward');
}

function runWithHooks(
  module: AnyModule,
  hooks: Hooks,
  forward: (...inputs: unknown[]) => unknown,
  given: readonly unknown[],
): unknown {
  let inputs = given;
  for (const hook of [...hooks.forwardPre]) {
    const result = hook(module, inputs);
    if (result !== undefined) inputs = Array.isArray(result) ? result : [result];
  }
  const watches = hooks.backward.size + hooks.backwardPre.size > 0 && isGradEnabled();
  const boundary = watches ? new Boundary(module, hooks) : null;
  if (boundary) inputs = boundary.enter(inputs);
  let output = forward.apply(module, [...inputs]);
  for (const hook of [...hooks.forward]) {
    const result = hook(module, inputs, output);
    if (result !== undefined) output = result;
  }
  return boundary ? boundary.leave(output) : output;
}

/** Passes tensors through; the object it gets first hears of their gradients. */
class Gate extends CustomFunction {
  static forward(ctx: Context, heard: (grads: Gradients) => Gradients, ...tensors: readonly Tensor[]): Tensor[] {
    ctx.heard = heard;
    ctx.setMaterializeGrads(false);
    return tensors.map((x) => x.detach());
  }

  static backward(ctx: Context, ...grads: (Tensor | null)[]): (Tensor | null)[] {
    return [null, ...(ctx.heard as (grads: Gradients) => Gradients)(grads)];
  }
}

/** One forward call of a module whose gradients are watched: a gate before it and one behind it. */
class Boundary {
  #gradOutput: Gradients = [];
  #entered = false;
  #count = 0;

  constructor(
    readonly module: AnyModule,
    readonly hooks: Hooks,
  ) {}

  enter(inputs: readonly unknown[]): readonly unknown[] {
    this.#count = inputs.length;
    const at = inputs.flatMap((x, i) => (x instanceof Tensor ? [i] : []));
    if (!at.some((i) => (inputs[i] as Tensor).requiresGrad)) return inputs;
    this.#entered = true;
    const through = Gate.apply(
      (grads) => {
        const all = new Array<Tensor | null>(this.#count).fill(null);
        at.forEach((i, k) => {
          all[i] = grads[k];
        });
        const after = this.#after(all);
        return at.map((i) => after[i]);
      },
      ...at.map((i) => inputs[i] as Tensor),
    );
    return inputs.map((x, i) => (at.includes(i) ? through[at.indexOf(i)] : x));
  }

  leave(output: unknown): unknown {
    const list = Array.isArray(output) ? output : [output];
    const tensors = list.filter((x): x is Tensor => x instanceof Tensor);
    if (!tensors.some((x) => x.requiresGrad)) return output;
    const through = Gate.apply((grads) => this.#before(grads), ...tensors);
    if (!Array.isArray(output)) return through[0];
    let at = 0;
    return list.map((x) => (x instanceof Tensor ? through[at++] : x));
  }

  #before(grads: Gradients): Gradients {
    let current = grads.map(kept);
    for (const hook of [...this.hooks.backwardPre]) current = replaced(current, hook(this.module, current), 'Pre');
    this.#gradOutput = current;
    if (!this.#entered) this.#after(new Array<null>(this.#count).fill(null));
    return current;
  }

  #after(grads: Gradients): Gradients {
    let current = grads.map(kept);
    for (const hook of [...this.hooks.backward]) {
      current = replaced(current, hook(this.module, current, this.#gradOutput), '');
    }
    return current;
  }
}

/** A handle that outlives the backward rule in which it was seen. */
function kept(grad: Tensor | null): Tensor | null {
  return grad === null || isGradEnabled() ? grad : grad.detach().keep();
}

function replaced(before: Gradients, after: Gradients | Tensor | undefined, kind: string): (Tensor | null)[] {
  if (after === undefined || after === null) return [...before];
  const list = after instanceof Tensor ? [after] : [...after];
  if (list.length === before.length) return list;
  throw new AutogradError(
    `registerFullBackward${kind}Hook`,
    `the hook returned ${list.length} gradients, expected ${before.length}`,
  );
}
