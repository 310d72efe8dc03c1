// An entry of the differential fuzzer: how to draw a call of one public function, and what it must give.
import type { Arr } from './array.js';
import type { Arg, Draw, TensorArg } from './draw.js';

/** What a drawn argument is for the reference: its tensors are arrays. */
export type Resolved<T> = T extends TensorArg ? Arr : T extends object ? { [K in keyof T]: Resolved<T[K]> } : T;

type ResolvedAll<A extends readonly unknown[]> = { [K in keyof A]: Resolved<A[K]> };

/** One array, several, or fields with arrays (their order counts, not their names). */
export type RefResult = Arr | readonly Arr[] | { readonly [key: string]: Arr };

/** What an entry says besides its functions. */
interface Facts {
  /** Op records that such calls run, if not just the one of this name. */
  covers?: readonly string[];
  /** Whether gradients of float inputs are compared with differences of the reference. Default true. */
  differentiable?: boolean;
  /** Second derivatives are not checked, because ... */
  noSecond?: string;
  /** Roundings of the functions used. Default 4. */
  ulps?: number;
  /** The public function for calls that are not `name(...args)`, e.g. a fixed combination of two. */
  call?: (api: Api, ...args: never[]) => unknown;
  /** False: never as a method of the first tensor. Default: as a function and as a method, where there are both. */
  method?: boolean;
  /** False: no call of the in-place variant (`name_`). Default: where it exists. */
  inPlace?: boolean;
  /** The function takes `{ out }` as its last argument. Default false. */
  out?: boolean;
  /** Which argument has the dtype that docs/ops.md lists. Default: the first tensor. */
  dtypeOf?: number;
  /** False: inputs are always contiguous. Default true. */
  layouts?: boolean;
}

export interface EntryOptions<A extends readonly unknown[]> extends Facts {
  /** Arguments of a valid call. What is undefined at the end is left out. */
  draw(d: Draw): A;
  /** The result, by an algorithm of its own: from the same arguments with arrays in place of tensors. */
  reference(...args: ResolvedAll<A>): RefResult;
  /**
   * Terms of the longest sum. With 0 (the default) each element must be right to `ulps` of its own size; else to
   * `ulps + 2 sqrt(length)` of the largest magnitude among inputs and results.
   */
  length?: number | ((...args: ResolvedAll<A>) => number);
  /** The magnitude that rounding errors scale with, where inputs and results do not show it. */
  range?: number | ((...args: ResolvedAll<A>) => number);
}

/** Finds the public function of a name: `add`, `F.conv2d`, `linalg.qr`. */
export type Api = (name: string) => (...args: unknown[]) => unknown;

/** An entry with its types forgotten. */
export interface Entry extends Facts {
  /** `name`, or `name#variant` where one function has several entries. */
  readonly name: string;
  readonly family: string;
  draw(d: Draw): readonly Arg[];
  reference(...args: unknown[]): RefResult;
  length?: number | ((...args: unknown[]) => number);
  range?: number | ((...args: unknown[]) => number);
}

const all = new Map<string, Entry>();

/** Every entry by name. */
export const entries: ReadonlyMap<string, Entry> = all;

/** A registrar of entries for one family of ops. `name#variant` makes a further entry of the same function. */
export function family(title: string) {
  return <const A extends readonly unknown[]>(name: string, options: EntryOptions<A>): void => {
    if (all.has(name)) throw new Error(`${name} has two entries`);
    all.set(name, { ...(options as unknown as Entry), name, family: title });
  };
}

/** The public name of an entry, without its variant. */
export const publicName = (entry: Entry): string => entry.name.split('#')[0];
