// Runs one drawn call in nabla and in the reference, and says what differs.
import { NablaError } from '../../lib/errors.js';
import { noGrad, scope } from '../../lib/tensor/scope.js';
import { Tensor } from '../../lib/tensor/tensor.js';
import { Arr, isFloat, type RefDType } from '../reference/array.js';
import { type Arg, mapTensors, TensorArg, tensorsOf } from '../reference/draw.js';
import { type Api, type Entry, publicName, type RefResult } from '../reference/entry.js';
import { EPSILON, rounded, TINY } from '../reference/numbers.js';
import {
  api,
  arrayOf,
  type Call,
  type Laid,
  laidOut,
  lastPart,
  memoryProblem,
  methodOf,
  readArr,
  referenceArgs,
} from './call.js';
import { gradientProblem } from './gradient.js';

/** The arrays of a result, in order. */
export function arraysOf(result: RefResult): readonly Arr[] {
  if (result instanceof Arr) return [result];
  return Array.isArray(result) ? (result as readonly Arr[]) : Object.values(result as { [key: string]: Arr });
}

/** The tensors of a result, in order. */
export function tensorResults(result: unknown): Tensor[] {
  if (result instanceof Tensor) return [result];
  const list = Array.isArray(result) ? result : Object.values(result as object);
  return list.filter((item): item is Tensor => item instanceof Tensor);
}

/** The largest finite magnitude. */
export function magnitude(arrays: Iterable<Arr>): number {
  let most = 0;
  for (const { data, dtype } of arrays) {
    if (!isFloat(dtype)) continue;
    for (const x of data) if (Math.abs(x) > most && Math.abs(x) < Infinity) most = Math.abs(x);
  }
  return most;
}

/** What a comparison allows: to each element by its size, to all by the largest of them. */
interface Allowance {
  readonly relative: number;
  readonly absolute: number;
}

function allowanceOf(entry: Entry, args: unknown[], dtype: RefDType, arrays: Iterable<Arr>): Allowance {
  const epsilon = EPSILON[dtype];
  if (epsilon === undefined) return { relative: 0, absolute: 0 };
  const value = (field: number | ((...a: unknown[]) => number) | undefined): number | undefined =>
    typeof field === 'function' ? field(...args) : field;
  const { ulps = 4 } = entry;
  const length = value(entry.length) ?? 0;
  // Narrow types are computed wide and rounded once, by composed functions at each step.
  const narrow = epsilon > 1e-5;
  // In float64 the reference rounds as well.
  const relative = epsilon * (narrow ? 3 : dtype === 'float64' ? 4 * ulps : ulps);
  if (length === 0) return { relative, absolute: TINY[dtype] ?? 0 };
  const range = value(entry.range) ?? magnitude(arrays);
  const factor = narrow ? 3 : ulps + 2 * Math.sqrt(length);
  return { relative, absolute: (TINY[dtype] ?? 0) + epsilon * factor * range };
}

const same = (a: number, b: number): boolean => a === b || (Number.isNaN(a) && Number.isNaN(b));

/** How two arrays differ, or undefined. */
export function difference(got: Arr, want: Arr, allowed: Allowance): string | undefined {
  if (got.dtype !== want.dtype) return `dtype ${got.dtype}, expected ${want.dtype}`;
  if (got.shape.join() !== want.shape.join()) return `shape [${got.shape}], expected [${want.shape}]`;
  let wrong = 0;
  let text = '';
  let worst = 0;
  for (let i = 0; i < want.data.length; i++) {
    const exact = want.data[i];
    const own = rounded(got.dtype, exact);
    if (same(got.data[i], own)) continue;
    const limit = allowed.relative * Math.abs(exact) + allowed.absolute;
    const gap = Math.abs(got.data[i] - exact);
    if (gap <= limit) continue;
    // Beyond the largest number: infinity and the largest one are neighbours.
    if (Math.abs(own) === Infinity && Math.abs(exact) < Infinity && Math.sign(got.data[i]) === Math.sign(own)) {
      if (Math.abs(got.data[i]) > Math.abs(exact) * 0.99) continue;
    }
    wrong++;
    const size = Number.isNaN(gap) ? Infinity : gap;
    if (text !== '' && size <= worst) continue;
    worst = size;
    text = `${got.data[i]} at position ${i}, expected ${own} (off by ${gap.toExponential(2)}, allowed ${limit.toExponential(2)})`;
  }
  return wrong === 0 ? undefined : `${wrong} of ${want.data.length} values wrong of [${want.shape}], worst ${text}`;
}

/** The tensors of a call, as arrays and in memory. */
interface Prepared {
  readonly arrays: Map<TensorArg, Arr>;
  readonly laid: Map<TensorArg, Laid>;
}

