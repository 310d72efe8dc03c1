import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, data, FormatError, vision } from '../../lib/index.js';

const { CIFAR10, CIFAR100, CocoDetection, DatasetFolder, ImageFolder, VOCDetection, VOCSegmentation } = vision.datasets;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-readers-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

/** An image whose pixel (x, y) is [x, y, 7]. */
const picture = (width: number, height: number) => {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return [pixel % width, Math.floor(pixel / width), 7][i % 3];
  });
  return sharp(pixels, { raw: { width, height, channels: 3 } });
};

describe('CIFAR', () => {
  const record = (labels: number[], start: number) => [
    ...labels,
    ...Array.from({ length: 3072 }, (_, i) => (start + i) % 256),
  ];
  const names = (count: number) => `${Array.from({ length: count }, (_, i) => `class ${i}`).join('\n')}\n\n`;

  it('reads the binary files of ten classes', async () => {
    await file('c10/cifar-10-batches-bin/batches.meta.txt', names(10));
    for (let part = 1; part <= 5; part++) {
      const bytes = [...record([part], part), ...record([9], 100)];
      await file(`c10/cifar-10-batches-bin/data_batch_${part}.bin`, Uint8Array.from(bytes));
    }
    const train = await CIFAR10.load(join(folder, 'c10'));
    expect([train.length, [...train.labels], train.classes[9]]).toEqual([
      10,
      [1, 9, 2, 9, 3, 9, 4, 9, 5, 9],
      'class 9',
    ]);
    const [images, labels] = train.batch([4, 1]);
    expect([images.shape, await labels.toArray()]).toEqual([
      [2, 3, 32, 32],
      [3n, 9n],
    ]);
    const values = (await images.mul(255).round().data()) as Float32Array;
    expect([values[0], values[1], values[1024], values[3072]]).toEqual([3, 4, 3, 100]);
    expect(train.get(0).image.shape).toEqual([3, 32, 32]);
    await expect(CIFAR10.load(join(folder, 'c10'), { train: false })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('takes the fine label of a hundred, and names what is wrong', async () => {
    await file('c100/fine_label_names.txt', names(100));
    const path = await file('c100/test.bin', Uint8Array.from([...record([3, 77], 0), ...record([3, 12], 9)]));
    const test = await CIFAR100.load(join(folder, 'c100'), { train: false });
    expect([...test.labels]).toEqual([77, 12]);
    await file('c100/test.bin', Uint8Array.from([...record([3, 77], 0), 3, 12, 5]));
    const cut = (await CIFAR100.load(join(folder, 'c100'), { train: false }).catch((e: unknown) => e)) as FormatError;
    expect([cut.name, cut.path, cut.offset]).toEqual(['FormatError', path, 3074]);
    expect(cut.message).toMatch(/CIFAR100: .*truncated: image 1 has 3 of 3074 bytes/);
    await file('c100/test.bin', Uint8Array.from([...record([3, 77], 0), ...record([3, 100], 9)]));
    const label = CIFAR100.load(join(folder, 'c100'), { train: false });
    await expect(label).rejects.toThrow(/image 1 has label 100, expected 0 to 99 \(at byte 3075\)/);
  });
});

describe('ImageFolder', () => {
  it('sorts classes and files as torchvision', async () => {
    for (const name of ['dog/b.png', 'dog/B.png', 'dog/in/a.png', 'cat/1.PNG', 'Zebra/z.png']) {
      await file(`images/${name}`, await picture(3, 2).png().toBuffer());
    }
    await file('images/dog/notes.txt', 'no image');
    const images = await ImageFolder.open(join(folder, 'images'));
    expect(images.classes).toEqual(['Zebra', 'cat', 'dog']);
    expect(images.classToIdx.dog).toBe(2);
    const found = images.samples.map(([path, label]) => [path.slice(folder.length + 8), label]);
    expect(found).toEqual([
      ['Zebra/z.png', 0],
      ['cat/1.PNG', 1],
      ['dog/B.png', 2],
      ['dog/b.png', 2],
      ['dog/in/a.png', 2],
    ]);
    const [image, label] = await images.get(1);
    expect([image.dtype, image.shape, label]).toEqual(['uint8', [3, 2, 3], 1]);
    expect(await image.toArray()).toEqual([
      [
        [0, 1, 2],
        [0, 1, 2],
      ],
      [
        [0, 0, 0],
        [1, 1, 1],
      ],
      [
        [7, 7, 7],
        [7, 7, 7],
      ],
    ]);
    const scaled = await ImageFolder.open(join(folder, 'images'), { transform: (x) => x.to('float32').div(7) });
    for await (const [batch, labels] of new data.DataLoader(scaled, { batchSize: 5 })) {
      expect([batch.shape, await labels.toArray()]).toEqual([
        [5, 3, 2, 3],
        [0n, 1n, 2n, 2n, 2n],
      ]);
    }
  });

  it('names the file that is no image or truncated, and classes without any', async () => {
    const whole = await picture(40, 40).png().toBuffer();
    await file('bad/a/1.png', whole);
    const path = await file('bad/a/2.png', whole.subarray(0, whole.length - 30));
    await file('bad/a/3.png', 'text');
    const images = await ImageFolder.open(join(folder, 'bad'));
    const error = (await images.get(1).catch((reason: unknown) => reason)) as DataError;
    expect([error.name, error.index, error.dataset]).toEqual(['DataError', 1, path]);
    expect(error.cause).toBeInstanceOf(FormatError);
    await expect(images.get(2)).rejects.toThrow(/item 2 of .*3\.png: .*no image, or a damaged one/);
    await mkdir(join(folder, 'bad/b'));
    await expect(ImageFolder.open(join(folder, 'bad'))).rejects.toThrow(
      /no file that ends in \.jpg.* for the classes b/,
    );
    expect((await ImageFolder.open(join(folder, 'bad'), { allowEmpty: true })).classes).toEqual(['a', 'b']);
    await expect(ImageFolder.open(join(folder, 'bad/a'))).rejects.toThrow(/has no folder of a class/);
  });

  it('DatasetFolder reads any file', async () => {
    await file('texts/ham/1.txt', 'hello');
    await file('texts/spam/1.txt', 'win');
    const loader = async (path: string) => path.split('/').at(-2) as string;
    const options = {
      extensions: ['.txt'],
      transform: (text: string) => text.length,
      targetTransform: (i: number) => i + 10,
    };
    const texts = await DatasetFolder.open(join(folder, 'texts'), loader, options);
    expect([await texts.get(0), await texts.get(1), texts.targets]).toEqual([
      [3, 10],
      [4, 11],
      [0, 1],
    ]);
  });
});

const voc = (objects: string, size = '<width>6</width><height>4</height>') =>
  `<annotation><size>${size}<depth>3</depth></size>${objects}</annotation>`;
const object = (name: string, box: number[], difficult = 0) => {
  const [x0, y0, x1, y1] = box;
  const corners = `<xmin>${x0}</xmin><ymin>${y0}</ymin><xmax>${x1}</xmax><ymax>${y1}</ymax>`;
  return `<object><name>${name}</name><difficult>${difficult}</difficult><bndbox>${corners}</bndbox></object>`;
};

describe('VOC', () => {
  const root = () => join(folder, 'voc');
  beforeAll(async () => {
    const base = 'voc/VOCdevkit/VOC2007';
    await file(`${base}/ImageSets/Main/train.txt`, '000001\n000002\n000003\n000004\n000005\n');
    await file(`${base}/ImageSets/Segmentation/train.txt`, '000001\n000002\n');
    for (const name of ['000001', '000002', '000003']) {
      await file(`${base}/JPEGImages/${name}.jpg`, await picture(6, 4).jpeg().toBuffer());
    }
    await file(`${base}/Annotations/000001.xml`, voc(object('dog', [1, 2, 3, 4]) + object('person', [2, 1, 6, 4], 1)));
    await file(`${base}/Annotations/000002.xml`, voc(object('cat', [2, 1, 9, 4])));
    await file(`${base}/Annotations/000003.xml`, voc(object('unicorn', [1, 1, 2, 2])));
    await file(`${base}/Annotations/000004.xml`, voc('').slice(0, 40));
    await file(`${base}/Annotations/000005.xml`, voc('', '<width>6</width>'));
    const numbers = Buffer.from([0, 1, 1, 15, 255, 0, 0, 0, 1, 15, 255, 255, 0, 0, 0, 0, 0, 0, 20, 20, 20, 20, 20, 20]);
    await file(`${base}/SegmentationClass/000001.png`, palettePng(6, 4, numbers));
    await file(`${base}/SegmentationClass/000002.png`, palettePng(4, 6, numbers));
  });

  it('gives boxes that count pixels from 0', async () => {
    const set = await VOCDetection.open(root(), { year: '2007' });
    const [image, { boxes, labels, names, difficult }] = await set.get(0);
    expect([image.shape, await boxes.toArray()]).toEqual([
      [3, 4, 6],
      [
        [0, 1, 3, 4],
        [1, 0, 6, 4],
      ],
    ]);
    expect([await labels.toArray(), names, difficult]).toEqual([
      [12n, 15n],
      ['dog', 'person'],
      [false, true],
    ]);
  });

  it('names the sample whose annotation is wrong, or clips', async () => {
    const set = await VOCDetection.open(root(), { year: '2007' });
    const error = (await set.get(1).catch((reason: unknown) => reason)) as DataError;
    expect(error).toBeInstanceOf(DataError);
    expect(error.index).toBe(1);
    expect(error.message).toMatch(
      /item 1 of .*000002\.xml: object 0 \(cat\) has the box \[1, 0, 9, 4\], outside of the/,
    );
    const clipping = await VOCDetection.open(root(), { year: '2007', outside: 'clip' });
    expect(await (await clipping.annotation(1)).boxes.toArray()).toEqual([[1, 0, 6, 4]]);
    await expect(set.get(2)).rejects.toThrow(/item 2 of .*object 0 is of the unknown class unicorn/);
    await expect(set.get(3)).rejects.toThrow(/item 3 of .*000004\.xml: .*line 1/);
    await expect(set.get(4)).rejects.toThrow(/item 4 of .*height is missing or no number/);
    await expect(set.annotation(9)).rejects.toThrow(/index 9 is out of range \[0, 5\)/);
  });

  it('gives the class of every pixel', async () => {
    const set = await VOCSegmentation.open(root(), { year: '2007' });
    const [, mask] = await set.get(0);
    expect(await mask.toArray()).toEqual([
      [0, 1, 1, 15, 255, 0],
      [0, 0, 1, 15, 255, 255],
      [0, 0, 0, 0, 0, 0],
      [20, 20, 20, 20, 20, 20],
    ]);
    await expect(set.get(1)).rejects.toThrow(/item 1 of .*the mask has 6 x 4 pixels, the image 4 x 6/);
  });
});

describe('CocoDetection', () => {
  const images = [
    { id: 7, file_name: 'b.png', width: 4, height: 3 },
    { id: 2, file_name: 'a.png', width: 4, height: 3 },
  ];
  const categories = [{ id: 18, name: 'dog' }];
  const write = (annotations: object[], name = 'coco.json') =>
    file(name, JSON.stringify({ images, annotations, categories }));

  it('gives boxes and masks of polygons and run lengths', async () => {
    await file('coco/a.png', await picture(4, 3).png().toBuffer());
    const path = await write([
      { id: 1, image_id: 2, category_id: 18, bbox: [1, 0, 2, 2], segmentation: [[1, 0, 3, 0, 3, 2, 1, 2]], iscrowd: 0 },
      {
        id: 2,
        image_id: 2,
        category_id: 18,
        bbox: [0, 0, 4, 3],
        segmentation: { size: [3, 4], counts: [1, 2, 6, 3] },
        iscrowd: 1,
      },
    ]);
    const coco = await CocoDetection.open(join(folder, 'coco'), path, { masks: true });
    expect([coco.length, coco.categories.get(18)]).toEqual([2, 'dog']);
    const [image, { imageId, boxes, labels, isCrowd, masks }] = await coco.get(0);
    expect([image.shape, imageId, await labels.toArray(), isCrowd]).toEqual([[3, 3, 4], 2, [18n, 18n], [false, true]]);
    expect(await boxes.toArray()).toEqual([
      [1, 0, 3, 2],
      [0, 0, 4, 3],
    ]);
    expect(await masks?.toArray()).toEqual([
      [
        [0, 1, 1, 0],
        [0, 1, 1, 0],
        [0, 0, 0, 0],
      ],
      [
        [0, 0, 0, 1],
        [1, 0, 0, 1],
        [1, 0, 0, 1],
      ],
    ]);
    expect((await coco.annotation(1)).boxes.shape).toEqual([0, 4]);
    await expect(coco.get(1)).rejects.toThrow(/item 1 of .*b\.png/);
  });

  it('unpacks the short text of run lengths', () => {
    // By hand: 1, 2, 6, then 3 - 2 = 1; and 100 = 4 + 3 * 32, whose first five bits have a mark that more follow.
    expect([...vision.datasets.decodeRle({ size: [3, 4], counts: '1261' })]).toEqual([
      0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1,
    ]);
    const wide = vision.datasets.decodeRle({ size: [1, 150], counts: 'T3b1' });
    expect([wide.indexOf(1), wide.lastIndexOf(1), wide.reduce((a, b) => a + b)]).toEqual([100, 149, 50]);
    expect(() => vision.datasets.decodeRle({ size: [3, 4], counts: [1, 2] })).toThrow(
      /add up to 3, expected 3 x 4 pixels/,
    );
    expect(() => vision.datasets.decodeRle({ size: [1, 1], counts: '\u00ff' })).toThrow(FormatError);
  });

  it('names the sample that is wrong', async () => {
    const one = { id: 1, image_id: 2, category_id: 18, bbox: [1, 0, 4, 2] };
    const outside = await CocoDetection.open(folder, await write([one]));
    expect(() => outside.annotation(0)).toThrow(
      /item 0 of .*coco\.json: annotation 1 has the box \[1, 0, 5, 2\], outside/,
    );
    expect(() => outside.annotation(0)).toThrow(DataError);
    const clipping = await CocoDetection.open(folder, await write([one]), { outside: 'clip' });
    expect(await clipping.annotation(0).boxes.toArray()).toEqual([[1, 0, 4, 2]]);
    const flat = await CocoDetection.open(folder, await write([{ ...one, bbox: [1, 0, 0, 2] }]), { outside: 'clip' });
    expect(() => flat.annotation(0)).toThrow(/without an area/);
    const lost = CocoDetection.open(folder, await write([{ ...one, image_id: 5 }]));
    await expect(lost).rejects.toThrow(/annotation 1 is of image 5, which there is not/);
    const masks = await CocoDetection.open(folder, await write([{ ...one, bbox: [1, 0, 2, 2] }]), { masks: true });
    expect(() => masks.annotation(0)).toThrow(/annotation 1: .*there is no mask/);
    const cut = CocoDetection.open(folder, await file('cut.json', '{"images": ['));
    await expect(cut).rejects.toThrow(/no JSON, or a truncated file/);
    const other = CocoDetection.open(folder, await file('other.json', '{"images": []}'));
    await expect(other).rejects.toThrow(/has no list of annotations/);
  });
});

/** A PNG with these palette numbers. */
function palettePng(width: number, height: number, numbers: Buffer): Buffer {
  const rows = Array.from({ length: height }, (_, y) => [0, ...numbers.subarray(y * width, (y + 1) * width)]).flat();
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  const palette = Buffer.alloc(768);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const parts = [chunk('IHDR', header), chunk('PLTE', palette), chunk('IDAT', deflateSync(Buffer.from(rows)))];
  return Buffer.concat([signature, ...parts, chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), body]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(body.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}
