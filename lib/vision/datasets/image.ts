import { readFile } from 'node:fs/promises';
import { FormatError } from '../../errors.js';
import { importOptional } from '../../optional.js';
import '../../ops/index.js';
import { tensor } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';

/** How {@link readImage} reads. */
export interface ReadImageOptions {
  /** Colour channels: `rgb` (default) or `gray`. */
  readonly mode?: 'rgb' | 'gray';
}

/**
 * Reads an image file (PNG, JPEG, WebP, …) with the package sharp; turned as its EXIF data says.
 *
 * @returns `[C, H, W]`, uint8
 * @throws MissingPackageError when sharp is not installed
 * @throws FormatError for a file that is no image, or truncated
 */
export async function readImage(path: string, { mode = 'rgb' }: ReadImageOptions = {}): Promise<Tensor> {
  const { default: sharp } = await importOptional('readImage', ['sharp'], () => import('sharp'));
  const bytes = await readFile(path);
  let raw: { data: Buffer; info: { width: number; height: number; channels: number } };
  try {
    const image = sharp(bytes, { failOn: 'truncated' }).rotate().flatten({ background: '#000' });
    const coloured = mode === 'gray' ? image.grayscale().toColourspace('b-w') : image.toColourspace('srgb');
    raw = await coloured.raw().toBuffer({ resolveWithObject: true });
  } catch (error) {
    throw new FormatError('readImage', path, `no image, or a damaged one: ${(error as Error).message}`);
  }
  const { width, height, channels } = raw.info;
  const rows = tensor(new Uint8Array(raw.data), { shape: [height, width, channels] });
  const image = rows.permute([2, 0, 1]).contiguous();
  rows.dispose();
  return image;
}
