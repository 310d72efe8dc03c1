// Python's pickle as a stack machine that knows plain values only. What a pickle may call is decided by its host.
import type { FormatError } from '../../errors.js';
import { PyDict, PyGlobal, PyNumpyType, PySet, type PyValue } from './values.js';

/** What the machine asks for. */
export interface PickleHost {
  /** The value of a global. @throws FormatError naming one that is not allowed */
  global(module: string, name: string): PyValue;
  /** The value of a persistent id. */
  persistent(id: PyValue): PyValue;
  /** The error for something wrong at a byte of the pickle. */
  error(reason: string, at: number): FormatError;
}

/** A pickle that goes on behind the bytes that are there. */
export class NeedMoreBytes extends Error {}

/** Containers, texts, long numbers and memo entries that one pickle may make; each takes memory its bytes do not show. */
const MAX_OBJECTS = 2 ** 22;
const MAX_STACK = 2 ** 20;
/** Bytes of an integer: a longer one is no number that anything here needs. */
const MAX_INTEGER = 64;

/** A value, and the bytes that it took. */
export interface Unpickled {
  readonly value: PyValue;
  readonly length: number;
}

/**
 * Runs a pickle of protocol 2 to 5.
 * @throws NeedMoreBytes when it passes the end of `bytes`; FormatError for everything else that is wrong.
 */
export function unpickle(bytes: Uint8Array, host: PickleHost): Unpickled {
  return new Machine(bytes, host).run();
}

class Machine {
  private readonly view: DataView;
  private readonly memo = new Map<number, PyValue>();
  private readonly marks: number[] = [];
  private stack: PyValue[] = [];
  private at = 0;
  /** Where the current opcode stands. */
  private opAt = 0;
  private objects = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly host: PickleHost,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  run(): Unpickled {
    for (;;) {
      this.opAt = this.at;
      const code = this.view.getUint8(this.take(1));
      if (code === 0x2e) return { value: this.pop(), length: this.at };
      const op = OPCODES[code];
      if (op === undefined) throw this.error(`opcode 0x${code.toString(16).padStart(2, '0')} is not read`);
      op(this);
    }
  }

  error(reason: string): FormatError {
    return this.host.error(reason, this.opAt);
  }

  /** Passes over `length` bytes and says where they begin. */
  private take(length: number): number {
    const at = this.at;
    if (!(at + length <= this.bytes.length)) throw new NeedMoreBytes();
    this.at += length;
    return at;
  }

