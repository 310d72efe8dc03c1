// Which elements pruning removes: one class per rule, and the container that applies one rule after another.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { index, indexPut_ } from '../../ops/indexing/advanced.js';
import { scatter_ } from '../../ops/indexing/scatter-reduce.js';
import { matrixNorm } from '../../ops/linalg/norms.js';
import { mul } from '../../ops/pointwise/arithmetic.js';
import { eq, ne } from '../../ops/pointwise/compare.js';
import { abs } from '../../ops/pointwise/unary.js';
import { rand, randLike } from '../../ops/random/random.js';
import { norm } from '../../ops/reduce/moments.js';
import { sum } from '../../ops/reduce/reduce.js';
import { topk } from '../../ops/reduce/sort.js';
import { reshape, to } from '../../ops/shape/view.js';
import { checkTensor } from '../../tensor/check.js';
import { onesLike, zerosLike } from '../../tensor/create.js';
import { checkDim, sameShape } from '../../tensor/layout.js';
import { noGrad } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import { type ComputedField, computedFields, dropComputed, setComputed, setField } from '../computed.js';
import { type AnyModule, Module } from '../module.js';
import { Parameter } from '../parameter.js';

/** What a rule prunes: single elements, whole slices along an axis, or what a given mask says. */
export type PruningType = 'unstructured' | 'structured' | 'global';

const origOf = (field: string): string => `${field}Orig`;
const maskOf = (field: string): string => `${field}Mask`;
const tensorOf = (module: AnyModule, field: string): Tensor => Reflect.get(module, field) as Tensor;

/** The field as mask times original. It remembers the rule for the next one and for `remove`. */
interface PrunedField extends ComputedField {
  readonly method: BasePruningMethod;
}

const prunedField = (field: string, method: BasePruningMethod): PrunedField => ({
  method,
  get: (module) => method.applyMask(module, field),
  set: () => {
    throw new ArgumentError('prune', `${field} is pruned: assign to ${origOf(field)}, or remove the pruning first`);
  },
});

/** The rule that a field of this module is pruned by. @internal */
export function pruningOf(module: AnyModule, field: string): BasePruningMethod | undefined {
  const computed = computedFields(module).get(field);
  return computed && 'method' in computed ? (computed as PrunedField).method : undefined;
}

/** Whether any field of this very module is pruned. @internal */
export const prunesFields = (module: AnyModule): boolean =>
  [...computedFields(module).keys()].some((field) => pruningOf(module, field));

/**
 * A rule of pruning. Subclasses write {@link computeMask} and say their {@link pruningType}.
 *
 * @example
 * class EveryOther extends nn.utils.prune.BasePruningMethod {
 *   readonly pruningType = 'unstructured';
 *   computeMask(t: Tensor, defaultMask: Tensor) {
 *     const mask = defaultMask.clone().reshape([-1]);
 *     mask.index([{ step: 2 }]).fill_(0);
 *     return mask.reshape(t.shape);
 *   }
 * }
 * EveryOther.apply(layer, 'bias');
 *
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.BasePruningMethod.html
 */
export abstract class BasePruningMethod {
  abstract readonly pruningType: PruningType;
  /** The axis of 'structured' rules. */
  readonly dim?: number;

  /** The mask (ones and zeros, shape and dtype of `defaultMask`) for the importance scores `t`. */
  abstract computeMask(t: Tensor, defaultMask: Tensor): Tensor;

  /** Mask times original of a pruned field. */
  applyMask(module: AnyModule, field: string): Tensor {
    const original = tensorOf(module, origOf(field));
    return mul(to(tensorOf(module, maskOf(field)), original.dtype), original);
  }

  /** `t` times the mask that this rule makes for it, without a module. */
  prune(t: Tensor, defaultMask: Tensor | null = null, importanceScores: Tensor = t): Tensor {
    checkTensor('prune', t);
    checkScores(importanceScores, t);
    return mul(
      t,
      noGrad(() => this.computeMask(importanceScores, defaultMask ?? onesLike(t))),
    );
  }

  /** Prunes a field of a module by a new rule made from `args`. */
  static apply<A extends readonly unknown[], P extends BasePruningMethod>(
    this: new (
      ...args: A
    ) => P,
    module: AnyModule,
    field: string,
    ...args: A
  ): BasePruningMethod {
    return applyPruning(module, field, new this(...args));
  }
}

function checkScores(scores: Tensor, t: Tensor): void {
  checkTensor('prune', scores, 'importanceScores');
  if (sameShape(scores.shape, t.shape)) return;
  const text = `importanceScores ${shapeText(scores.shape)} must have the shape of the tensor ${shapeText(t.shape)}`;
  throw new ShapeError('prune', text, scores.shape, t.shape);
}

