import { addHook, type HookHandle } from '../autograd/hooks.js';
import { ArgumentError, valueText } from '../errors.js';
import { alignedBuffer, FlatStep, type Formula, type Scalars } from '../ops/optim/flat-step.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { isFloating } from '../tensor/dtype.js';
import { enableGrad, noGrad } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import {
  checkedGroups,
  checkedStates,
  copiedState,
  disposeState,
  isObject,
  type OptimizerStateDict,
  type ParamState,
  type TorchOptimizerStateDict,
  withOwnNames,
} from './state-dict.js';

/** A parameter, or one with its name. */
export type ParamInput = Tensor | readonly [name: string, param: Tensor];

/** Parameters with their options; options may be changed between steps (a learning-rate schedule does). */
export type ParamGroup<O extends object> = O & { params: Tensor[]; paramNames?: string[] };

/** A group as it is passed in: options left out take the optimizer's. */
export type ParamGroupInput<O extends object> = Partial<O> & { params: Tensor | Iterable<ParamInput> };

/**
 * What an optimizer is made for: tensors, tensors with names (`model.namedParameters()`), or groups of them with options
 * of their own.
 */
export type Params<O extends object> = Iterable<ParamInput> | Iterable<ParamGroupInput<O>>;

/** What runs before or after each step of an optimizer. */
export type StepHook = (optimizer: Optimizer<object>) => void;

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value;

/** `options` over `defaults`; what is undefined does not count. */
export function withDefaults<O extends object>(defaults: O, options: Partial<O>): O {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) };
}

/**
 * Base of the optimizers. A subclass names its options, checks them, and updates the parameters of a group.
 * Source: https://docs.pytorch.org/docs/2.13/optim.html
 */
