// Choosing between values: where and clamp.
import { ArgumentError, DTypeError, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkTensor } from '../../tensor/check.js';
import { getDefaultDType, stridesLike } from '../../tensor/create.js';
import { broadcastShapes } from '../../tensor/layout.js';
import { Tensor } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { checkNumeric, promote, promoteWithScalar, resultStrides, scalarTensor } from '../elementwise.js';
import { nonzero } from '../indexing/masked.js';
import { into, type OutOptions, outOf } from '../out.js';
import { sumTo } from '../shape/view.js';
import { emptyResult, withoutTarget } from '../target.js';
import { ge, gt, isnan, le, logicalAnd, logicalOr, lt } from './compare.js';

const whereOp = defineOp({
  name: 'where',
  narrow: 'moves',
  inputs: ['condition', 'input', 'other'],
  forward: (condition: Tensor, a: Tensor, b: Tensor) => {
    const shape = broadcastShapes('where', broadcastShapes('where', a.shape, b.shape), condition.shape);
    const out = emptyResult(shape, resultStrides(shape, [a, b, condition]), a.dtype);
    native.where(out._id, condition._id, a._id, b._id);
    return out;
  },
  save: (_out, condition, a, b) => ({ condition, a: a.shape, b: b.shape }),
  backward: ([g], { condition, a, b }, needs) => [
    null,
    needs[1] ? sumTo(where(condition, g, 0), a) : null,
    needs[2] ? sumTo(where(condition, 0, g), b) : null,
  ],
});

/**
 * `a` where the condition holds, else `b`; all three broadcast, and `a` or `b` may be a number.
 * The condition alone gives the coordinates of what is not 0 in it, as `nonzero(condition, { asTuple: true })` does.
 * @throws DTypeError when the condition is not bool.
 */
export function where(condition: Tensor): Tensor[];
export function where(condition: Tensor, a: Tensor | number, b: Tensor | number, options?: OutOptions): Tensor;
export function where(
  condition: Tensor,
  a?: Tensor | number,
  b?: Tensor | number,
  options?: OutOptions,
): Tensor | Tensor[] {
  if (a === undefined && b === undefined) return nonzero(condition, { asTuple: true });
  const run = (): Tensor => choose(condition, a as Tensor | number, b as Tensor | number);
  const out = outOf(options);
  return out ? into('where', out, [condition, a, b], run) : run();
}

function choose(condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
  checkTensor('where', condition, 'condition');
  if (condition.dtype !== 'bool') {
    throw new DTypeError('where', `the condition must be bool, got ${condition.dtype}`, condition.dtype);
  }
  if (typeof a === 'number' && typeof b === 'number') {
    const dtype = Number.isInteger(a) && Number.isInteger(b) ? 'int64' : getDefaultDType();
    return disposing(scalarTensor(a, dtype), scalarTensor(b, dtype), (x, y) => whereOp(condition, x, y));
  }
  if (typeof a === 'number') {
    checkTensor('where', b, 'other');
    const y = promoteWithScalar('where', b, a);
    return disposing(scalarTensor(a, y.dtype), null, (x) => whereOp(condition, x, y));
  }
  checkTensor('where', a);
  if (typeof b === 'number') {
    const x = promoteWithScalar('where', a, b);
    return disposing(scalarTensor(b, x.dtype), null, (y) => whereOp(condition, x, y));
  }
  checkTensor('where', b, 'other');
  return whereOp(condition, ...promote(a, b));
}

function disposing(a: Tensor, b: Tensor | null, run: (a: Tensor, b: Tensor) => Tensor): Tensor {
  try {
    return run(a, b ?? a);
  } finally {
    a.dispose();
    b?.dispose();
  }
}

const clampOp = defineOp({
  name: 'clamp',
  inputs: ['input'],
  forward: (x: Tensor, min: number, max: number) => {
    const out = emptyResult(x.shape, stridesLike(x, x.shape), x.dtype);
    native.clamp(out._id, x._id, min, max);
    return out;
  },
  save: (_out, x, min, max) => ({ x, min, max }),
  backward: ([g], { x, min, max }) => [where(logicalAnd(ge(x, min), le(x, max)), g, 0)],
});

function checkBound(name: string, bound: unknown): void {
  if (bound === undefined || bound === null || typeof bound === 'number' || bound instanceof Tensor) return;
  throw new ArgumentError('clamp', `${name} must be a number or a Tensor, got ${valueText(bound)}`, bound);
}

/**
 * Values below `min` become `min`, above `max` become `max`; either bound may be left out (null). `NaN` stays.
 * The gradient passes where the value was inside, bounds included.
 */
export function clamp(
  x: Tensor,
  min?: Tensor | number | null,
  max?: Tensor | number | null,
  options?: OutOptions,
): Tensor {
  const out = outOf(options);
  return out ? into('clamp', out, [x, min, max], () => plainClamp(x, min, max)) : plainClamp(x, min, max);
}

function plainClamp(x: Tensor, min?: Tensor | number | null, max?: Tensor | number | null): Tensor {
  checkTensor('clamp', x);
  checkNumeric('clamp', x);
  checkBound('min', min);
  checkBound('max', max);
  const low = min ?? null;
  const high = max ?? null;
  if (low === null && high === null) throw new ArgumentError('clamp', 'at least one of min and max is needed');
  if (low instanceof Tensor || high instanceof Tensor) {
    return withoutTarget(() => clampByTensors(x, low, high));
  }
  let input = x;
  for (const bound of [low, high]) {
    if (bound !== null && Number.isFinite(bound)) input = promoteWithScalar('clamp', input, bound);
  }
  return clampOp(input, low ?? -Infinity, high ?? Infinity);
}

/** A bound that is `NaN` gives `NaN`. */
const orNan = (beyond: Tensor, bound: Tensor | number): Tensor =>
  bound instanceof Tensor ? logicalOr(beyond, isnan(bound)) : beyond;

function clampByTensors(x: Tensor, low: Tensor | number | null, high: Tensor | number | null): Tensor {
  let y = x;
  if (low !== null) y = where(orNan(lt(y, low), low), low, y);
  if (high !== null) y = where(orNan(gt(y, high), high), high, y);
  return y;
}

/** {@link clamp} from below: `max(x, min)`. */
export const clampMin = (x: Tensor, min: Tensor | number, options?: OutOptions): Tensor => clamp(x, min, null, options);

/** {@link clamp} from above: `min(x, max)`. */
export const clampMax = (x: Tensor, max: Tensor | number, options?: OutOptions): Tensor => clamp(x, null, max, options);

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** `where(condition, this, other)`: elements of this tensor where the condition holds. */
    where(condition: Tensor, other: Tensor | number): Tensor;
    /** See {@link clamp}. */
    clamp(min?: Tensor | number | null, max?: Tensor | number | null): Tensor;
    /** See {@link clampMin}. */
    clampMin(min: Tensor | number): Tensor;
    /** See {@link clampMax}. */
    clampMax(max: Tensor | number): Tensor;
  }
}

addMethods({
  clamp,
  clampMin,
  clampMax,
  where: (x: Tensor, condition: Tensor, other: Tensor | number) => where(condition, x, other),
});
