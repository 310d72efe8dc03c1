// First and second derivatives of nabla's backward pass against differences of the reference, in float64.
import { grad } from '../../lib/autograd/engine.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import { Arr, isFloat } from '../reference/array.js';
import { mapTensors, TensorArg, tensorsOf } from '../reference/draw.js';
import type { Api } from '../reference/entry.js';
import { generator } from '../reference/numbers.js';
import { arrayOf, type Call, laidOut, referenceArgs } from './call.js';
import { arraysOf, fitsInPlace, invoke, tensorResults } from './check.js';

/** A recorded call and what its scalar, the weighted sum of its results, is made of. */
interface Recorded {
  readonly call: Call;
  readonly arrays: Map<TensorArg, Arr>;
  readonly leaves: readonly TensorArg[];
  readonly weights: readonly Float64Array[];
}

/** Small numbers of both signs, the same for the same seed. */
function signs(n: number, seed: number): Float64Array {
  const next = generator(seed);
  return Float64Array.from({ length: n }, () => Math.floor(next() * 15 - 7) / 8 || 0.5);
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

/** The weighted sum of the reference's float results with the leaves moved by `step` along `direction`. */
function scalarAt(r: Recorded, direction: ReadonlyMap<TensorArg, Float64Array>, step: number): number {
  const moved = new Map(r.arrays);
  for (const leaf of r.leaves) {
    const own = r.arrays.get(leaf) as Arr;
    const by = direction.get(leaf);
    if (by)
      moved.set(
        leaf,
        new Arr(
          own.shape,
          own.dtype,
          own.data.map((x, i) => x + step * by[i]),
        ),
      );
  }
  const results = arraysOf(r.call.entry.reference(...referenceArgs(r.call.args, moved)));
  let sum = 0;
  results.forEach((result, k) => {
    if (r.weights[k].length > 0 && isFloat(result.dtype)) sum += dot(result.data, r.weights[k]);
  });
  return sum;
}

const numbers = (x: Tensor): number[] => Array.from(x.dataSync(), Number);

/** Unit directions for few elements, random ones that touch every element for many. */
function directionsOf(n: number): Float64Array[] {
  if (n <= 12)
    return Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (_, k) => (k === i ? 1 : 0)));
  return [signs(n, 11), signs(n, 12), signs(n, 13)];
}

const STEP = 1e-5;

function firstProblem(r: Recorded, first: readonly (Tensor | null)[]): string | undefined {
  for (const [k, leaf] of r.leaves.entries()) {
    const n = (r.arrays.get(leaf) as Arr).data.length;
    const own = first[k] ? numbers(first[k]) : new Array<number>(n).fill(0);
    if (own.length !== n) return `gradient ${k} has ${own.length} elements, its input ${n}`;
    for (const direction of directionsOf(n)) {
      const up = scalarAt(r, new Map([[leaf, direction]]), STEP);
      const down = scalarAt(r, new Map([[leaf, direction]]), -STEP);
      const numeric = (up - down) / (2 * STEP);
      const claimed = dot(own, direction);
      const scale = own.reduce((sum, g, i) => sum + Math.abs(g * direction[i]), 0);
      const allowed = 2e-6 * (1 + scale) + (1e-15 * (Math.abs(up) + Math.abs(down))) / STEP;
      if (!(Math.abs(numeric - claimed) <= allowed)) {
        return `gradient of tensor ${k}: ${claimed}, differences of the reference give ${numeric} (allowed ${allowed.toExponential(1)})`;
      }
    }
  }
  return undefined;
}

const WIDE_STEP = 2 ** -13;

