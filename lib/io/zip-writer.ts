// Writes ZIP archives, completely or not at all; with the 64-bit fields where an archive needs them.
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { crc32, deflateRaw } from 'node:zlib';
import { writeAtomically } from '../data/files.js';

/** A file to put into an archive. */
export interface ZipInput {
  readonly name: string;
  /** Its content, in pieces. */
  readonly pieces: readonly Uint8Array[];
}

/** How an archive is written. */
export interface ZipOptions {
  /** Content begins at multiples of so many bytes: readers may map it into memory. Default 64. */
  align?: number;
  /** Default false. */
  deflate?: boolean;
}

const FULL16 = 0xffff;
const FULL32 = 0xffffffff;
/** Of names in UTF-8. */
const UTF8 = 0x0800;
/** 1 January 1980: the same content gives the same bytes. */
const DATE = 0x21;
const pack = promisify(deflateRaw);

interface Written {
  readonly name: Buffer;
  readonly method: number;
  readonly crc: number;
  readonly size: number;
  readonly packed: number;
  readonly at: number;
}

/** Writes the files into an archive, in their order. */
export async function writeZip(path: string, files: readonly ZipInput[], options: ZipOptions = {}): Promise<void> {
  const { align = 64, deflate = false } = options;
  await writeAtomically(path, async (file) => {
    const written: Written[] = [];
    let at = 0;
    for (const { name, pieces } of files) {
      // Of nothing crc32 gives 0, whatever it is to go on from.
      const crc = pieces.reduce((sum, piece) => (piece.length > 0 ? crc32(piece, sum) : sum), 0);
      const size = total(pieces);
      const content = deflate ? [await pack(Buffer.concat(pieces))] : pieces;
      const entry = { name: Buffer.from(name), method: deflate ? 8 : 0, crc, size, packed: total(content), at };
      const header = localHeader(entry, align);
      await file.writeFile(header);
      for (const piece of content) await file.writeFile(piece);
      written.push(entry);
      at += header.length + entry.packed;
    }
    await writeDirectory(file, written, at);
  });
}

const total = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

/** The fields that local headers and the table of contents have in common, from the flags on. */
function putCommon(into: Buffer, at: number, entry: Written, extra: number): void {
  into.writeUInt16LE(UTF8, at);
  into.writeUInt16LE(entry.method, at + 2);
  into.writeUInt16LE(0, at + 4);
  into.writeUInt16LE(DATE, at + 6);
  into.writeUInt32LE(entry.crc, at + 8);
  into.writeUInt32LE(Math.min(entry.packed, FULL32), at + 12);
  into.writeUInt32LE(Math.min(entry.size, FULL32), at + 16);
  into.writeUInt16LE(entry.name.length, at + 20);
  into.writeUInt16LE(extra, at + 22);
}

/** The extra field of numbers that do not fit 32 bits. */
function wideField(numbers: readonly number[]): Buffer {
  if (numbers.length === 0) return Buffer.alloc(0);
  const field = Buffer.alloc(4 + 8 * numbers.length);
  field.writeUInt16LE(1, 0);
  field.writeUInt16LE(8 * numbers.length, 2);
  for (const [i, value] of numbers.entries()) field.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
  return field;
}

const isWide = (value: number): boolean => value >= FULL32;

function localHeader(entry: Written, align: number): Buffer {
  const wide = isWide(entry.size) || isWide(entry.packed) ? wideField([entry.size, entry.packed]) : Buffer.alloc(0);
  const used = entry.at + 30 + entry.name.length + wide.length + 4;
  // An extra field of zeros moves the content to its place.
  const padding = Buffer.alloc(4 + ((align - (used % align)) % align));
  padding.writeUInt16LE(0x4246, 0);
  padding.writeUInt16LE(padding.length - 4, 2);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(wide.length > 0 ? 45 : 20, 4);
  putCommon(header, 6, entry, wide.length + padding.length);
  if (wide.length > 0) header.fill(0xff, 18, 26);
  return Buffer.concat([header, entry.name, wide, padding]);
}

async function writeDirectory(file: FileHandle, entries: readonly Written[], at: number): Promise<void> {
  let bytes = 0;
  for (const entry of entries) {
    const wide = wideField([entry.size, entry.packed, entry.at].filter(isWide));
    const line = Buffer.alloc(46);
    line.writeUInt32LE(0x02014b50, 0);
    line.writeUInt16LE(45, 4);
    line.writeUInt16LE(wide.length > 0 ? 45 : 20, 6);
    putCommon(line, 8, entry, wide.length);
    line.writeUInt32LE(Math.min(entry.at, FULL32), 42);
    const all = Buffer.concat([line, entry.name, wide]);
    await file.writeFile(all);
    bytes += all.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(entries.length, FULL16), 8);
  end.writeUInt16LE(Math.min(entries.length, FULL16), 10);
  end.writeUInt32LE(Math.min(bytes, FULL32), 12);
  end.writeUInt32LE(Math.min(at, FULL32), 16);
  const large = entries.length >= FULL16 || isWide(at) || isWide(bytes);
  await file.writeFile(large ? Buffer.concat([end64(entries.length, bytes, at), end]) : end);
}

/** The end record with 64-bit fields, and where it is. */
function end64(count: number, bytes: number, at: number): Buffer {
  const record = Buffer.alloc(56 + 20);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeUInt16LE(45, 12);
  record.writeUInt16LE(45, 14);
  record.writeBigUInt64LE(BigInt(count), 24);
  record.writeBigUInt64LE(BigInt(count), 32);
  record.writeBigUInt64LE(BigInt(bytes), 40);
  record.writeBigUInt64LE(BigInt(at), 48);
  record.writeUInt32LE(0x07064b50, 56);
  record.writeBigUInt64LE(BigInt(at + bytes), 64);
  record.writeUInt32LE(1, 72);
  return record;
}
