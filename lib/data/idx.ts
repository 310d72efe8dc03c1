import { type FileHandle, open } from 'node:fs/promises';
import { FormatError } from '../errors.js';

/** Element types that an IDX file can hold. */
export type IdxDType = 'uint8' | 'int8' | 'int16' | 'int32' | 'float32' | 'float64';

/** The typed array that holds an IDX file's elements, in the machine's byte order. */
export type IdxData = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

/** The content of an IDX file: an array of `shape`, the last dimension running fastest. */
export interface IdxArray {
  readonly dtype: IdxDType;
  readonly shape: number[];
  readonly data: IdxData;
}

interface DTypeCode {
  readonly dtype: IdxDType;
  readonly bytes: number;
  readonly view: (buffer: ArrayBuffer, length: number) => IdxData;
}

const DTYPE_CODES: ReadonlyMap<number, DTypeCode> = new Map([
  [0x08, { dtype: 'uint8', bytes: 1, view: (b, n) => new Uint8Array(b, 0, n) }],
  [0x09, { dtype: 'int8', bytes: 1, view: (b, n) => new Int8Array(b, 0, n) }],
  [0x0b, { dtype: 'int16', bytes: 2, view: (b, n) => new Int16Array(b, 0, n) }],
  [0x0c, { dtype: 'int32', bytes: 4, view: (b, n) => new Int32Array(b, 0, n) }],
  [0x0d, { dtype: 'float32', bytes: 4, view: (b, n) => new Float32Array(b, 0, n) }],
  [0x0e, { dtype: 'float64', bytes: 8, view: (b, n) => new Float64Array(b, 0, n) }],
]);

/** Deflate cannot pack more than 1032 bytes into one, so a header that promises more is a lie. */
const MAX_DEFLATE_RATIO = 1032;
const MIN_BUFFER = 1 << 16;

function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}

/** Collects an IDX stream piece by piece; checks the header as soon as it is there and never holds more than arrived. */
class IdxAssembler {
  private header = Buffer.alloc(0);
  private code: DTypeCode | null = null;
  private shape: number[] = [];
  private headerBytes = 4;
  private bodyBytes = 0;
  private body = Buffer.alloc(0);
  private filled = 0;

  /** `capacity` is the most bytes that the file can give. */
  constructor(
    private readonly path: string,
    private readonly capacity: number,
    private readonly typicalBytes: number,
  ) {}

  push(chunk: Uint8Array): void {
    let rest = chunk;
    while (this.header.length < this.headerBytes && rest.length > 0) {
      const take = Math.min(rest.length, this.headerBytes - this.header.length);
      this.header = Buffer.concat([this.header, rest.subarray(0, take)]);
      rest = rest.subarray(take);
      if (this.header.length === this.headerBytes) this.readHeader();
    }
    if (rest.length > 0) this.append(rest);
  }

  /** How many bytes have come so far. */
  get received(): number {
    return this.header.length + this.filled;
  }

  finish(): IdxArray {
    const total = this.received;
    if (this.code === null || this.header.length < this.headerBytes) {
      throw this.error(total, `truncated header: ${this.headerBytes} bytes needed, ${total} there`);
    }
    if (this.filled < this.bodyBytes) {
      const expected = this.headerBytes + this.bodyBytes;
      throw this.error(
        total,
        `truncated: shape [${this.shape.join(', ')}] of ${this.code.dtype} needs ${expected} bytes, ${total} there`,
      );
    }
    swapToHostOrder(this.body.subarray(0, this.bodyBytes), this.code.bytes);
    const data = this.code.view(this.body.buffer as ArrayBuffer, this.bodyBytes / this.code.bytes);
    return { dtype: this.code.dtype, shape: this.shape, data };
  }

  /** Called when the magic number is complete and again when the dimensions are. */
  private readHeader(): void {
    if (this.code === null) {
      this.readMagic();
      if (this.headerBytes > 4) return;
    }
    for (let axis = 0; 4 + axis * 4 < this.headerBytes; axis++) this.shape.push(this.header.readUInt32BE(4 + axis * 4));
    this.bodyBytes = this.checkedBodyBytes();
    const first = Math.min(this.bodyBytes, Math.max(MIN_BUFFER, this.typicalBytes));
    this.body = Buffer.from(new ArrayBuffer(first));
  }

  private readMagic(): void {
    const [zero0, zero1, dtype, rank] = this.header;
    if (zero0 !== 0 || zero1 !== 0) {
      throw this.error(0, `not an IDX file: it starts with ${hex(zero0)} ${hex(zero1)}, expected 0x00 0x00`);
    }
    const code = DTYPE_CODES.get(dtype);
    if (code === undefined) {
      const known = [...DTYPE_CODES].map(([value, { dtype }]) => `${hex(value)} ${dtype}`).join(', ');
      throw this.error(2, `unknown element type ${hex(dtype)}, known are ${known}`);
    }
    if (rank === 0) throw this.error(3, 'the header gives 0 dimensions, expected at least 1');
    this.code = code;
    this.headerBytes = 4 + 4 * rank;
  }

