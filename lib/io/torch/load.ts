// Files of torch.save: the ZIP archives of PyTorch 1.6 and later, and the stream of pickles before them.
import { ArgumentError, type FormatError, valueText } from '../../errors.js';
import { checkOptions } from '../../tensor/check.js';
import { contiguousStrides, numelOf, sameShape } from '../../tensor/layout.js';
import { type Tensor, viewOf } from '../../tensor/tensor.js';
import { elementSize, tensorOf } from '../elements.js';
import { type Rename, renamed } from '../names.js';
import { type FileSource, type Source, withSource } from '../source.js';
import { openArchive } from './archive.js';
import { openLegacy } from './legacy.js';
import { storageBytes } from './storage.js';
import { PyDict, type PyStorage, PyTensor, type PyValue, type TorchValue, toPlain } from './values.js';

/** What a file holds before its tensors are read. */
export interface TorchContent {
  readonly root: PyValue;
  readonly littleEndian: boolean;
  /** All bytes of a storage, and where they begin in the file. */
  bytes(storage: PyStorage): Promise<{ bytes: Uint8Array; offset: number }>;
}

/** Options of {@link loadTorchTree}. */
export interface LoadTorchOptions {
  /** Which part of the file: names from the outside in, joined by dots or as a list: `'model'`, `['optimizer', 'state']`. */
  key?: string | readonly string[];
}

/** Options of {@link loadTorch}. */
export interface LoadTorchStateOptions extends LoadTorchOptions {
  /** Other names for the tensors: rules `[pattern, replacement]` or a function, see {@link mapNames}. */
  rename?: Rename;
}

/**
 * Loads a state dict that `torch.save` has written, in the format of any PyTorch since 0.4. Nothing of the file is executed:
 * it may contain tensors, parameters, plain containers, numbers and text; anything else is refused by its name. Tensors
 * that share memory in the file share it here. They come to the CPU, and without `requiresGrad`.
 *
 * @param from a path, or the content of a file
 * @throws FormatError when the file is damaged, asks for a class or function that is not allowed, or has something else than
 * tensors in the dict; ArgumentError for a `key` that is not there
 * @example
 * model.loadStateDict(await io.loadTorch('resnet18.pth'));
 * model.loadStateDict(await io.loadTorch('checkpoint.pt', { key: 'model', rename: [[/^module\./, '']] }));
 */
export async function loadTorch(
  from: FileSource,
  options: LoadTorchStateOptions = {},
): Promise<Record<string, Tensor>> {
  const op = 'loadTorch';
  checkOptions(op, options);
  const { key = [], rename } = options;
  return withSource(op, from, async (source) => {
    const content = await openContent(source);
    const root = pick(op, content.root, key);
    const tensors = stateOf(source, root);
    const names = rename === undefined ? null : renamed(op, tensors.keys(), rename);
    const wanted = names === null ? tensors : new Map([...names].map(([old, name]) => [name, tensors.get(old)!]));
    const made = await materialize(source, content, new Set(wanted.values()));
    return Object.fromEntries([...wanted].map(([name, x]) => [name, made.get(x)!]));
  });
}

/**
 * Loads all that `torch.save` has written into a file, or the part that `key` names: dicts as objects, lists, tuples and sets
 * as arrays, dtypes and devices as text (`'float32'`, `'cuda:0'`), bytes as `Uint8Array`. Numbers as keys become text.
 *
 * @throws FormatError when the file is damaged or asks for a class or function that is not allowed
 * @example
 * const { epoch, model } = await io.loadTorchTree('checkpoint.pt');
 */
export async function loadTorchTree(from: FileSource, options: LoadTorchOptions = {}): Promise<TorchValue> {
  const op = 'loadTorchTree';
  checkOptions(op, options);
  return withSource(op, from, async (source) => {
    const content = await openContent(source);
    const root = pick(op, content.root, options.key ?? []);
    const fail = (reason: string): FormatError => source.error(reason);
    const found = new Set<PyTensor>();
    const note = (x: PyTensor): null => {
      found.add(x);
      return null;
    };
    toPlain(root, note, fail);
    const made = await materialize(source, content, found);
    return toPlain(root, (x) => made.get(x)!, fail);
  });
}

