// Plain values and tensors as JSON with the tensors beside it, and back.
import type { StateTree, StateValue } from '../data/state.js';
import { ArgumentError, valueText } from '../errors.js';
import { Tensor } from '../tensor/tensor.js';
import { parseBounded } from './json-keys.js';

/** Deeper trees are refused: a tree that contains itself is one. */
const MAX_DEPTH = 64;

/** A tree taken apart: JSON text, and the tensors that it names. */
export interface FlatState {
  readonly json: string;
  readonly tensors: Map<string, Tensor>;
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * Takes a tree apart. Numbers that JSON lacks (NaN, infinities, -0) and bigints are kept; what is undefined is left out.
 * @throws ArgumentError for functions, classes and other values that a file cannot hold, naming the place.
 */
export function flatten(op: string, tree: Readonly<Record<string, unknown>>): FlatState {
  const tensors = new Map<string, Tensor>();
  const add = (path: string, tensor: Tensor): Json => {
    tensor._handle(op);
    let name = path === '__metadata__' ? `${path}#` : path;
    for (let i = 2; tensors.has(name); i++) name = `${path}#${i}`;
    tensors.set(name, tensor);
    return { $tensor: name };
  };
  const encode = (value: unknown, path: string, depth: number): Json => {
    const refuse = (reason: string): never => {
      throw new ArgumentError(op, `${path || 'the state'} ${reason}`, value);
    };
    if (depth > MAX_DEPTH) return refuse(`is nested deeper than ${MAX_DEPTH} levels`);
    if (value instanceof Tensor) return add(path, value);
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
    if (typeof value === 'number')
      return plain(value) ? value : { $number: Object.is(value, -0) ? '-0' : String(value) };
    if (typeof value === 'bigint') return { $bigint: String(value) };
    const below = (key: string | number): string => (path ? `${path}.${key}` : String(key));
    if (Array.isArray(value)) return value.map((item, i) => encode(item, below(i), depth + 1));
    if (typeof value !== 'object' || !isPlain(value)) return refuse(`is ${valueText(value)}, which a file cannot hold`);
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return Object.fromEntries(
      entries.map(([key, item]) => [key.startsWith('$') ? `$${key}` : key, encode(item, below(key), depth + 1)]),
    );
  };
  return { json: JSON.stringify(encode(tree, '', 0)), tensors };
}

const plain = (value: number): boolean => Number.isFinite(value) && !Object.is(value, -0);

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Puts a tree together again. `fail` is called with what is wrong. */
export function unflatten(
  json: string,
  tensors: Readonly<Record<string, Tensor>>,
  fail: (reason: string) => never,
): StateTree {
  const used = new Set<string>();
  const special = (kind: string, text: Json): StateValue => {
    if (typeof text !== 'string') return fail(`a ${kind} of the state is no text`);
    if (kind === '$number') return Number(text);
    if (kind === '$bigint' && /^-?\d+$/.test(text)) return BigInt(text);
    if (kind !== '$tensor' || !Object.hasOwn(tensors, text)) return fail(`the state has an unknown ${kind} ${text}`);
    used.add(text);
    return tensors[text];
  };
  const decode = (value: Json, depth: number): StateValue => {
    if (depth > MAX_DEPTH) return fail(`the state is nested deeper than ${MAX_DEPTH} levels`);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => decode(item, depth + 1));
    const entries = Object.entries(value);
    const [first] = entries;
    if (entries.length === 1 && /^\$[a-z]/.test(first[0])) return special(first[0], first[1]);
    return Object.fromEntries(
      entries.map(([key, item]) => [key.startsWith('$$') ? key.slice(1) : key, decode(item, depth + 1)]),
    );
  };
  let root: Json;
  try {
    root = parseBounded(json) as Json;
  } catch (error) {
    return fail(`the state is not JSON: ${(error as Error).message}`);
  }
  const tree = decode(root, 0);
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree) || tree instanceof Tensor) {
    return fail('the state is no object');
  }
  const left = Object.keys(tensors).find((name) => !used.has(name));
  if (left !== undefined) return fail(`tensor ${left} belongs to nothing`);
  return tree;
}

/** Frees the tensors of a tree. */
export function disposeTree(value: StateValue): void {
  if (value instanceof Tensor) value.dispose();
  else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) disposeTree(item);
}