  private checkedBodyBytes(): number {
    const code = this.code!;
    const shape = `shape [${this.shape.join(', ')}] of ${code.dtype}`;
    if (this.shape.includes(0)) return 0;
    let bytes = code.bytes;
    for (const [axis, size] of this.shape.entries()) {
      bytes *= size;
      if (this.headerBytes + bytes > this.capacity) {
        throw this.error(
          4 + axis * 4,
          `truncated or lying header: ${shape} needs more than the ${this.capacity} bytes the file can hold`,
        );
      }
    }
    return bytes;
  }

  private append(bytes: Uint8Array): void {
    const need = this.filled + bytes.length;
    if (need > this.bodyBytes) {
      const end = this.headerBytes + this.bodyBytes;
      throw this.error(
        end,
        `trailing bytes: shape [${this.shape.join(', ')}] of ${this.code!.dtype} ends at byte ${end}`,
      );
    }
    if (need > this.body.length) {
      const grown = Buffer.from(new ArrayBuffer(Math.min(this.bodyBytes, Math.max(need, this.body.length * 2))));
      grown.set(this.body.subarray(0, this.filled));
      this.body = grown;
    }
    this.body.set(bytes, this.filled);
    this.filled = need;
  }

  private error(offset: number, reason: string): FormatError {
    return new FormatError('readIdx', this.path, reason, offset);
  }
}

function swapToHostOrder(bytes: Buffer, elementBytes: number): void {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] === 0) return;
  if (elementBytes === 2) bytes.swap16();
  else if (elementBytes === 4) bytes.swap32();
  else if (elementBytes === 8) bytes.swap64();
}

/**
 * Reads an IDX array from bytes that are already in memory and not compressed.
 *
 * @param path what to call the source in errors
 * @throws FormatError when the bytes are not exactly one IDX array
 */
export function parseIdx(bytes: Uint8Array, path = 'IDX data'): IdxArray {
  const assembler = new IdxAssembler(path, bytes.length, bytes.length);
  assembler.push(bytes);
  return assembler.finish();
}

/**
 * Reads an IDX file (the format of MNIST), plain or gzipped; which one is told from its first bytes, not its name.
 *
 * @returns the element type, the shape and the elements in the machine's byte order
 * @throws FormatError when the file is truncated, has bytes too many, or is no IDX file
 * @example
 * const { shape, data } = await readIdx('train-images-idx3-ubyte.gz'); // [60000, 28, 28], Uint8Array
 */
export async function readIdx(path: string): Promise<IdxArray> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const magic = Buffer.alloc(2);
    await file.read(magic, 0, 2, 0);
    const gzipped = magic[0] === 0x1f && magic[1] === 0x8b;
    return gzipped ? await readGzipped(file, path, size) : await readPlain(file, path, size);
  } finally {
    await file.close();
  }
}

async function readPlain(file: FileHandle, path: string, size: number): Promise<IdxArray> {
  const assembler = new IdxAssembler(path, size, size);
  const input = file.createReadStream({ start: 0, autoClose: false, highWaterMark: 1 << 20 });
  for await (const chunk of input) assembler.push(chunk as Buffer);
  return assembler.finish();
}

async function readGzipped(file: FileHandle, path: string, size: number): Promise<IdxArray> {
  const assembler = new IdxAssembler(path, size * MAX_DEFLATE_RATIO, size * 2);
  const input = file.createReadStream({ start: 0, autoClose: false, highWaterMark: 1 << 18 });
  const gunzip = process.getBuiltinModule('node:zlib').createGunzip({ chunkSize: 1 << 18 });
  input.on('error', (error) => gunzip.destroy(error));
  try {
    for await (const chunk of input.pipe(gunzip)) assembler.push(chunk as Buffer);
  } catch (error) {
    throw asGzipError(error, path, assembler.received);
  } finally {
    input.destroy();
  }
  if (gunzip.bytesWritten < size) {
    throw new FormatError(
      'readIdx',
      path,
      `trailing bytes after the gzip data (${size} in the file)`,
      gunzip.bytesWritten,
    );
  }
  return assembler.finish();
}

/** Offsets count unpacked bytes: zlib does not say where in the file it stopped. */
function asGzipError(error: unknown, path: string, unpacked: number): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (typeof code !== 'string' || !code.startsWith('Z_')) return error;
  if (code === 'Z_BUF_ERROR') return new FormatError('readIdx', path, 'truncated gzip data', unpacked);
  return new FormatError(
    'readIdx',
    path,
    `damaged gzip data or bytes after its end: ${(error as Error).message}`,
    unpacked,
  );
}
