import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dataset } from '../../data/dataset.js';
import type { ModuleSource } from '../../data/worker/source.js';
import { ArgumentError, DataError, FormatError } from '../../errors.js';
import { tensor } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type Box, insideBox, type OutsideBoxes } from './boxes.js';
import { readImage } from './image.js';
import { decodeRle, maskOfPolygons, type Rle } from './rle.js';

/** How to open a COCO data set. */
export interface CocoOptions {
  /** Give the mask of every object too. Default false. */
  readonly masks?: boolean;
  /** Boxes outside of the image. Default `error`. */
  readonly outside?: OutsideBoxes;
}

interface CocoImage {
  readonly id: number;
  readonly file_name: string;
  readonly width: number;
  readonly height: number;
}

/** An object as its file says, with whatever else stands there (`area`, `keypoints`, …). */
export interface CocoAnnotation {
  readonly id: number;
  readonly image_id: number;
  readonly category_id: number;
  /** x, y, width, height. */
  readonly bbox: readonly number[];
  readonly segmentation?: readonly (readonly number[])[] | Rle;
  readonly iscrowd?: number;
  readonly [field: string]: unknown;
}

/** What is in an image. */
export interface CocoTarget {
  readonly imageId: number;
  /** `[N, 4]` float32: x0, y0, x1, y1 in pixels. */
  readonly boxes: Tensor;
  /** `[N]` int64: COCO's category numbers, whose names are in `categories`. */
  readonly labels: Tensor;
  /** A group of objects under one mask. */
  readonly isCrowd: readonly boolean[];
  /** `[N, H, W]` uint8 with the option `masks`, else null. */
  readonly masks: Tensor | null;
  /** The objects as torchvision gives them: all that the file says, with areas and ids. */
  readonly annotations: readonly CocoAnnotation[];
}

/** One image and its objects. */
interface Entry {
  readonly image: CocoImage;
  readonly objects: readonly CocoAnnotation[];
}

/**
 * Images with the objects of a COCO annotation file: items are `[image [3, H, W] uint8, target]`, sorted by image number.
 * Source: https://docs.pytorch.org/vision/0.28/generated/torchvision.datasets.CocoDetection.html
 *
 * @example
 * const coco = await CocoDetection.open('val2017', 'annotations/instances_val2017.json', { masks: true });
 */
export class CocoDetection implements Dataset<[Tensor, CocoTarget]> {
  /** @internal Use {@link open}. */
  constructor(
    readonly root: string,
    /** The annotation file. */
    readonly annFile: string,
    private readonly entries: readonly Entry[],
    /** Names by category number. */
    readonly categories: ReadonlyMap<number, string>,
    private readonly options: CocoOptions,
  ) {}

  /** @throws FormatError for a file that is no JSON, or has not COCO's fields; DataError naming an object of no image */
  static async open(root: string, annFile: string, options: CocoOptions = {}): Promise<CocoDetection> {
    const { images, annotations, categories } = await readCoco(annFile);
    const byImage = new Map(images.map((image) => [image.id, { image, objects: [] as CocoAnnotation[] }]));
    for (const [i, object] of annotations.entries()) {
      const entry = byImage.get(object.image_id);
      if (entry === undefined) {
        const reason = `annotation ${object.id} is of image ${object.image_id}, which there is not`;
        throw new DataError('CocoDetection', { dataset: annFile, index: i }, reason);
      }
      entry.objects.push(object);
    }
    const entries = [...byImage.values()].sort((a, b) => a.image.id - b.image.id);
    return new CocoDetection(root, annFile, entries, new Map(categories.map(({ id, name }) => [id, name])), options);
  }

  get length(): number {
    return this.entries.length;
  }

  /** @throws DataError naming the sample whose image cannot be read, or whose boxes or masks are wrong */
  async get(index: number): Promise<[Tensor, CocoTarget]> {
    const target = this.annotation(index);
    const path = join(this.root, this.entries[index].image.file_name);
    try {
      return [await readImage(path), target];
    } catch (cause) {
      throw new DataError('CocoDetection', { dataset: path, index }, (cause as Error).message, { cause });
    }
  }

