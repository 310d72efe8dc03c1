// The readers beside torchvision and pyarrow, on the same tiny files: test/fixtures/make_reader_fixtures.py
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { data, type Tensor, vision } from '../../lib/index.js';

const { CIFAR10, CIFAR100, CocoDetection, ImageFolder, MNIST, readImage, VOCDetection, VOCSegmentation } =
  vision.datasets;
const root = fileURLToPath(new URL('../fixtures/readers', import.meta.url));

interface Pixels {
  shape: number[];
  data: string;
}
interface Labeled {
  labels: number[];
  images: string[];
  classes: string[];
}
interface Fixture extends Record<`${'CIFAR10' | 'CIFAR100' | 'MNIST'} ${'train' | 'test'}`, Labeled> {
  idx: Record<string, { shape: number[]; data: number[] }>;
  ImageFolder: {
    classes: string[];
    classToIdx: Record<string, number>;
    samples: [string, number][];
    images: Pixels[];
  };
  gray: Pixels;
  VOCDetection: { image: Pixels; target: { annotation: VocAnnotation } }[];
  VOCSegmentation: { image: Pixels; mask: Pixels }[];
  CocoDetection: { image: Pixels; target: vision.datasets.CocoAnnotation[]; masks: string[] }[];
  csv: Record<string, (number | string)[]>;
  ndjson: unknown[];
  parquet: Record<string, (number | string | null)[]>;
}
interface VocAnnotation {
  object: { name: string; difficult: string; bndbox: Record<'xmin' | 'ymin' | 'xmax' | 'ymax', string> }[];
}
const fixture: Fixture = JSON.parse(readFileSync(new URL('../fixtures/readers.json', import.meta.url), 'utf8'));

const bytesOf = ({ data: packed }: Pixels): number[] => [...Buffer.from(packed, 'base64')];

/** Bytes of an image that was scaled to 0 to 1. */
const digest = async (image: Tensor): Promise<string> =>
  createHash('sha256')
    .update(Uint8Array.from((await image.mul(255).round().data()) as Float32Array))
    .digest('hex');

async function expectPixels(image: Tensor, wanted: Pixels, bound = 0): Promise<void> {
  const shape = image.ndim === 2 ? [1, ...image.shape] : image.shape;
  expect([image.dtype, shape]).toEqual(['uint8', wanted.shape]);
  const values = bytesOf(wanted);
  const worst = Array.from(await image.data(), Number).reduce(
    (most, x, i) => Math.max(most, Math.abs(x - values[i])),
    0,
  );
  expect(worst).toBeLessThanOrEqual(bound);
}

describe('labelled images of bytes', () => {
  it.each(['train', 'test'] as const)('CIFAR, %s', async (half) => {
    for (const [name, set] of [
      ['CIFAR10', await CIFAR10.load(root, { train: half === 'train' })],
      ['CIFAR100', await CIFAR100.load(root, { train: half === 'train' })],
    ] as const) {
      const { labels, images, classes } = fixture[`${name} ${half}`];
      expect(set.length).toBe(labels.length);
      expect([...set.labels]).toEqual(labels);
      expect(set.classes.slice(0, 3)).toEqual(classes);
      for (const [i, wanted] of images.entries()) expect(await digest(set.get(i).image)).toBe(wanted);
    }
  });

  it.each(['train', 'test'] as const)('MNIST, %s', async (half) => {
    const set = await MNIST.load({ root, train: half === 'train', download: false });
    const { labels, images } = fixture[`MNIST ${half}`];
    expect([...set.labels]).toEqual(labels);
    for (const [i, wanted] of images.entries()) expect(await digest(set.get(i).image)).toBe(wanted);
  });

  it('IDX of every type', async () => {
    expect(Object.keys(fixture.idx)).toHaveLength(6);
    for (const [dtype, { shape, data: values }] of Object.entries(fixture.idx)) {
      const read = await data.readIdx(`${root}/idx/${dtype}.idx`);
      expect([read.dtype, read.shape, Array.from(read.data)]).toEqual([dtype, shape, values]);
    }
  });
});

describe('image files', () => {
  it('ImageFolder finds the same files in the same order, with the same pixels', async () => {
    const { classes, classToIdx, samples, images } = fixture.ImageFolder;
    const set = await ImageFolder.open(`${root}/images`);
    expect([set.classes, set.classToIdx]).toEqual([classes, classToIdx]);
    const found = set.samples.map(([path, label]) => [path.slice(root.length + 8).replaceAll('\\', '/'), label]);
    expect(found).toEqual(samples);
    for (const [i, wanted] of images.entries()) {
      const [image, label] = await set.get(i);
      expect(label).toBe(samples[i][1]);
      // Two builds of libjpeg may round apart where colours were halved.
      await expectPixels(image, wanted, /\.jpe?g$/.test(samples[i][0]) ? 2 : 0);
    }
  });

  it('readImage makes gray of colours as Pillow does, and turns only where it is asked to', async () => {
    await expectPixels(await readImage(`${root}/images/B-forms/lossless.webp`, { mode: 'gray' }), fixture.gray);
    const turned = `${root}/images/B-forms/turned.jpg`;
    expect((await readImage(turned)).shape).toEqual([3, 8, 16]);
    expect((await readImage(turned, { applyExifOrientation: true })).shape).toEqual([3, 16, 8]);
  });
});

