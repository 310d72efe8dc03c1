import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ArgumentError, DTypeError } from '../../lib/errors.js';
import { importOptional, MissingPackageError } from '../../lib/optional.js';
import { type PlanarImage, saveImageGrid } from '../../lib/plots/image-grid.js';
import { saveLearningCurves } from '../../lib/plots/learning-curves.js';
import { tensor, zeros } from '../../lib/tensor/create.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-plots-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The share of pixels that are nearly the colour. */
async function shareOf(path: string, [r, g, b]: [number, number, number]): Promise<number> {
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  let hits = 0;
  for (let i = 0; i < data.length; i += 3) {
    if (Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 30) hits++;
  }
  return hits / (info.width * info.height);
}

const history = {
  loss: [0.9, 0.5, 0.4],
  valLoss: [0.8, 0.6, 0.55],
  accuracy: [0.6, 0.8, null],
  lr: [1e-3, 1e-3, 1e-4],
};

describe('saveLearningCurves', () => {
  it('draws both curves of each metric into a PNG', async () => {
    const path = join(folder, 'deep', 'curves.png');
    await saveLearningCurves(history, path, { title: 'Net', panelWidth: 400, panelHeight: 300 });
    const { format, width, height } = await sharp(path).metadata();
    expect({ format, width, height }).toEqual({ format: 'png', width: 1600, height: 1312 });
    expect(await shareOf(path, [0x25, 0x63, 0xeb])).toBeGreaterThan(0.001);
    expect(await shareOf(path, [0xea, 0x58, 0x0c])).toBeGreaterThan(0.0005);
    expect(await readdir(join(folder, 'deep'))).toEqual(['curves.png']);
  });

  it('names metrics, epochs and curves in the SVG', async () => {
    const path = join(folder, 'curves.svg');
    await saveLearningCurves(history, path, { title: 'Net <1> & more' });
    const svg = await readFile(path, 'utf8');
    for (const text of [
      '>loss<',
      '>accuracy<',
      '>lr<',
      '>training<',
      '>validation<',
      '>epoch<',
      '>3<',
      '&lt;1&gt; &amp;',
    ]) {
      expect(svg).toContain(text);
    }
    await saveLearningCurves(history, path, { metrics: ['accuracy'] });
    const single = await readFile(path, 'utf8');
    expect(single).not.toContain('>loss<');
    expect(single).not.toContain('>validation<');
  });

  it('takes what Trainer.fit() returns', async () => {
    const path = join(folder, 'fit.svg');
    const epoch = { epoch: 1, loss: 0.5, valLoss: 0.6, seconds: 3, samplesPerSecond: 1000 };
    await saveLearningCurves({ epochs: [epoch, { ...epoch, epoch: 2, accuracy: 0.8 }] }, path);
    const svg = await readFile(path, 'utf8');
    for (const text of ['>loss<', '>validation<', '>accuracy<']) expect(svg).toContain(text);
    for (const text of ['seconds', 'samples']) expect(svg).not.toContain(text);
  });

  it('marks a single epoch', async () => {
    const path = join(folder, 'one.png');
    await saveLearningCurves({ loss: [0.5] }, path);
    expect(await shareOf(path, [0x25, 0x63, 0xeb])).toBeGreaterThan(1e-4);
  });

  it('refuses an empty history and an unknown ending', async () => {
    await expect(saveLearningCurves({ loss: [] }, join(folder, 'x.png'))).rejects.toBeInstanceOf(ArgumentError);
    await expect(saveLearningCurves(history, join(folder, 'x.gif'))).rejects.toThrow(/must end with .png or .svg/);
    expect(await readdir(folder)).not.toContain('x.png');
  });
});

function plain(value: number): PlanarImage {
  return { data: new Uint8Array(64).fill(value), channels: 1, height: 8, width: 8 };
}