/** u' H u by double backward against the second difference along u. */
function secondProblem(r: Recorded, tensors: readonly Tensor[], first: readonly (Tensor | null)[]): string | undefined {
  const direction = new Map(r.leaves.map((leaf, k) => [leaf, signs((r.arrays.get(leaf) as Arr).data.length, 21 + k)]));
  const used = first.flatMap((g, k) => (g?.requiresGrad ? [k] : []));
  let claimed = 0;
  let scale = 0;
  if (used.length > 0) {
    const seeds = used.map((k) => laidOut(r.leaves[k], directionArr(r, k, direction)).tensor);
    const second = grad(
      used.map((k) => first[k] as Tensor),
      tensors,
      { gradOutputs: seeds, allowUnused: true },
    );
    second.forEach((g, k) => {
      if (!g) return;
      const own = numbers(g);
      const by = direction.get(r.leaves[k]) as Float64Array;
      claimed += dot(own, by);
      scale += own.reduce((sum, x, i) => sum + Math.abs(x * by[i]), 0);
    });
  }
  const [up, middle, down] = [WIDE_STEP, 0, -WIDE_STEP].map((step) => scalarAt(r, direction, step));
  const numeric = (up - 2 * middle + down) / WIDE_STEP ** 2;
  const size = Math.abs(up) + Math.abs(middle) + Math.abs(down);
  const allowed = 2e-4 * (1 + scale + Math.abs(numeric)) + (4e-15 * size) / WIDE_STEP ** 2;
  if (Math.abs(numeric - claimed) <= allowed) return undefined;
  return `second derivative: ${claimed}, differences of the reference give ${numeric} (allowed ${allowed.toExponential(1)})`;
}

function directionArr(r: Recorded, k: number, direction: ReadonlyMap<TensorArg, Float64Array>): Arr {
  const leaf = r.leaves[k];
  return new Arr(leaf.shape, 'float64', direction.get(leaf) as Float64Array);
}

/** Whether the in-place variant can hold what the reference gives. */
function changeable(call: Call, arrays: ReadonlyMap<TensorArg, Arr>): boolean {
  return fitsInPlace(call, arraysOf(call.entry.reference(...referenceArgs(call.args, arrays))));
}

/** What is wrong with the derivatives of a call, or undefined. */
export function gradientProblem(drawn: Call, find: Api): string | undefined {
  const arrays = new Map(tensorsOf(drawn.args).map((arg) => [arg, arrayOf(arg)]));
  const call =
    drawn.form === 'inPlaceGradient' && !changeable(drawn, arrays) ? { ...drawn, form: 'gradient' as const } : drawn;
  const tensors = new Map<TensorArg, Tensor>();
  const leaves: TensorArg[] = [];
  for (const arg of tensorsOf(call.args)) {
    const { tensor } = laidOut(arg, arrays.get(arg) as Arr);
    tensors.set(arg, tensor);
    if (!arg.grad || arg.dtype !== 'float64') continue;
    leaves.push(arg);
    tensor.requiresGrad_();
  }
  const results = tensorResults(invoke(call, mapTensors(call.args, (arg) => tensors.get(arg)) as unknown[], find));
  const recorded = results.flatMap((x, i) => (x.requiresGrad ? [i] : []));
  if (leaves.length === 0) return undefined;
  if (recorded.length === 0)
    return results.some((x) => x.dtype === 'float64') ? 'no result requires a gradient' : undefined;
  const weights = results.map((x, i) => (x.requiresGrad ? signs(x.numel, 31 + i) : new Float64Array(0)));
  const r: Recorded = { call, arrays, leaves, weights };
  const inputs = leaves.map((leaf) => tensors.get(leaf) as Tensor);
  const gradOutputs = recorded.map((i) => {
    const { shape } = results[i];
    return laidOut(cotangent(shape), new Arr(shape, 'float64', weights[i])).tensor;
  });
  const outputs = recorded.map((i) => results[i]);
  const plain = grad(outputs, inputs, { gradOutputs, allowUnused: true, retainGraph: true });
  const problem = firstProblem(r, plain);
  const nothing = leaves.every((leaf) => arrays.get(leaf)?.data.length === 0);
  if (problem || call.entry.noSecond || nothing) return problem;
  const first = grad(outputs, inputs, { gradOutputs, allowUnused: true, createGraph: true });
  return firstProblem(r, first)?.replace(/^/, 'with createGraph: ') ?? secondProblem(r, inputs, first);
}

/** The description of an incoming gradient: every second element of a larger block. */
function cotangent(shape: readonly number[]): TensorArg {
  const fields = { dtype: 'float64', values: 'grid', low: 0, high: 0, seed: 0, grad: false } as const;
  const layout = shape.length > 0 ? { step: shape.map((_, i) => (i === shape.length - 1 ? 2 : 1)), offset: 1 } : {};
  return new TensorArg({ ...fields, shape, layout });
}
