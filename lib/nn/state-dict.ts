// State dicts: taking them, loading them, and the hooks around both.
import { addHook, type HookHandle } from '../autograd/hooks.js';
import { StateDictError, shapeText } from '../errors.js';
import { reshape } from '../ops/shape/view.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { isFloating } from '../tensor/dtype.js';
import { sameShape } from '../tensor/layout.js';
import type { Tensor } from '../tensor/tensor.js';
import type { AnyModule } from './module.js';
import { Buffer, isUninitialized, Parameter } from './parameter.js';

/** Tensors by name, as {@link Module.stateDict} returns them: PyTorch's names, `features.0.weight`, `bn.running_mean`. */
export type StateDict = Record<string, Tensor>;

/** Result of {@link Module.loadStateDict}. */
export interface LoadResult {
  missingKeys: string[];
  unexpectedKeys: string[];
}

/** What a load has found so far; a hook may add to it or take away. */
export interface LoadProblems extends LoadResult {
  /** Any text in it makes the load fail. */
  errors: string[];
}

/** Options of {@link Module.stateDict}. */
export interface StateDictOptions {
  /** Put before each name. Default ''. */
  prefix?: string;
  /** The parameters and buffers themselves instead of detached tensors. Default false. */
  keepVars?: boolean;
}

/** Options of {@link Module.loadStateDict}. */
export interface LoadOptions {
  /** Refuse missing and unexpected keys. Default true. */
  strict?: boolean;
  /** Take over the tensors instead of copying their values. Default false. */
  assign?: boolean;
}

/** Called before a module puts its tensors into a state dict; their names will begin with `prefix`. */
export type StatePreHook = (module: AnyModule, prefix: string, keepVars: boolean) => void;
/** Called when they are in it, and those of its submodules. */
export type StatePostHook = (module: AnyModule, stateDict: StateDict, prefix: string) => void;
/** Called before a module looks for its tensors in a state dict, which may be changed. */
export type LoadPreHook = (module: AnyModule, stateDict: StateDict, prefix: string, problems: LoadProblems) => void;
/** Called when a module and its submodules are loaded. */
export type LoadPostHook = (module: AnyModule, result: LoadResult) => void;

interface StateHooks {
  readonly statePre: Set<StatePreHook>;
  readonly statePost: Set<StatePostHook>;
  readonly loadPre: Set<LoadPreHook>;
  readonly loadPost: Set<LoadPostHook>;
}

const all = new WeakMap<AnyModule, StateHooks>();

/** @internal Registers a hook; the module keeps it until the handle removes it. */
export function addStateHook<K extends keyof StateHooks>(
  op: string,
  module: AnyModule,
  kind: K,
  hook: StateHooks[K] extends Set<infer H> ? H : never,
): HookHandle {
  const hooks = all.get(module) ?? {
    statePre: new Set(),
    statePost: new Set(),
    loadPre: new Set(),
    loadPost: new Set(),
  };
  const handle = addHook(op, hooks[kind] as Set<typeof hook>, hook);
  all.set(module, hooks);
  return handle;
}

/** @internal The hooks of one module for its copy. */
export function copyStateHooks(from: AnyModule, to: AnyModule): void {
  const hooks = all.get(from);
  if (!hooks) return;
  all.set(to, {
    statePre: new Set(hooks.statePre),
    statePost: new Set(hooks.statePost),
    loadPre: new Set(hooks.loadPre),
    loadPost: new Set(hooks.loadPost),
  });
}

/** Parameters, then persistent buffers, of the module itself. */
function* ownState(module: AnyModule): Generator<[string, Tensor]> {
  yield* module._ownParameters();
  for (const [name, buffer, { persistent }] of module._ownBuffers()) if (persistent) yield [name, buffer];
}

/** @internal See {@link Module.stateDict}. */
export function stateOf(module: AnyModule, options: StateDictOptions): StateDict {
  checkOptions(`${module.constructor.name}.stateDict`, options);
  const state: StateDict = {};
  save(module, state, options.prefix ?? '', options.keepVars ?? false);
  return state;
}

function save(module: AnyModule, state: StateDict, prefix: string, keepVars: boolean): void {
  const hooks = all.get(module);
  for (const hook of hooks?.statePre ?? []) hook(module, prefix, keepVars);
  for (const [name, tensor] of ownState(module)) state[prefix + name] = keepVars ? tensor : tensor.detach();
  for (const [name, child] of module._ownModules()) save(child, state, `${prefix}${name}.`, keepVars);
  for (const hook of hooks?.statePost ?? []) hook(module, state, prefix);
}

interface Plan extends LoadProblems {
  readonly op: string;
  /** Key and both shapes. */
  readonly misshapen: [key: string, shapes: string][];
  readonly assign: boolean;
  readonly steps: { module: AnyModule; name: string; target: Tensor; value: Tensor }[];
  /** Modules in the order in which they are finished. */
  readonly finished: AnyModule[];
}

/** @internal See {@link Module.loadStateDict}. */
export function loadState(module: AnyModule, state: Readonly<StateDict>, options: LoadOptions): LoadResult {
  const op = `${module.constructor.name}.loadStateDict`;
  checkOptions(op, state);
  checkOptions(op, options);
  const { strict = true, assign = false } = options;
  const found = { missingKeys: [], unexpectedKeys: [], misshapen: [], errors: [], steps: [], finished: [] };
  const plan: Plan = { op, assign, ...found };
  collect(module, { ...state }, '', plan);
  const hooked = plan.finished.filter((owner) => (all.get(owner)?.loadPost.size ?? 0) > 0);
  if (hooked.length === 0 || plan.errors.length + plan.misshapen.length > 0) throwProblems(plan, strict, state);
  for (const step of plan.steps) fill(step, assign);
  const { missingKeys, unexpectedKeys } = plan;
  for (const owner of hooked)
    for (const hook of all.get(owner)?.loadPost ?? []) hook(owner, { missingKeys, unexpectedKeys });
  throwProblems(plan, strict, state);
  return { missingKeys, unexpectedKeys };
}