describe('saveImageGrid', () => {
  it('draws the images and colours a wrong label', async () => {
    const path = join(folder, 'grid.png');
    const red: PlanarImage = { data: new Float32Array(192).fill(1, 0, 64), channels: 3, height: 8, width: 8 };
    const black: PlanarImage = { data: new Float32Array(192), channels: 3, height: 8, width: 8 };
    await saveImageGrid([red, black, red], ['a', 'b', { truth: 'Shirt', predicted: 'Coat', probability: 0.61 }], path);
    const area = (2 * 168) ** 2;
    const { width, height } = await sharp(path).metadata();
    expect(await shareOf(path, [255, 0, 0])).toBeCloseTo((2 * area) / (width * height), 2);
    expect(await shareOf(path, [0, 0, 0])).toBeCloseTo(area / (width * height), 2);
    expect(await shareOf(path, [0xdc, 0x26, 0x26])).toBeGreaterThan(2e-4);
  });

  it('writes the labels into the SVG, escaped and cut to fit', async () => {
    const path = join(folder, 'grid.svg');
    const captions = [{ truth: 'a<b', predicted: 'c&d', probability: 0.5 }, `${'long '.repeat(20)}end`];
    await saveImageGrid([plain(0), plain(255)], captions, path, { title: 'Wrong "ones"', columns: 1 });
    const svg = await readFile(path, 'utf8');
    for (const text of ['a&lt;b', 'c&amp;d', ' 50 %', '…', '&quot;ones&quot;']) expect(svg).toContain(text);
    expect(svg).not.toContain('end<');
  });

  it('takes a tensor', async () => {
    const path = join(folder, 'tensor.png');
    await saveImageGrid(
      tensor([
        [
          [
            [1, 0],
            [0, 0],
          ],
        ],
        [
          [
            [0, 0],
            [0, 0],
          ],
        ],
      ]),
      ['', ''],
      path,
    );
    const { width, height } = await sharp(path).metadata();
    expect(await shareOf(path, [0, 0, 0])).toBeCloseTo((1.75 * 336 ** 2) / (width * height), 1);
    await expect(saveImageGrid(zeros([1, 2, 3, 3]), [''], path)).rejects.toThrow(
      /\[N, 1 or 3, H, W\], got \[1, 2, 3, 3\]/,
    );
    await expect(saveImageGrid(zeros([1, 1, 3, 3], { dtype: 'int32' }), [''], path)).rejects.toThrow(DTypeError);
  });

  it('draws a page without images', async () => {
    const path = join(folder, 'none.png');
    await saveImageGrid([], [], path, { title: 'Nothing was wrong' });
    expect((await sharp(path).metadata()).format).toBe('png');
  });

  it('refuses images that do not go together', async () => {
    const path = join(folder, 'bad.png');
    const small: PlanarImage = { data: new Uint8Array(4), channels: 1, height: 2, width: 2 };
    await expect(saveImageGrid([plain(0)], [], path)).rejects.toThrow(/1 images need as many captions, got 0/);
    await expect(saveImageGrid([plain(0), small], ['', ''], path)).rejects.toThrow(
      /image 1 is \[1, 2, 2\], image 0 is \[1, 8, 8\]/,
    );
    await expect(saveImageGrid([{ ...small, height: 3 }], [''], path)).rejects.toThrow(
      /\[1, 3, 2\] and holds 4 values/,
    );
    expect(await readdir(folder)).not.toContain('bad.png');
  });
});

describe('importOptional', () => {
  it('names the install command when the package is missing, and keeps other errors', async () => {
    const missing = importOptional('plot', ['no-such-package-here'], () => import('no-such-package-here' as string));
    const error = await missing.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MissingPackageError);
    expect((error as Error).message).toContain('npm install no-such-package-here');
    const broken = importOptional('plot', ['x'], () => Promise.reject(new TypeError('broken')));
    await expect(broken).rejects.toBeInstanceOf(TypeError);
  });
});
