import { ArgumentError, valueText } from '../errors.js';
import { alignedBuffer, ownCopy } from '../ops/optim/flat-step.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { isFloating } from '../tensor/dtype.js';
import { enableGrad, noGrad } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';

/** What an optimizer remembers of one parameter. */
export type ParamState = { [key: string]: Tensor | number };

/** Parameters with their options; options may be changed between steps (a learning-rate schedule does). */
export type ParamGroup<O extends object> = O & { params: Tensor[] };

/** A group as it is passed in: options left out take the optimizer's. */
export type ParamGroupInput<O extends object> = Partial<O> & { params: Tensor | Iterable<Tensor> };

/** What an optimizer is made for: tensors, or groups of them with options of their own. */
export type Params<O extends object> = Iterable<Tensor> | Iterable<ParamGroupInput<O>>;

/** The state of an optimizer; parameters are numbered in the order of the groups. The tensors are not copied. */
export interface OptimizerStateDict {
  state: { [index: number]: ParamState };
  paramGroups: ({ [option: string]: unknown } & { params: number[] })[];
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value;

/** `options` over `defaults`; what is undefined does not count. */
export function withDefaults<O extends object>(defaults: O, options: Partial<O>): O {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) };
}

/** PyTorch's check of a number that must not be negative (and not NaN). */
export function checkNotNegative(op: string, label: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0) return;
  throw new ArgumentError(op, `Invalid ${label}: ${valueText(value)}`, value);
}

export function checkBooleans(op: string, options: Readonly<Record<string, unknown>>, ...names: string[]): void {
  for (const name of names) {
    const value = options[name];
    if (typeof value !== 'boolean')
      throw new ArgumentError(op, `${name} must be a boolean, got ${valueText(value)}`, value);
  }
}

/**
 * Base of the optimizers. A subclass names its options, checks them, and updates the parameters of a group.
 * Source: https://docs.pytorch.org/docs/2.13/optim.html
 */
export abstract class Optimizer<O extends object> {
  readonly paramGroups: ParamGroup<O>[] = [];
  readonly state = new Map<Tensor, ParamState>();
  readonly defaults: Readonly<O>;

  constructor(params: Params<O>, defaults: O) {
    this.defaults = defaults;
    const op = this.constructor.name;
    if (params instanceof Tensor || !isIterable(params)) {
      throw new ArgumentError(
        op,
        `params must be an iterable of Tensors or of groups { params, ... }, got ${valueText(params)}`,
        params,
      );
    }
    const items = [...(params as Iterable<unknown>)];
    if (items.length === 0) throw new ArgumentError(op, 'optimizer got an empty parameter list', params);
    const grouped = isObject(items[0]) && !(items[0] instanceof Tensor);
    const groups = grouped ? items : [{ params: items }];
    for (const group of groups) this.addParamGroup(group as ParamGroupInput<O>);
  }

  /** Throws for options of a group that make no sense. Called before any state changes. */
  protected abstract checkGroup(op: string, group: O): void;

  /** Updates the parameters of a group that have a gradient. */
  protected abstract stepGroup(group: ParamGroup<O>, params: readonly Tensor[]): void;

  /** Adds parameters, for example when layers are unfrozen. */
  addParamGroup(group: ParamGroupInput<O>): void {
    const op = this.constructor.name;
    checkOptions(op, group);
    const given: unknown = group.params;
    if (!(given instanceof Tensor) && !isIterable(given)) {
      throw new ArgumentError(op, `params of a group must be Tensors, got ${valueText(given)}`, given);
    }
    const params = given instanceof Tensor ? [given] : [...(given as Iterable<unknown>)];
    const seen = new Set<unknown>(this.paramGroups.flatMap((other) => other.params));
    for (const param of params) {
      if (!(param instanceof Tensor)) {
        throw new ArgumentError(
          op,
          `optimizer can only optimize Tensors, but one of the params is ${valueText(param)}`,
          param,
        );
      }
      checkTensor(op, param, 'parameter');
      if (!param.isLeaf) throw new ArgumentError(op, "can't optimize a non-leaf Tensor", param);
      if (!isFloating(param.dtype)) {
        throw new ArgumentError(op, `parameters must be floating-point, got ${param.dtype}`, param);
      }
      if (seen.has(param)) throw new ArgumentError(op, 'some parameters appear more than once', param);
      seen.add(param);
    }
    const full: ParamGroup<O> = { ...withDefaults<object>(this.defaults, group), params } as ParamGroup<O>;
    this.checkGroup(op, full);
    this.paramGroups.push(full);
  }