/**
 * Prunes a parameter by a rule, on top of the ones before. The parameter moves to the field `<field>Orig`, the mask is the
 * buffer `<field>Mask`, and reading the field multiplies them.
 * @internal
 */
export function applyPruning(
  module: AnyModule,
  field: string,
  method: BasePruningMethod,
  importanceScores: Tensor | null = null,
): BasePruningMethod {
  if (!(module instanceof Module)) {
    throw new ArgumentError('prune', `module must be a Module, got ${valueText(module)}`, module);
  }
  const before = pruningOf(module, field);
  const current: unknown = before ? tensorOf(module, field) : Object.hasOwn(module, field) && tensorOf(module, field);
  if (!(current instanceof Tensor) || !(before || current instanceof Parameter)) {
    throw new ArgumentError(
      'prune',
      `${(module as AnyModule).constructor.name} has no parameter ${valueText(field)}`,
      field,
    );
  }
  const scores = importanceScores ?? current;
  checkScores(scores, current);
  const all = before ? PruningContainer.of(before, method) : method;
  const mask = noGrad(() =>
    all.computeMask(scores.detach(), before ? tensorOf(module, maskOf(field)).clone() : onesLike(current)),
  );
  if (!before) setField(module, origOf(field), current);
  module.registerBuffer(maskOf(field), mask);
  setComputed(module, field, prunedField(field, all));
  return all;
}

/** Makes a pruned field a parameter again, with the zeros in it. @internal */
export function unprune(module: AnyModule, field: string): void {
  const original = tensorOf(module, origOf(field)) as Parameter;
  noGrad(() => original.detach().copy_(tensorOf(module, field)));
  dropComputed(module, field);
  Reflect.deleteProperty(module, origOf(field));
  module._dropBuffer(maskOf(field));
  setField(module, field, original);
}

/** A number of elements, or a fraction of them. An integer is a number. */
function checkAmount(amount: unknown): number {
  if (typeof amount === 'number' && (Number.isInteger(amount) ? amount >= 0 : amount > 0 && amount < 1)) return amount;
  throw new ArgumentError('prune', `amount must be an integer >= 0 or a fraction, got ${valueText(amount)}`, amount);
}

/** The number of elements out of `size`: fractions are rounded, halves to even numbers. */
function countOf(amount: number, size: number): number {
  if (Number.isInteger(amount)) {
    if (amount <= size) return amount;
    throw new ArgumentError('prune', `amount ${amount} is more than the ${size} that are there`, amount);
  }
  const whole = Math.floor(amount * size);
  const rest = amount * size - whole;
  return rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? whole + 1 : whole;
}

/** The mask with zeros where the chosen elements of the flat tensor are. */
function without(mask: Tensor, indices: Tensor): Tensor {
  return reshape(scatter_(reshape(mask, [mask.numel]).clone(), 0, indices, 0), mask.shape);
}

/** Ones in the slices `keep` along `dim` where the mask has them. */
function onlySlices(mask: Tensor, dim: number, keep: Tensor): Tensor {
  const at = checkDim('prune', dim, mask.ndim);
  const line = scatter_(
    zerosLike(
      index(
        mask,
        mask.shape.map((_, i) => (i === at ? null : 0)),
      ),
    ),
    0,
    keep,
    1,
  );
  return mul(
    mask,
    reshape(
      line,
      mask.shape.map((size, i) => (i === at ? size : 1)),
    ),
  );
}

function checkSlices(t: Tensor, dim: number): number {
  if (t.ndim <= 1) {
    throw new ShapeError('prune', `structured pruning needs at least 2 axes, got ${shapeText(t.shape)}`, t.shape);
  }
  return t.shape[checkDim('prune', dim, t.ndim)];
}

/** Prunes nothing: the field gets a mask of ones. */
export class Identity extends BasePruningMethod {
  readonly pruningType = 'unstructured';

  computeMask(_t: Tensor, defaultMask: Tensor): Tensor {
    return defaultMask;
  }
}

/** Prunes elements at random. */
export class RandomUnstructured extends BasePruningMethod {
  readonly pruningType = 'unstructured';

  constructor(readonly amount: number) {
    super();
    checkAmount(amount);
  }

  computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    const count = countOf(this.amount, t.numel);
    return count === 0
      ? defaultMask.clone()
      : without(defaultMask, topk(reshape(randLike(t), [t.numel]), count).indices);
  }
}

/** Prunes the elements of the smallest magnitude. */
export class L1Unstructured extends BasePruningMethod {
  readonly pruningType = 'unstructured';

