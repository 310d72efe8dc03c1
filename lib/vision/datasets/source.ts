import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, downloadFile } from '../../data/files.js';
import { type IdxArray, readIdx } from '../../data/idx.js';
import { FormatError, NablaError } from '../../errors.js';

/** One half of a data set: its two files and how its labels begin. */
interface Part {
  readonly images: string;
  readonly labels: string;
  /** The first labels, which tell data sets apart whose files have the same names. */
  readonly begins: readonly number[];
}

/** Where a data set of the MNIST family can come from. */
export interface ImageSource {
  readonly name: string;
  /** The folder in the cache, and one of those looked for under `root` and `NABLA_DATA`. */
  readonly folders: readonly string[];
  readonly system: readonly string[];
  readonly baseUrl: string;
  readonly parts: { readonly train: Part; readonly test: Part };
  readonly md5: Readonly<Record<string, string>>;
  /** A system package that brings the files. */
  readonly debianPackage?: string;
}

/** How to load a data set of the MNIST family. */
export interface LoadOptions {
  /** The training half (default) or the test half. */
  readonly train?: boolean;
  /** A folder that holds the files, or a subfolder named after the data set with them; looked at first. */
  readonly root?: string;
  /** Download what is nowhere else. Default true. */
  readonly download?: boolean;
  /** Where to download from instead of the data set's own server. */
  readonly baseUrl?: string;
  /** Stops a download. */
  readonly signal?: AbortSignal;
}

/** Images and labels as they lie in the files. */
export interface RawImages {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** No source had the data set; `tried` says for each one why. */
export class DatasetNotFoundError extends NablaError {
  /** One line per source: where it was looked for and why it is not there. */
  readonly tried: readonly string[];

