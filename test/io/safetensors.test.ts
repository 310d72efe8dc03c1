import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ArgumentError, FormatError } from '../../lib/errors.js';
import { findDuplicateKey } from '../../lib/io/json-keys.js';
import { loadSafetensors, saveSafetensors } from '../../lib/io/safetensors.js';
import { contiguous, transpose } from '../../lib/ops/index.js';
import { tensor, zeros } from '../../lib/tensor/create.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import { liveTensors } from '../support/garbage.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-safetensors-'));
});
afterAll(() => rm(folder, { recursive: true }));

function bytesOf(header: unknown, data: Uint8Array, length?: number | bigint): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(length ?? json.length));
  return Buffer.concat([size, json, data]);
}

async function failure(name: string, bytes: Uint8Array): Promise<FormatError> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  const before = liveTensors();
  const error = await loadSafetensors(path).then(
    () => new Error('the file was accepted'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FormatError);
  expect((error as FormatError).path).toBe(path);
  expect(liveTensors()).toBe(before);
  return error as FormatError;
}

async function contents(tensors: Record<string, Tensor>) {
  const read = async ([name, t]: [string, Tensor]) => [name, { dtype: t.dtype, shape: t.shape, data: await t.data() }];
  return Object.fromEntries(await Promise.all(Object.entries(tensors).map(read)));
}

describe('saveSafetensors and loadSafetensors', () => {
  it('keep every dtype, shape, order and the metadata', async () => {
    const path = join(folder, 'all', 'types.safetensors');
    const saved = new Map([
      ['byte', tensor(Uint8Array.from([1, 0, 255]))],
      ['bool', tensor([[true], [false]])],
      [
        'f32',
        tensor([
          [1.5, Number.NaN, -0],
          [Number.POSITIVE_INFINITY, 1e-45, 3],
        ]),
      ],
      ['f64', tensor(Float64Array.from([Math.PI]), { shape: [] })],
      ['i32', tensor(Int32Array.from([-2147483648, 7]))],
      ['i64', tensor(BigInt64Array.from([-(2n ** 63n), 5n]))],
      ['i8', tensor(Int8Array.from([-128, 127, -1]))],
      ['bf16', tensor([1 / 3, Number.NaN, -0], { dtype: 'bfloat16' })],
      ['f16', tensor([[1 / 3], [Number.NEGATIVE_INFINITY]], { dtype: 'float16' })],
      ['empty', zeros([0, 3])],
      ['a "quoted" näme', tensor([1])],
    ]);
    const metadata = { format: 'nabla', text: 'Zeile\n"2" ✓', __proto__x: 'y' };
    await saveSafetensors(path, saved, metadata);
    const loaded = await loadSafetensors(path);
    expect(Object.keys(loaded.tensors)).toEqual([...saved.keys()]);
    expect(await contents(loaded.tensors)).toEqual(await contents(Object.fromEntries(saved)));
    expect(loaded.metadata).toEqual(metadata);
    expect(await readdir(join(folder, 'all'))).toEqual(['types.safetensors']);
  });

  it('read what the reference library wrote (make_reference.py)', async () => {
    const path = fileURLToPath(new URL('reference.safetensors', import.meta.url));
    const { tensors, metadata } = await loadSafetensors(path);
    expect(metadata).toEqual({ 'made by': 'safetensors ✓' });
    expect(await contents(tensors)).toEqual({
      float32: {
        dtype: 'float32',
        shape: [2, 3],
        data: Float32Array.from([0, 0.5, -1, 1.5, Number.POSITIVE_INFINITY, 3]),
      },
      float64: { dtype: 'float64', shape: [], data: Float64Array.from([Math.PI]) },
      int64: { dtype: 'int64', shape: [2], data: BigInt64Array.from([1n, -(2n ** 63n)]) },
      int32: { dtype: 'int32', shape: [1], data: Int32Array.from([-5]) },
      uint8: { dtype: 'uint8', shape: [2, 1], data: Uint8Array.from([7, 255]) },
      bool: { dtype: 'bool', shape: [2], data: Uint8Array.from([1, 0]) },
      empty: { dtype: 'float32', shape: [0, 3], data: new Float32Array(0) },
    });
  });

  it('read BF16, F16 and I8 by their bits', async () => {
    const path = join(folder, 'narrow');
    const entry = (dtype: string, begin: number, end: number) => ({ dtype, shape: [2], data_offsets: [begin, end] });
    const data = Buffer.from([0x80, 0x3f, 0x40, 0xc0, 0x00, 0x3c, 0x01, 0x00, 0xff, 0x7f]);
    await writeFile(path, bytesOf({ b: entry('BF16', 0, 4), h: entry('F16', 4, 8), i: entry('I8', 8, 10) }, data));
    const { tensors } = await loadSafetensors(path);
    expect(await contents(tensors)).toEqual({
      b: { dtype: 'bfloat16', shape: [2], data: Float32Array.from([1, -3]) },
      h: { dtype: 'float16', shape: [2], data: Float32Array.from([1, 2 ** -24]) },
      i: { dtype: 'int8', shape: [2], data: Int8Array.from([-1, 127]) },
    });
  });

  it('writes what the format asks for', async () => {
    const path = join(folder, 'layout');
    await saveSafetensors(path, { b: tensor(Uint8Array.from([9])), w: tensor(Float32Array.from([1, 2])) });
    const bytes = await readFile(path);
    const length = Number(bytes.readBigUInt64LE());
    expect(length % 8).toBe(0);
    expect(JSON.parse(bytes.subarray(8, 8 + length).toString())).toEqual({
      b: { dtype: 'U8', shape: [1], data_offsets: [8, 9] },
      w: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    });
    expect(bytes.subarray(8 + length)).toEqual(Buffer.from([0, 0, 128, 63, 0, 0, 0, 64, 9]));
  });

  it('write views and channels-last tensors in the order of their elements', async () => {
    const path = join(folder, 'views');
    const plain = tensor(
      Float32Array.from({ length: 24 }, (_, i) => i),
      { shape: [1, 4, 2, 3] },
    );
    const lastly = contiguous(plain, 'channelsLast');
    expect(lastly.isContiguous()).toBe(false);
    await saveSafetensors(path, {
      lastly,
      turned: transpose(
        tensor([
          [1, 2],
          [3, 4],
        ]),
        0,
        1,
      ),
    });
    const { tensors } = await loadSafetensors(path);
    expect(await tensors.lastly.data()).toEqual(await plain.data());
    expect(await tensors.turned.toArray()).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });

  it('save the values of the moment of the call', async () => {
    const path = join(folder, 'moment');
    const value = tensor([1, 2]);
    const saving = saveSafetensors(path, { value });
    value.dispose();
    await saving;
    expect(await (await loadSafetensors(path)).tensors.value.toArray()).toEqual([1, 2]);
  });

  it('take a file without tensors', async () => {
    const path = join(folder, 'nothing');
    await saveSafetensors(path, {}, { only: 'text' });
    expect(await loadSafetensors(path)).toEqual({ tensors: {}, metadata: { only: 'text' } });
  });

  it('leave the old file when saving fails', async () => {
    const path = join(folder, 'kept');
    await saveSafetensors(path, { a: tensor([1]) });
    const gone = tensor([2]);
    gone.dispose();
    await expect(saveSafetensors(path, { a: tensor([3]), gone })).rejects.toThrow(/disposed/);
    await expect(saveSafetensors(path, { a: 5 as unknown as Tensor })).rejects.toBeInstanceOf(ArgumentError);
    await expect(saveSafetensors(path, { __metadata__: tensor([1]) })).rejects.toBeInstanceOf(ArgumentError);
    await expect(saveSafetensors(path, {}, { n: 1 as unknown as string })).rejects.toBeInstanceOf(ArgumentError);
    expect(await (await loadSafetensors(path)).tensors.a.toArray()).toEqual([1]);
    expect((await readdir(folder)).filter((name) => name.includes('kept'))).toEqual(['kept']);
  });
});