function prepare(args: readonly Arg[]): Prepared {
  const arrays = new Map<TensorArg, Arr>();
  const laid = new Map<TensorArg, Laid>();
  for (const tensor of tensorsOf(args)) {
    const values = arrayOf(tensor);
    arrays.set(tensor, values);
    laid.set(tensor, laidOut(tensor, values));
  }
  return { arrays, laid };
}

/** Calls the public function with tensors in the given form. */
export function invoke(call: Call, args: unknown[], find: Api): unknown {
  const { entry, form } = call;
  const name = publicName(entry);
  if (entry.call) return (entry.call as (api: Api, ...args: unknown[]) => unknown)(find, ...args);
  const own = lastPart(name);
  if (form === 'method') return methodOf(own)?.apply(args[0] as Tensor, args.slice(1));
  if (form === 'inPlace') return methodOf(`${own}_`)?.apply(args[0] as Tensor, args.slice(1));
  // A leaf cannot be changed in place; a copy of it has the same gradient.
  if (form === 'inPlaceGradient') return methodOf(`${own}_`)?.apply(find('clone')(args[0]) as Tensor, args.slice(1));
  return find(name)(...args);
}

const realArgs = (args: readonly Arg[], laid: ReadonlyMap<TensorArg, Laid>): unknown[] =>
  mapTensors(args, (tensor) => laid.get(tensor)?.tensor) as unknown[];

/** Whether the in-place variant can hold the result; otherwise the function itself is called. */
export function fitsInPlace(call: Call, want: readonly Arr[]): boolean {
  const [x] = call.args;
  if (!(x instanceof TensorArg) || want.length !== 1 || x.layout.expanded) return false;
  return x.dtype === want[0].dtype && x.shape.join() === want[0].shape.join();
}

/** `{ out }`: a tensor of the right kind that holds something else, merged into the options. */
function withOut(args: unknown[], want: Arr): [unknown[], Laid] {
  const arg = new TensorArg({
    shape: want.shape,
    dtype: want.dtype,
    values: 'uniform',
    low: 0,
    high: 1,
    seed: 7,
    grad: false,
    layout: want.shape.length > 1 ? { order: want.shape.map((_, i) => i).reverse(), offset: 2 } : { offset: 1 },
  });
  const laid = laidOut(arg, arrayOf(arg));
  const last = args[args.length - 1];
  const options = typeof last === 'object' && last !== null && !(last instanceof Tensor) && !Array.isArray(last);
  const merged = { ...(options ? last : {}), out: laid.tensor };
  return [[...(options ? args.slice(0, -1) : args), merged], laid];
}

function compareResults(
  call: Call,
  got: readonly Tensor[],
  want: readonly Arr[],
  args: unknown[],
  inputs: Iterable<Arr>,
) {
  if (got.length !== want.length) return `${got.length} results, expected ${want.length}`;
  const known = [...inputs];
  for (const [i, expected] of want.entries()) {
    const allowed = allowanceOf(call.entry, args, expected.dtype, [...known, ...want]);
    const problem = difference(readArr(got[i]), expected, allowed);
    if (problem) return want.length > 1 ? `result ${i}: ${problem}` : problem;
  }
  return undefined;
}

function forwardProblem(call: Call, find: Api): string | undefined {
  const { arrays, laid } = prepare(call.args);
  const refArgs = referenceArgs(call.args, arrays);
  const want = arraysOf(call.entry.reference(...refArgs));
  const form = call.form === 'inPlace' && !fitsInPlace(call, want) ? 'function' : call.form;
  let args = realArgs(call.args, laid);
  let out: Laid | undefined;
  if (form === 'out' && want.length === 1) [args, out] = withOut(args, want[0]);
  const result =
    form === 'inPlace' ? noGrad(() => invoke({ ...call, form }, args, find)) : invoke({ ...call, form }, args, find);
  const got = form === 'inPlace' ? [args[0] as Tensor] : out ? [out.tensor] : tensorResults(result);
  const problem = compareResults(call, got, want, refArgs, arrays.values());
  if (problem) return problem;
  if (out) {
    if (result !== out.tensor) return 'out was not returned';
    const spilled = memoryProblem(out, true);
    if (spilled) return `out: ${spilled}`;
  }
  let i = 0;
  for (const own of laid.values()) {
    const changed = memoryProblem(own, form === 'inPlace' && i === 0);
    if (changed) return `input ${i}: ${changed}`;
    i++;
  }
  return undefined;
}

/** What is wrong with a call, or undefined. */
export function problemOf(call: Call, find: Api = api): string | undefined {
  try {
    const derive = call.form === 'gradient' || call.form === 'inPlaceGradient';
    return scope(() => (derive ? gradientProblem(call, find) : forwardProblem(call, find)));
  } catch (error) {
    if (error instanceof NablaError) return `threw ${error.name}: ${error.message}`;
    return `threw ${error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 3).join(' ') : error}`;
  }
}