  /** The objects of image `index`, without the image. */
  annotation(index: number): CocoTarget {
    const op = 'CocoDetection';
    const entry = this.entries[index];
    if (entry === undefined) throw new ArgumentError(op, `index ${index} is out of range [0, ${this.length})`, index);
    const { image, objects } = entry;
    const { outside = 'error', masks = false } = this.options;
    const boxes = objects.map(({ id, bbox: [x, y, width, height] }) => {
      const box: Box = [x, y, x + width, y + height];
      return insideBox(op, box, image, outside, { dataset: this.annFile, index, what: `annotation ${id}` });
    });
    return {
      imageId: image.id,
      boxes: tensor(Float32Array.from(boxes.flat()), { shape: [boxes.length, 4] }),
      labels: tensor(BigInt64Array.from(objects, ({ category_id }) => BigInt(category_id))),
      isCrowd: objects.map(({ iscrowd }) => iscrowd === 1),
      masks: masks ? this.masksOf(index, entry) : null,
      annotations: objects,
    };
  }

  workerSource(): ModuleSource {
    const args = [this.root, this.annFile, this.entries, this.categories, this.options];
    return { module: import.meta.url, export: 'CocoDetection', args };
  }

  private masksOf(index: number, { image: { width, height }, objects }: Entry): Tensor {
    const all = new Uint8Array(objects.length * height * width);
    for (const [i, { id, segmentation }] of objects.entries()) {
      try {
        all.set(maskOf(segmentation, height, width, this.annFile), i * height * width);
      } catch (cause) {
        const reason = `annotation ${id}: ${(cause as Error).message}`;
        throw new DataError('CocoDetection', { dataset: this.annFile, index }, reason, { cause });
      }
    }
    return tensor(all, { shape: [objects.length, height, width] });
  }
}

function maskOf(shape: CocoAnnotation['segmentation'], height: number, width: number, path: string): Uint8Array {
  if (Array.isArray(shape)) {
    const wrong = shape.find((polygon) => polygon.length < 6 || polygon.length % 2 === 1);
    if (wrong !== undefined) throw new FormatError('CocoDetection', path, `a polygon has ${wrong.length} numbers`);
    return maskOfPolygons(shape, height, width);
  }
  const rle = shape as Rle | undefined;
  if (rle?.size?.[0] === height && rle.size[1] === width) return decodeRle(rle, path);
  const found = rle === undefined ? 'there is no mask' : `the mask has size [${rle.size}]`;
  throw new FormatError('CocoDetection', path, `${found}, expected [${height}, ${width}]`);
}

interface CocoFile {
  readonly images: readonly CocoImage[];
  readonly annotations: readonly CocoAnnotation[];
  readonly categories: readonly { readonly id: number; readonly name: string }[];
}

async function readCoco(path: string): Promise<CocoFile> {
  let file: Partial<CocoFile> | null;
  try {
    file = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new FormatError('CocoDetection', path, `no JSON, or a truncated file: ${error.message}`);
  }
  for (const key of ['images', 'annotations', 'categories'] as const) {
    if (!Array.isArray(file?.[key])) throw new FormatError('CocoDetection', path, `has no list of ${key}`);
  }
  const { images, annotations, categories } = file as CocoFile;
  const image = images.findIndex(({ id, width, height, file_name }) => {
    return ![id, width, height].every(Number.isSafeInteger) || typeof file_name !== 'string';
  });
  if (image >= 0) throw new FormatError('CocoDetection', path, `images[${image}] has not the fields of an image`);
  const object = annotations.findIndex(({ image_id, category_id, bbox }) => {
    const isBox = Array.isArray(bbox) && bbox.length === 4 && bbox.every(Number.isFinite);
    return ![image_id, category_id].every(Number.isSafeInteger) || !isBox;
  });
  if (object >= 0)
    throw new FormatError('CocoDetection', path, `annotations[${object}] has not the fields of an object`);
  return { images, annotations, categories };
}