export abstract class Optimizer<O extends object> {
  readonly paramGroups: ParamGroup<O>[] = [];
  readonly state = new Map<Tensor, ParamState>();
  readonly defaults: Readonly<O>;
  readonly #before = new Set<StepHook>();
  readonly #after = new Set<StepHook>();

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
    const grouped = isObject(items[0]) && !(items[0] instanceof Tensor) && !Array.isArray(items[0]);
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
    const items = given instanceof Tensor ? [given] : [...(given as Iterable<unknown>)];
    const names = items.flatMap((item) => (Array.isArray(item) && typeof item[0] === 'string' ? [item[0]] : []));
    const params = items.map((item: unknown) => (Array.isArray(item) ? item[1] : item)) as Tensor[];
    this.#checkNew(op, params, names);
    const named = names.length > 0 ? { paramNames: names } : {};
    const full = { ...withDefaults<object>(this.defaults, group), params, ...named } as ParamGroup<O>;
    this.checkGroup(op, full);
    this.paramGroups.push(full);
  }

  #checkNew(op: string, params: readonly unknown[], names: readonly string[]): void {
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
    if (names.length > 0 && names.length !== params.length) {
      throw new ArgumentError(op, 'all params of a group need names, or none', names);
    }
    if (this.paramGroups.some((other) => (other.paramNames !== undefined) !== names.length > 0)) {
      throw new ArgumentError(op, 'all param groups should be with names, or all without', names);
    }
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

  /** Runs `hook(optimizer)` before each step. */
  registerStepPreHook(hook: StepHook): HookHandle {
    return addHook('registerStepPreHook', this.#before, hook);
  }

  /** Runs `hook(optimizer)` after each step: for constraints, averages of weights, logs. */
  registerStepPostHook(hook: StepHook): HookHandle {
    return addHook('registerStepPostHook', this.#after, hook);
  }

  /**
   * Updates the parameters by their gradients; parameters without one stay as they are. `closure` computes the loss and
   * its gradients anew and is run first, with gradients recorded; its result comes back. It may be async.
   */
  step(): undefined;
  step<R>(closure: () => R): R;
  step<R>(closure?: () => R): R | undefined {
    if (closure !== undefined && typeof closure !== 'function') {
      throw new ArgumentError('step', `closure must be a function, got ${valueText(closure)}`, closure);
    }
    for (const hook of this.#before) hook(this as unknown as Optimizer<object>);
    const result = this.runStep(closure);
    const end = (): void => {
      for (const hook of this.#after) hook(this as unknown as Optimizer<object>);
    };
    if (result instanceof Promise) {
      return result.then((value) => {
        end();
        return value;
      }) as R;
    }
    end();
    return result;
  }

  /** A step without its hooks: the closure, then every group. */
  protected runStep<R>(closure?: () => R): R | undefined {
    const result = closure && enableGrad(closure);
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

  /** A state tensor that lies like the parameter; filled with `first` when there was none. */
  protected bufferOf(param: Tensor, key: string, first = 0): Tensor {
    const state = this.stateOf(param);
    const value = state[key];
    const buffer = alignedBuffer(this.constructor.name, key, param, value instanceof Tensor ? value : null, first);
    state[key] = buffer;
    return buffer;
  }

  /**
   * The parameters by equal numbers in their state, one native call each: those that had no gradient at some step are
   * behind the others. `initial` names the numbers and says how they begin.
   */
  protected alike<N extends Readonly<Record<string, number>>>(
    params: readonly Tensor[],
    initial: N,
  ): { params: Tensor[]; numbers: Record<keyof N, number> }[] {
    const keys = Object.keys(initial);
    const found = new Map<string, { params: Tensor[]; numbers: Record<keyof N, number> }>();
    for (const param of params) {
      const state = this.stateOf(param);
      const values = keys.map((key) => {
        const value = state[key];
        return typeof value === 'number' ? value : initial[key];
      });
      const list = found.get(values.join());
      if (list) list.params.push(param);
      else {
        const numbers = Object.fromEntries(keys.map((key, i) => [key, values[i]])) as Record<keyof N, number>;
        found.set(values.join(), { params: [param], numbers });
      }
    }
    return [...found.values()];
  }

  /** One native pass over parameters, their gradients and the named states (null: the formula goes without). */
  protected flatStep<F extends Formula>(
    formula: F,
    params: readonly Tensor[],
    states: readonly (string | null)[],
    scalars: Scalars<F>,
  ): void {
    const op = this.constructor.name;
    const flat = new FlatStep();
    for (const param of params) flat.add(op, param);
    const lists = states.map((key) => key && params.map((param) => this.bufferOf(param, key)));
    flat.run(
      formula,
      lists.map((list) => list || null),
      scalars,
    );
  }

  /** Sets numbers in the state of the parameters. */
  protected remember(params: readonly Tensor[], numbers: Readonly<Record<string, number>>): void {
    for (const param of params) Object.assign(this.stateOf(param), numbers);
  }

  /** Counts a step of the parameters, for formulas that do not depend on it. */
  protected count(params: readonly Tensor[]): void {
    for (const param of params) {
      const state = this.stateOf(param);
      state.step = (typeof state.step === 'number' ? state.step : 0) + 1;
    }
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
   * Takes over a `stateDict`; tensors are copied, in the dtype of their parameters. One with PyTorch's names
   * (`param_groups`, `exp_avg`) is taken too.
   * @throws ArgumentError when it does not fit; nothing has changed then.
   */
  loadStateDict(stateDict: OptimizerStateDict | TorchOptimizerStateDict): void {
    const op = 'loadStateDict';
    const given = withOwnNames(stateDict);
    const sizes = this.paramGroups.map((group) => group.params.length);
    const groups = checkedGroups(op, given, sizes);
    groups.forEach((options, i) => {
      this.checkGroup(op, { ...this.paramGroups[i], ...options });
    });
    const all = this.paramGroups.flatMap((group) => group.params);
    const entries = checkedStates(op, given, all);
    // Copied before the old state goes: it may be the one that is loaded.
    const loaded = [...entries].map(([param, own]) => [param, copiedState(param, own)] as const);
    for (const state of this.state.values()) disposeState(state);
    this.state.clear();
    for (const [param, own] of loaded) this.state.set(param, own);
    this.paramGroups.forEach((group, i) => {
      Object.assign(group, groups[i]);
    });
  }
}
