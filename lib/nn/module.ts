import type { HookHandle } from '../autograd/hooks.js';
import { ArgumentError, DTypeError, shapeText } from '../errors.js';
import { to } from '../ops/shape/view.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { checkDType, type DType, isFloating } from '../tensor/dtype.js';
import { sameShape } from '../tensor/layout.js';
import { Tensor } from '../tensor/tensor.js';
import {
  addModuleHook,
  type BackwardHook,
  type BackwardPreHook,
  type ForwardHook,
  type ForwardPreHook,
} from './hooks.js';
import { Parameter } from './parameter.js';

/** Tensors by name, as {@link Module.stateDict} returns them: PyTorch's names, `features.0.weight`, `bn.running_mean`. */
export type StateDict = Record<string, Tensor>;

/** A module of any signature. */
export type AnyModule = Module<never[], unknown>;

/** Result of {@link Module.loadStateDict}. */
export interface LoadResult {
  missingKeys: string[];
  unexpectedKeys: string[];
}

/** The name of a field in a state dict: `runningMean` is `running_mean`, as PyTorch writes it. @internal */
export const stateName = (field: string): string => field.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

const join = (prefix: string, name: string): string => (prefix ? `${prefix}.${name}` : name);

/**
 * Base of every layer and model. Subclass it, assign parameters and submodules to fields, write `forward`:
 *
 * @example
 * class Net extends nn.Module {
 *   fc = new nn.Linear(784, 10);
 *   forward(x: Tensor) { return this.fc.forward(x.flatten(1)); }
 * }
 *
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html
 */
export abstract class Module<Inputs extends readonly unknown[] = [Tensor], Output = Tensor> {
  /** True in training mode: dropout drops, batch norm uses the batch. Set by {@link train} and {@link eval}. */
  training = true;
  readonly #buffers = new Map<string, { persistent: boolean }>();

  abstract forward(...inputs: Inputs): Output;

  /**
   * Runs `hook(module, inputs)` before each `forward` of this module; what it returns replaces the inputs. The module gets
   * a `forward` of its own for as long as it has hooks; fused execution in `Sequential` respects them.
   * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html
   */
  registerForwardPreHook(hook: ForwardPreHook): HookHandle {
    return addModuleHook('registerForwardPreHook', this as AnyModule, 'forwardPre', hook);
  }

  /** Runs `hook(module, inputs, output)` after each `forward`; what it returns, unless undefined, replaces the output. */
  registerForwardHook(hook: ForwardHook): HookHandle {
    return addModuleHook('registerForwardHook', this as AnyModule, 'forward', hook);
  }

  /** Runs `hook(module, gradOutput)` before the gradients of this module are computed; it may return other ones. */
  registerFullBackwardPreHook(hook: BackwardPreHook): HookHandle {
    return addModuleHook('registerFullBackwardPreHook', this as AnyModule, 'backwardPre', hook);
  }

  /**
   * Runs `hook(module, gradInput, gradOutput)` when the gradients of the inputs are computed (null for inputs that are no
   * tensors, and for all where none requires a gradient); what it returns replaces them.
   */
  registerFullBackwardHook(hook: BackwardHook): HookHandle {
    return addModuleHook('registerFullBackwardHook', this as AnyModule, 'backward', hook);
  }

  /** Makes the tensor in a field part of the state dict (unless not persistent) without training it. */
  registerBuffer(field: string, value: Tensor | null, options: { persistent?: boolean } = {}): void {
    if (value !== null) checkTensor('registerBuffer', value, field);
    this.#buffers.set(field, { persistent: options.persistent ?? true });
    value?.keep();
    Object.defineProperty(this, field, { value, writable: true, enumerable: true, configurable: true });
  }

  /** @internal Whether the field is a buffer. */
  _hasBuffer(field: string): boolean {
    return this.#buffers.has(field);
  }

