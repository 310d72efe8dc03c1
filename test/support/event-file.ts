// Reads event files without the code that writes them: TFRecord framing, CRC-32C bit by bit, protobuf's wire format.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A field on the wire: a varint, eight bytes, four bytes, or a string of bytes. */
export type Wire = bigint | Buffer;

/** The values of each field number, in the order of the file. */
export type WireMessage = Map<number, Wire[]>;

/** CRC-32C of RFC 3720, one bit at a time. */
export function crc32cBitwise(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const carry = (crc ^ (byte >>> bit)) & 1;
      crc = (crc >>> 1) ^ (carry ? 0x82f63b78 : 0);
    }
  }
  return ~crc >>> 0;
}

function checkCrc(bytes: Buffer, stored: number, what: string): void {
  const crc = BigInt(crc32cBitwise(bytes));
  const masked = ((crc >> 15n) | ((crc << 17n) & 0xffffffffn)) + 0xa282ead8n;
  if (Number(masked & 0xffffffffn) !== stored) throw new Error(`${what} has a wrong CRC`);
}

/** The whole records of a file, and how many bytes of another one follow. */
export function readRecords(file: Buffer): { records: Buffer[]; rest: number } {
  const records: Buffer[] = [];
  let at = 0;
  while (at + 12 <= file.length) {
    checkCrc(file.subarray(at, at + 8), file.readUInt32LE(at + 8), `the length at ${at}`);
    const length = Number(file.readBigUInt64LE(at));
    if (at + 16 + length > file.length) break;
    const data = file.subarray(at + 12, at + 12 + length);
    checkCrc(data, file.readUInt32LE(at + 12 + length), `the record at ${at}`);
    records.push(data);
    at += 16 + length;
  }
  return { records, rest: file.length - at };
}

function readVarint(bytes: Buffer, start: number): [bigint, number] {
  let value = 0n;
  for (let at = start, shift = 0n; ; at++, shift += 7n) {
    if (at >= bytes.length) throw new Error('a varint is cut off');
    value |= BigInt(bytes[at] & 0x7f) << shift;
    if (bytes[at] < 0x80) return [value, at + 1];
  }
}

/** Fields by number, as the wire has them. */
export function decode(bytes: Buffer): WireMessage {
  const fields: WireMessage = new Map();
  let at = 0;
  while (at < bytes.length) {
    const [key, next] = readVarint(bytes, at);
    const type = Number(key & 7n);
    let value: Wire;
    if (type === 0) [value, at] = readVarint(bytes, next);
    else {
      const [size, from] = type === 2 ? readVarint(bytes, next) : [type === 1 ? 8n : 4n, next];
      const end = from + Number(size);
      if (![1, 2, 5].includes(type)) throw new Error(`wire type ${type} at ${at}`);
      if (end > bytes.length) throw new Error(`a field is cut off at ${at}`);
      value = bytes.subarray(from, end);
      at = end;
    }
    const number = Number(key >> 3n);
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}

const bytesOf = (value: Wire | undefined): Buffer => {
  if (!Buffer.isBuffer(value)) throw new Error(`bytes are needed, got ${value}`);
  return value;
};

/** Views of one message by field number. */
export class Message {
  readonly fields: WireMessage;

  constructor(bytes: Buffer) {
    this.fields = decode(bytes);
  }

  has(field: number): boolean {
    return this.fields.has(field);
  }

  bytes(field: number): Buffer {
    return bytesOf(this.fields.get(field)?.[0]);
  }

  text(field: number): string {
    return this.has(field) ? this.bytes(field).toString() : '';
  }

  texts(field: number): string[] {
    return (this.fields.get(field) ?? []).map((value) => bytesOf(value).toString());
  }

  message(field: number): Message {
    return new Message(this.bytes(field));
  }

  messages(field: number): Message[] {
    return (this.fields.get(field) ?? []).map((value) => new Message(bytesOf(value)));
  }

  int(field: number): number {
    const value = this.fields.get(field)?.[0] ?? 0n;
    if (typeof value !== 'bigint') throw new Error(`field ${field} is no varint`);
    return Number(BigInt.asIntN(64, value));
  }

  double(field: number): number {
    return this.has(field) ? this.bytes(field).readDoubleLE(0) : 0;
  }

  float(field: number): number {
    return this.has(field) ? this.bytes(field).readFloatLE(0) : 0;
  }

  doubles(field: number): number[] {
    const packed = this.has(field) ? this.bytes(field) : Buffer.alloc(0);
    return Array.from({ length: packed.length / 8 }, (_, i) => packed.readDoubleLE(8 * i));
  }

  floats(field: number): number[] {
    const packed = this.has(field) ? this.bytes(field) : Buffer.alloc(0);
    return Array.from({ length: packed.length / 4 }, (_, i) => packed.readFloatLE(4 * i));
  }
}

/** One event of a file: its step, and the summary value where it has one. */
export interface ReadEvent {
  readonly event: Message;
  readonly step: number;
  readonly tag: string;
  readonly value: Message | null;
}

/** The events of the only event file in a folder. */
export function readEvents(folder: string): ReadEvent[] {
  const files = readdirSync(folder).filter((name) => name.startsWith('events.out.tfevents.'));
  if (files.length !== 1) throw new Error(`${folder} has ${files.length} event files`);
  const { records, rest } = readRecords(readFileSync(join(folder, files[0])));
  if (rest !== 0) throw new Error(`${rest} bytes follow the last record`);
  return records.map((record) => {
    const event = new Message(record);
    const value = event.has(5) ? event.message(5).message(1) : null;
    return { event, step: event.int(2), tag: value?.text(1) ?? '', value };
  });
}
