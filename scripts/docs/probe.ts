// What really works: each function is called with each dtype, and derived once and twice, through its fuzz entries.
import { grad } from '../../lib/autograd/engine.js';
import { NablaError } from '../../lib/errors.js';
import { DTYPE_CODES, type DType } from '../../lib/tensor/dtype.js';
import { scope } from '../../lib/tensor/scope.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import { api, arrayOf, drawCall, laidOut, lastPart, methodOf } from '../../test/fuzz/call.js';
import { invoke, tensorResults } from '../../test/fuzz/check.js';
import { count, isFloat, type RefDType } from '../../test/reference/array.js';
import { type Arg, Draw, mapTensors, TensorArg, tensorsOf } from '../../test/reference/draw.js';
import { type Entry, publicName } from '../../test/reference/entry.js';

/** What the table says of one function. */
export interface Row {
  readonly name: string;
  readonly family: string;
  readonly dtypes: readonly DType[];
  readonly gradient: 'first and second' | 'first' | 'none';
  /** Other ways to call it. */
  readonly forms: readonly string[];
}

const DTYPES = Object.keys(DTYPE_CODES) as DType[];
const TRIES = 24;

/** Small numbers that every dtype holds. */
function converted(arg: TensorArg, dtype: RefDType): TensorArg {
  if (arg.dtype === dtype) return arg;
  const values = isFloat(dtype) || typeof arg.values !== 'string' ? arg.values : 'uniform';
  const low = isFloat(dtype) ? arg.low : Math.max(0, Math.ceil(arg.low));
  return arg.replacing({ dtype, values, low, high: Math.max(arg.high, low) });
}

const isOptions = (arg: Arg): arg is { readonly [key: string]: Arg } =>
  typeof arg === 'object' && arg !== null && !Array.isArray(arg) && !(arg instanceof TensorArg);

/** The arguments with the listed tensor, and those that share its dtype, in another dtype; null where there is none. */
function withDType(entry: Entry, args: readonly Arg[], dtype: RefDType): readonly Arg[] | null {
  const from = entry.dtypeOf === undefined ? args : [args[entry.dtypeOf]];
  const [main] = tensorsOf(from);
  // An option that converts would accept anything.
  if (args.some((arg) => isOptions(arg) && arg.dtype !== undefined)) return null;
  if (!main || count(main.shape) === 0) return null;
  return mapTensors(args, (arg) => (arg.dtype === main.dtype ? converted(arg, dtype) : arg)) as Arg[];
}

/** Whether nabla takes the call. */
function accepted(entry: Entry, args: readonly Arg[]): boolean {
  return scope(() => {
    try {
      const real = mapTensors(args, (arg) => laidOut(arg, arrayOf(arg)).tensor) as unknown[];
      const results = tensorResults(invoke({ entry, form: 'function', args }, real, api));
      for (const result of results) result.dataSync();
      return results.length > 0;
    } catch (error) {
      if (error instanceof NablaError) return false;
      throw error;
    }
  });
}

function takes(entry: Entry, dtype: DType): boolean {
  for (let seed = 1; seed <= TRIES; seed++) {
    const { args } = drawCall(entry, new Draw([], seed, false, dtype as RefDType));
    const own = withDType(entry, args, dtype as RefDType);
    if (own && accepted(entry, own)) return true;
  }
  return false;
}

/** Derives one call once and twice; the incoming gradients require gradients, so that linear ops have a second one. */
function derived(entry: Entry, args: readonly Arg[]): 0 | 1 | 2 {
  const leaves: Tensor[] = [];
  const real = mapTensors(args, (arg) => {
    const { tensor } = laidOut(arg, arrayOf(arg));
    if (arg.grad && arg.dtype === 'float64') leaves.push(tensor.requiresGrad_());
    return tensor;
  }) as unknown[];
  const outputs = tensorResults(invoke({ entry, form: 'gradient', args }, real, api)).filter((x) => x.requiresGrad);
  if (leaves.length === 0 || outputs.length === 0) return 0;
  const gradOutputs = outputs.map((x) => {
    const shape = [...x.shape];
    const values = new Array<number>(count(shape)).fill(1);
    const arg = new TensorArg({ shape, dtype: 'float64', values, low: 0, high: 1, seed: 0, grad: true, layout: {} });
    return laidOut(arg, arrayOf(arg)).tensor.requiresGrad_();
  });
  const first = grad(outputs, leaves, { gradOutputs, allowUnused: true, createGraph: true });
  const again = first.filter((g): g is Tensor => g?.requiresGrad === true);
  if (again.length === 0) return first.some((g) => g !== null) ? 1 : 0;
  const ones = again.map((g) => g.detach());
  const second = grad(again, [...gradOutputs, ...leaves], { gradOutputs: ones, allowUnused: true });
  return second.some((g) => g !== null) ? 2 : 1;
}

function gradientOf(entries: readonly Entry[]): Row['gradient'] {
  let most = 0;
  for (const entry of entries) {
    if (entry.differentiable === false) continue;
    for (let seed = 1; seed <= 6; seed++) {
      const { args } = drawCall(entry, new Draw([], seed, true));
      most = Math.max(most, tryDerived(entry, args));
    }
  }
  return most === 2 ? 'first and second' : most === 1 ? 'first' : 'none';
}

function tryDerived(entry: Entry, args: readonly Arg[]): number {
  return scope(() => {
    try {
      return derived(entry, args);
    } catch (error) {
      if (error instanceof NablaError) return 1; // the first one works, or the fuzzer fails
      throw error;
    }
  });
}

function formsOf(name: string, entries: readonly Entry[]): string[] {
  const own = lastPart(name);
  const forms: string[] = [];
  if (!name.startsWith('Tensor.') && methodOf(own)) forms.push('method');
  if (methodOf(`${own}_`)) forms.push(`\`${own}_\``);
  if (entries.some((entry) => entry.out)) forms.push('`out`');
  return forms;
}

/** The row of one function from all its entries. */
export function rowOf(name: string, entries: readonly Entry[]): Row {
  return {
    name,
    family: entries[0].family,
    dtypes: DTYPES.filter((dtype) => entries.some((entry) => takes(entry, dtype))),
    gradient: gradientOf(entries),
    forms: formsOf(name, entries),
  };
}

/** Entries by public name. */
export function grouped(entries: Iterable<Entry>): Map<string, Entry[]> {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const name = publicName(entry);
    groups.set(name, [...(groups.get(name) ?? []), entry]);
  }
  return groups;
}
