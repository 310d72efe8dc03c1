// Reads ZIP archives of which nothing is believed: what lies where, and how large it gets, is checked before any memory is taken.
import { crc32, createInflateRaw } from 'node:zlib';
import type { FormatError } from '../errors.js';
import { allocate, type Source } from './source.js';

/** One file of an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly deflated: boolean;
  /** Bytes in the archive. */
  readonly packed: number;
  /** Bytes when unpacked. */
  readonly size: number;
  readonly crc: number;
  /** Where its local header begins. */
  readonly at: number;
}

const END = 0x06054b50;
const END_BYTES = 22;
const END64 = 0x06064b50;
const END64_BYTES = 56;
const LOCATOR64 = 0x07064b50;
const LOCATOR64_BYTES = 20;
const CENTRAL = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
const MAX_COMMENT = 0xffff;
const FULL16 = 0xffff;
const FULL32 = 0xffffffff;
/** Deflate cannot pack more than 1032 bytes into one. */
const MAX_RATIO = 1032;
/** The table of contents is held in memory. */
const MAX_DIRECTORY_BYTES = 2 ** 28;

interface Directory {
  readonly at: number;
  readonly bytes: number;
  readonly count: number;
}

const u64 = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** The files of an archive by name, and their contents. */
export class ZipReader {
  /** No file's bytes pass the beginning of the next one: so no byte is unpacked twice. */
  private readonly limits = new Map<number, number>();

  private constructor(
    private readonly source: Source,
    readonly entries: ReadonlyMap<string, ZipEntry>,
    directoryAt: number,
  ) {
    const starts = [...entries.values()].map(({ at }) => at).sort((a, b) => a - b);
    for (const [i, at] of starts.entries()) this.limits.set(at, starts[i + 1] ?? directoryAt);
  }

  /** @throws FormatError when the table of contents is wrong in any way. */
  static async open(source: Source): Promise<ZipReader> {
    const directory = await findDirectory(source);
    const bytes = await source.read(directory.at, directory.bytes);
    const entries = new Map<string, ZipEntry>();
    const starts = new Set<number>();
    let at = 0;
    for (let i = 0; i < directory.count; i++) {
      const { entry, end } = readCentral(source, bytes, at, directory.at);
      if (entries.has(entry.name)) throw source.error(`the archive has ${quoted(entry.name)} twice`, directory.at + at);
      if (starts.has(entry.at)) throw source.error(`${quoted(entry.name)} overlaps another file`, directory.at + at);
      entries.set(entry.name, entry);
      starts.add(entry.at);
      at = end;
    }
    if (at !== bytes.length) throw source.error('the table of contents has bytes that belong to no file', directory.at);
    return new ZipReader(source, entries, directory.at);
  }

  /** The content of a file, and where it begins in the archive. @throws FormatError when it is damaged. */
  async read(entry: ZipEntry, checkCrc = true): Promise<{ bytes: Uint8Array; offset: number }> {
    const at = await this.dataAt(entry);
    const packed = await this.source.read(at, entry.packed);
    const bytes = entry.deflated ? await this.inflate(entry, packed, at) : packed;
    if (checkCrc && crc32(bytes) !== entry.crc) throw this.fail(entry, 'is damaged: its checksum is wrong', at);
    return { bytes, offset: at };
  }

  /** Where the content begins: behind the local header, which must agree with the table of contents. */
  private async dataAt(entry: ZipEntry): Promise<number> {
    const limit = this.limits.get(entry.at)!;
    const overlaps = (): FormatError => this.fail(entry, 'overlaps the next file or the table of contents', entry.at);
    if (entry.at + LOCAL_BYTES > limit) throw overlaps();
    const header = viewOf(await this.source.read(entry.at, LOCAL_BYTES));
    if (header.getUint32(0, true) !== LOCAL) throw this.fail(entry, 'has no local header', entry.at);
    const nameBytes = header.getUint16(26, true);
    const dataAt = entry.at + LOCAL_BYTES + nameBytes + header.getUint16(28, true);
    if (dataAt + entry.packed > limit) throw overlaps();
    const name = decodeName(await this.source.read(entry.at + LOCAL_BYTES, nameBytes));
    if (name !== entry.name) {
      throw this.fail(entry, `is called ${quoted(name ?? '')} in its local header`, entry.at);
    }
    return dataAt;
  }

  /** Unpacks piece by piece: memory grows with what comes out, up to the promised size. */
  private async inflate(entry: ZipEntry, packed: Uint8Array, at: number): Promise<Uint8Array> {
    const op = 'inflate';
    let out = allocate(op, Math.min(entry.size, 4 * packed.length + 2 ** 16));
    let filled = 0;
    const stream = createInflateRaw({ chunkSize: 2 ** 18 });
    stream.end(packed);
    try {
      for await (const chunk of stream as AsyncIterable<Uint8Array>) {
        const need = filled + chunk.length;
        if (need > entry.size) throw this.fail(entry, `unpacks to more than the ${entry.size} bytes it promises`, at);
        if (need > out.length) {
          const grown = allocate(op, Math.min(entry.size, Math.max(need, 2 * out.length)));
          grown.set(out.subarray(0, filled));
          out = grown;
        }
        out.set(chunk, filled);
        filled = need;
      }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (typeof code !== 'string' || !code.startsWith('Z_')) throw error;
      throw this.fail(entry, `is damaged: ${message}`, at);
    } finally {
      stream.destroy();
    }
    if (filled < entry.size) throw this.fail(entry, `unpacks to ${filled} bytes instead of ${entry.size}`, at);
    return out.length === filled ? out : out.subarray(0, filled);
  }

