import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseIdx, readIdx } from '../../lib/data/idx.js';
import { FormatError } from '../../lib/errors.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-idx-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** An IDX file: two zeros, dtype, rank, the sizes and then the body. */
function idx(code: number, shape: number[], body: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header[2] = code;
  header[3] = shape.length;
  for (const [axis, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * axis);
  return Buffer.concat([header, body]);
}

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

async function failure(name: string, bytes: Uint8Array): Promise<FormatError> {
  const path = await file(name, bytes);
  const error = await readIdx(path).then(
    () => new Error('the file was accepted'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FormatError);
  expect((error as FormatError).path).toBe(path);
  return error as FormatError;
}

const six = Uint8Array.from([1, 2, 3, 4, 5, 250]);

describe('readIdx', () => {
  it('reads a plain and a gzipped file alike, whatever their names', async () => {
    const bytes = idx(0x08, [2, 3], six);
    for (const [name, content] of [['a.gz', bytes] as const, ['b', gzipSync(bytes)] as const]) {
      const array = await readIdx(await file(name, content));
      expect(array).toEqual({ dtype: 'uint8', shape: [2, 3], data: six });
    }
  });

  it.each([
    ['int8', 0x09, 1, Int8Array, [-128, 0, 127]],
    ['int16', 0x0b, 2, Int16Array, [-32768, 258, 32767]],
    ['int32', 0x0c, 4, Int32Array, [-2147483648, 16909060, 7]],
    ['float32', 0x0d, 4, Float32Array, [1.5, -0.25, Number.POSITIVE_INFINITY]],
    ['float64', 0x0e, 8, Float64Array, [Math.PI, -1e300, 5e-324]],
  ] as const)('turns big-endian %s into the machine order', async (dtype, code, bytes, Type, values) => {
    const body = Buffer.alloc(bytes * 3);
    for (const [i, value] of values.entries()) {
      if (dtype === 'int8') body.writeInt8(value, i);
      if (dtype === 'int16') body.writeInt16BE(value, i * 2);
      if (dtype === 'int32') body.writeInt32BE(value, i * 4);
      if (dtype === 'float32') body.writeFloatBE(value, i * 4);
      if (dtype === 'float64') body.writeDoubleBE(value, i * 8);
    }
    const expected = { dtype, shape: [3, 1], data: Type.from(values) };
    expect(parseIdx(idx(code, [3, 1], body))).toEqual(expected);
    expect(await readIdx(await file(`${dtype}.gz`, gzipSync(idx(code, [3, 1], body))))).toEqual(expected);
  });

  it('reads an array without elements', async () => {
    const array = await readIdx(await file('empty', idx(0x0d, [0, 4294967295], new Uint8Array(0))));
    expect(array).toEqual({ dtype: 'float32', shape: [0, 4294967295], data: new Float32Array(0) });
  });

  it('reads an array larger than its first buffer', async () => {
    const body = new Uint8Array(3_000_001).map((_, i) => (i < 2_900_000 ? 7 : i));
    const array = await readIdx(await file('large.gz', gzipSync(idx(0x08, [3_000_001], body))));
    expect(Buffer.compare(array.data as Uint8Array, body)).toBe(0);
  });
});

describe('a wrong IDX file', () => {
  it.each([
    ['empty', new Uint8Array(0), 0, /truncated header: 4 bytes needed, 0 there/],
    ['half a magic number', Uint8Array.from([0, 0, 8]), 3, /truncated header: 4 bytes needed, 3 there/],
    ['text', Buffer.from('<!DOCTYPE html>'), 0, /not an IDX file.*0x3c 0x21/],
    ['unknown dtype', idx(0x0a, [1], six), 2, /unknown element type 0x0a.*0x08 uint8/],
    ['no dimension', idx(0x08, [], six), 3, /0 dimensions/],
    ['half the sizes', idx(0x08, [2, 3], six).subarray(0, 9), 9, /truncated header: 12 bytes needed, 9 there/],
    ['trailing byte', idx(0x08, [5], six), 13, /trailing bytes: shape \[5\] of uint8 ends at byte 13/],
  ])('%s', async (name, bytes, offset, reason) => {
    for (const content of [bytes, gzipSync(bytes)]) {
      const error = await failure(name, content);
      expect(error.offset).toBe(offset);
      expect(error.message).toMatch(reason);
    }
  });

  it('says how many bytes are missing', async () => {
    const bytes = idx(0x0c, [2, 3], new Uint8Array(23));
    expect((await failure('short.gz', gzipSync(bytes))).message).toMatch(/\[2, 3\] of int32 needs 36 bytes, 35 there/);
    const plain = await failure('short', bytes);
    expect(plain.message).toMatch(/needs more than the 35 bytes/);
    expect(plain.offset).toBe(8);
  });

  it('does not believe a header that promises more than the file can hold', async () => {
    const bytes = idx(0x0e, [4294967295, 4294967295, 4294967295], six);
    const before = process.memoryUsage().arrayBuffers;
    expect((await failure('lie', bytes)).message).toMatch(/lying header/);
    expect((await failure('lie.gz', gzipSync(bytes))).message).toMatch(/lying header/);
    // One gigabyte is within what 1.2 MB of compressed data could hold, so only the bytes that come may count.
    const noise = new Uint8Array(1_200_000).map((_, i) => Math.imul(i, 2654435761) >>> 19);
    const packed = gzipSync(idx(0x08, [1 << 30], noise), { level: 0 });
    expect((await failure('big.gz', packed)).message).toMatch(
      /\[1073741824\] of uint8 needs 1073741832 bytes, 1200008 there/,
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 << 20);
  });

  it('tells damaged, truncated and padded gzip data apart', async () => {
    const good = gzipSync(
      idx(
        0x08,
        [3000],
        new Uint8Array(3000).map((_, i) => (i * 31) ^ (i >> 3)),
      ),
    );
    const truncated = await failure('cut.gz', good.subarray(0, good.length - 9));
    expect(truncated.message).toMatch(/truncated gzip data/);
    const flipped = Buffer.from(good);
    flipped[flipped.length - 6] ^= 0xff;
    expect((await failure('flipped.gz', flipped)).message).toMatch(/damaged gzip data/);
    const padded = await failure('padded.gz', Buffer.concat([good, Buffer.from('extra')]));
    expect(padded.message).toMatch(/bytes after its end/);
    const zeros = await failure('zeros.gz', Buffer.concat([good, Buffer.alloc(5)]));
    expect(zeros.message).toMatch(/trailing bytes after the gzip data/);
    expect(zeros.offset).toBe(good.length);
  });

  it('is an ordinary file error when it is not there', async () => {
    await expect(readIdx(join(folder, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
