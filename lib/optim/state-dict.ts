// The state of optimizers as plain objects: checked before anything changes, PyTorch's names taken too.
import { ArgumentError, valueText } from '../errors.js';
import { ownCopy } from '../ops/optim/flat-step.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { isFloating } from '../tensor/dtype.js';
import { Tensor } from '../tensor/tensor.js';

/** A value that an optimizer remembers of one parameter. */
export type StateValue = Tensor | number | readonly Tensor[] | readonly number[];

/** What an optimizer remembers of one parameter. */
export type ParamState = { [key: string]: StateValue };

/** The state of an optimizer; parameters are numbered in the order of the groups. The tensors are not copied. */
export interface OptimizerStateDict {
  state: { [index: number]: ParamState };
  paramGroups: ({ [option: string]: unknown } & { params: number[] })[];
}

/** A state dict with PyTorch's names, as `torch.optim.Optimizer.state_dict()` makes it. */
export interface TorchOptimizerStateDict {
  state: { [index: number]: { [key: string]: unknown } };
  param_groups: { [option: string]: unknown }[];
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** How PyTorch runs a step there; means nothing here. */
const FOREIGN = new Set(['foreach', 'capturable', 'differentiable', 'fused']);

/** What PyTorch keeps in tensors of one element and nabla in numbers. */
const NUMBERS = new Set(['step', 'muProduct', 'eta', 'mu', 't', 'HDiag', 'ro', 'prevLoss']);

export const camelCase = (key: string): string => key.replace(/_([a-zA-Z])/g, (_, c: string) => c.toUpperCase());

const asNumber = (value: unknown): unknown =>
  value instanceof Tensor && value.numel === 1 ? value.itemSync() : Array.isArray(value) ? value.map(asNumber) : value;

/** The names of nabla for those of PyTorch; what is null, or means nothing here, is left out. */
export function withOwnNames(stateDict: OptimizerStateDict | TorchOptimizerStateDict): OptimizerStateDict {
  if (!isObject(stateDict) || !('param_groups' in stateDict)) return stateDict as OptimizerStateDict;
  const { param_groups: groups, state } = stateDict as TorchOptimizerStateDict;
  const renamed = (own: object, kept: (key: string, value: unknown) => boolean): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(own).flatMap(([key, value]) => (kept(key, value) ? [[camelCase(key), value]] : [])),
    );
  const states = Object.entries(isObject(state) ? state : {}).map(([index, own]) => {
    // `al` is scratch memory of LBFGS.
    const named = isObject(own) ? renamed(own, (key, value) => value !== null && key !== 'al') : own;
    for (const key of Object.keys(named)) if (NUMBERS.has(key)) named[key] = asNumber(named[key]);
    return [index, named];
  });
  return {
    state: Object.fromEntries(states) as OptimizerStateDict['state'],
    paramGroups: (Array.isArray(groups) ? groups : []).map((group: unknown) =>
      isObject(group) ? renamed(group, (key) => !FOREIGN.has(key)) : group,
    ) as OptimizerStateDict['paramGroups'],
  };
}

function checkedState(op: string, key: string, own: unknown): ParamState {
  if (!isObject(own)) throw new ArgumentError(op, `state of parameter ${key} must be an object`, own);
  for (const [name, value] of Object.entries(own)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item instanceof Tensor) checkTensor(op, item, name);
      else if (typeof item !== 'number') {
        throw new ArgumentError(
          op,
          `${name} of parameter ${key} must be a Tensor or a number, got ${valueText(item)}`,
          item,
        );
      }
    }
  }
  return own as ParamState;
}

/** The states of a state dict by parameter, checked. */
export function checkedStates(op: string, stateDict: OptimizerStateDict, params: readonly Tensor[]) {
  const numbers = stateDict.paramGroups.flatMap((group) => group.params);
  const entries = new Map<Tensor, ParamState>();
  for (const [key, own] of Object.entries(stateDict.state)) {
    const at = numbers.indexOf(Number(key));
    if (at < 0) throw new ArgumentError(op, `state for parameter ${key}, which is in no group`, key);
    entries.set(params[at], checkedState(op, key, own));
  }
  return entries;
}

/** The options of the groups in a state dict; `sizes` are the numbers of parameters in the groups that take them over. */
export function checkedGroups(op: string, stateDict: OptimizerStateDict, sizes: readonly number[]): object[] {
  checkOptions(op, stateDict);
  const { paramGroups, state } = stateDict;
  if (!Array.isArray(paramGroups) || !isObject(state)) {
    throw new ArgumentError(op, 'a state dict with `state` and `paramGroups` is needed', stateDict);
  }
  if (paramGroups.length !== sizes.length) {
    throw new ArgumentError(
      op,
      `loaded state dict has a different number of parameter groups (${paramGroups.length}, not ${sizes.length})`,
      paramGroups.length,
    );
  }
  return paramGroups.map((loaded, i) => {
    checkOptions(op, loaded);
    const { params, ...options } = loaded;
    if (!Array.isArray(params) || params.length !== sizes[i]) {
      throw new ArgumentError(
        op,
        `loaded state dict contains a parameter group that doesn't match the size of optimizer's group ` +
          `(${Array.isArray(params) ? params.length : valueText(params)}, not ${sizes[i]})`,
        params,
      );
    }
    return options;
  });
}

/** A copy of a state that belongs to the optimizer, in the dtype of the parameter. */
export function copiedState(param: Tensor, own: ParamState): ParamState {
  const copy = (value: Tensor): Tensor => ownCopy(value, isFloating(value.dtype) ? param.dtype : value.dtype);
  const copied = (value: StateValue): StateValue => {
    if (value instanceof Tensor) return copy(value);
    if (typeof value === 'number') return value;
    return value.map((item) => (item instanceof Tensor ? copy(item) : item)) as Tensor[] | number[];
  };
  return Object.fromEntries(Object.entries(own).map(([name, value]) => [name, copied(value)]));
}

/** Frees the tensors of a state. */
export function disposeState(own: ParamState): void {
  for (const value of Object.values(own)) {
    for (const item of Array.isArray(value) ? value : [value]) if (item instanceof Tensor) item.dispose();
  }
}
