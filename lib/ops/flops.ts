// Floating-point operations of the ops whose work is products: a multiplication and an addition are two. The plain
// algorithm is counted, whichever one runs.
import { Tensor } from '../tensor/tensor.js';

type Formula = (args: readonly unknown[], outputs: readonly Tensor[]) => number;

const at = (args: readonly unknown[], i: number): Tensor => args[i] as Tensor;
const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

/** Elements of `x` times the products that each takes part in: what one output channel or one input channel sees. */
const perElement = (x: Tensor, weight: readonly number[]): number => 2 * x.numel * product(weight.slice(1));

/** Of a recurrent layer [rows, inputs]: products of inputs and of states with their weights, and of a projection. */
const recurrent: Formula = (args) => {
  const weights = [3, 4, 7].map((i) => args[i]).filter((x) => x instanceof Tensor);
  return 2 * at(args, 0).shape[0] * weights.reduce((sum, weight) => sum + weight.numel, 0);
};

/** Query [..., L, E], key [..., S, E], value [..., S, Ev]: scores and their product with the values. */
const attention: Formula = ([query, key, value]) => {
  const [q, k, v] = [query as Tensor, key as Tensor, value as Tensor];
  const rows = q.numel / q.shape[q.ndim - 1];
  return 2 * rows * k.shape[k.ndim - 2] * (q.shape[q.ndim - 1] + v.shape[v.ndim - 1]);
};

const FORMULAS: Readonly<Record<string, Formula>> = {
  matmul: (args, [out]) => 2 * out.numel * (at(args, 0).shape.at(-1) ?? 1),
  addProduct: (args, [out]) => 2 * out.numel * (at(args, 1).shape.at(-1) ?? 1),
  linear: (args, [out]) => 2 * out.numel * (at(args, 1).shape.at(-1) ?? 1),
  convolution: (args, [out]) => perElement(out, at(args, 1).shape),
  convolutionTranspose: (args) => perElement(at(args, 0), at(args, 1).shape),
  convolutionBackwardWeight: (args, [weight]) => perElement(at(args, 0), weight.shape),
  rnnLayer: recurrent,
  attention,
  scaledDotProductAttention: attention,
};

/** Operations of one call, 0 for ops that are no products. @internal */
export function flopsOf(name: string, args: readonly unknown[], outputs: readonly Tensor[]): number {
  const formula = Object.hasOwn(FORMULAS, name) ? FORMULAS[name] : undefined;
  return formula ? formula(args, outputs) : 0;
}