  constructor(readonly amount: number) {
    super();
    checkAmount(amount);
  }

  computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    const count = countOf(this.amount, t.numel);
    if (count === 0) return defaultMask.clone();
    return without(defaultMask, topk(reshape(abs(t), [t.numel]), count, 0, { largest: false }).indices);
  }
}

/** Prunes slices along `dim` at random. */
export class RandomStructured extends BasePruningMethod {
  readonly pruningType = 'structured';

  constructor(
    readonly amount: number,
    override readonly dim = -1,
  ) {
    super();
    checkAmount(amount);
  }

  computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    const size = checkSlices(t, this.dim);
    const count = countOf(this.amount, size);
    return count === 0 ? defaultMask : onlySlices(defaultMask, this.dim, topk(rand([size]), size - count).indices);
  }
}

/** Prunes the slices along `dim` that have the smallest norm. */
export class LnStructured extends BasePruningMethod {
  readonly pruningType = 'structured';

  constructor(
    readonly amount: number,
    readonly n: number | 'fro' | 'nuc',
    override readonly dim = -1,
  ) {
    super();
    checkAmount(amount);
  }

  computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    const size = checkSlices(t, this.dim);
    const count = countOf(this.amount, size);
    if (count === 0) return defaultMask;
    const dim = checkDim('prune', this.dim, t.ndim);
    const others = t.shape.flatMap((_, i) => (i === dim ? [] : [i]));
    const { n } = this;
    const sizes = n === 'nuc' ? matrixNorm(t, n, others as [number, number]) : norm(t, n === 'fro' ? 2 : n, others);
    return onlySlices(defaultMask, dim, topk(sizes, size - count).indices);
  }
}

/** Prunes where a mask of the tensor's shape is 0. */
export class CustomFromMask extends BasePruningMethod {
  readonly pruningType = 'global';

  constructor(readonly mask: Tensor) {
    super();
    checkTensor('prune', mask, 'mask');
  }

  computeMask(_t: Tensor, defaultMask: Tensor): Tensor {
    if (!sameShape(this.mask.shape, defaultMask.shape)) {
      const text = `mask ${shapeText(this.mask.shape)} must have the shape of the tensor ${shapeText(defaultMask.shape)}`;
      throw new ShapeError('prune', text, this.mask.shape, defaultMask.shape);
    }
    return mul(defaultMask, to(this.mask, defaultMask.dtype));
  }
}

/**
 * Several rules, one after the other: each sees only what the ones before have left.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.PruningContainer.html
 */
export class PruningContainer extends BasePruningMethod {
  readonly pruningType = 'global';
  readonly methods: readonly BasePruningMethod[];

  constructor(...methods: readonly BasePruningMethod[]) {
    super();
    for (const method of methods) {
      if (method instanceof BasePruningMethod) continue;
      throw new ArgumentError('PruningContainer', `a BasePruningMethod is needed, got ${valueText(method)}`, method);
    }
    this.methods = methods;
  }

  /** The rules of `before`, and `method` behind them. */
  static of(before: BasePruningMethod, method: BasePruningMethod): PruningContainer {
    return new PruningContainer(...(before instanceof PruningContainer ? before.methods : [before]), method);
  }

  get length(): number {
    return this.methods.length;
  }

  /** The method at `index`. */
  at(position: number): BasePruningMethod | undefined {
    return this.methods.at(position);
  }

  [Symbol.iterator](): Iterator<BasePruningMethod> {
    return this.methods[Symbol.iterator]();
  }

  /** The mask of the last rule for what the default mask has left, and zeros elsewhere. */
  computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    const method = this.methods.at(-1);
    if (!method) return defaultMask;
    const entries = remaining(method, t, defaultMask);
    if (!entries) return method.computeMask(t, defaultMask);
    const part = method.computeMask(index(t, entries), index(defaultMask, entries));
    return indexPut_(to(defaultMask, t.dtype).clone(), entries, to(part, t.dtype));
  }
}

/** The part of a tensor that a rule works on: elements or slices that are not pruned yet; null for all of it. */
function remaining(method: BasePruningMethod, t: Tensor, mask: Tensor): (Tensor | null)[] | null {
  if (method.pruningType === 'global') return null;
  if (method.pruningType === 'unstructured') return [eq(mask, 1)];
  const dim = checkDim('prune', method.dim as number, t.ndim);
  const others = t.shape.flatMap((_, i) => (i === dim ? [] : [i]));
  const kept = others.length === 0 ? ne(mask, 0) : ne(sum(mask, others), 0);
  return t.shape.map((_, i) => (i === dim ? kept : null));
}
