import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataLoader } from '../../lib/data/index.js';
import { FormatError } from '../../lib/errors.js';
import '../../lib/tensor/read.js';
import { Digits, FashionMNIST, MNIST } from '../../lib/vision/datasets/index.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-datasets-'));
});
afterAll(() => rm(folder, { recursive: true }));

function idx(shape: number[], body: number[]): Buffer {
  const sizes = shape.flatMap((size) => [0, 0, size >> 8, size & 255]);
  return gzipSync(Buffer.from([0, 0, 8, shape.length, ...sizes, ...body]));
}

describe('MNIST', () => {
  it('gives items and batches of its images', async () => {
    await writeFile(join(folder, 't10k-images-idx3-ubyte.gz'), idx([3, 1, 2], [0, 255, 51, 102, 153, 204]));
    await writeFile(join(folder, 't10k-labels-idx1-ubyte.gz'), idx([3], [2, 0, 9]));
    const test = await MNIST.load({ train: false, root: folder, download: false });
    expect([test.length, test.height, test.width, test.classes[9]]).toEqual([3, 1, 2, '9']);
    const { image, label } = test.get(1);
    expect([image.dtype, image.shape, label]).toEqual(['float32', [1, 1, 2], 0]);
    expect(await image.data()).toEqual(Float32Array.from([0.2, 0.4]));
    const batches = [];
    for await (const [images, labels] of new DataLoader(test, { batchSize: 2 })) {
      batches.push([images.shape, await images.data(), labels.dtype, await labels.toArray()]);
    }
    expect(batches).toEqual([
      [[2, 1, 1, 2], Float32Array.from([0, 1, 0.2, 0.4]), 'int64', [2n, 0n]],
      [[1, 1, 1, 2], Float32Array.from([0.6, 0.8]), 'int64', [9n]],
    ]);
    expect(() => test.get(3)).toThrow(/MNIST: index 3 is out of range \[0, 3\)/);
    expect(() => test.batch([0, -1])).toThrow(/index -1/);
    expect(test.batch([])[0].shape).toEqual([0, 1, 1, 2]);
  });
});

const installed = existsSync('/usr/share/datasets/fashion-mnist') || Boolean(process.env.NABLA_DATA);
describe.skipIf(!installed)('FashionMNIST on this machine', () => {
  it('has its 10,000 test images', async () => {
    const test = await FashionMNIST.load({ train: false, download: false });
    expect([test.length, test.height, test.width]).toEqual([10_000, 28, 28]);
    expect(test.classes[test.get(0).label]).toBe('Ankle boot');
    const counts = new Array(10).fill(0);
    for (const label of test.labels) counts[label]++;
    expect(counts).toEqual(Array(10).fill(1000));
    const mean = test.images.reduce((a, b) => a + b, 0) / test.images.length / 255;
    expect(mean).toBeCloseTo(0.2868, 3);
  });
});

describe('Digits', () => {
  it('splits the 1797 digits into two parts of the same mix', async () => {
    const [train, test] = await Promise.all([Digits.load(), Digits.load({ train: false })]);
    expect([train.length, test.length]).toEqual([1442, 355]);
    for (let digit = 0; digit < 10; digit++) {
      const share = (labels: Uint8Array) => labels.filter((label) => label === digit).length;
      expect(Math.abs(share(train.labels) / 4 - share(test.labels))).toBeLessThanOrEqual(1);
    }
    const first = train.get(0);
    expect([first.label, first.image.shape]).toEqual([0, [1, 8, 8]]);
    expect((await first.image.data()).slice(2, 5)).toEqual(Float32Array.from([5 / 16, 13 / 16, 9 / 16]));
    const [images] = train.batch(Uint32Array.from(train.labels.keys()));
    const values = (await images.data()) as Float32Array;
    expect([values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))]).toEqual([0, 1]);
  });

  it.each([
    ['no gzip', Buffer.from('1,2,3'), /damaged gzip data/],
    ['a short line', gzipSync('1,2,3\n'), /line 1: 3 values/],
    ['a pixel too bright', gzipSync(`${'17,'.repeat(64)}3\n`), /line 1: value 1 is out of range/],
    ['a word', gzipSync(`${'1,'.repeat(64)}3\n${'1,'.repeat(63)}x,3\n`), /line 2: value 64 is out of range/],
  ])('reports %s', async (name, bytes, reason) => {
    const path = join(folder, name);
    await writeFile(path, bytes);
    const error = await Digits.load({ path }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FormatError);
    expect((error as FormatError).message).toMatch(reason);
  });
});
