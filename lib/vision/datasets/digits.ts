import { readFile } from 'node:fs/promises';
import { FormatError } from '../../errors.js';
import { packageRoot } from '../../package-root.js';
import { LabeledImages } from './labeled-images.js';
import type { RawImages } from './source.js';

const SIDE = 8;
const PIXELS = SIDE * SIDE;
const WHITE = 16;
const MAX_BYTES = 1 << 24;
/** One image of five, class by class, is for testing. */
const TEST_EVERY = 5;

/** How to load {@link Digits}. */
export interface DigitsOptions {
  /** The training part (default, 1442 images) or the test part (355 images). */
  readonly train?: boolean;
  /** Another file of the same form: per line 64 pixels from 0 to 16 and the label. */
  readonly path?: string;
}

/**
 * The 1797 handwritten digits of the UCI repository, 8 x 8 pixels, shipped with nabla: a data set for first steps and
 * tests that needs no download. Each class gives every fifth image to the test part, so both parts have the same mix.
 *
 * @example
 * const train = await Digits.load();
 * const test = await Digits.load({ train: false });
 */
export class Digits extends LabeledImages {
  static readonly classes: readonly string[] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

  /** @throws FormatError when the file is damaged */
  static async load(options: DigitsOptions = {}): Promise<Digits> {
    const { path = `${packageRoot()}data/digits.csv.gz`, train = true } = options;
    return new Digits(split(await readDigits(path), train), Digits.classes, WHITE);
  }
}

async function readDigits(path: string): Promise<RawImages> {
  const lines = unpack(path, await readFile(path))
    .trimEnd()
    .split('\n');
  const images = new Uint8Array(lines.length * PIXELS);
  const labels = new Uint8Array(lines.length);
  for (const [row, line] of lines.entries()) {
    const values = line.split(',').map((text) => (/^\d{1,2}$/.test(text) ? Number(text) : Number.NaN));
    const wrong = values.findIndex((value, i) => !(value <= (i < PIXELS ? WHITE : 9)));
    if (values.length !== PIXELS + 1 || wrong >= 0) {
      const found = wrong >= 0 ? `value ${wrong + 1} is out of range` : `${values.length} values`;
      throw new FormatError(
        'Digits',
        path,
        `line ${row + 1}: ${found}, expected 64 pixels up to 16 and a label up to 9`,
      );
    }
    images.set(values.slice(0, PIXELS), row * PIXELS);
    labels[row] = values[PIXELS];
  }
  return { images, labels, height: SIDE, width: SIDE };
}

function unpack(path: string, packed: Buffer): string {
  try {
    return process.getBuiltinModule('node:zlib').gunzipSync(packed, { maxOutputLength: MAX_BYTES }).toString('latin1');
  } catch (error) {
    throw new FormatError('Digits', path, `damaged gzip data: ${(error as Error).message}`);
  }
}

function split(all: RawImages, train: boolean): RawImages {
  const seen = new Uint32Array(10);
  const rows = [...all.labels.keys()].filter((row) => {
    const testing = seen[all.labels[row]]++ % TEST_EVERY === TEST_EVERY - 1;
    return testing !== train;
  });
  const images = new Uint8Array(rows.length * PIXELS);
  for (const [i, row] of rows.entries()) {
    images.set(all.images.subarray(row * PIXELS, (row + 1) * PIXELS), i * PIXELS);
  }
  return { ...all, images, labels: Uint8Array.from(rows, (row) => all.labels[row]) };
}