describe('VOC', () => {
  it('gives the objects of torchvision; boxes count from 0', async () => {
    const set = await VOCDetection.open(root, { year: '2007' });
    expect(set.length).toBe(fixture.VOCDetection.length);
    for (const [i, { image: wanted, target }] of fixture.VOCDetection.entries()) {
      const [image, { annotation, boxes, labels, names, difficult }] = await set.get(i);
      await expectPixels(image, wanted, 2);
      expect(annotation).toEqual(target.annotation);
      const objects = target.annotation.object;
      expect(names).toEqual(objects.map(({ name }) => name));
      expect(difficult).toEqual(objects.map((one) => one.difficult === '1'));
      const classes = objects.map(({ name }) => BigInt(vision.datasets.VOC_CLASSES.indexOf(name)));
      expect(await labels.toArray()).toEqual(classes);
      const corners = objects.map(({ bndbox }) => [bndbox.xmin, bndbox.ymin, bndbox.xmax, bndbox.ymax].map(Number));
      expect(await boxes.toArray()).toEqual(corners.map(([x0, y0, x1, y1]) => [x0 - 1, y0 - 1, x1, y1]));
    }
  });

  it('gives the masks of torchvision', async () => {
    const set = await VOCSegmentation.open(root, { year: '2007' });
    expect(set.length).toBe(fixture.VOCSegmentation.length);
    for (const [i, { image: wanted, mask: wantedMask }] of fixture.VOCSegmentation.entries()) {
      const [image, mask] = await set.get(i);
      await expectPixels(image, wanted, 2);
      await expectPixels(mask, wantedMask);
    }
  });
});

it('COCO: images, objects and masks are those of torchvision and pycocotools', async () => {
  const set = await CocoDetection.open(`${root}/coco/images`, `${root}/coco/instances.json`, {
    masks: true,
    outside: 'clip',
  });
  expect(set.length).toBe(fixture.CocoDetection.length);
  for (const [i, { image: wanted, target, masks: wantedMasks }] of fixture.CocoDetection.entries()) {
    const [image, { annotations, boxes, labels, isCrowd, masks }] = await set.get(i);
    await expectPixels(image, wanted);
    expect(annotations).toEqual(target);
    expect(await labels.toArray()).toEqual(target.map(({ category_id }) => BigInt(category_id)));
    expect(isCrowd).toEqual(target.map(({ iscrowd }) => iscrowd === 1));
    const found = Array.from(await boxes.data(), Number);
    for (const [k, { bbox }] of target.entries()) {
      const [x, y, width, height] = bbox;
      [x, y, x + width, y + height].forEach((value, at) => {
        const limited = Math.min(Math.max(value, 0), wanted.shape[at % 2 === 0 ? 2 : 1]);
        expect(found[4 * k + at]).toBeCloseTo(limited, 4);
      });
    }
    expect(masks?.shape).toEqual([target.length, wanted.shape[1], wanted.shape[2]]);
    const all = Buffer.concat(wantedMasks.map((mask) => Buffer.from(mask, 'base64')));
    expect(Buffer.compare(Buffer.from((await masks?.data()) as Uint8Array), all)).toBe(0);
  }
});

describe('tables', () => {
  it('CSV: columns of pyarrow', async () => {
    const path = `${root}/tables/flowers.csv`;
    const { csv } = fixture;
    const options = { features: ['length', 'wid,th'], label: 'kind', dtype: 'float64' } as const;
    const { features, labels, classes } = await data.readCsv(path, options);
    expect(await features.toArray()).toEqual(csv.length.map((value, i) => [value, csv['wid,th'][i]]));
    const kinds = (await labels?.data()) as BigInt64Array;
    expect(Array.from(kinds, (code) => classes[Number(code)])).toEqual(csv.kind);
    const notes: string[] = [];
    for await (const row of new data.CsvStream(path)) notes.push(row.note.replaceAll('\r\n', '\n'));
    expect(notes).toEqual(csv.note.map((note) => String(note).replaceAll('\r\n', '\n')));
  });

  it('NDJSON: rows of pyarrow', async () => {
    expect(await data.readNdjson(`${root}/tables/mails.ndjson`)).toEqual(fixture.ndjson);
  });

  it.each(['plain', 'snappy', 'gzip', 'brotli', 'zstd', 'delta'])('Parquet, %s: columns of pyarrow', async (name) => {
    const path = `${root}/tables/${name}.parquet`;
    const read = data.readParquet(path, { label: 'town', dtype: 'float64', missing: -1 });
    if (name === 'zstd' && !('zstdDecompressSync' in zlib)) {
      await expect(read).rejects.toThrow(/compressed with ZSTD, which cannot be read here: write it with snappy/);
      return;
    }
    const { features, featureNames, labels, classes } = await read;
    expect(featureNames.length).toBe(name === 'delta' ? 3 : 11);
    const values = (await features.toArray()) as number[][];
    featureNames.forEach((column, k) => {
      expect([column, values.map((row) => row[k])]).toEqual([column, fixture.parquet[column].map((v) => v ?? -1)]);
    });
    const towns = (await labels?.data()) as BigInt64Array;
    expect(Array.from(towns, (code) => classes[Number(code)])).toEqual(fixture.parquet.town);
  });
});
