// Indexed PNG files: image libraries give their colours, segmentation needs their numbers.
import { readFile } from 'node:fs/promises';
import { crc32, inflateSync } from 'node:zlib';
import { FormatError } from '../../errors.js';
import { tensor } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';

const OP = 'readPalette';
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const MOST_PIXELS = 2 ** 28;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
}

/**
 * Reads the numbers of a PNG image with a palette (or of a gray one), such as the class of every pixel.
 *
 * @returns `[H, W]`, uint8
 * @throws FormatError for a file that is no such PNG, interlaced, truncated or damaged
 */
export async function readPalette(path: string): Promise<Tensor> {
  const { header, packed } = chunksOf(path, await readFile(path));
  const { width, height, depth } = header;
  const stride = Math.ceil((width * depth) / 8);
  let rows: Buffer;
  try {
    rows = inflateSync(packed, { maxOutputLength: height * (stride + 1) + 1 });
  } catch (error) {
    throw new FormatError(OP, path, `damaged image data: ${(error as Error).message}`);
  }
  if (rows.length !== height * (stride + 1)) {
    throw new FormatError(OP, path, `${rows.length} bytes of image data, expected ${height * (stride + 1)}`);
  }
  unfilter(path, rows, height, stride);
  const out = new Uint8Array(width * height);
  const perByte = 8 / depth;
  const mask = 2 ** depth - 1;
  for (let y = 0; y < height; y++) {
    const row = y * (stride + 1) + 1;
    for (let x = 0; x < width; x++) {
      const shift = 8 - depth * ((x % perByte) + 1);
      out[y * width + x] = (rows[row + Math.floor(x / perByte)] >> shift) & mask;
    }
  }
  return tensor(out, { shape: [height, width] });
}

function chunksOf(path: string, bytes: Buffer): { header: Header; packed: Buffer } {
  const fail = (reason: string, offset: number): never => {
    throw new FormatError(OP, path, reason, offset);
  };
  if (!bytes.subarray(0, 8).equals(SIGNATURE)) fail('no PNG file', 0);
  let header: Header | null = null;
  const data: Buffer[] = [];
  for (let at = 8; ; ) {
    if (at + 12 > bytes.length) fail('truncated', bytes.length);
    const length = bytes.readUInt32BE(at);
    if (at + 12 + length > bytes.length) fail('truncated', bytes.length);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (
      typeof crc32 === 'function' &&
      crc32(bytes.subarray(at + 4, at + 8 + length)) !== bytes.readUInt32BE(at + 8 + length)
    ) {
      fail(`the checksum of ${type} is wrong`, at);
    }
    if (type === 'IHDR' && length === 13) header = headerOf(path, body);
    else if (type === 'IDAT') data.push(body);
    else if (type === 'IEND') break;
    at += 12 + length;
  }
  if (header === null) return fail('no header', 8);
  return { header, packed: Buffer.concat(data) };
}

function headerOf(path: string, body: Buffer): Header {
  const [width, height, depth, colour, interlaced] = [
    body.readUInt32BE(0),
    body.readUInt32BE(4),
    body[8],
    body[9],
    body[12],
  ];
  if (![0, 3].includes(colour) || ![1, 2, 4, 8].includes(depth)) {
    throw new FormatError(
      OP,
      path,
      `colour type ${colour} with ${depth} bits, expected a palette or gray up to 8 bits`,
    );
  }
  if (interlaced) throw new FormatError(OP, path, 'interlaced images cannot be read');
  if (width * height === 0 || width * height > MOST_PIXELS) {
    throw new FormatError(OP, path, `${width} x ${height} pixels`);
  }
  return { width, height, depth };
}

/** Undoes the filters of PNG in place (RFC 2083, 6); a pixel has at most one byte. */
function unfilter(path: string, rows: Buffer, height: number, stride: number): void {
  for (let y = 0; y < height; y++) {
    const row = y * (stride + 1);
    const filter = rows[row];
    if (filter > 4) throw new FormatError(OP, path, `row ${y} has the unknown filter ${filter}`);
    for (let x = 1; x <= stride; x++) {
      const left = x > 1 ? rows[row + x - 1] : 0;
      const up = y > 0 ? rows[row + x - stride - 1] : 0;
      const corner = x > 1 && y > 0 ? rows[row + x - stride - 2] : 0;
      rows[row + x] += [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
    }
  }
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner;
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(estimate - value));
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}
