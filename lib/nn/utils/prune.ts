/**
 * PyTorch's `torch.nn.utils.prune`: weights that are left out.
 * Source: https://docs.pytorch.org/docs/2.13/nn.html#module-torch.nn.utils
 * @packageDocumentation
 */
import { ArgumentError, valueText } from '../../errors.js';
import { cat } from '../../ops/shape/concat.js';
import { narrow, reshape } from '../../ops/shape/view.js';
import { checkOptions } from '../../tensor/check.js';
import { onesLike } from '../../tensor/create.js';
import { noGrad } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import { type AnyModule, Module } from '../module.js';
import {
  applyPruning,
  type BasePruningMethod,
  CustomFromMask,
  Identity,
  L1Unstructured,
  LnStructured,
  PruningContainer,
  prunesFields,
  pruningOf,
  RandomStructured,
  RandomUnstructured,
  unprune,
} from './prune-methods.js';

export {
  BasePruningMethod,
  CustomFromMask,
  Identity,
  L1Unstructured,
  LnStructured,
  PruningContainer,
  type PruningType,
  RandomStructured,
  RandomUnstructured,
} from './prune-methods.js';

/** Options of {@link l1Unstructured} and {@link lnStructured}. */
export interface ScoreOptions {
  /** What decides in place of the values of the parameter; of the same shape. */
  importanceScores?: Tensor;
}

function pruned<M extends AnyModule>(
  module: M,
  field: string,
  method: BasePruningMethod,
  options: ScoreOptions = {},
): M {
  checkOptions('prune', options);
  applyPruning(module, field, method, options.importanceScores);
  return module;
}

/**
 * Gives a parameter the form of a pruned one, with a mask of ones: the parameter moves to `<field>Orig` (`weight_orig` in
 * the state dict), the buffer `<field>Mask` (`weight_mask`) has the mask, and the field is their product. The module is
 * changed and returned, here and in all functions of this file.
 * @throws ArgumentError when the field is no parameter.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.identity.html
 */
export const identity = <M extends AnyModule>(module: M, field: string): M => pruned(module, field, new Identity());

/**
 * Prunes `amount` elements that are left, at random: an integer is their number, a fraction (0 < amount < 1) their part.
 * @throws ArgumentError when the amount is negative or more than is left.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.random_unstructured.html
 */
export const randomUnstructured = <M extends AnyModule>(module: M, field: string, amount: number): M =>
  pruned(module, field, new RandomUnstructured(amount));

/**
 * Prunes the `amount` elements of the smallest magnitude (amount as in {@link randomUnstructured}).
 *
 * @example
 * nn.utils.prune.l1Unstructured(layer, 'weight', 0.3);
 *
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.l1_unstructured.html
 */
export const l1Unstructured = <M extends AnyModule>(
  module: M,
  field: string,
  amount: number,
  options: ScoreOptions = {},
): M => pruned(module, field, new L1Unstructured(amount), options);

/**
 * Prunes `amount` slices along the axis `dim`, at random.
 * @throws ShapeError for a parameter of fewer than two axes.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.random_structured.html
 */
export const randomStructured = <M extends AnyModule>(module: M, field: string, amount: number, dim: number): M =>
  pruned(module, field, new RandomStructured(amount, dim));

/**
 * Prunes the `amount` slices along the axis `dim` that have the smallest norm of order `n`.
 * @throws ShapeError for a parameter of fewer than two axes.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.ln_structured.html
 */
export const lnStructured = <M extends AnyModule>(
  module: M,
  field: string,
  amount: number,
  n: number | 'fro' | 'nuc',
  dim: number,
  options: ScoreOptions = {},
): M => pruned(module, field, new LnStructured(amount, n, dim), options);

/**
 * Prunes where a mask of the parameter's shape is 0.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.custom_from_mask.html
 */
export const customFromMask = <M extends AnyModule>(module: M, field: string, mask: Tensor): M =>
  pruned(module, field, new CustomFromMask(mask));

/** Options of {@link globalUnstructured}. */
export interface GlobalPruningOptions {
  /** Of all elements together: an integer is their number, a fraction their part. */
  amount: number;
  /** What decides in place of the values, for each parameter in order; undefined for its values. */
  importanceScores?: readonly (Tensor | undefined)[];
}

/**
 * Prunes several parameters as if they were one, so that layers may lose different parts.
 *
 * @example
 * const { globalUnstructured, L1Unstructured } = nn.utils.prune;
 * globalUnstructured([[net.first, 'weight'], [net.second, 'weight']], L1Unstructured, { amount: 0.2 });
 *
 * @throws ArgumentError when the rule is not an unstructured one.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.global_unstructured.html
 */
export function globalUnstructured(
  parameters: Iterable<readonly [module: AnyModule, field: string]>,
  pruningMethod: new (amount: number) => BasePruningMethod,
  options: GlobalPruningOptions,
): void {
  const op = 'globalUnstructured';
  checkOptions(op, options);
  const places = [...parameters];
  const tensors = places.map(([module, field]) => {
    const tensor: unknown = module instanceof Module && Reflect.get(module, field);
    if (tensor instanceof Tensor) return tensor;
    throw new ArgumentError(op, `a module and the name of its parameter are needed, got ${valueText(field)}`, field);
  });
  const method = new pruningMethod(options.amount);
  if (method.pruningType !== 'unstructured') {
    throw new ArgumentError(op, `an unstructured rule is needed, ${pruningMethod.name} is ${method.pruningType}`);
  }
  if (tensors.length === 0) throw new ArgumentError(op, 'needs at least one parameter');
  const masks = noGrad(() => {
    const flat = (list: Tensor[]): Tensor => cat(list.map((x) => reshape(x, [x.numel])));
    const scores = flat(tensors.map((tensor, i) => options.importanceScores?.[i] ?? tensor));
    const before = places.map(([module, field], i) =>
      pruningOf(module, field) ? (Reflect.get(module, `${field}Mask`) as Tensor) : onesLike(tensors[i]),
    );
    const mask = new PruningContainer(method).computeMask(scores, flat(before));
    let start = 0;
    return tensors.map((tensor) => {
      start += tensor.numel;
      return reshape(narrow(mask, 0, start - tensor.numel, tensor.numel), tensor.shape).clone();
    });
  });
  for (const [i, [module, field]] of places.entries()) customFromMask(module, field, masks[i]);
}

/**
 * Makes a pruned field a parameter again; its zeros stay. The object is the one that was there before pruning.
 * @throws ArgumentError when the field is not pruned.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.remove.html
 */
export function remove<M extends AnyModule>(module: M, field: string): M {
  if (!(module instanceof Module) || !pruningOf(module, field)) {
    throw new ArgumentError('remove', `${valueText(field)} is not pruned`, field);
  }
  unprune(module, field);
  return module;
}

/**
 * Whether a parameter of the module, or of one below it, is pruned.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.is_pruned.html
 */
export const isPruned = (module: AnyModule): boolean => module.modules().some(prunesFields);
