// bfloat16 and float16 are storage types: `defineOp` runs every record on float32 copies and rounds its results once,
// unless the record says that it only moves elements. Gradients are computed in float32 too, and rounded as they leave.
import { DTypeError } from '../errors.js';
import { native } from '../native.js';
import { emptyLikeLayout } from '../tensor/create.js';
import { type DType, isFloating, isNarrow } from '../tensor/dtype.js';
import type { BackwardRule, Saved } from '../tensor/graph.js';
import { Tensor } from '../tensor/tensor.js';

type Convert = (x: Tensor, dtype: DType) => Tensor;

let convert: Convert = () => {
  throw new Error('no conversion was provided');
};

/** Hands over the differentiable conversion, which is an op itself (lib/ops/shape/view.ts). */
export function provideConversion(fn: Convert): void {
  convert = fn;
}

/** An unrecorded copy in another dtype; dense memory stays in its order. */
export function copyTo(x: Tensor, dtype: DType): Tensor {
  const out = emptyLikeLayout(x, dtype);
  native.copy(out._id, x._id);
  return out;
}

/** float32 copies of narrow tensors, each made once. */
class Widened {
  readonly #copies = new Map<Tensor, Tensor>();

  get = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(this.get);
    if (!(value instanceof Tensor) || !isNarrow(value.dtype)) return value;
    let copy = this.#copies.get(value);
    if (!copy) {
      copy = copyTo(value, 'float32');
      this.#copies.set(value, copy);
    }
    return copy;
  };

  /** Whether `x` shows the memory of a copy. */
  shares(x: Tensor): boolean {
    for (const copy of this.#copies.values()) if (copy._version === x._version) return true;
    return false;
  }

  dispose(): void {
    for (const copy of this.#copies.values()) copy.dispose();
  }
}

/** The one floating-point dtype of the inputs. A record declared `mixed` follows its first floating-point input. */
function commonDType(op: string, inputs: readonly unknown[], mixed: boolean): DType {
  let common: DType | null = null;
  for (const x of inputs.flat()) {
    if (!(x instanceof Tensor) || !isFloating(x.dtype) || x.dtype === common) continue;
    if (common !== null) throw new DTypeError(op, `inputs are ${common} and ${x.dtype}`, common, x.dtype);
    common = x.dtype;
    if (mixed) break;
  }
  return common ?? 'float32';
}

/** The float32 result in the narrow dtype; other results stay. */
function narrowed(x: Tensor, dtype: DType): Tensor {
  if (x.dtype !== 'float32') return x;
  const out = copyTo(x, dtype);
  x.dispose();
  return out;
}

/**
 * Runs a record whose first `count` arguments, some of them narrow, are its tensors. A record whose result is a view of
 * its input runs on the input itself.
 */
export function runNarrow<A extends readonly unknown[], R extends Tensor | readonly Tensor[]>(
  op: string,
  forward: (...args: A) => R,
  args: A,
  count: number,
  mixed: boolean,
): R {
  const dtype = commonDType(op, args.slice(0, count), mixed);
  const wide = new Widened();
  try {
    const result = forward(...(args.map((arg, i) => (i < count ? wide.get(arg) : arg)) as unknown as A));
    const outputs = (result instanceof Tensor ? [result] : result) as readonly Tensor[];
    if (outputs.some((x) => wide.shares(x))) return forward(...args);
    if (!isNarrow(dtype)) return result;
    const rounded = outputs.map((x) => narrowed(x, dtype));
    return (result instanceof Tensor ? rounded[0] : rounded) as R;
  } finally {
    wide.dispose();
  }
}

const widen = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(widen);
  return value instanceof Tensor && isNarrow(value.dtype) ? convert(value, 'float32') : value;
};

/** The backward rule of a call with narrow inputs: it runs in float32, and its gradients get the dtypes of the inputs. */
export function narrowRule(rule: BackwardRule, inputs: readonly unknown[]): BackwardRule {
  const dtypes = inputs.map((x) => (x instanceof Tensor ? x.dtype : null));
  return {
    name: rule.name,
    backward: (grads, saved, needs) => {
      const wide = Object.fromEntries(Object.entries(saved).map(([key, value]) => [key, widen(value)])) as Saved;
      const results = rule.backward(widen(grads) as readonly (Tensor | null)[], wide, needs);
      return results.map((g, i) => (g && dtypes[i] && g.dtype !== dtypes[i] ? convert(g, dtypes[i]) : g));
    },
  };
}
