import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BatchDataset, LabeledBatch } from '../../data/dataset.js';
import type { ModuleSource } from '../../data/worker/source.js';
import { ArgumentError, FormatError, valueText } from '../../errors.js';
import '../../ops/index.js';
import { tensor } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';

const SIDE = 32;
const PIXELS = 3 * SIDE * SIDE;

/** How to load CIFAR. */
export interface CifarOptions {
  /** The training part (default) or the test part. */
  readonly train?: boolean;
}

/** A colour image with its class. */
export interface CifarImage {
  /** `[3, 32, 32]`, float32 from 0 to 1. */
  readonly image: Tensor;
  readonly label: number;
}

interface Layout {
  readonly name: string;
  readonly folder: string;
  readonly train: readonly string[];
  readonly test: readonly string[];
  /** Bytes in front of the pixels; the last of them is the label. */
  readonly labelBytes: number;
  readonly classes: number;
  readonly meta: string;
}

/** Colour images of 32 x 32 pixels with a class each, kept as bytes. */
class Cifar implements BatchDataset<CifarImage, LabeledBatch> {
  readonly length: number;
  /** All pixels: image by image, channel by channel, row by row. */
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
  readonly classes: readonly string[];

  /** @internal */
  constructor(images: Uint8Array, labels: Uint8Array, classes: readonly string[]) {
    this.images = images;
    this.labels = labels;
    this.classes = classes;
    this.length = labels.length;
  }

  /** Image and label number `index`. */
  get(index: number): CifarImage {
    return { image: this.toTensor([index], [3, SIDE, SIDE]), label: this.labels[index] };
  }

  /** The images `[N, 3, 32, 32]` and labels `[N]` with these numbers. */
  batch(indices: ArrayLike<number>): LabeledBatch {
    const images = this.toTensor(indices, [indices.length, 3, SIDE, SIDE]);
    return [images, tensor(BigInt64Array.from(indices, (index) => BigInt(this.labels[index])))];
  }

  /** Workers share one copy of the images. */
  workerSource(): ModuleSource {
    const shared = (bytes: Uint8Array): Uint8Array => {
      if (bytes.buffer instanceof SharedArrayBuffer) return bytes;
      const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
      copy.set(bytes);
      return copy;
    };
    const args = [shared(this.images), shared(this.labels), this.classes];
    return { module: import.meta.url, export: this.constructor.name, args };
  }

  private toTensor(indices: ArrayLike<number>, shape: readonly number[]): Tensor {
    const bytes = new Uint8Array(indices.length * PIXELS);
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i];
      if (!(Number.isInteger(index) && index >= 0 && index < this.length)) {
        throw new ArgumentError(this.constructor.name, `index ${index} is out of range [0, ${this.length})`, index);
      }
      bytes.set(this.images.subarray(index * PIXELS, (index + 1) * PIXELS), i * PIXELS);
    }
    const raw = tensor(bytes, { shape });
    const image = raw.to('float32').div_(255);
    raw.dispose();
    return image;
  }
}

async function load(layout: Layout, root: string, { train = true }: CifarOptions) {
  if (typeof root !== 'string') {
    throw new ArgumentError(layout.name, `root must be a folder, got ${valueText(root)}`, root);
  }
  const folder = await folderOf(layout, root);
  const names = train ? layout.train : layout.test;
  const parts = await Promise.all(names.map((name) => readPart(layout, join(folder, name))));
  const count = parts.reduce((sum, { labels }) => sum + labels.length, 0);
  const images = new Uint8Array(count * PIXELS);
  const labels = new Uint8Array(count);
  let at = 0;
  for (const part of parts) {
    images.set(part.images, at * PIXELS);
    labels.set(part.labels, at);
    at += part.labels.length;
  }
  const classes = (await readFile(join(folder, layout.meta), 'utf8')).split('\n').map((line) => line.trim());
  const known = classes.filter((name) => name !== '');
  if (known.length !== layout.classes) {
    throw new FormatError(
      layout.name,
      join(folder, layout.meta),
      `${known.length} classes, expected ${layout.classes}`,
    );
  }
  return { images, labels, classes: known };
}

/** The files may lie in `root` itself, or in the folder that the archive makes. */
async function folderOf(layout: Layout, root: string): Promise<string> {
  const inside = join(root, layout.folder);
  return readFile(join(inside, layout.meta)).then(
    () => inside,
    () => root,
  );
}

async function readPart(layout: Layout, path: string): Promise<{ images: Uint8Array; labels: Uint8Array }> {
  const bytes = await readFile(path);
  const record = layout.labelBytes + PIXELS;
  const count = Math.floor(bytes.length / record);
  if (bytes.length === 0 || bytes.length % record !== 0) {
    const rest = bytes.length % record;
    const reason = `truncated: image ${count} has ${rest} of ${record} bytes`;
    throw new FormatError(layout.name, path, reason, count * record);
  }
  const images = new Uint8Array(count * PIXELS);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const at = i * record;
    labels[i] = bytes[at + layout.labelBytes - 1];
    if (labels[i] >= layout.classes) {
      const reason = `image ${i} has label ${labels[i]}, expected 0 to ${layout.classes - 1}`;
      throw new FormatError(layout.name, path, reason, at + layout.labelBytes - 1);
    }
    images.set(bytes.subarray(at + layout.labelBytes, at + record), i * PIXELS);
  }
  return { images, labels };
}

const TEN: Layout = {
  name: 'CIFAR10',
  folder: 'cifar-10-batches-bin',
  train: [1, 2, 3, 4, 5].map((part) => `data_batch_${part}.bin`),
  test: ['test_batch.bin'],
  labelBytes: 1,
  classes: 10,
  meta: 'batches.meta.txt',
};

const HUNDRED: Layout = {
  name: 'CIFAR100',
  folder: 'cifar-100-binary',
  train: ['train.bin'],
  test: ['test.bin'],
  labelBytes: 2,
  classes: 100,
  meta: 'fine_label_names.txt',
};

/**
 * CIFAR-10: 60,000 colour images of 32 x 32 pixels in 10 classes, from its binary files.
 * Source: https://www.cs.toronto.edu/~kriz/cifar.html
 *
 * @example
 * const train = await CIFAR10.load('data', { train: true }); // data/cifar-10-batches-bin/data_batch_1.bin, …
 */
export class CIFAR10 extends Cifar {
  /** @throws FormatError naming the image that is truncated or has an impossible label */
  static async load(root: string, options: CifarOptions = {}): Promise<CIFAR10> {
    const { images, labels, classes } = await load(TEN, root, options);
    return new CIFAR10(images, labels, classes);
  }
}

/** CIFAR-100, with its 100 fine classes: as {@link CIFAR10}, from `cifar-100-binary/train.bin`. */
export class CIFAR100 extends Cifar {
  /** @throws FormatError naming the image that is truncated or has an impossible label */
  static async load(root: string, options: CifarOptions = {}): Promise<CIFAR100> {
    const { images, labels, classes } = await load(HUNDRED, root, options);
    return new CIFAR100(images, labels, classes);
  }
}