  private fail(entry: ZipEntry, reason: string, offset: number): FormatError {
    return this.source.error(`${quoted(entry.name)} ${reason}`, offset);
  }
}

const quoted = (name: string): string => JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);

async function findDirectory(source: Source): Promise<Directory> {
  if (source.size < END_BYTES) throw source.error(`${source.size} bytes are no ZIP archive`, 0);
  const tailBytes = Math.min(source.size, END_BYTES + MAX_COMMENT);
  const tailAt = source.size - tailBytes;
  const tail = viewOf(await source.read(tailAt, tailBytes));
  let end = tailBytes - END_BYTES;
  while (
    end >= 0 &&
    !(tail.getUint32(end, true) === END && end + END_BYTES + tail.getUint16(end + 20, true) === tailBytes)
  )
    end--;
  if (end < 0) throw source.error('no ZIP archive, or a truncated one: its table of contents is missing', source.size);
  const endAt = tailAt + end;
  if (tail.getUint16(end + 4, true) !== 0 || tail.getUint16(end + 6, true) !== 0) {
    if (tail.getUint16(end + 4, true) !== FULL16) throw source.error('archives of several parts are not read', endAt);
  }
  let found = {
    at: tail.getUint32(end + 16, true),
    bytes: tail.getUint32(end + 12, true),
    count: tail.getUint16(end + 10, true),
  };
  let before = endAt;
  if (found.at === FULL32 || found.bytes === FULL32 || found.count === FULL16) {
    const wide = await findDirectory64(source, endAt);
    if (wide !== null) [found, before] = [wide.directory, wide.at];
  }
  if (!(found.at + found.bytes <= before))
    throw source.error('the table of contents passes the end of the archive', endAt);
  if (found.bytes > MAX_DIRECTORY_BYTES || found.count * CENTRAL_BYTES > found.bytes) {
    throw source.error(`a table of contents of ${found.bytes} bytes cannot hold ${found.count} files`, endAt);
  }
  return found;
}

async function findDirectory64(source: Source, endAt: number): Promise<{ directory: Directory; at: number } | null> {
  if (endAt < LOCATOR64_BYTES + END64_BYTES) return null;
  const locator = viewOf(await source.read(endAt - LOCATOR64_BYTES, LOCATOR64_BYTES));
  if (locator.getUint32(0, true) !== LOCATOR64) return null;
  const at = u64(locator, 8);
  if (!(at + END64_BYTES <= endAt - LOCATOR64_BYTES))
    throw source.error('its end record lies outside the archive', endAt);
  const record = viewOf(await source.read(at, END64_BYTES));
  if (record.getUint32(0, true) !== END64) throw source.error('its end record is no end record', at);
  return { directory: { at: u64(record, 48), bytes: u64(record, 40), count: u64(record, 32) }, at };
}

function decodeName(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** One line of the table of contents, checked as far as it can be. */
function readCentral(source: Source, bytes: Uint8Array, at: number, base: number): { entry: ZipEntry; end: number } {
  const fail = (reason: string): never => {
    throw source.error(reason, base + at);
  };
  if (at + CENTRAL_BYTES > bytes.length) fail('the table of contents is too short for its files');
  const view = viewOf(bytes);
  if (view.getUint32(at, true) !== CENTRAL) fail('the table of contents is damaged');
  const extraAt = at + CENTRAL_BYTES + view.getUint16(at + 28, true);
  const commentAt = extraAt + view.getUint16(at + 30, true);
  const end = commentAt + view.getUint16(at + 32, true);
  if (end > bytes.length) fail('the table of contents is too short for its files');
  const name = decodeName(bytes.subarray(at + CENTRAL_BYTES, extraAt)) ?? fail('the name of a file is not UTF-8');
  const method = view.getUint16(at + 10, true);
  if ((view.getUint16(at + 8, true) & 1) !== 0) fail(`${quoted(name)} is encrypted`);
  if (method !== 0 && method !== 8)
    fail(`${quoted(name)} is packed with method ${method}, known are 0 and 8 (deflate)`);
  const fields = {
    size: view.getUint32(at + 24, true),
    packed: view.getUint32(at + 20, true),
    at: view.getUint32(at + 42, true),
  };
  readExtra64(view, extraAt, commentAt, fields);
  const entry = { name, deflated: method === 8, crc: view.getUint32(at + 16, true), ...fields };
  if (!(entry.at + LOCAL_BYTES + entry.packed <= base)) fail(`${quoted(name)} passes the end of the archive`);
  if (method === 0 ? entry.size !== entry.packed : entry.size > entry.packed * MAX_RATIO) {
    fail(`${quoted(name)} promises ${entry.size} bytes out of ${entry.packed}`);
  }
  return { entry, end };
}

/** Sizes and places above 4 GiB stand in an extra field, those that need it in this order. */
function readExtra64(
  view: DataView,
  from: number,
  to: number,
  fields: { size: number; packed: number; at: number },
): void {
  for (let at = from; at + 4 <= to; ) {
    const length = view.getUint16(at + 2, true);
    const end = Math.min(at + 4 + length, to);
    if (view.getUint16(at, true) === 1) {
      let next = at + 4;
      for (const key of ['size', 'packed', 'at'] as const) {
        if (fields[key] !== FULL32 || next + 8 > end) continue;
        fields[key] = u64(view, next);
        next += 8;
      }
      return;
    }
    at = end;
  }
}