const ZIP = 0x04034b50;

async function openContent(source: Source): Promise<TorchContent> {
  const start = new DataView(new ArrayBuffer(4));
  if (source.size < 4) throw source.error(`${source.size} bytes are no file of torch.save`, 0);
  await source.readInto(0, new Uint8Array(start.buffer));
  return start.getUint32(0, true) === ZIP ? openArchive(source) : openLegacy(source);
}

/** The value that the names lead to. */
function pick(op: string, root: PyValue, key: string | readonly string[]): PyValue {
  const path = typeof key === 'string' ? key.split('.') : key;
  if (!Array.isArray(path)) throw new ArgumentError(op, `key must be text or a list, got ${valueText(key)}`, key);
  let value = root;
  for (const name of path as readonly string[]) {
    const entries = value instanceof PyDict ? [...value.entries()] : [];
    const found = entries.find(([own]) => String(own) === name);
    if (found === undefined) {
      const there = entries.slice(0, 12).map(([own]) => String(own).slice(0, 40));
      throw new ArgumentError(op, `there is no ${valueText(name)}; there is ${there.join(', ') || 'no dict'}`, key);
    }
    value = found[1];
  }
  return value;
}

/** The tensors of a state dict. */
function stateOf(source: Source, root: PyValue): Map<string, PyTensor> {
  if (!(root instanceof PyDict)) throw source.error('holds no dict; loadTorchTree reads any content');
  const tensors = new Map<string, PyTensor>();
  for (const [key, value] of root.entries()) {
    if (typeof key !== 'string' || !(value instanceof PyTensor)) {
      const dicts = [...root.entries()].filter(([, item]) => item instanceof PyDict).map(([name]) => String(name));
      const hint = dicts.length > 0 ? ` (a dict in it: key ${dicts.slice(0, 8).join(', ')})` : '';
      throw source.error(`${valueText(String(key))} is no tensor, so this is no state dict${hint}; see loadTorchTree`);
    }
    tensors.set(key, value);
  }
  return tensors;
}

/** Reads the storages of the tensors, each once for a type, and makes the tensors: views of it where it has several. */
async function materialize(
  source: Source,
  content: TorchContent,
  tensors: ReadonlySet<PyTensor>,
): Promise<Map<PyTensor, Tensor>> {
  const groups = new Map<string, PyTensor[]>();
  for (const x of tensors) {
    const key = `${x.type} ${x.storage.key}`;
    const group = groups.get(key);
    if (group) group.push(x);
    else groups.set(key, [x]);
  }
  const made = new Map<PyTensor, Tensor>();
  try {
    for (const group of groups.values()) await materializeGroup(source, content, group, made);
    return made;
  } catch (error) {
    for (const tensor of made.values()) tensor.dispose();
    throw error;
  }
}

async function materializeGroup(
  source: Source,
  content: TorchContent,
  group: readonly PyTensor[],
  made: Map<PyTensor, Tensor>,
): Promise<void> {
  const [{ storage, type }] = group;
  // Each tensor was checked against what it says of its storage.
  if (group.some((x) => storageBytes(x.storage) !== storageBytes(storage))) {
    throw source.error(`storage ${storage.key} has two sizes`);
  }
  const { bytes, offset } = await content.bytes(storage);
  const place = { where: `storage ${storage.key}`, offset, littleEndian: content.littleEndian };
  const count = Math.floor(bytes.length / elementSize(type));
  const whole = bytes.subarray(0, count * elementSize(type));
  if (group.length === 1 && fills(group[0], count)) {
    made.set(group[0], tensorOf(source, whole, group[0].shape, type, place));
    return;
  }
  const base = tensorOf(source, whole, [count], type, place);
  try {
    for (const x of group) made.set(x, viewOf(base, x.shape, x.strides, x.offset));
  } finally {
    base.dispose();
  }
}

/** Whether a tensor is its whole storage, in order. */
const fills = ({ shape, strides }: PyTensor, count: number): boolean =>
  numelOf(shape) === count && sameShape(strides, contiguousStrides(shape));
