// Changes to files, drawn at random: to bytes, to JSON, to ZIP archives and to pickles.
import { crc32, deflateRawSync } from 'node:zlib';
import { generator } from '../../reference/numbers.js';

/** Draws of one trial. */
export class Draw {
  private readonly next: () => number;

  constructor(seed: number) {
    this.next = generator(seed);
  }

  /** A whole number in [0, n). */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  chance(p: number): boolean {
    return this.next() < p;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }
}

/** Numbers at which readers go wrong. */
const EDGES = [0, 1, 2, 7, 8, 127, 128, 255, 256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32];
export const NUMBERS: readonly number[] = [...EDGES, ...EDGES.map((n) => -n), 2 ** 53 - 1, 2 ** 53, 1e308, 0.5, -0];

/** One to a few changes: flipped, overwritten, inserted, deleted, copied and cut bytes. */
export function mutateBytes(d: Draw, given: Uint8Array): Buffer {
  let bytes: Buffer<ArrayBuffer> = Buffer.from(given);
  for (let n = 1 + d.below(4); n > 0; n--) bytes = d.pick(BYTES)(d, bytes);
  return bytes;
}

type Change = (d: Draw, bytes: Buffer<ArrayBuffer>) => Buffer<ArrayBuffer>;

const spliced = (bytes: Buffer, at: number, remove: number, insert: Uint8Array): Buffer<ArrayBuffer> =>
  Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);

const BYTES: readonly Change[] = [
  (d, b) => b.subarray(0, d.below(b.length + 1)),
  (d, b) => {
    if (b.length > 0) b[d.below(b.length)] ^= 1 << d.below(8);
    return b;
  },
  (d, b) => {
    if (b.length > 0) b[d.below(b.length)] = d.below(256);
    return b;
  },
  (d, b) => spliced(b, d.below(b.length + 1), 0, Buffer.from(Array.from({ length: d.below(9) }, () => d.below(256)))),
  (d, b) => spliced(b, d.below(b.length + 1), d.below(17), Buffer.alloc(0)),
  (d, b) => {
    const from = d.below(b.length + 1);
    return spliced(b, d.below(b.length + 1), 0, b.subarray(from, from + d.below(64)));
  },
  // A number that fills two, four or eight bytes.
  (d, b) => {
    const width = d.pick([2, 4, 8]);
    const into = Buffer.alloc(8);
    into.writeBigInt64LE(BigInt.asIntN(64, BigInt(Math.trunc(Math.min(Math.abs(d.pick(NUMBERS)), 2 ** 62)))));
    const number = d.chance(0.1) ? Buffer.alloc(width, 0xff) : into.subarray(0, width);
    if (d.chance(0.3)) number.reverse();
    return spliced(b, d.below(b.length + 1), width, number);
  },
];

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const KEYS = ['__proto__', 'constructor', 'toString', '__metadata__', '', 'a', '0', 'length', '$tensor', '$number'];
const LEAVES: readonly Json[] = [
  null,
  true,
  '',
  'F32',
  'BOOL',
  'I16',
  'U64',
  {},
  [],
  [[]],
  '__proto__',
  '9'.repeat(40),
];

/** A JSON value with one place changed. */
export function mutateJson(d: Draw, value: Json): Json {
  const leaf = (): Json => (d.chance(0.5) ? d.pick(NUMBERS) : d.pick(LEAVES));
  if (typeof value !== 'object' || value === null || d.chance(0.15)) return leaf();
  if (Array.isArray(value)) {
    const at = d.below(value.length + 1);
    if (at === value.length || d.chance(0.2)) return [...value.slice(0, at), leaf(), ...value.slice(at)];
    if (d.chance(0.2)) return value.toSpliced(at, 1);
    return value.with(at, mutateJson(d, value[at]));
  }
  const entries = Object.entries(value);
  const at = d.below(entries.length + 1);
  if (at === entries.length || d.chance(0.1)) return Object.fromEntries([...entries, [d.pick(KEYS), leaf()]]);
  if (d.chance(0.1)) return Object.fromEntries(entries.toSpliced(at, 1));
  const [key, item] = entries[at];
  const changed: [string, Json] = d.chance(0.15) ? [d.pick(KEYS), item] : [key, mutateJson(d, item)];
  return Object.fromEntries(entries.with(at, changed));
}

