// What JPEG does to images, through the optional package sharp.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { importOptional } from '../../optional.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { tensor } from '../../tensor/create.js';
import '../../tensor/read.js';
import type { Generator } from '../../tensor/random.js';
import { Tensor } from '../../tensor/tensor.js';
import { SampleTransform, type TransformCall, type TransformOptions } from './base.js';
import { Draws } from './draws.js';
import { checkColors, countImages, type PerImage, perImage } from './image.js';
import { Image, partsOf, replaceParts } from './sample.js';

const checkQuality = (v: number): boolean => Number.isInteger(v) && v >= 1 && v <= 100;

/** Pixels side by side for sharp, and back to planes. */
function transposed(bytes: Uint8Array, rows: number, columns: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = bytes[i * columns + j];
  return out;
}

/**
 * Images `[..., 1 or 3, H, W]` of bytes, written as JPEG of a `quality` of [1, 100] and read again. `quality` is a number or
 * one for each image. Needs the package `sharp`; colours are stored at half of the resolution, as PyTorch's encoder does.
 *
 * @throws ArgumentError for another quality, DTypeError for other dtypes, MissingPackageError without sharp.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.jpeg.html
 */
export async function jpeg(input: Tensor, quality: PerImage): Promise<Tensor>;
export async function jpeg(input: Image, quality: PerImage): Promise<Image>;
export async function jpeg(input: Tensor | Image, quality: PerImage): Promise<Tensor | Image> {
  const op = 'jpeg';
  if (input instanceof Image) return new Image(await jpeg(input.data, quality));
  checkTensor(op, input);
  const x = input;
  if (x.dtype !== 'uint8') throw new DTypeError(op, `an image of dtype uint8 is needed, got ${x.dtype}`, x.dtype);
  if (x.ndim < 3) throw new ShapeError(op, `an image [..., C, H, W] is needed, got ${shapeText(x.shape)}`, x.shape);
  checkColors(op, x);
  const count = countImages(x);
  const qualities = perImage(op, 'quality', quality, count, checkQuality, 'be an integer of [1, 100]');
  const [channels, height, width] = x.shape.slice(-3);
  const { default: sharp } = await importOptional(op, ['sharp'], () => import('sharp'));
  const all = (await x.data()) as Uint8Array;
  const size = channels * height * width;
  const out = new Uint8Array(all.length);
  const each = async (n: number): Promise<void> => {
    const pixels = transposed(all.subarray(n * size, (n + 1) * size), channels, height * width);
    const space = channels === 1 ? 'b-w' : 'srgb';
    const raw = { width, height, channels: channels as 1 | 3 };
    const encoder = sharp(pixels, { raw }).toColourspace(space);
    const file = await encoder.jpeg({ quality: qualities[qualities.length === 1 ? 0 : n] }).toBuffer();
    const decoded = await sharp(file).toColourspace(space).raw().toBuffer();
    out.set(transposed(decoded, height * width, channels), n * size);
  };
  if (size > 0) await Promise.all(Array.from({ length: count }, (_, n) => each(n)));
  return tensor(out, { shape: x.shape });
}

/**
 * Writes images of bytes as JPEG of a random quality, and reads them again. sharp works in the background, so this transform
 * is asynchronous: {@link JPEG.forwardAsync}. It cannot stand in a `Compose`.
 *
 * @throws ArgumentError for a quality outside [1, 100], and from `forward`.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.JPEG.html
 */
export class JPEG extends SampleTransform {
  readonly quality: readonly [number, number];

  constructor(quality: number | readonly [number, number], options: TransformOptions = {}) {
    super(options);
    const [low, high] = typeof quality === 'number' ? [quality, quality] : (quality ?? []);
    if (!checkQuality(low) || !checkQuality(high) || low > high) {
      const text = `quality must be an integer of [1, 100] or a range of them, got ${valueText(quality)}`;
      throw new ArgumentError(this.name, text, quality);
    }
    this.quality = [low, high];
  }

  /** The sample with its image written and read; everything else is passed on as it is. */
  async forwardAsync<S, R = S>(sample: S, options: TransformCall = {}): Promise<R> {
    checkOptions(this.name, options);
    const draws = new Draws(this.name, options.generator ?? this.generator);
    const done = new Map<unknown, unknown>();
    for (const part of partsOf(sample)) {
      const x = part instanceof Image ? part.data : part;
      if (!(x instanceof Tensor)) continue;
      const one = (): number => this.quality[0] + draws.below(this.quality[1] - this.quality[0] + 1);
      const quality = this.perSample ? Array.from({ length: countImages(x) }, one) : one();
      const result = await jpeg(x, quality);
      done.set(part, part instanceof Image ? new Image(result) : result);
    }
    return replaceParts(sample, done) as R;
  }

  override extraRepr(): string {
    return `quality=[${this.quality.join(', ')}]`;
  }

  protected override run(_sample: unknown, _generator: Generator | undefined): unknown {
    throw new ArgumentError(this.name, 'works in the background: await forwardAsync(sample)');
  }
}
