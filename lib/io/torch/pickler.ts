// Writes plain values and tensors as a pickle that PyTorch loads, with weights_only too.
import { ArgumentError, valueText } from '../../errors.js';
import type { DType } from '../../tensor/dtype.js';
import { contiguousStrides } from '../../tensor/layout.js';
import { Tensor } from '../../tensor/tensor.js';

/** Deeper trees are refused: a tree that contains itself is one. */
const MAX_DEPTH = 64;

const STORAGES: Readonly<Record<DType, string>> = {
  float32: 'FloatStorage',
  float64: 'DoubleStorage',
  float16: 'HalfStorage',
  bfloat16: 'BFloat16Storage',
  int64: 'LongStorage',
  int32: 'IntStorage',
  int8: 'CharStorage',
  uint8: 'ByteStorage',
  bool: 'BoolStorage',
};

/** Builds a pickle of protocol 2, the one that torch.save uses. */
export class Pickler {
  /** Those that are written, in the order of their storages: the same memory once. */
  readonly tensors: Tensor[] = [];
  private readonly storages = new Map<object, { tensor: Tensor; key: number }[]>();
  private readonly parts: Buffer[] = [Buffer.from([0x80, 2])];

  constructor(private readonly op: string) {}

  /** The pickle of a value. @throws ArgumentError naming what a file cannot hold. */
  dump(value: unknown): Buffer {
    this.write(value, '', 0);
    this.put('.');
    return Buffer.concat(this.parts);
  }

  private put(...parts: (string | Buffer)[]): void {
    for (const part of parts) this.parts.push(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
  }

  private write(value: unknown, path: string, depth: number): void {
    const refuse = (reason: string): never => {
      throw new ArgumentError(this.op, `${path || 'the value'} ${reason}`, value);
    };
    if (depth > MAX_DEPTH) refuse(`is nested deeper than ${MAX_DEPTH} levels`);
    if (value instanceof Tensor) this.tensor(value);
    else if (value === null) this.put('N');
    else if (typeof value === 'boolean') this.put(value ? '\x88' : '\x89');
    else if (typeof value === 'number') this.number(value);
    else if (typeof value === 'bigint') this.integer(value);
    else if (typeof value === 'string') this.text(value);
    else if (Array.isArray(value)) {
      this.put('](');
      for (const [i, item] of value.entries()) this.write(item, `${path}[${i}]`, depth + 1);
      this.put('e');
    } else if (typeof value === 'object' && isPlain(value)) this.dict(value, path, depth);
    else refuse(`is ${valueText(value)}, which a file cannot hold`);
  }

  private dict(value: object, path: string, depth: number): void {
    this.put('}(');
    for (const [key, item] of value instanceof Map ? value : Object.entries(value)) {
      if (item === undefined) continue;
      if (typeof key !== 'string')
        throw new ArgumentError(this.op, `${path || 'the value'} has a key that is no text`, key);
      this.text(key);
      this.write(item, path ? `${path}.${key}` : key, depth + 1);
    }
    this.put('u');
  }

  /** Whole numbers are Python's int, others its float. */
  private number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      this.integer(BigInt(value));
      return;
    }
    const bytes = Buffer.alloc(9, 'G');
    bytes.writeDoubleBE(value, 1);
    this.put(bytes);
  }

  private integer(value: bigint): void {
    if (value >= -(2n ** 31n) && value < 2n ** 31n) {
      const bytes = Buffer.alloc(5, 'J');
      bytes.writeInt32LE(Number(value), 1);
      this.put(bytes);
      return;
    }
    const digits: number[] = [];
    let rest = value;
    do {
      digits.push(Number(rest & 0xffn));
      rest >>= 8n;
    } while (
      !((rest === 0n && digits[digits.length - 1] < 0x80) || (rest === -1n && digits[digits.length - 1] >= 0x80))
    );
    if (digits.length > 255) throw new ArgumentError(this.op, 'an integer has more than 2040 bits', value);
    this.put(Buffer.from([0x8a, digits.length, ...digits]));
  }

  private text(value: string): void {
    const bytes = Buffer.from(value);
    const head = Buffer.alloc(5, 'X');
    head.writeUInt32LE(bytes.length, 1);
    this.put(head, bytes);
  }

  private sizes(values: readonly number[]): void {
    this.put('(');
    for (const value of values) this.number(value);
    this.put('t');
  }

  /** `_rebuild_tensor_v2(storage, 0, size, stride, False, OrderedDict())`. */
  private tensor(x: Tensor): void {
    x._handle(this.op);
    this.put('ctorch._utils\n_rebuild_tensor_v2\n', '((');
    this.text('storage');
    this.put(`ctorch\n${STORAGES[x.dtype]}\n`);
    this.text(String(this.storageOf(x)));
    this.text('cpu');
    this.number(x.numel);
    this.put('tQ');
    this.number(0);
    this.sizes(x.shape);
    this.sizes(contiguousStrides(x.shape));
    this.put('\x89', 'ccollections\nOrderedDict\n', ')R', 'tR');
  }

  /** Two handles of the very same elements, such as tied weights, are one storage in the file. */
  private storageOf(x: Tensor): number {
    const same = this.storages.get(x._version) ?? [];
    this.storages.set(x._version, same);
    const text = JSON.stringify([x.dtype, x._offset, x.shape, x.strides]);
    const found = same.find(({ tensor: y }) => JSON.stringify([y.dtype, y._offset, y.shape, y.strides]) === text);
    if (found) return found.key;
    same.push({ tensor: x, key: this.tensors.length });
    return this.tensors.push(x) - 1;
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || value instanceof Map;
}
