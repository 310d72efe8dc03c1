import type { BatchDataset, LabeledBatch } from '../../data/dataset.js';
import { ArgumentError } from '../../errors.js';
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
  /** float32 of each byte. */
  private readonly scale: Float32Array;
  /** Where batches are put together; a tensor copies it, so it serves for all. */
  private pixels = new Float32Array(0);

  /** @internal `white` is the stored value that becomes 1. */
  constructor(raw: RawImages, classes: readonly string[], white: number) {
    this.images = raw.images;
    this.labels = raw.labels;
    this.height = raw.height;
    this.width = raw.width;
    this.length = raw.labels.length;
    this.classes = classes;
    this.scale = Float32Array.from({ length: 256 }, (_, value) => value / white);
  }

  /** Image and label number `index`. */
  get(index: number): LabeledImage {
    return { image: tensor(this.gather([index]), { shape: [1, this.height, this.width] }), label: this.labels[index] };
  }

  /** The images and labels with these numbers, in their order. */
  batch(indices: ArrayLike<number>): LabeledBatch {
    const pixels = this.gather(indices);
    const labels = new BigInt64Array(indices.length);
    for (let i = 0; i < indices.length; i++) labels[i] = BigInt(this.labels[indices[i]]);
    return [tensor(pixels, { shape: [indices.length, 1, this.height, this.width] }), tensor(labels)];
  }

  private gather(indices: ArrayLike<number>): Float32Array {
    const { images, scale, length } = this;
    const size = this.height * this.width;
    const needed = indices.length * size;
    if (this.pixels.length < needed) this.pixels = new Float32Array(needed);
    const out = this.pixels;
    for (let i = 0, at = 0; i < indices.length; i++) {
      const index = indices[i];
      if (!(Number.isInteger(index) && index >= 0 && index < length)) {
        throw new ArgumentError(this.constructor.name, `index ${index} is out of range [0, ${length})`, index);
      }
      const begin = index * size;
      for (let from = begin; from < begin + size; from++) out[at++] = scale[images[from]];
    }
    return out.subarray(0, needed);
  }
}