/** So many keys of a kind are in the message; the fields of the error hold all. */
const SHOWN = 12;

/** `missing keys: a, b, c`, or `80 missing keys: a, b, c, ...`. */
function keysText(kind: string, keys: readonly string[], separator = ', '): string {
  if (keys.length <= SHOWN) return `${kind}: ${keys.join(separator)}`;
  return `${keys.length} ${kind}: ${keys.slice(0, SHOWN).join(separator)}${separator}...`;
}

/** What makes the keys fit, where it is only that all have, or want, one more name before them. */
function prefixHint({ missingKeys, unexpectedKeys }: LoadResult): string[] {
  if (missingKeys.length === 0 || missingKeys.length !== unexpectedKeys.length) return [];
  const below = (keys: readonly string[]): string => `${keys[0].split('.')[0]}.`;
  const matches = (long: readonly string[], short: readonly string[], prefix: string): boolean => {
    const wanted = new Set(short.map((key) => prefix + key));
    return long.every((key) => wanted.has(key));
  };
  const [given, wanted] = [below(unexpectedKeys), below(missingKeys)];
  if (matches(unexpectedKeys, missingKeys, given)) {
    return [`without "${given}" before each name it would fit (io.mapNames renames)`];
  }
  if (matches(missingKeys, unexpectedKeys, wanted)) {
    return [`with "${wanted}" before each name it would fit (io.mapNames renames)`];
  }
  return [];
}

function throwProblems(plan: Plan, strict: boolean, state: object): void {
  const { op, missingKeys, unexpectedKeys, misshapen, errors } = plan;
  const problems = [];
  if (strict && missingKeys.length > 0) problems.push(keysText('missing keys', missingKeys));
  if (strict && unexpectedKeys.length > 0) problems.push(keysText('unexpected keys', unexpectedKeys));
  const shapes = misshapen.map(([key, text]) => `${key}: ${text}`);
  if (misshapen.length > 0) problems.push(keysText('wrong shapes', shapes, '; '));
  problems.push(...errors);
  if (problems.length === 0) return;
  if (strict) problems.push(...prefixHint(plan));
  const misshapenKeys = misshapen.map(([key]) => key);
  throw new StateDictError(op, problems.join('; '), Object.keys(state), { missingKeys, unexpectedKeys, misshapenKeys });
}

/** Looks for the tensors of a module and those below it; changes nothing. `state` has the keys with its prefix. */
function collect(module: AnyModule, state: StateDict, prefix: string, plan: Plan): void {
  for (const hook of all.get(module)?.loadPre ?? []) hook(module, state, prefix, plan);
  const own = new Map(ownState(module));
  for (const [name, target] of own) {
    const key = prefix + name;
    if (!Object.hasOwn(state, key)) {
      // Files from before the counter have none; as in PyTorch, for a state without versions, it stays as it is.
      if (name !== 'num_batches_tracked') plan.missingKeys.push(key);
    } else prepare(plan, module, name, target, state[key], key);
  }
  const children = new Map(module._ownModules());
  for (const key of Object.keys(state)) {
    if (!key.startsWith(prefix)) continue;
    const [name, ...below] = key.slice(prefix.length).split('.');
    if (below.length > 0 ? !children.has(name) : !own.has(name)) plan.unexpectedKeys.push(key);
  }
  for (const [name, child] of children) {
    const start = `${prefix}${name}.`;
    collect(child, Object.fromEntries(Object.entries(state).filter(([key]) => key.startsWith(start))), start, plan);
  }
  plan.finished.push(module);
}

function prepare(plan: Plan, module: AnyModule, name: string, target: Tensor, given: Tensor, key: string): void {
  if (isUninitialized(given) && isUninitialized(target)) return;
  checkTensor(plan.op, given, key);
  const scalar = !isUninitialized(target) && target.ndim === 0 && given.ndim === 1 && given.shape[0] === 1;
  const value = scalar ? reshape(given, []) : given;
  if (!isUninitialized(target) && !sameShape(target.shape, value.shape)) {
    plan.misshapen.push([key, `${shapeText(value.shape)} given, ${shapeText(target.shape)} expected`]);
  } else if (plan.assign && target.requiresGrad && !isFloating(value.dtype)) {
    plan.errors.push(`${key}: ${value.dtype} cannot require gradients`);
  } else {
    plan.steps.push({ module, name, target, value });
  }
}

function fill({ module, name, target, value }: Plan['steps'][number], assign: boolean): void {
  const raw = assign ? value.detach() : null;
  if (raw === null) {
    if (isUninitialized(target)) target.materialize(value.shape);
    const memory = target.detach();
    memory.copy_(value);
    memory.dispose();
  } else if (target instanceof Parameter) {
    module._setOwn(name, new Parameter(raw, target.requiresGrad));
    raw.dispose();
  } else if (target instanceof Buffer) {
    module._setOwn(name, new Buffer(raw, { persistent: target.persistent }));
    raw.dispose();
  } else {
    module._setOwn(name, raw.keep());
  }
}
