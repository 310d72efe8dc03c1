import { ArgumentError, valueText } from '../errors.js';
import { GroupNorm, LayerNorm, RMSNorm } from '../nn/layer-norm.js';
import { type AnyModule, Module } from '../nn/module.js';
import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkNotNegative } from './check.js';

/** Options of {@link decayGroups}. */
export interface DecayGroupsOptions {
  /** The decay of the weights. Default 1e-2. */
  weightDecay?: number;
  /** Further parameters without decay: parts of their names, such as `embedding`, or a function. Default none. */
  exclude?: readonly string[] | ((name: string, param: Tensor) => boolean);
}

/** A group of {@link decayGroups}. */
export interface DecayGroup {
  params: Tensor[];
  weightDecay: number;
}

/**
 * Two groups for an optimizer: the weights of a model, which decay, and its biases and the parameters of its
 * normalizations, which do not (all with fewer than two axes, and those of norm layers).
 *
 * @example
 * const optimizer = new optim.AdamW(optim.decayGroups(model, { weightDecay: 0.05 }), { lr: 1e-3 });
 *
 * @throws ArgumentError for what is no module, a negative decay, or a model without parameters.
 */
export function decayGroups(model: AnyModule, options: DecayGroupsOptions = {}): DecayGroup[] {
  const op = 'decayGroups';
  checkOptions(op, options);
  if (!(model instanceof Module)) throw new ArgumentError(op, `a Module is needed, got ${valueText(model)}`, model);
  const { weightDecay = 1e-2, exclude = [] } = options;
  checkNotNegative(op, 'weightDecay value', weightDecay);
  const list = typeof exclude === 'function' ? [] : exclude;
  if (!Array.isArray(list) || !list.every((part) => typeof part === 'string')) {
    throw new ArgumentError(op, `exclude must be names or a function, got ${valueText(exclude)}`, exclude);
  }
  const excluded = (name: string, param: Tensor): boolean =>
    typeof exclude === 'function' ? exclude(name, param) : list.some((part) => name.includes(part));
  const ofNorms = new Set<Tensor>();
  for (const module of model.modules()) {
    if (module instanceof LayerNorm || module instanceof RMSNorm || module instanceof GroupNorm) {
      for (const param of module.parameters()) ofNorms.add(param);
    }
  }
  const decayed: Tensor[] = [];
  const plain: Tensor[] = [];
  for (const [name, param] of model.namedParameters()) {
    const spared = param.ndim < 2 || ofNorms.has(param) || excluded(name, param);
    (spared ? plain : decayed).push(param);
  }
  if (decayed.length + plain.length === 0) throw new ArgumentError(op, 'the model has no parameters', model);
  return [
    { params: decayed, weightDecay },
    { params: plain, weightDecay: 0 },
  ];
}
