import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dataset } from '../../data/dataset.js';
import type { ModuleSource } from '../../data/worker/source.js';
import { ArgumentError, DataError, FormatError, valueText } from '../../errors.js';
import { tensor } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type Box, insideBox, type OutsideBoxes } from './boxes.js';
import { readImage } from './image.js';
import { readPalette } from './palette.js';

/** The classes of PASCAL VOC, in the order of their numbers; 0 is the background in masks. */
export const VOC_CLASSES: readonly string[] =
  'background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep sofa train tvmonitor'.split(
    ' ',
  );

/** How to open a VOC data set. */
export interface VocOptions {
  /** Of the data set: 2012 (default) to 2007. */
  readonly year?: string;
  /** `train` (default), `val`, `trainval`, `test`. */
  readonly imageSet?: string;
  /** Boxes outside of the image. Default `error`. */
  readonly outside?: OutsideBoxes;
}

/** An element of an annotation file: its text, or its children by name; those that come several times are a list. */
export type VocNode = string | VocNode[] | { [name: string]: VocNode };

/** What is in an image. */
export interface VocTarget {
  /** `[N, 4]` float32: x0, y0, x1, y1 in pixels, from 0. */
  readonly boxes: Tensor;
  /** `[N]` int64, numbers of {@link VOC_CLASSES}. */
  readonly labels: Tensor;
  readonly names: readonly string[];
  /** Objects that are hard to see; evaluations leave them out. */
  readonly difficult: readonly boolean[];
  /** The whole file as torchvision gives it: pose, truncated, parts … as texts; boxes count pixels from 1 there. */
  readonly annotation: { readonly [name: string]: VocNode };
}

/** An annotation file, before its boxes were checked. */
interface Annotation {
  readonly width: number;
  readonly height: number;
  readonly objects: readonly { name: string; difficult: boolean; box: Box }[];
  readonly annotation: { readonly [name: string]: VocNode };
}

/** Names of images of one set. */
async function openSet(op: string, root: string, options: VocOptions, kind: 'Main' | 'Segmentation') {
  if (typeof root !== 'string') throw new ArgumentError(op, `root must be a folder, got ${valueText(root)}`, root);
  const { year = '2012', imageSet = 'train', outside = 'error' } = options;
  if (outside !== 'error' && outside !== 'clip') {
    throw new ArgumentError(op, `outside must be 'error' or 'clip', got ${valueText(outside)}`, outside);
  }
  const inside = join('VOCdevkit', `VOC${year}`);
  let folder = root;
  // The archive of 2011 has one folder more around it.
  for (const place of [join(root, 'TrainVal', inside), join(root, inside)]) {
    if (existsSync(place)) folder = place;
  }
  const list = join(folder, 'ImageSets', kind, `${imageSet}.txt`);
  const names = (await readFile(list, 'utf8')).split('\n').map((line) => line.trim());
  return { folder, names: names.filter((name) => name !== ''), outside };
}

/**
 * Images of PASCAL VOC with the boxes of their objects: items are `[image [3, H, W] uint8, target]`.
 * Source: https://docs.pytorch.org/vision/0.28/generated/torchvision.datasets.VOCDetection.html
 *
 * @example
 * const voc = await VOCDetection.open('data', { year: '2007', imageSet: 'train' }); // data/VOCdevkit/VOC2007
 */
export class VOCDetection implements Dataset<[Tensor, VocTarget]> {
  /** @internal Use {@link open}. */
  constructor(
    readonly folder: string,
    readonly names: readonly string[],
    readonly outside: OutsideBoxes,
  ) {}

  /** Reads the lists of names; images are read when they are asked for. */
  static async open(root: string, options: VocOptions = {}): Promise<VOCDetection> {
    const { folder, names, outside } = await openSet('VOCDetection', root, options, 'Main');
    return new VOCDetection(folder, names, outside);
  }

  get length(): number {
    return this.names.length;
  }

  /** @throws DataError naming the sample: its annotation or image is wrong, or a box lies outside of the image */
  async get(index: number): Promise<[Tensor, VocTarget]> {
    const target = await this.annotation(index);
    const path = join(this.folder, 'JPEGImages', `${this.names[index]}.jpg`);
    return [await named('VOCDetection', index, path, () => readImage(path)), target];
  }

  /** The objects of image `index`, without the image. */
  async annotation(index: number): Promise<VocTarget> {
    const op = 'VOCDetection';
    const name = nameAt(op, this.names, index);
    const path = join(this.folder, 'Annotations', `${name}.xml`);
    const { objects, annotation, ...size } = await named(op, index, path, () => readVoc(path));
    const boxes = objects.map(({ name, box }, i) =>
      insideBox(op, box, size, this.outside, { dataset: path, index, what: `object ${i} (${name})` }),
    );
    const labels = objects.map(({ name }) => VOC_CLASSES.indexOf(name));
    const unknown = labels.indexOf(-1);
    if (unknown >= 0) {
      throw new DataError(
        op,
        { dataset: path, index },
        `object ${unknown} is of the unknown class ${objects[unknown].name}`,
      );
    }
    return {
      boxes: tensor(Float32Array.from(boxes.flat()), { shape: [boxes.length, 4] }),
      labels: tensor(BigInt64Array.from(labels, BigInt)),
      names: objects.map(({ name }) => name),
      difficult: objects.map(({ difficult }) => difficult),
      annotation,
    };
  }