const F32 = (shape: unknown, data_offsets: unknown) => ({ dtype: 'F32', shape, data_offsets });

describe('a wrong safetensors file', () => {
  it.each([
    ['empty', new Uint8Array(0), /truncated: 0 bytes/],
    ['half a length', new Uint8Array(5), /truncated: 5 bytes/],
    ['a length beyond the file', bytesOf('{}', new Uint8Array(0), 3), /length is 3, only 2 bytes follow/],
    ['an absurd length', bytesOf('{}', new Uint8Array(0), 2n ** 64n - 1n), /18446744073709551615 is above 100000000/],
    ['text', Buffer.from('<!DOCTYPE html><html></html>'), /length \d+ is above/],
    ['no JSON', bytesOf('{"a":', new Uint8Array(0)), /not JSON in UTF-8/],
    [
      'no UTF-8',
      Buffer.concat([bytesOf('', new Uint8Array(0), 3), Buffer.from([0x22, 0xff, 0x22])]),
      /not JSON in UTF-8/,
    ],
    ['an array', bytesOf('[]', new Uint8Array(0)), /no JSON object/],
    ['deep nesting', bytesOf(`{"a":${'['.repeat(200_000)}`, new Uint8Array(0)), /not JSON in UTF-8/],
    ['an entry that is a number', bytesOf({ a: 3 }, new Uint8Array(0)), /"a": its entry is no JSON object/],
    ['no dtype', bytesOf({ a: { shape: [], data_offsets: [0, 0] } }, new Uint8Array(0)), /dtype undefined/],
    ['a foreign dtype', bytesOf({ a: { ...F32([1], [0, 2]), dtype: 'U64' } }, new Uint8Array(8)), /"a": dtype "U64"/],
    ['a negative size', bytesOf({ a: F32([-1], [0, 0]) }, new Uint8Array(0)), /shape \[-1\] is no array of sizes/],
    ['a broken size', bytesOf({ a: F32([1.5], [0, 6]) }, new Uint8Array(6)), /shape \[1.5\]/],
    ['a shape that is a number', bytesOf({ a: F32(1, [0, 4]) }, new Uint8Array(4)), /shape 1 is no array/],
    ['nine dimensions and more', bytesOf({ a: F32(Array(99).fill(1), [0, 4]) }, new Uint8Array(4)), /99 dimensions/],
    ['an overflowing shape', bytesOf({ a: F32([2 ** 40, 2 ** 40], [0, 4]) }, new Uint8Array(4)), /more than any file/],
    ['an overflow to zero', bytesOf({ a: F32([2 ** 32, 2 ** 32], [0, 0]) }, new Uint8Array(0)), /more than any file/],
    ['one offset', bytesOf({ a: F32([1], [0]) }, new Uint8Array(4)), /data_offsets \[0\] are not two sizes/],
    ['offsets of the wrong size', bytesOf({ a: F32([2], [0, 4]) }, new Uint8Array(4)), /takes 8 bytes.*give it 4/],
    ['turned offsets', bytesOf({ a: F32([1], [8, 4]) }, new Uint8Array(8)), /give it -4/],
    ['offsets past the end', bytesOf({ a: F32([2], [0, 8]) }, new Uint8Array(7)), /pass the 7 bytes of data/],
    ['a gap', bytesOf({ a: F32([1], [4, 8]) }, new Uint8Array(8)), /leave a gap after byte 0/],
    ['an overlap', bytesOf({ a: F32([2], [0, 8]), b: F32([1], [4, 8]) }, new Uint8Array(8)), /"b".*overlap.*up to 8/],
    ['bytes of no tensor', bytesOf({ a: F32([1], [0, 4]) }, new Uint8Array(6)), /2 bytes after the last tensor/],
    ['an unknown key', bytesOf({ a: { ...F32([1], [0, 4]), x: 1 } }, new Uint8Array(4)), /unknown key "x"/],
    ['metadata that is a number', bytesOf({ __metadata__: 1 }, new Uint8Array(0)), /__metadata__ is no JSON object/],
    ['metadata of numbers', bytesOf({ __metadata__: { a: 1 } }, new Uint8Array(0)), /__metadata__ "a" is no string/],
    [
      'a bool of 2',
      bytesOf({ a: { dtype: 'BOOL', shape: [2], data_offsets: [0, 2] } }, Buffer.from([1, 2])),
      /BOOL is 2/,
    ],
  ])('%s', async (name, bytes, reason) => {
    expect((await failure(name, bytes)).reason).toMatch(reason);
  });

  it('with a key twice says where the second stands', async () => {
    const entry = JSON.stringify(F32([1], [0, 4]));
    const error = await failure('twice', bytesOf(`{"ä":${entry},"\\u00e4":${entry}}`, new Uint8Array(4)));
    expect(error.reason).toMatch(/key "ä" twice/);
    expect(error.offset).toBe(8 + 1 + 4 + 1 + entry.length + 1);
  });

  it('disposes what was made before the fault', async () => {
    const header = { a: F32([1], [0, 4]), b: { dtype: 'BOOL', shape: [1], data_offsets: [4, 5] } };
    const error = await failure('second', bytesOf(header, Buffer.from([0, 0, 0, 0, 9])));
    expect(error.offset).toBe(8 + JSON.stringify(header).length + 4);
  });

  it('never gets through when any single byte of the header changes its meaning', async () => {
    const path = join(folder, 'good');
    await saveSafetensors(path, { a: tensor([1, 2]), b: tensor([[3]]) });
    const good = await readFile(path);
    const length = Number(good.readBigUInt64LE());
    let refused = 0;
    for (let at = 0; at < 8 + length; at++) {
      const bytes = Buffer.from(good);
      bytes[at] ^= 0x11;
      await writeFile(join(folder, 'flipped'), bytes);
      const result = await loadSafetensors(join(folder, 'flipped')).catch((reason: unknown) => reason);
      if (result instanceof FormatError) refused++;
      else expect(result).toHaveProperty('tensors');
    }
    expect(refused).toBeGreaterThan(length / 2);
  });
});

describe('findDuplicateKey', () => {
  it.each([
    ['{"a":1,"b":{"a":2},"c":[{"a":1},{"a":1}]}', null],
    ['{"a":"x:\\"a\\":","b":":"}', null],
    ['{"a":1,"a":2}', { key: 'a', at: 7 }],
    ['{"x":{"q":[],"q" : {}}}', { key: 'q', at: 13 }],
    ['{"a\\"":1, "a\\u0022":2}', { key: 'a"', at: 10 }],
  ])('%s', (json, expected) => {
    JSON.parse(json);
    expect(findDuplicateKey(json)).toEqual(expected);
  });
});
