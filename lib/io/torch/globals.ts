// All that a file of PyTorch may name: functions that rebuild tensors, plain containers, dtypes, and numpy's scalars.
import { contiguousStrides, MAX_DIMS } from '../../tensor/layout.js';
import { bytesOfShape, type ElementType } from '../elements.js';
import {
  type Fail,
  PyDict,
  PyGlobal,
  PyNumpyType,
  PySet,
  PyStorage,
  PyTensor,
  type PyValue,
  PyWord,
} from './values.js';

const STORAGES: ReadonlyMap<string, ElementType | null> = new Map<string, ElementType | null>([
  ['FloatStorage', 'float32'],
  ['DoubleStorage', 'float64'],
  ['HalfStorage', 'float16'],
  ['BFloat16Storage', 'bfloat16'],
  ['LongStorage', 'int64'],
  ['IntStorage', 'int32'],
  ['ShortStorage', 'int16'],
  ['CharStorage', 'int8'],
  ['ByteStorage', 'uint8'],
  ['BoolStorage', 'bool'],
  ['UntypedStorage', null],
]);

/** PyTorch's dtypes by all their names; null for those that have no counterpart here. */
const DTYPES: ReadonlyMap<string, ElementType | null> = new Map<string, ElementType | null>([
  ...(['float32', 'float64', 'float16', 'bfloat16', 'int8', 'int16', 'int32', 'int64', 'uint8', 'bool'] as const).map(
    (name): [string, ElementType] => [name, name],
  ),
  ...(['uint16', 'uint32', 'float8_e4m3fn', 'float8_e5m2'] as const).map((name): [string, ElementType] => [name, name]),
  ...['uint64', 'complex32', 'complex64', 'complex128', 'float8_e4m3fnuz', 'float8_e5m2fnuz', 'float8_e8m0fnu'].map(
    (name): [string, null] => [name, null],
  ),
]);

/** A view may repeat elements, up to what a packed file of this size could hold at most, or so many bytes. */
const MAX_RATIO = 1032;
const MAX_REPEATED_BYTES = 2 ** 20;
/** Items that calls may copy in one file: one list of a pickle can be the argument of many calls. */
const MAX_COPIED = 2 ** 22;
const MAX_WORD = 100;

/** The functions and classes that are allowed, for a file of `fileBytes`. */
export class Globals {
  private readonly known = new Map<string, PyValue>();
  private copied = 0;

  constructor(
    private readonly fail: Fail,
    private readonly fileBytes: number,
  ) {
    const define = (names: string, call: (args: PyValue[]) => PyValue): void => {
      for (const name of names.split(' ')) this.known.set(name, new PyGlobal(name, call));
    };
    for (const name of STORAGES.keys()) {
      for (const module of ['torch', 'torch.storage', 'torch.cuda']) {
        this.known.set(`${module}.${name}`, new PyGlobal(`torch.${name}`, null));
      }
    }
    for (const name of DTYPES.keys()) this.known.set(`torch.${name}`, new PyWord('dtype', name));
    for (const name of ['torch.Tensor', 'torch.nn.parameter.Parameter', 'torch.nn.parameter.Buffer']) {
      this.known.set(name, new PyGlobal(name, null));
    }
    const tensors = 'torch._utils._rebuild_';
    define(`${tensors}tensor ${tensors}tensor_v2 ${tensors}tensor_v3`, (args) => this.rebuildTensor(args));
    define(`${tensors}parameter ${tensors}parameter_with_state`, ([tensor]) => this.tensor(tensor));
    define('torch._tensor._rebuild_from_type_v2', (args) => this.rebuildFromType(args));
    define('torch.Size', ([sizes = []]) => this.list(sizes));
    define('torch.device', (args) => new PyWord('device', args.map((arg) => this.word(arg)).join(':')));
    define('torch.serialization._get_layout', ([name]) => new PyWord('layout', this.word(name)));
    define('collections.OrderedDict collections.Counter', (args) => this.dict(args));
    define('__builtin__.set builtins.set __builtin__.frozenset builtins.frozenset', ([items = []]) => {
      return new PySet([...this.copy(this.list(items))]);
    });
    define('_codecs.encode', (args) => this.encode(args));
    define('numpy.dtype', ([code]) => new PyNumpyType(typeof code === 'string' ? code : ''));
    define('numpy.core.multiarray.scalar numpy._core.multiarray.scalar', (args) => this.numpyScalar(args));
  }