  workerSource(): ModuleSource {
    return { module: import.meta.url, export: 'VOCDetection', args: [this.folder, this.names, this.outside] };
  }
}

/**
 * Images of PASCAL VOC with the class of every pixel: items are `[image [3, H, W] uint8, mask [H, W] uint8]`; 255 marks
 * borders that do not count.
 * Source: https://docs.pytorch.org/vision/0.28/generated/torchvision.datasets.VOCSegmentation.html
 */
export class VOCSegmentation implements Dataset<[Tensor, Tensor]> {
  /** @internal Use {@link open}. */
  constructor(
    readonly folder: string,
    readonly names: readonly string[],
  ) {}

  /** Reads the lists of names; images are read when they are asked for. */
  static async open(root: string, options: VocOptions = {}): Promise<VOCSegmentation> {
    const { folder, names } = await openSet('VOCSegmentation', root, options, 'Segmentation');
    return new VOCSegmentation(folder, names);
  }

  get length(): number {
    return this.names.length;
  }

  /** @throws DataError naming the sample whose image or mask is wrong, or that differ in size */
  async get(index: number): Promise<[Tensor, Tensor]> {
    const op = 'VOCSegmentation';
    const name = nameAt(op, this.names, index);
    const imagePath = join(this.folder, 'JPEGImages', `${name}.jpg`);
    const maskPath = join(this.folder, 'SegmentationClass', `${name}.png`);
    const image = await named(op, index, imagePath, () => readImage(imagePath));
    const mask = await named(op, index, maskPath, () => readPalette(maskPath));
    const [, height, width] = image.shape;
    if (mask.shape[0] !== height || mask.shape[1] !== width) {
      const sizes = `the mask has ${mask.shape.join(' x ')} pixels, the image ${height} x ${width}`;
      throw new DataError(op, { dataset: maskPath, index }, sizes);
    }
    return [image, mask];
  }

  workerSource(): ModuleSource {
    return { module: import.meta.url, export: 'VOCSegmentation', args: [this.folder, this.names] };
  }
}

function nameAt(op: string, names: readonly string[], index: number): string {
  if (Number.isInteger(index) && index >= 0 && index < names.length) return names[index];
  throw new ArgumentError(op, `index ${index} is out of range [0, ${names.length})`, index);
}

async function named<R>(op: string, index: number, path: string, read: () => Promise<R>): Promise<R> {
  try {
    return await read();
  } catch (cause) {
    throw new DataError(op, { dataset: path, index }, (cause as Error).message, { cause });
  }
}

/** @throws FormatError for what is no annotation of VOC */
async function readVoc(path: string): Promise<Annotation> {
  const { XMLParser, XMLValidator } = await import('fast-xml-parser');
  const text = await readFile(path, 'utf8');
  const valid = XMLValidator.validate(text);
  if (valid !== true) throw new FormatError('VOCDetection', path, `line ${valid.err.line}: ${valid.err.msg}`);
  const parser = new XMLParser({
    isArray: (name, place) => place === 'annotation.object' && name === 'object',
    parseTagValue: false,
    processEntities: false,
    tagValueProcessor: (_, value) => unescaped(value),
  });
  const annotation = (parser.parse(text) as { annotation?: Record<string, VocNode> }).annotation || {};
  const number = (owner: unknown, key: string): number => {
    const value = Number((owner as Record<string, unknown> | undefined)?.[key] ?? Number.NaN);
    if (Number.isFinite(value)) return value;
    throw new FormatError('VOCDetection', path, `${key} is missing or no number`);
  };
  const objects = (annotation.object ?? []) as Record<string, unknown>[];
  return {
    width: number(annotation.size, 'width'),
    height: number(annotation.size, 'height'),
    annotation: { ...annotation, object: objects as VocNode[] },
    objects: objects.map(({ name, difficult, bndbox }) => {
      // VOC counts pixels from 1 and takes the last one in.
      const [x0, y0] = [number(bndbox, 'xmin') - 1, number(bndbox, 'ymin') - 1];
      return {
        name: String(name),
        difficult: String(difficult) === '1',
        box: [x0, y0, number(bndbox, 'xmax'), number(bndbox, 'ymax')],
      };
    }),
  };
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** The five entities of XML and characters by number; a document's own ones stay as they are. */
const unescaped = (text: string): string =>
  text.replace(/&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#x([\da-f]{1,6}));/gi, (whole, name, decimal, hex) => {
    if (name) return ENTITIES[name] ?? whole;
    const code = decimal ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
