import { readFile } from 'node:fs/promises';
import { FormatError } from '../../errors.js';
import { importOptional } from '../../optional.js';
import '../../ops/index.js';
import { tensor } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';

/** How {@link readImage} reads. */
export interface ReadImageOptions {
  /** Colour channels: `rgb` (default) or `gray` (ITU-R 601: 0.299 red, 0.587 green, 0.114 blue). */
  readonly mode?: 'rgb' | 'gray';
  /** Turn the image as the camera noted in its EXIF data. Default false: boxes and masks are of the stored pixels. */
  readonly applyExifOrientation?: boolean;
}

/**
 * Reads an image file (PNG, JPEG, WebP, …) with the package sharp. As torchvision's readers do, it takes the stored
 * pixels: transparency and colour profiles are left out.
 *
 * @returns `[C, H, W]`, uint8
 * @throws MissingPackageError when sharp is not installed
 * @throws FormatError for a file that is no image, or truncated
 * Source: https://docs.pytorch.org/vision/0.28/generated/torchvision.io.decode_image.html
 */
export async function readImage(path: string, options: ReadImageOptions = {}): Promise<Tensor> {
  const { mode = 'rgb', applyExifOrientation = false } = options;
  const { default: sharp } = await importOptional('readImage', ['sharp'], () => import('sharp'));
  const bytes = await readFile(path);
  let raw: { data: Buffer; info: { width: number; height: number; channels: number } };
  try {
    const image = sharp(bytes, { failOn: 'truncated', ignoreIcc: true, autoOrient: applyExifOrientation });
    raw = await image.removeAlpha().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  } catch (error) {
    throw new FormatError('readImage', path, `no image, or a damaged one: ${(error as Error).message}`);
  }
  const { width, height, channels } = raw.info;
  if (mode === 'gray') return tensor(grayOf(raw.data, channels), { shape: [1, height, width] });
  const rows = tensor(new Uint8Array(raw.data), { shape: [height, width, channels] });
  const image = rows.permute([2, 0, 1]).contiguous();
  rows.dispose();
  return image;
}

/** In whole numbers, as Pillow and torchvision round. */
function grayOf(pixels: Buffer, channels: number): Uint8Array {
  const gray = new Uint8Array(pixels.length / channels);
  for (let i = 0; i < gray.length; i++) {
    const [r, g, b] = [pixels[i * channels], pixels[i * channels + 1], pixels[i * channels + 2]];
    gray[i] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
  }
  return gray;
}