  /** @throws FormatError naming a global that is not on the list. */
  get(module: string, name: string): PyValue {
    const found = this.known.get(`${module}.${name}`);
    if (found !== undefined) return found;
    const shown = `${module}.${name}`.slice(0, 200);
    throw this.fail(`the file asks for ${shown}, which is not on the list of what may be loaded`);
  }

  /** The storage that a persistent id names: `('storage', type, key, location, count)`. */
  storage(id: PyValue): PyStorage {
    const [kind, type, key, , count, view = null] = Array.isArray(id) ? id : [];
    const storage = type instanceof PyGlobal ? type.name.replace('torch.', '') : '';
    if (kind !== 'storage' || !STORAGES.has(storage) || typeof key !== 'string' || !isSize(count)) {
      throw this.fail('a persistent id names no storage');
    }
    if (view !== null) throw this.fail(`storage ${key} is a view of another one, as files before PyTorch 0.4 have it`);
    return new PyStorage(key, STORAGES.get(storage) as ElementType | null, count);
  }

  private list(value: PyValue): PyValue[] {
    if (!Array.isArray(value)) throw this.fail('a list is needed');
    return value;
  }

  /** Text or a number, never a container: the text of one could be endless. */
  private word(value: PyValue | undefined): string {
    if ((typeof value === 'string' && value.length <= MAX_WORD) || typeof value === 'number') return String(value);
    throw this.fail('a name is needed');
  }

  /** Counts what is about to be copied. */
  private copy<T extends { readonly length: number }>(items: T): T {
    this.copied += items.length;
    if (this.copied > MAX_COPIED) throw this.fail(`the pickle copies more than ${MAX_COPIED} items`);
    return items;
  }

  private tensor(value: PyValue | undefined): PyTensor {
    if (!(value instanceof PyTensor)) throw this.fail('a parameter is made of what is no tensor');
    return value;
  }

  /** `OrderedDict()`, or one of a list of pairs; a `Counter` of a dict. */
  private dict([content = []]: PyValue[]): PyValue {
    if (content instanceof PyDict) return content;
    const dict = new PyDict();
    for (const pair of this.copy(this.list(content))) {
      const [key, value] = this.list(pair);
      if (key === undefined || value === undefined) throw this.fail('an OrderedDict is made of no pairs');
      dict.set(key, value, this.fail);
    }
    return dict;
  }

  private encode([text, encoding]: PyValue[]): Uint8Array {
    if (typeof text !== 'string' || encoding !== 'latin1') throw this.fail('bytes are not given as latin1 text');
    return Uint8Array.from(Buffer.from(this.copy(text), 'latin1'));
  }

  /** A tensor of a subclass or with attributes: `(function, type, arguments, state)`, of which the tensor is taken. */
  private rebuildFromType([call, type, args]: PyValue[]): PyValue {
    const plain = type instanceof PyGlobal && type.name.startsWith('torch.');
    if (!(call instanceof PyGlobal) || !call.name.startsWith('torch._utils.') || call.call === null || !plain) {
      throw this.fail('a tensor is of an unknown class');
    }
    return call.call(this.list(args));
  }