  u8(): number {
    return this.view.getUint8(this.take(1));
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  i32(): number {
    return this.view.getInt32(this.take(4), true);
  }

  u64(): number {
    return Number(this.view.getBigUint64(this.take(8), true));
  }

  f64(): number {
    return this.view.getFloat64(this.take(8), false);
  }

  blob(length: number): Uint8Array {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** Up to the end of the line, which is passed over. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw new NeedMoreBytes();
    if (end - this.at > 1000) throw this.error('a line is longer than 1000 bytes');
    const text = this.text(end - this.at);
    this.take(1);
    return text;
  }

  text(length: number): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.blob(length));
    } catch (error) {
      if (error instanceof NeedMoreBytes) throw error;
      throw this.error('a text is not UTF-8');
    }
  }

  /** Two's complement, lowest byte first. */
  integer(length: number): number | bigint {
    if (length > MAX_INTEGER) throw this.error(`an integer of ${length} bytes, at most ${MAX_INTEGER} are read`);
    let value = 0n;
    const digits = this.blob(length);
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(digits[i]);
    if (length > 0 && digits[length - 1] >= 0x80) value -= 1n << BigInt(8 * length);
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }

  push(value: PyValue): void {
    if (this.stack.length >= MAX_STACK) throw this.error('the stack has too many values');
    this.stack.push(value);
  }

  /** Pushes what takes memory of its own. */
  make(value: PyValue): void {
    this.count();
    this.push(value);
  }

  private count(): void {
    if (++this.objects > MAX_OBJECTS) throw this.error(`the pickle makes more than ${MAX_OBJECTS} objects`);
  }

  pop(): PyValue {
    const bottom = this.marks.at(-1) ?? 0;
    if (this.stack.length <= bottom) throw this.error('the stack is empty');
    return this.stack.pop() as PyValue;
  }

  top(): PyValue {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  mark(): void {
    if (this.marks.length >= MAX_STACK) throw this.error('the stack has too many marks');
    this.marks.push(this.stack.length);
  }

  /** All values above the last mark. */
  popMark(): PyValue[] {
    const from = this.marks.pop();
    if (from === undefined) throw this.error('there is no mark');
    return this.stack.splice(from);
  }

  popMany(n: number): PyValue[] {
    const values = new Array<PyValue>(n);
    for (let i = n - 1; i >= 0; i--) values[i] = this.pop();
    return values;
  }

  get(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw this.error(`memo ${index} was never set`);
    this.push(value);
  }

  put(index: number): void {
    this.count();
    this.memo.set(index, this.top());
  }

  memoize(): void {
    this.put(this.memo.size);
  }

  append(values: readonly PyValue[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw this.error('items are appended to what is no list');
    for (const value of values) list.push(value);
  }

  setItems(flat: readonly PyValue[]): void {
    const dict = this.top();
    if (!(dict instanceof PyDict)) throw this.error('keys are set in what is no dict');
    if (flat.length % 2 !== 0) throw this.error('a key has no value');
    for (let i = 0; i < flat.length; i += 2) {
      this.count();
      dict.set(flat[i], flat[i + 1], (reason) => this.error(reason));
    }
  }

  addItems(values: readonly PyValue[]): void {
    const set = this.top();
    if (!(set instanceof PySet)) throw this.error('items are added to what is no set');
    for (const value of values) set.items.push(value);
  }

  newDict(flat: readonly PyValue[]): void {
    this.make(new PyDict());
    this.setItems(flat);
  }

  global(module: PyValue, name: PyValue): void {
    if (typeof module !== 'string' || typeof name !== 'string') throw this.error('a global is not named by text');
    this.make(this.host.global(module, name));
  }

  persistent(): void {
    this.make(this.host.persistent(this.pop()));
  }

  /** Calls what the list of allowed globals knows; classes are "called" too. */
  reduce(): void {
    const args = this.pop();
    const target = this.pop();
    if (!(target instanceof PyGlobal)) throw this.error('what is called is no function');
    if (target.call === null) throw this.error(`${target.name} cannot be called`);
    if (!Array.isArray(args)) throw this.error(`the arguments of ${target.name} are no tuple`);
    this.make(target.call(args));
  }

  /** Attributes of an object: those of dicts, such as the `_metadata` of a state dict, are left out. */
  build(): void {
    const state = this.pop();
    const target = this.top();
    if (target instanceof PyDict) return;
    if (target instanceof PyNumpyType && Array.isArray(state)) {
      target.littleEndian = state[1] !== '>';
      return;
    }
    throw this.error('an object with attributes is not read');
  }
}

const push = (value: PyValue) => (m: Machine) => m.push(value);
const tuple = (n: number) => (m: Machine) => m.make(m.popMany(n));
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** By code; what is missing here does not run. */
const OPCODES: readonly (((m: Machine) => void) | undefined)[] = (() => {
  const table: Record<string, (m: Machine) => void> = {
    '(': (m) => m.mark(),
    '0': (m) => void m.pop(),
    '1': (m) => void m.popMark(),
    '2': (m) => m.push(m.top()),
    N: push(null),
    '\x88': push(true),
    '\x89': push(false),
    J: (m) => m.push(m.i32()),
    K: (m) => m.push(m.u8()),
    M: (m) => m.push(m.u16()),
    G: (m) => m.push(m.f64()),
    '\x8a': (m) => m.make(m.integer(m.u8())),
    '\x8b': (m) => m.make(m.integer(m.u32())),
    X: (m) => m.make(m.text(m.u32())),
    '\x8c': (m) => m.make(m.text(m.u8())),
    '\x8d': (m) => m.make(m.text(m.u64())),
    // Python 2's strings.
    U: (m) => m.make(latin1(m.blob(m.u8()))),
    T: (m) => m.make(latin1(m.blob(m.u32()))),
    B: (m) => m.make(m.blob(m.u32()).slice()),
    C: (m) => m.make(m.blob(m.u8()).slice()),
    '\x8e': (m) => m.make(m.blob(m.u64()).slice()),
    ']': (m) => m.make([]),
    ')': (m) => m.make([]),
    '}': (m) => m.make(new PyDict()),
    '\x8f': (m) => m.make(new PySet([])),
    '\x91': (m) => m.make(new PySet(m.popMark())),
    '\x85': tuple(1),
    '\x86': tuple(2),
    '\x87': tuple(3),
    t: (m) => m.make(m.popMark()),
    l: (m) => m.make(m.popMark()),
    d: (m) => m.newDict(m.popMark()),
    a: (m) => m.append([m.pop()]),
    e: (m) => m.append(m.popMark()),
    s: (m) => m.setItems(m.popMany(2)),
    u: (m) => m.setItems(m.popMark()),
    '\x90': (m) => m.addItems(m.popMark()),
    h: (m) => m.get(m.u8()),
    j: (m) => m.get(m.u32()),
    q: (m) => m.put(m.u8()),
    r: (m) => m.put(m.u32()),
    '\x94': (m) => m.memoize(),
    c: (m) => m.global(m.line(), m.line()),
    '\x93': (m) => {
      const [module, name] = m.popMany(2);
      m.global(module, name);
    },
    R: (m) => m.reduce(),
    '\x81': (m) => m.reduce(),
    b: (m) => m.build(),
    Q: (m) => m.persistent(),
    '\x80': (m) => {
      const protocol = m.u8();
      if (protocol < 2 || protocol > 5) throw m.error(`pickle protocol ${protocol}, known are 2 to 5`);
    },
    '\x95': (m) => void m.u64(),
  };
  const codes = new Array<((m: Machine) => void) | undefined>(256).fill(undefined);
  for (const [char, run] of Object.entries(table)) codes[char.charCodeAt(0)] = run;
  return codes;
})();
