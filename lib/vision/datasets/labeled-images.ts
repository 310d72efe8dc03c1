import type { BatchDataset, LabeledBatch } from '../../data/dataset.js';
import type { ModuleSource } from '../../data/worker/source.js';
import { ArgumentError } from '../../errors.js';
import '../../ops/index.js';
import { tensor } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { RawImages } from './source.js';

/** One image with its class. */
export interface LabeledImage {
  /** `[1, H, W]`, float32 from 0 to 1. */
  readonly image: Tensor;
  readonly label: number;
}

/**
 * Grey images with a class each, kept as bytes. Items are `{ image: [1, H, W], label }`, batches
 * `[images [N, 1, H, W], labels [N]]` with float32 images from 0 to 1 and int64 labels.
 */
export class LabeledImages implements BatchDataset<LabeledImage, LabeledBatch> {
  readonly length: number;
  /** All pixels as they were stored, image by image, row by row. */
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
  readonly height: number;
  readonly width: number;
  /** The name of each class. */
  readonly classes: readonly string[];
  private readonly white: number;
  private shared: RawImages | null = null;
  /** Where batches are put together; a tensor copies it, so it serves for all. */
  private bytes = new Uint8Array(0);

  /** @internal `white` is the stored value that becomes 1. */
  constructor(raw: RawImages, classes: readonly string[], white: number) {
    this.images = raw.images;
    this.labels = raw.labels;
    this.height = raw.height;
    this.width = raw.width;
    this.length = raw.labels.length;
    this.classes = classes;
    this.white = white;
  }

  /** Image and label number `index`. */
  get(index: number): LabeledImage {
    return { image: this.toTensor([index], [1, this.height, this.width]), label: this.labels[index] };
  }

  /** The images and labels with these numbers, in their order. */
  batch(indices: ArrayLike<number>): LabeledBatch {
    const images = this.toTensor(indices, [indices.length, 1, this.height, this.width]);
    const labels = new BigInt64Array(indices.length);
    for (let i = 0; i < indices.length; i++) labels[i] = BigInt(this.labels[indices[i]]);
    return [images, tensor(labels)];
  }

  /** Workers share one copy of the images. */
  workerSource(): ModuleSource {
    const { height, width, classes, white } = this;
    this.shared ??= { images: sharedCopy(this.images), labels: sharedCopy(this.labels), height, width };
    return { module: import.meta.url, export: 'LabeledImages', args: [this.shared, classes, white] };
  }

  /** Only bytes are put together here; the conversion runs on the stream, beside JavaScript. */
  private toTensor(indices: ArrayLike<number>, shape: readonly number[]): Tensor {
    const bytes = tensor(this.gather(indices), { shape });
    try {
      return bytes.to('float32').div_(this.white);
    } finally {
      bytes.dispose();
    }
  }

  private gather(indices: ArrayLike<number>): Uint8Array {
    const { images, length } = this;
    const size = this.height * this.width;
    const needed = indices.length * size;
    if (this.bytes.length < needed) this.bytes = new Uint8Array(needed);
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i];
      if (!(Number.isInteger(index) && index >= 0 && index < length)) {
        throw new ArgumentError(this.constructor.name, `index ${index} is out of range [0, ${length})`, index);
      }
      this.bytes.set(images.subarray(index * size, (index + 1) * size), i * size);
    }
    return this.bytes.subarray(0, needed);
  }
}

function sharedCopy(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