  /**
   * Drops the gradients of all parameters, and frees those that no other code has seen; with `{ setToNone: false }`
   * they are filled with zeros instead.
   */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    checkOptions('zeroGrad', options);
    const { setToNone = true } = options;
    for (const { params } of this.paramGroups) {
      for (const param of params) {
        const grad = param._grad;
        if (setToNone || !grad || grad.isDisposed) param._clearGrad();
        else noGrad(() => grad.zero_());
      }
    }
  }

  /**
   * Updates the parameters by their gradients; parameters without one stay as they are. `closure` computes the loss and
   * its gradients anew and is run first, with gradients recorded; its result comes back. It may be async.
   */
  step(): undefined;
  step<R>(closure: () => R): R;
  step<R>(closure?: () => R): R | undefined {
    if (closure === undefined) {
      this.#update();
      return undefined;
    }
    if (typeof closure !== 'function') {
      throw new ArgumentError('step', `closure must be a function, got ${valueText(closure)}`, closure);
    }
    const result = enableGrad(closure);
    if (result instanceof Promise) {
      return result.then((value) => {
        this.#update();
        return value;
      }) as R;
    }
    this.#update();
    return result;
  }

  #update(): void {
    for (const group of this.paramGroups) {
      // Options may have been changed since the last step.
      this.checkGroup(this.constructor.name, group);
      const params = group.params.filter((param) => param._grad !== null);
      if (params.length > 0) this.stepGroup(group, params);
    }
  }

  protected stateOf(param: Tensor): ParamState {
    let state = this.state.get(param);
    if (!state) {
      state = {};
      this.state.set(param, state);
    }
    return state;
  }

  /** A state tensor that lies like the parameter; zeros when there was none. */
  protected bufferOf(param: Tensor, key: string): Tensor {
    const state = this.stateOf(param);
    const value = state[key];
    const buffer = alignedBuffer(this.constructor.name, key, param, value instanceof Tensor ? value : null);
    state[key] = buffer;
    return buffer;
  }

  /** Everything that a later run needs to go on: options of the groups and state of the parameters. */
  stateDict(): OptimizerStateDict {
    const all = this.paramGroups.flatMap((group) => group.params);
    const state: OptimizerStateDict['state'] = {};
    all.forEach((param, i) => {
      const own = this.state.get(param);
      if (own) state[i] = { ...own };
    });
    let next = 0;
    const paramGroups = this.paramGroups.map((group) => ({ ...group, params: group.params.map(() => next++) }));
    return { state, paramGroups };
  }

  /**
   * Takes over a {@link stateDict}; tensors are copied, in the dtype of their parameters.
   * @throws ArgumentError when it does not fit; nothing has changed then.
   */
  loadStateDict(stateDict: OptimizerStateDict): void {
    const op = 'loadStateDict';
    const groups = this.#loadedGroups(op, stateDict);
    const all = this.paramGroups.flatMap((group) => group.params);
    const numbers = stateDict.paramGroups.flatMap((group) => group.params);
    const entries = new Map<Tensor, ParamState>();
    for (const [key, own] of Object.entries(stateDict.state)) {
      const at = numbers.indexOf(Number(key));
      if (at < 0) throw new ArgumentError(op, `state for parameter ${key}, which is in no group`, key);
      entries.set(all[at], checkedState(op, key, own));
    }
    // Copied before the old state goes: it may be the one that is loaded.
    const loaded = [...entries].map(([param, own]) => [param, copiedState(param, own)] as const);
    for (const state of this.state.values()) {
      for (const value of Object.values(state)) if (value instanceof Tensor) value.dispose();
    }
    this.state.clear();
    for (const [param, own] of loaded) this.state.set(param, own);
    this.paramGroups.forEach((group, i) => {
      Object.assign(group, groups[i]);
    });
  }

  /** The options of the groups in a state dict, checked against this optimizer. */
  #loadedGroups(op: string, stateDict: OptimizerStateDict): object[] {
    checkOptions(op, stateDict);
    const { paramGroups, state } = stateDict;
    if (!Array.isArray(paramGroups) || !isObject(state)) {
      throw new ArgumentError(op, 'a state dict with `state` and `paramGroups` is needed', stateDict);
    }
    if (paramGroups.length !== this.paramGroups.length) {
      throw new ArgumentError(
        op,
        `loaded state dict has a different number of parameter groups (${paramGroups.length}, not ${this.paramGroups.length})`,
        paramGroups.length,
      );
    }
    return paramGroups.map((loaded, i) => {
      checkOptions(op, loaded);
      const { params, ...options } = loaded;
      const wanted = this.paramGroups[i].params.length;
      if (!Array.isArray(params) || params.length !== wanted) {
        throw new ArgumentError(
          op,
          `loaded state dict contains a parameter group that doesn't match the size of optimizer's group ` +
            `(${Array.isArray(params) ? params.length : valueText(params)}, not ${wanted})`,
          params,
        );
      }
      this.checkGroup(op, { ...this.paramGroups[i], ...options });
      return options;
    });
  }
}

function checkedState(op: string, key: string, own: unknown): ParamState {
  if (!isObject(own)) throw new ArgumentError(op, `state of parameter ${key} must be an object`, own);
  for (const [name, value] of Object.entries(own)) {
    if (value instanceof Tensor) checkTensor(op, value, name);
    else if (typeof value !== 'number') {
      throw new ArgumentError(
        op,
        `${name} of parameter ${key} must be a Tensor or a number, got ${valueText(value)}`,
        value,
      );
    }
  }
  return own as ParamState;
}

function copiedState(param: Tensor, own: ParamState): ParamState {
  const copy = ([name, value]: [string, Tensor | number]): [string, Tensor | number] => {
    if (typeof value === 'number') return [name, value];
    return [name, ownCopy(value, isFloating(value.dtype) ? param.dtype : value.dtype)];
  };
  return Object.fromEntries(Object.entries(own).map(copy));
}