/** The text of a changed JSON value; now and then with a key twice or very deep. */
export function mutateJsonText(d: Draw, text: string): string {
  let value = JSON.parse(text) as Json;
  for (let n = 1 + d.below(2); n > 0; n--) value = mutateJson(d, value);
  const json = JSON.stringify(value);
  if (d.chance(0.05)) return `${'['.repeat(d.below(30_000))}${json}`;
  if (d.chance(0.05)) return json.replace('{', `{${JSON.stringify(d.pick(KEYS))}:${d.pick(NUMBERS)},`);
  return json;
}

/** A file in an archive, and the lies that its headers tell. */
interface Member {
  name: string;
  content: Buffer;
  deflate: boolean;
  size?: number;
  packed?: number;
  at?: number;
  crc?: number;
  method?: number;
  localName?: string;
}

/** The files of an archive that is right. */
export function unzip(archive: Buffer): Member[] {
  const end = archive.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  const members: Member[] = [];
  let at = archive.readUInt32LE(end + 16);
  for (let n = archive.readUInt16LE(end + 10); n > 0; n--) {
    const [packed, nameLength] = [archive.readUInt32LE(at + 20), archive.readUInt16LE(at + 28)];
    const local = archive.readUInt32LE(at + 42);
    const from = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
    const name = archive.toString('utf8', at + 46, at + 46 + nameLength);
    if (archive.readUInt16LE(at + 10) === 0) {
      members.push({ name, content: archive.subarray(from, from + packed), deflate: false });
    }
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return members;
}

/** An archive of the members; what they lie about stands in the table of contents. */
export function zip(members: readonly Member[]): Buffer {
  const parts: Buffer[] = [];
  const lines: Buffer[] = [];
  let at = 0;
  for (const member of members) {
    const data = member.deflate ? deflateRawSync(member.content) : member.content;
    const name = Buffer.from(member.name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(member.method ?? (member.deflate ? 8 : 0), 4);
    common.writeUInt32LE((member.crc ?? crc32(member.content)) >>> 0, 10);
    common.writeUInt32LE((member.packed ?? data.length) >>> 0, 14);
    common.writeUInt32LE((member.size ?? member.content.length) >>> 0, 18);
    common.writeUInt16LE(name.length, 22);
    const localName = Buffer.from(member.localName ?? member.name);
    const local = Buffer.from(common);
    local.writeUInt16LE(localName.length, 22);
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), local, localName, data);
    const line = Buffer.alloc(16);
    line.writeUInt32LE((member.at ?? at) >>> 0, 12);
    lines.push(Buffer.from('PK\x01\x02\0\0', 'latin1'), common, line.subarray(2), name);
    at += 30 + localName.length + data.length;
  }
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(total(lines), 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...lines, end]);
}

const total = (parts: readonly Buffer[]): number => parts.reduce((sum, { length }) => sum + length, 0);

