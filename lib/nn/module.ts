import type { HookHandle } from '../autograd/hooks.js';
import { ArgumentError, DeviceError, DTypeError, valueText } from '../errors.js';
import { to } from '../ops/shape/view.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { checkDType, type DType, isFloating } from '../tensor/dtype.js';
import { Tensor } from '../tensor/tensor.js';
import { cloneModule } from './clone.js';
import {
  addModuleHook,
  type BackwardHook,
  type BackwardPreHook,
  type ForwardHook,
  type ForwardPreHook,
  type HookOptions,
} from './hooks.js';
import { checkName, fieldOf, fieldsOf, join, lookUp, stateName, warnOfUnregistered } from './members.js';
import { Buffer, isUninitialized, Parameter } from './parameter.js';
import {
  addStateHook,
  type LoadOptions,
  type LoadPostHook,
  type LoadPreHook,
  type LoadResult,
  loadState,
  type StateDict,
  type StateDictOptions,
  type StatePostHook,
  type StatePreHook,
  stateOf,
} from './state-dict.js';

export type { LoadResult, StateDict };

/** A module of any signature. */
export type AnyModule = Module<never[], unknown>;

/** Options of the lists of modules. */
export interface ModulesOptions {
  /** Name what is in two places once only. Default true. */
  removeDuplicate?: boolean;
}

/** Options of the lists of parameters and buffers. */
export interface MembersOptions extends ModulesOptions {
  /** Those of submodules too. Default true. */
  recurse?: boolean;
}

