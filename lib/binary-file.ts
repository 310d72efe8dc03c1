// Looks at a file of machine code before the system maps it: one that was cut short, by a full disk or a broken download,
// would end the process there with SIGBUS, without a word. Reads its tables only, a few kilobytes.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** What the tables of a file say of it. */
interface Image {
  /** As in `process.arch`; undefined where the file holds several. */
  readonly cpu?: string;
  /** Bytes that the file must have. */
  readonly end: number;
  /** A table that cannot be right. */
  readonly broken?: string;
}

/** A part of the file; throws {@link Short} where the file ends before it does. */
type Part = (offset: number, length: number) => Buffer;

class Short extends Error {
  constructor(readonly end: number) {
    super();
  }
}

/** Of the platforms that nabla is published for. */
const ELF_CPUS: Readonly<Record<number, string>> = { 62: 'x64', 183: 'arm64' };
const MACH_CPUS: Readonly<Record<number, string>> = { 16777223: 'x64', 16777228: 'arm64' };
const PE_CPUS: Readonly<Record<number, string>> = { 34404: 'x64', 43620: 'arm64' };

const long = (table: Buffer, offset: number): number => Number(table.readBigUInt64LE(offset));

/** The entries of a table. */
function* entries(table: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at + size <= table.length; at += size) yield table.subarray(at, at + size);
}

/** Linux: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html */
function elf(part: Part): Image {
  const head = part(0, 64);
  const cpu = ELF_CPUS[head.readUInt16LE(18)];
  const [wide, littleEndian] = [head[4] === 2, head[5] === 1];
  if (!wide || !littleEndian) return { cpu: 'other', end: 64 };
  const [sections, segmentSize, sectionSize] = [long(head, 40), head.readUInt16LE(54), head.readUInt16LE(58)];
  const [sectionCount, names] = [head.readUInt16LE(60), head.readUInt16LE(62)];
  if (segmentSize !== 56 || (sectionCount > 0 && sectionSize !== 64)) return { end: 0, broken: 'header' };
  let end = sections + sectionCount * sectionSize;
  for (const segment of entries(part(long(head, 32), head.readUInt16LE(56) * segmentSize), segmentSize))
    end = Math.max(end, long(segment, 8) + long(segment, 32));
  // The table of sections lies behind all else: where a disk has lost the end of a file, it reads as zeros.
  const list = [...entries(part(sections, sectionCount * sectionSize), sectionSize || 64)];
  const broken = sectionCount > 0 && list[names]?.readUInt32LE(4) !== 3 ? 'table of sections' : undefined;
  const EMPTY = 8;
  for (const section of list)
    if (section.readUInt32LE(4) !== EMPTY) end = Math.max(end, long(section, 24) + long(section, 32));
  return { cpu, end, broken };
}

/** macOS: https://developer.apple.com/documentation/kernel/mach_header_64 */
function machO(part: Part): Image {
  const head = part(0, 32);
  const commands = part(32, head.readUInt32LE(20));
  const SEGMENT = 0x19;
  let end = 32 + commands.length;
  let at = 0;
  for (let left = head.readUInt32LE(16); left > 0; left--) {
    if (at + 8 > commands.length) return { end, broken: 'list of commands' };
    const size = commands.readUInt32LE(at + 4);
    const isSegment = commands.readUInt32LE(at) === SEGMENT;
    if (size < (isSegment ? 72 : 8) || at + size > commands.length) return { end, broken: 'list of commands' };
    if (isSegment) end = Math.max(end, long(commands, at + 40) + long(commands, at + 48));
    at += size;
  }
  return { cpu: MACH_CPUS[head.readUInt32LE(4)], end };
}

/** macOS, several processors in one file. */
function fat(part: Part): Image {
  let end = 8;
  for (const one of entries(part(8, part(4, 4).readUInt32BE(0) * 20), 20))
    end = Math.max(end, one.readUInt32BE(8) + one.readUInt32BE(12));
  return { end };
}

/** Windows: https://learn.microsoft.com/windows/win32/debug/pe-format */
function pe(part: Part): Image {
  const start = part(0x3c, 4).readUInt32LE(0);
  const head = part(start, 24);
  if (head.toString('latin1', 0, 4) !== 'PE\0\0') return { end: 0, broken: 'header' };
  let end = start + 24 + head.readUInt16LE(20);
  for (const section of entries(part(end, head.readUInt16LE(6) * 40), 40))
    end = Math.max(end, section.readUInt32LE(16) + section.readUInt32LE(20));
  return { cpu: PE_CPUS[head.readUInt16LE(4)], end };
}

const FORMATS: readonly [string, NodeJS.Platform, (part: Part) => Image][] = [
  ['7f454c46', 'linux', elf],
  ['cffaedfe', 'darwin', machO],
  ['cafebabe', 'darwin', fat],
  ['4d5a', 'win32', pe],
];

function inspect(part: Part, size: number): string | null {
  if (size === 0) return 'is empty';
  const start = part(0, Math.min(size, 4)).toString('hex');
  const [, platform, read] = FORMATS.find(([magic]) => start.startsWith(magic)) ?? [];
  if (!read) return 'is no machine code';
  const system = ['darwin', 'win32'].includes(process.platform) ? process.platform : 'linux';
  if (platform !== system) return `is for ${platform}, this is ${process.platform}`;
  const { cpu, end, broken } = read(part);
  if (cpu && cpu !== process.arch) return `is for ${cpu} processors, this Node is for ${process.arch}`;
  if (end > size) throw new Short(end);
  return broken ? `is damaged: its ${broken} cannot be right` : null;
}

/** Why the system must not be asked to load a file, such as `is cut short ...`; null when nothing speaks against it. */
export function faultOfFile(path: string): string | null {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const part: Part = (offset, length) => {
      if (!(offset + length <= size)) throw new Short(offset + length);
      const bytes = Buffer.alloc(length);
      readSync(file, bytes, 0, length, offset);
      return bytes;
    };
    try {
      return inspect(part, size);
    } catch (error) {
      if (!(error instanceof Short)) throw error;
      return `is cut short or damaged: it has ${size} bytes, and speaks of ${error.end}`;
    }
  } finally {
    closeSync(file);
  }
}