/** An archive with a changed file, or with headers that lie. `change` is for the content of a file. */
export function mutateZip(d: Draw, archive: Buffer, change: (name: string, content: Buffer) => Buffer): Buffer {
  const members = unzip(archive);
  const i = d.below(members.length);
  const member = members[i];
  const lie = d.below(12);
  if (d.chance(0.2)) for (const other of members) other.deflate = true;
  if (lie === 0) member.size = d.pick(NUMBERS);
  else if (lie === 1) member.packed = d.pick(NUMBERS);
  else if (lie === 2) member.at = d.chance(0.5) ? d.pick(NUMBERS) : d.below(archive.length);
  else if (lie === 3) members.push({ ...member });
  else if (lie === 4) member.name = d.pick([...KEYS, members[0].name, '../x', 'a/data.pkl']);
  else if (lie === 5) member.localName = 'other';
  else if (lie === 6) member.method = d.below(16);
  else if (lie === 7) members.splice(i, 1);
  else if (lie === 8) Object.assign(member, { deflate: true, size: member.content.length * (1 + d.below(2000)) });
  else {
    const target = d.pick(members.filter(({ name }) => d.chance(0.3) || !/\/data\//.test(name)));
    if (target) target.content = change(target.name, Buffer.from(target.content));
  }
  return zip(members);
}

/** Whole instructions, to be put anywhere in a pickle. */
const INSTRUCTIONS: readonly string[] = [
  '(',
  ')',
  ']',
  '}',
  '.',
  '0',
  '1',
  '2',
  'N',
  'R',
  'Q',
  'b',
  'a',
  'e',
  's',
  'u',
  't',
  'l',
  'd',
  '\x81',
  '\x85',
  '\x86',
  '\x87',
  '\x88',
  '\x89',
  '\x8f',
  '\x90',
  '\x91',
  '\x93',
  '\x94',
  'h\x00',
  'h\x01',
  'h\x05',
  'q\x00',
  'q\x01',
  'K\x00',
  'K\x03',
  'j\xff\xff\xff\x7f',
  'r\xff\xff\xff\xff',
  'J\xff\xff\xff\xff',
  'J\xff\xff\xff\x7f',
  '\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f',
  '\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01',
  '\x8b\xff\xff\xff\x7f',
  'G\x7f\xf0\x00\x00\x00\x00\x00\x00',
  '\x80\x05',
  'X\xff\xff\xff\xff',
  '\x8d\xff\xff\xff\xff\xff\xff\xff\x7f',
  'X\x01\x00\x00\x000',
  'X\x09\x00\x00\x00__proto__',
  'U\x01a',
  '\x95\xff\xff\xff\xff\xff\xff\xff\xff',
  'cos\nsystem\n',
  'cbuiltins\neval\n',
  'ccollections\nOrderedDict\n',
  'ctorch\nSize\n',
  'ctorch\nfloat32\n',
  'ctorch\nLongStorage\n',
  'ctorch.storage\nUntypedStorage\n',
  'ctorch._utils\n_rebuild_tensor_v2\n',
  'ctorch._utils\n_rebuild_tensor_v3\n',
  'ctorch._utils\n_rebuild_parameter\n',
  'ctorch._tensor\n_rebuild_from_type_v2\n',
  'cbuiltins\nset\n',
  'c_codecs\nencode\n',
  'cnumpy\ndtype\n',
  'cnumpy.core.multiarray\nscalar\n',
  'ctorch\ndevice\n',
  'ctorch.serialization\n_get_layout\n',
  ']q\x09h\x09a',
  '}q\x09h\x09h\x09s',
  '(]]]]]]]]t',
  ')R',
  '((lR',
]; // prettier-ignore

/** Another number in a place that has one: a size, a stride, an offset, a count. */
function mutateNumber(d: Draw, bytes: Buffer): Buffer {
  const places: number[] = [];
  for (let at = bytes.indexOf('K'); at >= 0 && at + 1 < bytes.length; at = bytes.indexOf('K', at + 1))
    places.push(at + 1);
  if (places.length === 0) return bytes;
  const changed = Buffer.from(bytes);
  changed[d.pick(places)] = d.chance(0.2) ? 255 : d.below(12);
  return changed;
}

/** A pickle with instructions put in, repeated, taken out or changed. */
export function mutatePickle(d: Draw, given: Buffer): Buffer {
  let bytes = given;
  for (let n = 1 + d.below(4); n > 0; n--) {
    const kind = d.below(5);
    if (kind === 0) bytes = mutateBytes(d, bytes);
    else if (kind > 2) bytes = mutateNumber(d, bytes);
    else {
      const one = Buffer.from(d.pick(INSTRUCTIONS), 'latin1');
      const times = d.chance(0.05) ? d.below(5000) : 1;
      const many = Buffer.concat(Array.from({ length: times }, () => one));
      bytes = spliced(bytes, d.below(bytes.length + 1), kind === 1 ? one.length : 0, many);
    }
  }
  return bytes;
}

/** Instructions alone. */
export function randomPickle(d: Draw): Buffer {
  const parts = Array.from({ length: d.below(60) }, () => Buffer.from(d.pick(INSTRUCTIONS), 'latin1'));
  return Buffer.concat([Buffer.from([0x80, 2]), ...parts, Buffer.from('.')]);
}