/** Buffers by field, and whether each is part of the state dict. Not a field, so that it needs no name of its own. */
const registered = new WeakMap<object, Map<string, { persistent: boolean }>>();

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

  /** Computes the output; shapes as the class says. Call it to run the module: hooks are run too. */
  abstract forward(...inputs: Inputs): Output;

  /**
   * Runs `hook(module, inputs)` before each `forward` of this module; what it returns replaces the inputs. The module gets
   * a `forward` of its own for as long as it has hooks; fused execution in `Sequential` respects them.
   * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html
   */
  registerForwardPreHook(hook: ForwardPreHook, options: HookOptions = {}): HookHandle {
    return addModuleHook('registerForwardPreHook', this as AnyModule, 'forwardPre', hook, options);
  }

  /** Runs `hook(module, inputs, output)` after each `forward`; what it returns, unless undefined, replaces the output. */
  registerForwardHook(hook: ForwardHook, options: HookOptions = {}): HookHandle {
    return addModuleHook('registerForwardHook', this as AnyModule, 'forward', hook, options);
  }

  /** Runs `hook(module, gradOutput)` before the gradients of this module are computed; it may return other ones. */
  registerFullBackwardPreHook(hook: BackwardPreHook, options: HookOptions = {}): HookHandle {
    return addModuleHook('registerFullBackwardPreHook', this as AnyModule, 'backwardPre', hook, options);
  }

  /**
   * Runs `hook(module, gradInput, gradOutput)` when the gradients of the inputs are computed (null for inputs that are no
   * tensors, and for all where none requires a gradient); what it returns replaces them.
   */
  registerFullBackwardHook(hook: BackwardHook, options: HookOptions = {}): HookHandle {
    return addModuleHook('registerFullBackwardHook', this as AnyModule, 'backward', hook, options);
  }

  /** Runs `hook(module, prefix, keepVars)` before {@link stateDict} looks at this module. */
  registerStateDictPreHook(hook: StatePreHook): HookHandle {
    return addStateHook('registerStateDictPreHook', this as AnyModule, 'statePre', hook);
  }

  /** Runs `hook(module, stateDict, prefix)` when this module and those below are in the state dict; it may change it. */
  registerStateDictPostHook(hook: StatePostHook): HookHandle {
    return addStateHook('registerStateDictPostHook', this as AnyModule, 'statePost', hook);
  }

  /**
   * Runs `hook(module, stateDict, prefix, problems)` before {@link loadStateDict} looks for the tensors of this module. It
   * may change `stateDict`, which is a copy: rename keys of an older version, for example.
   */
  registerLoadStateDictPreHook(hook: LoadPreHook): HookHandle {
    return addStateHook('registerLoadStateDictPreHook', this as AnyModule, 'loadPre', hook);
  }

  /**
   * Runs `hook(module, result)` when the tensors of this module and those below are loaded. It may take keys out of
   * `result.missingKeys` and `result.unexpectedKeys`: strict loading refuses only what is left. With such a hook
   * anywhere, a strict load with missing or unexpected keys changes the module before it throws, as in PyTorch.
   */
  registerLoadStateDictPostHook(hook: LoadPostHook): HookHandle {
    return addStateHook('registerLoadStateDictPostHook', this as AnyModule, 'loadPost', hook);
  }

  /**
   * Makes a tensor a buffer: part of the state dict (unless not persistent), converted by {@link to}, not trained.
   * `null` keeps the name for later. A field `mask = new nn.Buffer(tensor)` is a buffer too.
   * @throws ArgumentError when the name is taken by something else.
   */
  registerBuffer(field: string, value: Tensor | null, options: { persistent?: boolean } = {}): void {
    const op = 'registerBuffer';
    checkOptions(op, options);
    if (value !== null) checkTensor(op, value, field);
    const old = checkName(op, this as AnyModule, field);
    if (!registered.get(this)?.has(field) && old instanceof Parameter) {
      throw new ArgumentError(op, `${this.constructor.name} has a parameter of the name ${field}`, field);
    }
    const buffers = registered.get(this) ?? new Map<string, { persistent: boolean }>();
    registered.set(this, buffers.set(field, { persistent: options.persistent ?? true }));
    value?.keep();
    Object.defineProperty(this, field, { value, writable: true, enumerable: true, configurable: true });
  }

  /**
   * Makes a parameter a field of this module under a computed name; `null` keeps the name for later.
   * @throws ArgumentError when the name is taken by something else, or the value is no Parameter.
   */
  registerParameter(field: string, value: Parameter | null): void {
    const op = 'registerParameter';
    if (value !== null && !(value instanceof Parameter)) {
      throw new ArgumentError(op, `${valueText(field)} must be a Parameter or null, got ${valueText(value)}`, value);
    }
    const old = checkName(op, this as AnyModule, field);
    if (old instanceof Tensor && !(old instanceof Parameter)) {
      throw new ArgumentError(op, `${this.constructor.name} has a tensor of the name ${field}`, field);
    }
    Reflect.set(this, field, value);
  }

  /**
   * Makes a module a submodule under a computed name: `net.addModule('layer1', ...)` is the field `net.layer1`.
   * @throws ArgumentError when the name is taken by something else, or the value is no Module.
   */
  addModule(name: string, module: AnyModule | null): void {
    if (module !== null) assertModule('addModule', module, valueText(name));
    checkName('addModule', this as AnyModule, name);
    this._setOwn(name, module);
  }

  /** {@link addModule}. */
  registerModule(name: string, module: AnyModule | null): void {
    this.addModule(name, module);
  }

  /** @internal Submodules by name, a shared one under each of its names. */
  *_ownModules(): Generator<[string, AnyModule]> {
    yield* fieldsOf(this, (value): value is AnyModule => value instanceof Module);
  }

  /** @internal Parameters of this module itself by name. */
  *_ownParameters(): Generator<[string, Parameter]> {
    yield* fieldsOf(this, (value): value is Parameter => value instanceof Parameter);
  }

  /** @internal Buffers of this module itself by name. */
  *_ownBuffers(): Generator<[string, Tensor, { persistent: boolean }]> {
    const buffers = registered.get(this);
    for (const [field, value] of Object.entries(this)) {
      if (!(value instanceof Tensor) || value instanceof Parameter) continue;
      const buffer = buffers?.get(field) ?? (value instanceof Buffer ? value : undefined);
      if (buffer) yield [stateName(field), value, buffer];
    }
  }

  /** @internal Puts something in the place of a parameter, buffer or submodule; a new name becomes a field. */
  _setOwn(name: string, value: Tensor | AnyModule | null): void {
    const field = fieldOf(this as AnyModule, name);
    Object.defineProperty(this, field, { value, writable: true, enumerable: true, configurable: true });
  }

  /** @internal Whether the field is a registered buffer. */
  _hasBuffer(field: string): boolean {
    return registered.get(this)?.has(field) === true || Reflect.get(this, field) instanceof Buffer;
  }

  /** @internal The field is no buffer any more, and gone. */
  _dropBuffer(field: string): void {
    if (!this._hasBuffer(field)) return;
    registered.get(this)?.delete(field);
    Reflect.deleteProperty(this, field);
  }

  /** @internal The same fields are buffers in `copy`. */
  _copyBuffers(copy: AnyModule): void {
    const buffers = registered.get(this);
    if (buffers) registered.set(copy, new Map(buffers));
  }

  /**
   * The submodule at a path, `block.heads.0`: names as in the state dict or as the fields are called; `''` is the module.
   * `model.getSubmodule<nn.Linear>('head')` tells TypeScript its class, which is not checked.
   * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html
   * @throws ArgumentError naming the part of the path that is no submodule.
   */
  getSubmodule<M extends AnyModule = AnyModule>(path: string): M {
    return lookUp('getSubmodule', this as AnyModule, path) as M;
  }

  /** The parameter at a path, `block.conv.weight`. @throws ArgumentError when there is none. */
  getParameter(path: string): Parameter {
    const [module, name] = lookUp('getParameter', this as AnyModule, path, 'parameter');
    for (const [own, parameter] of module._ownParameters()) if (own === stateName(name)) return parameter;
    throw new ArgumentError('getParameter', `${module.constructor.name} has no parameter ${valueText(name)}`, path);
  }

  /** The buffer at a path, `block.norm.running_mean`. @throws ArgumentError when there is none. */
  getBuffer(path: string): Tensor {
    const [module, name] = lookUp('getBuffer', this as AnyModule, path, 'buffer');
    for (const [own, buffer] of module._ownBuffers()) if (own === stateName(name)) return buffer;
    throw new ArgumentError('getBuffer', `${module.constructor.name} has no buffer ${valueText(name)}`, path);
  }

  /**
   * Replaces the submodule at a path, or adds it to an existing parent; with `strict` it only replaces.
   * @throws ArgumentError when the parent is missing, the place holds no module, or (strict) nothing is there.
   */
  setSubmodule(path: string, module: AnyModule, options: { strict?: boolean } = {}): void {
    const op = 'setSubmodule';
    checkOptions(op, options);
    assertModule(op, module, 'module');
    const [parent, name] = lookUp(op, this as AnyModule, path, 'submodule');
    const there = [...parent._ownModules()].some(([own]) => own === name || own === stateName(name));
    if (!there && options.strict)
      throw new ArgumentError(op, `${parent.constructor.name} has no submodule ${name}`, path);
    if (!there) checkName(op, parent, name);
    parent._setOwn(name, module);
  }

  /** Direct submodules with their names, each once. */
  *namedChildren(): Generator<[string, AnyModule]> {
    const seen = new Set<AnyModule>();
    for (const [name, child] of this._ownModules()) {
      if (seen.has(child)) continue;
      seen.add(child);
      yield [name, child];
    }
  }

  /** Direct submodules, each once. */
  children(): AnyModule[] {
    return [...this.namedChildren()].map(([, child]) => child);
  }

  /** This module (named `prefix`) and everything below it with their paths; each once, unless `removeDuplicate` is false. */
  *namedModules(prefix = '', options: ModulesOptions = {}): Generator<[string, AnyModule]> {
    const found: [string, AnyModule][] = [];
    walk(this as AnyModule, prefix, options.removeDuplicate === false ? null : new Set(), found);
    yield* found;
  }

  /** This module and everything below it; each once, unless `removeDuplicate` is false. */
  modules(options: ModulesOptions = {}): AnyModule[] {
    return [...this.namedModules('', options)].map(([, module]) => module);
  }

  /**
   * Parameters with their paths, in the order in which the fields were assigned; a shared one once, unless
   * `removeDuplicate` is false. Without `recurse` only those of this module itself.
   */
  *namedParameters(prefix = '', options: MembersOptions = {}): Generator<[string, Parameter]> {
    const seen = new Set<Parameter>();
    for (const [path, module] of owners(this as AnyModule, prefix, options)) {
      for (const [name, parameter] of module._ownParameters()) {
        if (options.removeDuplicate !== false && seen.has(parameter)) continue;
        seen.add(parameter);
        yield [join(path, name), parameter];
      }
    }
    warnOfUnregistered(this as AnyModule, seen);
  }

  /** Parameters, a shared one once. Without `recurse` only those of this module itself. */
  parameters(options: { recurse?: boolean } = {}): Parameter[] {
    return [...this.namedParameters('', { recurse: options.recurse })].map(([, parameter]) => parameter);
  }

  /** Buffers with their paths, persistent or not; options as for {@link namedParameters}. */
  *namedBuffers(prefix = '', options: MembersOptions = {}): Generator<[string, Tensor]> {
    const seen = new Set<Tensor>();
    for (const [path, module] of owners(this as AnyModule, prefix, options)) {
      for (const [name, buffer] of module._ownBuffers()) {
        if (options.removeDuplicate !== false && seen.has(buffer)) continue;
        seen.add(buffer);
        yield [join(path, name), buffer];
      }
    }
  }

  /** Buffers, persistent or not. Without `recurse` only those of this module itself. */
  buffers(options: { recurse?: boolean } = {}): Tensor[] {
    return [...this.namedBuffers('', { recurse: options.recurse })].map(([, buffer]) => buffer);
  }

  /** Calls `fn` on every submodule, then on this one. */
  apply(fn: (module: AnyModule) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this as AnyModule);
    return this;
  }

  /** Sets training mode here and, through their own `train`, in the submodules. */
  train(mode = true): this {
    if (typeof mode !== 'boolean') {
      throw new ArgumentError(`${this.constructor.name}.train`, `mode must be a boolean, got ${valueText(mode)}`, mode);
    }
    this.training = mode;
    for (const child of this.children()) child.train(mode);
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

  /** Drops the gradient of every parameter; with `setToNone: false` it becomes 0 instead. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    for (const parameter of this.parameters()) {
      if (options.setToNone !== false) parameter._clearGrad();
      else parameter._grad?.detach_().zero_();
    }
  }

  /**
   * Parameters and persistent buffers by name. They share memory with the module. Options: `prefix`, put before each name,
   * and `keepVars`, which gives the parameters themselves instead of detached tensors.
   */
  stateDict(options: StateDictOptions = {}): StateDict {
    return stateOf(this as AnyModule, options);
  }

  /**
   * Copies values in by name. Nothing is changed when a shape differs, or (strict, the default) when a key is missing
   * or unexpected. With `assign` the tensors of the state dict take the place of the module's, with their dtypes; make the
   * optimizer after that.
   * @throws StateDictError with the missing, unexpected and misshapen keys.
   */
  loadStateDict(state: Readonly<StateDict>, options: LoadOptions = {}): LoadResult {
    return loadState(this as AnyModule, state, options);
  }

  /**
   * A deep copy: parameters and buffers of its own (shared ones stay shared within the copy), the same training mode,
   * settings and hooks, no gradients. Fields with modules, tensors, arrays, plain objects, maps and sets are copied;
   * anything else (functions, other objects) is the same in both. JavaScript cannot copy `#private` fields: a module
   * that is cloned uses `private`.
   * @throws AutogradError for a tensor in a field that is the result of recorded operations.
   */
  clone(): this {
    return cloneModule(this as AnyModule) as this;
  }

  /**
   * Converts floating-point parameters and buffers in place, to a dtype or that of a tensor. `'cpu'` is where they are.
   * @throws DTypeError unless the dtype is floating-point; DeviceError for another device.
   */
  to(target: DType | Tensor | 'cpu'): this {
    const op = 'Module.to';
    if (target === 'cpu') return this;
    if (typeof target === 'string' && /^(cuda|mps|xpu|meta)\b/.test(target)) {
      throw new DeviceError(op, `there is no device ${target}`);
    }
    if (target instanceof Tensor) checkTensor(op, target, 'other');
    const dtype = checkDType(op, target instanceof Tensor ? target.dtype : target);
    if (!isFloating(dtype)) throw new DTypeError(op, `a floating-point dtype is needed, got ${dtype}`, dtype);
    for (const tensor of [...this.parameters(), ...this.buffers()]) {
      if (isUninitialized(tensor)) tensor._useDType(dtype);
      else for (const data of [tensor, tensor._grad]) if (data) convert(data, dtype);
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
    return [...this._ownModules()].map(([name, child]) => `(${name}): ${child}`);
  }

  /** PyTorch's text: the class, its settings and its submodules. */
  toString(): string {
    const children = this.childrenText().map((text) => text.replaceAll('\n', '\n  '));
    const text = this.extraRepr();
    const extra = text ? text.split('\n') : [];
    if (children.length === 0 && extra.length <= 1) return `${this.constructor.name}(${text})`;
    return `${this.constructor.name}(\n  ${[...extra, ...children].join('\n  ')}\n)`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

function walk(module: AnyModule, path: string, seen: Set<AnyModule> | null, found: [string, AnyModule][]): void {
  if (seen?.has(module)) return;
  seen?.add(module);
  found.push([path, module]);
  for (const [name, child] of module._ownModules()) walk(child, join(path, name), seen, found);
}

const owners = (module: AnyModule, prefix: string, options: MembersOptions): Iterable<[string, AnyModule]> =>
  options.recurse === false
    ? [[prefix, module]]
    : module.namedModules(prefix, { removeDuplicate: options.removeDuplicate });

function convert(data: Tensor, dtype: DType): void {
  if (!isFloating(data.dtype) || data.dtype === dtype) return;
  const raw = data.detach();
  data._setData(to(raw, dtype));
  raw.dispose();
}

/** Throws unless `module` is a Module. @internal */
export function assertModule(op: string, module: unknown, what: string): asserts module is AnyModule {
  if (module instanceof Module) return;
  throw new ArgumentError(op, `${what} must be a Module, got ${valueText(module)}`, module);
}

// What an untyped program gets that forgot to write forward.
Object.defineProperty(Module.prototype, 'forward', {
  value(this: AnyModule): never {
    throw new ArgumentError(this.constructor.name, 'has no forward method');
  },
  writable: true,
  configurable: true,
});