  /** @internal The field is no buffer any more, and gone. */
  _dropBuffer(field: string): void {
    if (this.#buffers.delete(field)) Reflect.deleteProperty(this, field);
  }

  /** Direct submodules with their names. */
  *namedChildren(): Generator<[string, AnyModule]> {
    for (const [field, value] of Object.entries(this)) if (value instanceof Module) yield [stateName(field), value];
  }

  children(): AnyModule[] {
    return [...this.namedChildren()].map(([, child]) => child);
  }

  /** This module and everything below it, each once. */
  *namedModules(prefix = '', seen = new Set<AnyModule>()): Generator<[string, AnyModule]> {
    if (seen.has(this)) return;
    seen.add(this);
    yield [prefix, this];
    for (const [name, child] of this.namedChildren()) yield* child.namedModules(join(prefix, name), seen);
  }

  modules(): AnyModule[] {
    return [...this.namedModules()].map(([, module]) => module);
  }

  /** Parameters with their names, in the order in which the fields were assigned; a shared one once. */
  *namedParameters(prefix = ''): Generator<[string, Parameter]> {
    const seen = new Set<Parameter>();
    for (const [path, module] of this.namedModules(prefix)) {
      for (const [field, value] of Object.entries(module)) {
        if (!(value instanceof Parameter) || seen.has(value)) continue;
        seen.add(value);
        yield [join(path, stateName(field)), value];
      }
    }
  }

  parameters(): Parameter[] {
    return [...this.namedParameters()].map(([, parameter]) => parameter);
  }

  /** Buffers with their names. */
  *namedBuffers(prefix = '', persistentOnly = false): Generator<[string, Tensor]> {
    for (const [path, module] of this.namedModules(prefix)) {
      for (const [field, { persistent }] of module.#buffers) {
        const value: unknown = Reflect.get(module, field);
        if (value instanceof Tensor && (persistent || !persistentOnly)) yield [join(path, stateName(field)), value];
      }
    }
  }

  buffers(): Tensor[] {
    return [...this.namedBuffers()].map(([, buffer]) => buffer);
  }

  /** Calls `fn` on every submodule, then on this one. */
  apply(fn: (module: AnyModule) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /** Sets training mode here and below. */
  train(mode = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  /** Evaluation mode: `train(false)`. */
  eval(): this {
    return this.train(false);
  }

  /** Sets requiresGrad of every parameter. */
  requiresGrad_(requiresGrad = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = requiresGrad;
    return this;
  }

  /** Drops the gradient of every parameter. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter._clearGrad();
  }

  /** Parameters and persistent buffers by name. They share memory with the module. */
  stateDict(): StateDict {
    return Object.fromEntries([...this.#ownState()].map(([key, tensor]) => [key, tensor.detach()]));
  }

  /**
   * Copies values in by name. Nothing is changed when a shape differs, or (strict, the default) when a key is missing
   * or unexpected.
   * @throws ArgumentError listing missing, unexpected and misshapen keys.
   */
  loadStateDict(state: Readonly<StateDict>, options: { strict?: boolean } = {}): LoadResult {
    const op = `${this.constructor.name}.loadStateDict`;
    checkOptions(op, state);
    checkOptions(op, options);
    for (const [key, value] of Object.entries(state)) checkTensor(op, value, key);
    const own = this.#ownState();
    const missingKeys = [...own.keys()].filter((key) => !Object.hasOwn(state, key));
    const unexpectedKeys = Object.keys(state).filter((key) => !own.has(key));
    const misshapen = Object.entries(state).flatMap(([key, value]) => {
      const target = own.get(key);
      if (!target || sameShape(target.shape, value.shape)) return [];
      return [`${key}: ${shapeText(value.shape)} given, ${shapeText(target.shape)} expected`];
    });
    const problems = [];
    if (options.strict !== false && missingKeys.length > 0) problems.push(`missing keys: ${missingKeys.join(', ')}`);
    if (options.strict !== false && unexpectedKeys.length > 0)
      problems.push(`unexpected keys: ${unexpectedKeys.join(', ')}`);
    if (misshapen.length > 0) problems.push(`wrong shapes: ${misshapen.join('; ')}`);
    if (problems.length > 0) {
      throw new ArgumentError(op, problems.join('; '), Object.keys(state));
    }
    for (const [key, target] of own) {
      if (!Object.hasOwn(state, key)) continue;
      const raw = target.detach();
      raw.copy_(state[key]);
      raw.dispose();
    }
    return { missingKeys, unexpectedKeys };
  }

  /** A module in two places appears under both names, as in PyTorch. */
  #ownState(prefix = '', own = new Map<string, Tensor>()): Map<string, Tensor> {
    const add = (kept: (field: string, value: Tensor) => boolean): void => {
      for (const [field, value] of Object.entries(this)) {
        if (value instanceof Tensor && kept(field, value)) own.set(join(prefix, stateName(field)), value);
      }
    };
    add((_, value) => value instanceof Parameter);
    add((field, value) => !(value instanceof Parameter) && this.#buffers.get(field)?.persistent === true);
    for (const [name, child] of this.namedChildren()) child.#ownState(join(prefix, name), own);
    return own;
  }

  /**
   * Converts floating-point parameters and buffers in place.
   * @throws DTypeError unless the dtype is floating-point.
   */
  to(dtype: DType): this {
    if (!isFloating(checkDType('Module.to', dtype))) {
      throw new DTypeError('Module.to', `a floating-point dtype is needed, got ${dtype}`, dtype);
    }
    for (const tensor of [...this.parameters(), ...this.buffers()]) {
      for (const data of [tensor, tensor._grad]) {
        if (!data || !isFloating(data.dtype) || data.dtype === dtype) continue;
        const raw = data.detach();
        data._setData(to(raw, dtype));
        raw.dispose();
      }
    }
    return this;
  }

  /** `to('float16')`. */
  half(): this {
    return this.to('float16');
  }

  /** `to('bfloat16')`. */
  bfloat16(): this {
    return this.to('bfloat16');
  }

  /** `to('float32')`. */
  float(): this {
    return this.to('float32');
  }

  /** `to('float64')`. */
  double(): this {
    return this.to('float64');
  }

  /** Frees all parameters and buffers. */
  dispose(): void {
    for (const tensor of [...this.parameters(), ...this.buffers()]) {
      tensor._clearGrad();
      tensor.dispose();
    }
  }

  /** What stands between the parentheses when the module is printed. */
  extraRepr(): string {
    return '';
  }

  /** Each submodule as `toString()` shows it. */
  protected childrenText(): string[] {
    return [...this.namedChildren()].map(([name, child]) => `(${name}): ${child}`);
  }

  toString(): string {
    const lines = this.childrenText().map((text) => text.replaceAll('\n', '\n  '));
    const extra = this.extraRepr();
    if (lines.length === 0) return `${this.constructor.name}(${extra})`;
    return `${this.constructor.name}(\n  ${[...(extra ? [extra] : []), ...lines].join('\n  ')}\n)`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}
