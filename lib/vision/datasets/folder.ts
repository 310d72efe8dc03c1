import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dataset } from '../../data/dataset.js';
import { type ModuleSource, sourceOf } from '../../data/worker/source.js';
import { ArgumentError, DataError, FormatError } from '../../errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import { readImage } from './image.js';

/** A file and the number of its class. */
export type Sample = readonly [path: string, label: number];

/** What {@link DatasetFolder} takes for a sample, and what it does with it. */
export interface FolderOptions<T, U> {
  /** Endings of file names, in any case. */
  readonly extensions?: readonly string[];
  /** Applied to what the loader gives. */
  readonly transform?: (sample: T) => U | Promise<U>;
  /** Applied to the number of the class. */
  readonly targetTransform?: (label: number) => number;
  /** Classes without a file are allowed. Default false. */
  readonly allowEmpty?: boolean;
}

/** torchvision's `IMG_EXTENSIONS`. */
export const IMAGE_EXTENSIONS: readonly string[] = '.jpg .jpeg .png .ppm .bmp .pgm .tif .tiff .webp'.split(' ');

/** Files of classes, read when they are taken. */
class Files<T, U> implements Dataset<[U, number]> {
  readonly root: string;
  readonly classes: readonly string[];
  readonly classToIdx: Readonly<Record<string, number>>;
  /** All files with the numbers of their classes, class by class, sorted. */
  readonly samples: readonly Sample[];
  protected readonly loader: (path: string) => Promise<T>;
  protected readonly options: FolderOptions<T, U>;

  /** @internal Use {@link open}. */
  constructor(
    root: string,
    found: { classes: readonly string[]; samples: readonly Sample[] },
    loader: (path: string) => Promise<T>,
    options: FolderOptions<T, U>,
  ) {
    this.root = root;
    this.classes = found.classes;
    this.classToIdx = Object.fromEntries(found.classes.map((name, i) => [name, i]));
    this.samples = found.samples;
    this.loader = loader;
    this.options = options;
  }

  get length(): number {
    return this.samples.length;
  }

  /** The number of the class of every file. */
  get targets(): number[] {
    return this.samples.map(([, label]) => label);
  }

  /** @throws DataError naming number and file of one that cannot be read */
  async get(index: number): Promise<[U, number]> {
    const sample = this.samples[index];
    if (sample === undefined) {
      throw new ArgumentError(this.constructor.name, `index ${index} is out of range [0, ${this.length})`, index);
    }
    const [path, label] = sample;
    const { transform, targetTransform } = this.options;
    try {
      const loaded = await this.loader(path);
      const value = transform ? await transform(loaded) : (loaded as unknown as U);
      return [value, targetTransform ? targetTransform(label) : label];
    } catch (cause) {
      const op = this.constructor.name;
      throw new DataError(op, { dataset: path, index }, (cause as Error).message, { cause });
    }
  }

  /** @internal */
  protected sourceWith(name: string, loader: readonly unknown[]): ModuleSource | null {
    const functions = [this.options.transform, this.options.targetTransform];
    const [transform, targetTransform] = functions.map((fn) => (fn ? sourceOf(fn) : undefined));
    if (transform === null || targetTransform === null) return null;
    const { root, classes, samples } = this;
    const options = { ...(transform && { transform }), ...(targetTransform && { targetTransform }) };
    return { module: import.meta.url, export: name, args: [root, { classes, samples }, ...loader, options] };
  }
}

/**
 * Files of classes: `root/cat/1.txt`, `root/dog/x/2.txt`. Classes are the folders in `root`, sorted by name.
 * Source: https://docs.pytorch.org/vision/0.28/generated/torchvision.datasets.DatasetFolder.html
 */
export class DatasetFolder<T, U = T> extends Files<T, U> {
  /**
   * @param loader reads a file
   * @throws FormatError when there is no class folder, or one without a file
   */
  static async open<T, U = T>(
    root: string,
    loader: (path: string) => Promise<T>,
    options: FolderOptions<T, U> = {},
  ): Promise<DatasetFolder<T, U>> {
    return new DatasetFolder(root, await findSamples('DatasetFolder', root, options), loader, options);
  }

  workerSource(): ModuleSource | null {
    const loader = sourceOf(this.loader);
    return loader && this.sourceWith('DatasetFolder', [loader]);
  }
}

/**
 * Images of classes: items are `[image, label]`, the image `[3, H, W]` uint8 unless `transform` makes something else.
 * Source: https://docs.pytorch.org/vision/0.28/generated/torchvision.datasets.ImageFolder.html
 *
 * @example
 * const flowers = await ImageFolder.open('flowers/train', { transform: (image) => image.to('float32').div(255) });
 */
export class ImageFolder<U = Tensor> extends Files<Tensor, U> {
  /** @internal Use {@link open}. */
  constructor(
    root: string,
    found: { classes: readonly string[]; samples: readonly Sample[] },
    options: FolderOptions<Tensor, U>,
  ) {
    super(root, found, readImage, options);
  }

  /** @throws FormatError when there is no class folder, or one without an image */
  static async open<U = Tensor>(root: string, options: FolderOptions<Tensor, U> = {}): Promise<ImageFolder<U>> {
    const found = await findSamples('ImageFolder', root, { extensions: IMAGE_EXTENSIONS, ...options });
    return new ImageFolder(root, found, options);
  }

  workerSource(): ModuleSource | null {
    return this.sourceWith('ImageFolder', []);
  }
}

async function findSamples(
  op: string,
  root: string,
  { extensions, allowEmpty = false }: { extensions?: readonly string[]; allowEmpty?: boolean },
): Promise<{ classes: string[]; samples: Sample[] }> {
  const classes = (await contentsOf(root)).folders;
  if (classes.length === 0) throw new FormatError(op, root, 'has no folder of a class');
  const samples: Sample[] = [];
  const empty: string[] = [];
  for (const [label, name] of classes.entries()) {
    const files = (await filesIn(join(root, name))).filter(
      (file) => extensions?.some((ending) => file.toLowerCase().endsWith(ending)) ?? true,
    );
    if (files.length === 0) empty.push(name);
    for (const file of files) samples.push([file, label]);
  }
  if (empty.length > 0 && !allowEmpty) {
    const endings = extensions ? ` that ends in ${extensions.join(', ')}` : '';
    throw new FormatError(op, root, `no file${endings} for the classes ${empty.join(', ')}`);
  }
  return { classes, samples };
}

const byCodePoint = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Names in a folder, sorted; links count as what they lead to. */
async function contentsOf(folder: string): Promise<{ files: string[]; folders: string[] }> {
  const found = { files: [] as string[], folders: [] as string[] };
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const { name } = entry;
    const isFolder = entry.isSymbolicLink() ? await leadsToFolder(join(folder, name)) : entry.isDirectory();
    (isFolder ? found.folders : found.files).push(name);
  }
  found.files.sort(byCodePoint);
  found.folders.sort(byCodePoint);
  return found;
}

const leadsToFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (target) => target.isDirectory(),
    () => false,
  );

/** As Python's `sorted(os.walk(...))`: folder by folder in the order of their paths, each with its files. */
async function filesIn(root: string): Promise<string[]> {
  const all: { folder: string; files: string[] }[] = [];
  const walk = async (folder: string): Promise<void> => {
    const { files, folders } = await contentsOf(folder);
    all.push({ folder, files });
    for (const name of folders) await walk(join(folder, name));
  };
  await walk(root);
  all.sort((a, b) => byCodePoint(a.folder, b.folder));
  return all.flatMap(({ folder, files }) => files.map((name) => join(folder, name)));
}