  /** `(storage, offset, size, stride, requiresGrad, hooks, ...)`; version 3 has the dtype seventh, metadata are last. */
  private rebuildTensor([storage, offset, size, stride, , , sixth, seventh]: PyValue[]): PyTensor {
    if (!(storage instanceof PyStorage)) throw this.fail('a tensor has no storage');
    const where = `tensor of storage ${storage.key}`;
    const typed = sixth instanceof PyWord && sixth.kind === 'dtype';
    const metadata = typed ? seventh : sixth;
    if (metadata instanceof PyDict && [...metadata.entries()].some(([, flag]) => flag === true)) {
      throw this.fail(`${where}: conjugated and negated views are not read`);
    }
    const type = typed ? (DTYPES.get(sixth.text) ?? null) : storage.type;
    if (type === null) throw this.fail(`${where}: dtype ${typed ? sixth.text : 'unknown'} is not supported`);
    const shape = this.sizes(where, 'size', size);
    const strides = this.sizes(where, 'stride', stride);
    if (strides.length !== shape.length) throw this.fail(`${where}: ${shape.length} sizes, ${strides.length} strides`);
    if (!isSize(offset)) throw this.fail(`${where}: its offset is no size`);
    return this.checked(where, new PyTensor(storage, type, shape, strides, offset));
  }

  private sizes(where: string, what: string, value: PyValue | undefined): number[] {
    if (!Array.isArray(value)) throw this.fail(`${where}: its ${what} is no tuple`);
    if (value.length > MAX_DIMS)
      throw this.fail(`${where}: ${value.length} dimensions, at most ${MAX_DIMS} are supported`);
    if (!value.every(isSize)) throw this.fail(`${where}: its ${what} is no tuple of sizes`);
    return [...(value as number[])];
  }

  /** Strides of axes with one element, and those of an empty tensor, mean nothing and become the usual ones. */
  private checked(where: string, { storage, type, shape, strides, offset }: PyTensor): PyTensor {
    const bytes = bytesOfShape(shape, type);
    if (bytes > Math.max(this.fileBytes * MAX_RATIO, MAX_REPEATED_BYTES)) {
      throw this.fail(`${where}: [${shape.join(', ')}] of ${type} is more than the file can hold`);
    }
    const usual = contiguousStrides(shape);
    if (bytes === 0) return new PyTensor(storage, type, shape, usual, 0);
    const used = strides.map((stride, i) => (shape[i] === 1 ? usual[i] : stride));
    const last = used.reduce((sum, stride, i) => sum + (shape[i] - 1) * stride, offset);
    const count = storage.type === null ? storage.count / bytesOfShape([], type) : storage.count;
    if (!(last < count)) {
      throw this.fail(`${where}: it reaches element ${last}, the storage has ${Math.floor(count)}`);
    }
    return new PyTensor(storage, type, shape, used, offset);
  }

  private numpyScalar([type, bytes]: PyValue[]): PyValue {
    const data = typeof bytes === 'string' ? Uint8Array.from(Buffer.from(bytes.slice(0, 16), 'latin1')) : bytes;
    const read = type instanceof PyNumpyType ? NUMPY_SCALARS.get(type.code) : undefined;
    if (!(type instanceof PyNumpyType) || read === undefined || !(data instanceof Uint8Array)) {
      throw this.fail(`a numpy scalar of type ${type instanceof PyNumpyType ? type.code : 'unknown'} is not read`);
    }
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    if (data.length !== Number(type.code.slice(1))) throw this.fail(`a numpy scalar has ${data.length} bytes`);
    return read(view, type.littleEndian);
  }
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const small = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

const NUMPY_SCALARS: ReadonlyMap<string, (view: DataView, little: boolean) => PyValue> = new Map<
  string,
  (view: DataView, little: boolean) => PyValue
>([
  ['b1', (v) => v.getUint8(0) !== 0],
  ['i1', (v) => v.getInt8(0)],
  ['u1', (v) => v.getUint8(0)],
  ['i2', (v, little) => v.getInt16(0, little)],
  ['u2', (v, little) => v.getUint16(0, little)],
  ['i4', (v, little) => v.getInt32(0, little)],
  ['u4', (v, little) => v.getUint32(0, little)],
  ['i8', (v, little) => small(v.getBigInt64(0, little))],
  ['u8', (v, little) => small(v.getBigUint64(0, little))],
  ['f4', (v, little) => v.getFloat32(0, little)],
  ['f8', (v, little) => v.getFloat64(0, little)],
]);