  constructor(dataset: string, tried: readonly string[], remedies: readonly string[]) {
    const list = (lines: readonly string[]) => lines.map((line) => `\n  - ${line}`).join('');
    super(dataset, `no source has it. Tried:${list(tried)}\nTo fix it, do one of these:${list(remedies)}`);
    this.tried = tried;
  }
}

const TRAIN_IMAGES = 'train-images-idx3-ubyte';
const TRAIN_LABELS = 'train-labels-idx1-ubyte';
const TEST_IMAGES = 't10k-images-idx3-ubyte';
const TEST_LABELS = 't10k-labels-idx1-ubyte';

/** Zalando's Fashion-MNIST. */
export const FASHION_MNIST: ImageSource = {
  name: 'Fashion-MNIST',
  folders: ['fashion-mnist', 'FashionMNIST/raw', 'FashionMNIST', 'fashion_mnist'],
  system: ['/usr/share/datasets/fashion-mnist'],
  baseUrl: 'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
  parts: {
    train: { images: TRAIN_IMAGES, labels: TRAIN_LABELS, begins: [9, 0, 0, 3, 0, 2, 7, 2, 5, 5] },
    test: { images: TEST_IMAGES, labels: TEST_LABELS, begins: [9, 2, 1, 1, 6, 1, 4, 6, 5, 7] },
  },
  md5: {
    [TRAIN_IMAGES]: '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
    [TRAIN_LABELS]: '25c81989df183df01b3e8a0aad5dffbe',
    [TEST_IMAGES]: 'bef4ecab320f06d8554ea6380940ec79',
    [TEST_LABELS]: 'bb300cfdad3c16e7a12a480ee83cd310',
  },
  debianPackage: 'dataset-fashion-mnist',
};

/** LeCun's handwritten digits. */
export const MNIST_DIGITS: ImageSource = {
  name: 'MNIST',
  folders: ['mnist', 'MNIST/raw', 'MNIST'],
  system: [],
  baseUrl: 'https://ossci-datasets.s3.amazonaws.com/mnist/',
  parts: {
    train: { images: TRAIN_IMAGES, labels: TRAIN_LABELS, begins: [5, 0, 4, 1, 9, 2, 1, 3, 1, 4] },
    test: { images: TEST_IMAGES, labels: TEST_LABELS, begins: [7, 2, 1, 0, 4, 1, 4, 9, 5, 9] },
  },
  md5: {
    [TRAIN_IMAGES]: 'f68b3c2dcbeaaa9fbdd348bbdeb94873',
    [TRAIN_LABELS]: 'd53e105ee54ea40749a09fcbcd1e9432',
    [TEST_IMAGES]: '9fb629c4189551a2d022fa330f9573f3',
    [TEST_LABELS]: 'ec29112dd5afa0611ce80d1b7f02629c',
  },
};

const ALL_SOURCES = [FASHION_MNIST, MNIST_DIGITS];

/**
 * Loads one half of a data set from the first place that has it: `root`, the folder in `NABLA_DATA`, the cache, the
 * system's package, a download into the cache.
 *
 * @throws DatasetNotFoundError when there is none, listing what was tried
 * @throws FormatError when a file is there but damaged
 */
export async function loadImages(source: ImageSource, options: LoadOptions): Promise<RawImages> {
  const part = options.train === false ? source.parts.test : source.parts.train;
  const tried: string[] = [];
  for (const place of places(source, options)) {
    const found = await loadFrom(place, source, part, tried);
    if (found !== null) return found;
  }
  const cache = join(cacheFolder(), source.folders[0]);
  if (options.download === false) tried.push('download: switched off');
  else if (await fetchPart(source, part, cache, options, tried)) return readPart(source.name, cache, part);
  throw new DatasetNotFoundError(source.name, tried, remedies(source, part));
}

interface Place {
  readonly label: string;
  readonly folder: string | undefined;
  readonly subfolders: readonly string[];
}

function places(source: ImageSource, options: LoadOptions): Place[] {
  return [
    ...(options.root === undefined ? [] : [{ label: 'root', folder: options.root, subfolders: source.folders }]),
    { label: 'NABLA_DATA', folder: process.env.NABLA_DATA || undefined, subfolders: source.folders },
    { label: 'cache', folder: cacheFolder(), subfolders: [source.folders[0]] },
    ...source.system.map((folder) => ({ label: 'system package', folder, subfolders: [] })),
  ];
}

async function loadFrom(place: Place, source: ImageSource, part: Part, tried: string[]): Promise<RawImages | null> {
  const { label, folder, subfolders } = place;
  if (folder === undefined) {
    tried.push(`${label}: not set`);
    return null;
  }
  // A folder named after the data set goes before the folder itself, which may hold a data set with the same file names.
  for (const candidate of [...subfolders.map((name) => join(folder, name)), folder]) {
    if (!(await findFile(candidate, part.images)) || !(await findFile(candidate, part.labels))) continue;
    const raw = await readPart(source.name, candidate, part);
    const other = ALL_SOURCES.find((known) => known !== source && isPartOf(known, raw.labels));
    if (other === undefined) return raw;
    tried.push(`${label}: ${candidate} holds ${other.name}`);
    return null;
  }
  tried.push(`${label}: ${folder} has no ${part.images}[.gz] and ${part.labels}[.gz]`);
  return null;
}

function isPartOf(source: ImageSource, labels: Uint8Array): boolean {
  return Object.values(source.parts).some((part) => part.begins.every((label, i) => labels[i] === label));
}

/** The file plain or gzipped, also with the dot that some archives have in its name. */
async function findFile(folder: string, name: string): Promise<string | null> {
  for (const variant of [`${name}.gz`, name, name.replace('-idx', '.idx')]) {
    const path = join(folder, variant);
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return null;
}

async function readPart(op: string, folder: string, part: Part): Promise<RawImages> {
  const imagePath = (await findFile(folder, part.images)) ?? join(folder, part.images);
  const labelPath = (await findFile(folder, part.labels)) ?? join(folder, part.labels);
  const [images, labels] = await Promise.all([readIdx(imagePath), readIdx(labelPath)]);
  requireBytes(op, images, imagePath, 3);
  requireBytes(op, labels, labelPath, 1);
  if (images.shape[0] !== labels.shape[0]) {
    throw new FormatError(op, labelPath, `${labels.shape[0]} labels, but ${imagePath} has ${images.shape[0]} images`);
  }
  const wrong = (labels.data as Uint8Array).findIndex((label) => label > 9);
  if (wrong >= 0) throw new FormatError(op, labelPath, `label ${labels.data[wrong]}, expected 0 to 9`, 8 + wrong);
  const [, height, width] = images.shape;
  return { images: images.data as Uint8Array, labels: labels.data as Uint8Array, height, width };
}

function requireBytes(op: string, array: IdxArray, path: string, rank: number): void {
  if (array.dtype === 'uint8' && array.shape.length === rank) return;
  const found = `${array.dtype} of shape [${array.shape.join(', ')}]`;
  throw new FormatError(op, path, `holds ${found}, expected uint8 with ${rank} dimension${rank === 1 ? '' : 's'}`);
}

async function fetchPart(
  source: ImageSource,
  part: Part,
  folder: string,
  options: LoadOptions,
  tried: string[],
): Promise<boolean> {
  const base = options.baseUrl ?? source.baseUrl;
  for (const name of [part.labels, part.images]) {
    const url = new URL(`${name}.gz`, base.endsWith('/') ? base : `${base}/`).href;
    try {
      const limits = { md5: source.md5[name], maxBytes: 2 ** 27, signal: options.signal };
      await downloadFile(url, join(folder, `${name}.gz`), limits);
    } catch (error) {
      options.signal?.throwIfAborted();
      tried.push(`download: ${(error as Error).message}`);
      return false;
    }
  }
  return true;
}

function remedies(source: ImageSource, part: Part): string[] {
  const ways = [
    `put ${part.images}.gz and ${part.labels}.gz into a folder and set NABLA_DATA to it (or pass { root })`,
  ];
  if (source.debianPackage !== undefined) ways.unshift(`apt install ${source.debianPackage} (Debian, Ubuntu)`);
  return [...ways, `connect this machine to the network; the files come from ${source.baseUrl}`];
}
