// What a pickle of PyTorch is made of here: plain values, dicts, sets, and descriptions of tensors. Nothing of it can run.
import type { FormatError } from '../../errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { ElementType } from '../elements.js';

/** Deeper trees are refused. */
const MAX_DEPTH = 100;

/** Makes the error for a file, which the caller throws. */
export type Fail = (reason: string) => FormatError;

/** Any value of a pickle; lists and tuples are arrays. */
export type PyValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PyValue[]
  | PyDict
  | PySet
  | PyGlobal
  | PyWord
  | PyStorage
  | PyTensor
  | PyNumpyType;

/** A dict. Its map is made with its first key: an empty one is a byte in the file. */
export class PyDict {
  private map: Map<PyValue, PyValue> | null = null;

  set(key: PyValue, value: PyValue, fail: Fail): void {
    const simple = key === null || ['string', 'number', 'bigint', 'boolean'].includes(typeof key);
    if (!simple) throw fail('a dict has a key that is neither text nor a number');
    this.map ??= new Map();
    if (this.map.has(key)) throw fail(`a dict has the key ${JSON.stringify(String(key))} twice`);
    this.map.set(key, value);
  }

  get(key: PyValue): PyValue | undefined {
    return this.map?.get(key);
  }

  entries(): Iterable<[PyValue, PyValue]> {
    return this.map ?? [];
  }
}

/** A set. */
export class PySet {
  constructor(readonly items: PyValue[]) {}
}

/** A function or class that the list in `globals.ts` allows. */
export class PyGlobal {
  constructor(
    readonly name: string,
    /** What calling it gives; null for a name that only stands for itself. */
    readonly call: ((args: PyValue[]) => PyValue) | null,
  ) {}
}

/** A dtype, device or layout, which is nothing but its name. */
export class PyWord {
  constructor(
    readonly kind: 'dtype' | 'device' | 'layout',
    readonly text: string,
  ) {}
}

/** Memory of tensors in the file. */
export class PyStorage {
  constructor(
    readonly key: string,
    /** Null for bytes whose type each tensor brings along. */
    readonly type: ElementType | null,
    /** Elements, or bytes where there is no type. */
    readonly count: number,
  ) {}
}

/** A tensor: elements of a storage, checked to lie inside it. */
export class PyTensor {
  constructor(
    readonly storage: PyStorage,
    readonly type: ElementType,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    readonly offset: number,
  ) {}
}

/** A numpy dtype, for numpy's scalars. */
export class PyNumpyType {
  littleEndian = true;

  constructor(readonly code: string) {}
}

/** What {@link loadTorchTree} gives: Python's values as JavaScript's. */
export type TorchValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Tensor
  | TorchValue[]
  | { [key: string]: TorchValue };

/**
 * The value as plain data; `tensor` says what a tensor becomes. What occurs twice is made once, so that few bytes of a file
 * cannot become many objects.
 * @throws FormatError for a value that contains itself, is too deep or cannot be data.
 */
export function toPlain(value: PyValue, tensor: (x: PyTensor) => TorchValue, fail: Fail): TorchValue {
  const made = new Map<object, TorchValue>();
  const open = new Set<object>();
  const inside = (x: object, depth: number, make: () => TorchValue): TorchValue => {
    const before = made.get(x);
    if (before !== undefined) return before;
    if (open.has(x)) throw fail('the data contains itself');
    if (depth > MAX_DEPTH) throw fail(`the data is nested deeper than ${MAX_DEPTH} levels`);
    open.add(x);
    const result = make();
    open.delete(x);
    made.set(x, result);
    return result;
  };
  const plain = (x: PyValue, depth: number): TorchValue => {
    if (typeof x !== 'object' || x === null || x instanceof Uint8Array) return x;
    if (Array.isArray(x)) return inside(x, depth, () => x.map((item) => plain(item, depth + 1)));
    if (x instanceof PyDict) return inside(x, depth, () => dict(x, depth));
    if (x instanceof PySet) return inside(x, depth, () => x.items.map((item) => plain(item, depth + 1)));
    if (x instanceof PyTensor) return tensor(x);
    if (x instanceof PyWord) return x.text;
    const what =
      x instanceof PyGlobal ? x.name : x instanceof PyStorage ? 'a storage without a tensor' : 'a numpy dtype';
    throw fail(`${what} is no data`);
  };
  const dict = (x: PyDict, depth: number): TorchValue => {
    const entries = new Map<string, TorchValue>();
    for (const [key, item] of x.entries()) {
      const name = String(key);
      if (entries.has(name)) throw fail(`two keys of a dict are both ${JSON.stringify(name)}`);
      entries.set(name, plain(item, depth + 1));
    }
    return Object.fromEntries(entries);
  };
  return plain(value, 0);
}
