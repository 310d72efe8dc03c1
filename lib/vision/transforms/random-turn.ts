// Transforms that turn, shear and bend images at random.
import { ArgumentError, valueText } from '../../errors.js';
import { indexSelect } from '../../ops/indexing/rows.js';
import { mul } from '../../ops/pointwise/arithmetic.js';
import { uniform_ } from '../../ops/random/in-place.js';
import { cat } from '../../ops/shape/concat.js';
import { permute } from '../../ops/shape/view.js';
import { empty, tensor } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkProbability, type SampleInfo, Transform, type TransformOptions } from './base.js';
import type { Draws } from './draws.js';
import { ELASTIC_MODES, type ElasticInterpolation, elasticBoxes, elasticImages } from './elastic.js';
import { type AffineParams, type Corners, type Point, perspectiveCoefficients } from './matrix.js';
import { checkNumber, checkNumbers, type Fill, roundEven } from './parts.js';
import { gaussianBlur } from './pixels.js';
import type { BoundingBoxes } from './sample.js';
import {
  affineBoxes,
  affineImages,
  checkInterpolation,
  perspectiveBoxes,
  perspectiveImages,
  rotation,
  WARP_MODES,
  type WarpInterpolation,
} from './turn.js';

/** Options of transforms that move pixels by a map. */
export interface RandomWarpOptions<I extends string = WarpInterpolation> extends TransformOptions {
  readonly interpolation?: I;
  /** What lies outside, one number or one for each channel. Default 0. */
  readonly fill?: Fill | null;
}

/** What transforms by maps share. */
abstract class WarpTransform<P, I extends string = WarpInterpolation> extends Transform<P> {
  readonly interpolation: I;
  readonly fill: Fill | null;

  constructor(options: RandomWarpOptions<I>, interpolation: I, modes: readonly I[]) {
    super(options);
    this.interpolation = options.interpolation ?? interpolation;
    this.fill = options.fill === undefined ? 0 : options.fill;
    checkInterpolation(this.name, this.interpolation, modes);
  }

  /** How images are read; masks by the nearest pixel. */
  protected reading(isMask = false): { interpolation: I | 'nearest'; fill: Fill | null } {
    return { interpolation: isMask ? 'nearest' : this.interpolation, fill: isMask ? maskFill(this.fill) : this.fill };
  }
}

/** Masks have other channels than images: a fill for each channel is 0 there. */
const maskFill = (fill: Fill | null): Fill | null => (Array.isArray(fill) && fill.length !== 1 ? 0 : fill);

/** `[-x, x]` for one number. */
function rangeOf(
  op: string,
  name: string,
  value: number | readonly number[],
  counts: readonly number[],
): readonly number[] {
  if (typeof value === 'number') {
    if (!(value >= 0)) throw new ArgumentError(op, `${name} must be >= 0 if it is one number, got ${value}`, value);
    return [-value, value];
  }
  const count = counts.find((n) => n === value?.length) ?? counts[0];
  checkNumbers(op, name, value, count);
  return value;
}

/** Options of {@link RandomRotation}. */
export interface RandomRotationOptions extends RandomWarpOptions {
  /** Make images so large that they show all of the turned ones; for all images of a batch alike. Default false. */
  readonly expand?: boolean;
  /** x and y, from the upper left corner. Default: the middle. */
  readonly center?: Point | null;
}

/**
 * Turns images by an angle between `-degrees` and `degrees`, or of a range of degrees; the nearest pixels unless
 * `interpolation` says `'bilinear'`.
 *
 * @throws ArgumentError for a negative number of degrees, or an unknown interpolation.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomRotation.html
 */
export class RandomRotation extends WarpTransform<number> {
  readonly degrees: readonly number[];
  readonly expand: boolean;
  readonly center: Point | null;

  constructor(degrees: number | readonly [number, number], options: RandomRotationOptions = {}) {
    super(options, 'nearest', WARP_MODES);
    this.degrees = rangeOf(this.name, 'degrees', degrees, [2]);
    this.expand = options.expand ?? false;
    this.center = options.center ?? null;
    if (this.center !== null) checkNumbers(this.name, 'center', this.center, 2);
  }

  override extraRepr(): string {
    return `degrees=[${this.degrees.join(', ')}], interpolation=${this.interpolation}, expand=${this.expand}`;
  }

  protected override get drawsEach(): boolean {
    return this.perSample && !this.expand;
  }

  protected makeParams(draws: Draws): number {
    return draws.uniform(this.degrees[0], this.degrees[1]);
  }

  protected image(images: Tensor, angles: readonly number[]): Tensor {
    return affineImages(this.name, images, angles.map(rotation), this.center, this.reading(), this.expand);
  }

  protected override mask(masks: Tensor, angles: readonly number[]): Tensor {
    return affineImages(this.name, masks, angles.map(rotation), this.center, this.reading(true), this.expand);
  }

  protected override boxes(boxes: BoundingBoxes, angles: readonly number[]): BoundingBoxes {
    return affineBoxes(boxes, angles.map(rotation), this.center, this.expand);
  }
}

/** Options of {@link RandomAffine}. */
export interface RandomAffineOptions extends RandomWarpOptions {
  /** The largest shift along x and y, as parts of the width and height. Default: none. */
  readonly translate?: readonly [number, number] | null;
  /** The smallest and the largest scale. Default: none. */
  readonly scale?: readonly [number, number] | null;
  /** Degrees: one number (along x, both ways), a range along x, or two ranges (x, then y). Default: none. */
  readonly shear?: number | readonly number[] | null;
  /** x and y, from the upper left corner. Default: the middle. */
  readonly center?: Point | null;
}

/**
 * Turns, shifts, scales and shears images; the nearest pixels unless `interpolation` says `'bilinear'`.
 *
 * @throws ArgumentError for shifts outside [0, 1], a scale <= 0, and ranges that are none.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomAffine.html
 */
export class RandomAffine extends WarpTransform<AffineParams> {
  readonly degrees: readonly number[];
  readonly translate: readonly [number, number] | null;
  readonly scale: readonly [number, number] | null;
  readonly shear: readonly number[] | null;
  readonly center: Point | null;

  constructor(degrees: number | readonly [number, number], options: RandomAffineOptions = {}) {
    super(options, 'nearest', WARP_MODES);
    const { translate = null, scale = null, shear = null, center = null } = options;
    this.degrees = rangeOf(this.name, 'degrees', degrees, [2]);
    if (translate !== null) checkNumbers(this.name, 'translate', translate, 2);
    if (translate?.some((t) => t < 0 || t > 1)) {
      throw new ArgumentError(this.name, `translate must lie in [0, 1], got ${valueText(translate)}`, translate);
    }
    if (scale !== null) checkNumbers(this.name, 'scale', scale, 2, true);
    if (scale !== null && scale[0] <= 0) {
      throw new ArgumentError(this.name, `scale must be above 0, got ${valueText(scale)}`, scale);
    }
    if (center !== null) checkNumbers(this.name, 'center', center, 2);
    this.translate = translate;
    this.scale = scale;
    this.shear = shear === null ? null : rangeOf(this.name, 'shear', shear, [2, 4]);
    this.center = center;
  }

  override extraRepr(): string {
    const more = (['translate', 'scale', 'shear'] as const).flatMap((name) => {
      const value = this[name];
      return value === null ? [] : [`${name}=[${value.join(', ')}]`];
    });
    return [`degrees=[${this.degrees.join(', ')}]`, ...more, `interpolation=${this.interpolation}`].join(', ');
  }

  protected makeParams(draws: Draws, { size: [height, width] }: SampleInfo): AffineParams {
    const { degrees, translate, scale, shear } = this;
    const angle = draws.uniform(degrees[0], degrees[1]);
    const shift = (part: number, size: number): number => roundEven(draws.uniform(-part * size, part * size));
    const moved: Point = translate === null ? [0, 0] : [shift(translate[0], width), shift(translate[1], height)];
    const scaled = scale === null ? 1 : draws.uniform(scale[0], scale[1]);
    const x = shear === null ? 0 : draws.uniform(shear[0], shear[1]);
    const y = shear !== null && shear.length === 4 ? draws.uniform(shear[2], shear[3]) : 0;
    return { angle, translate: moved, scale: scaled, shear: [x, y] };
  }

  protected image(images: Tensor, params: readonly AffineParams[]): Tensor {
    return affineImages(this.name, images, params, this.center, this.reading());
  }

  protected override mask(masks: Tensor, params: readonly AffineParams[]): Tensor {
    return affineImages(this.name, masks, params, this.center, this.reading(true));
  }

  protected override boxes(boxes: BoundingBoxes, params: readonly AffineParams[]): BoundingBoxes {
    return affineBoxes(boxes, params, this.center);
  }
}

/** Options of {@link RandomPerspective}. */
export interface RandomPerspectiveOptions extends RandomWarpOptions {
  /** How far corners may move in, from 0 to 1 (to the middle). Default 0.5. */
  readonly distortionScale?: number;
  /** Default 0.5. */
  readonly p?: number;
}

/**
 * Shows images in a random perspective, with probability `p`; blended unless `interpolation` says `'nearest'`.
 *
 * @throws ArgumentError for a `p` or a distortion outside [0, 1].
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomPerspective.html
 */
export class RandomPerspective extends WarpTransform<readonly number[]> {
  readonly distortionScale: number;
  readonly p: number;

  constructor(options: RandomPerspectiveOptions = {}) {
    super(options, 'bilinear', WARP_MODES);
    this.distortionScale = options.distortionScale ?? 0.5;
    this.p = options.p ?? 0.5;
    checkProbability(this.name, this.p);
    checkNumber(this.name, 'distortionScale', this.distortionScale);
    if (this.distortionScale < 0 || this.distortionScale > 1) {
      throw new ArgumentError(this.name, `distortionScale must lie in [0, 1], got ${this.distortionScale}`);
    }
  }

  override extraRepr(): string {
    return `distortion_scale=${this.distortionScale}, p=${this.p}, interpolation=${this.interpolation}`;
  }

  protected makeParams(draws: Draws, { size: [height, width] }: SampleInfo): readonly number[] | null {
    if (!draws.chance(this.p)) return null;
    const farX = Math.floor(this.distortionScale * Math.floor(width / 2)) + 1;
    const farY = Math.floor(this.distortionScale * Math.floor(height / 2)) + 1;
    const near = (far: number): number => draws.below(far);
    const end = (size: number, far: number): number => size - far + draws.below(far);
    const endpoints: Corners = [
      [near(farX), near(farY)],
      [end(width, farX), near(farY)],
      [end(width, farX), end(height, farY)],
      [near(farX), end(height, farY)],
    ];
    const [right, bottom] = [width - 1, height - 1];
    return perspectiveCoefficients(
      [
        [0, 0],
        [right, 0],
        [right, bottom],
        [0, bottom],
      ],
      endpoints,
    );
  }

  protected image(images: Tensor, params: readonly (readonly number[])[]): Tensor {
    return perspectiveImages(this.name, images, params, this.reading());
  }

  protected override mask(masks: Tensor, params: readonly (readonly number[])[]): Tensor {
    return perspectiveImages(this.name, masks, params, this.reading(true));
  }

  protected override boxes(boxes: BoundingBoxes, params: readonly (readonly number[])[]): BoundingBoxes {
    return perspectiveBoxes(boxes, params);
  }
}

/** Options of {@link ElasticTransform}. */
export interface ElasticTransformOptions extends RandomWarpOptions<ElasticInterpolation> {
  /** How far pixels may move, in pixels; one number, or along x and y. Default 50. */
  readonly alpha?: number | readonly number[];
  /** How smooth the field is, in pixels; one number, or along x and y. Default 5. */
  readonly sigma?: number | readonly number[];
}

/** One of the fields `[N, H, W, 2]` of a call. */
interface ElasticField {
  readonly fields: Tensor;
  readonly at: number;
}

/**
 * Bends images by a smooth random field; `interpolation` is bilinear unless given, and may be bicubic. Its width of blur must be smaller
 * than the image: `8 sigma + 1` pixels are blurred over.
 *
 * @throws ArgumentError for a negative sigma; ShapeError for images that are too small for it.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.ElasticTransform.html
 */
export class ElasticTransform extends WarpTransform<ElasticField, ElasticInterpolation> {
  readonly alpha: readonly number[];
  readonly sigma: readonly number[];

  constructor(options: ElasticTransformOptions = {}) {
    super(options, 'bilinear', ELASTIC_MODES);
    const both = (name: string, value: number | readonly number[]): readonly number[] => {
      const list = typeof value === 'number' ? [value, value] : value?.length === 1 ? [value[0], value[0]] : value;
      checkNumbers(this.name, name, list, 2);
      return list;
    };
    this.alpha = both('alpha', options.alpha ?? 50);
    this.sigma = both('sigma', options.sigma ?? 5);
    if (this.sigma.some((s) => s < 0)) throw new ArgumentError(this.name, 'sigma must be >= 0', this.sigma);
  }

  override extraRepr(): string {
    const { alpha, sigma, interpolation } = this;
    return `alpha=[${alpha.join(', ')}], sigma=[${sigma.join(', ')}], interpolation=${interpolation}`;
  }

  protected makeParams(draws: Draws, info: SampleInfo): ElasticField {
    return this.makeAll(draws, info, 1)[0];
  }

  /** The fields of all images at once. */
  protected override makeAll(draws: Draws, { size }: SampleInfo, count: number): readonly ElasticField[] {
    const generator = draws.generator();
    const along = (axis: 0 | 1): Tensor => {
      const noise = uniform_(empty([count, 1, ...size]), -1, 1, { generator });
      const sigma = this.sigma[axis];
      const odd = Math.floor(8 * sigma + 1) | 1;
      const smooth = sigma > 0 && count > 0 ? gaussianBlur(noise, odd, { sigma: this.sigma }) : noise;
      return mul(smooth, this.alpha[axis] / size[1 - axis]);
    };
    const fields = permute(cat([along(0), along(1)], 1), [0, 2, 3, 1]);
    return Array.from({ length: count }, (_, at) => ({ fields, at }));
  }

  private fieldOf(params: readonly ElasticField[]): Tensor {
    const [{ fields }] = params;
    if (params.length === fields.shape[0]) return fields;
    return indexSelect(fields, 0, tensor(Int32Array.from(params, ({ at }) => at)));
  }

  protected image(images: Tensor, fields: readonly ElasticField[]): Tensor {
    return elasticImages(this.name, images, this.fieldOf(fields), this.reading());
  }

  protected override mask(masks: Tensor, fields: readonly ElasticField[]): Tensor {
    return elasticImages(this.name, masks, this.fieldOf(fields), this.reading(true));
  }

  protected override boxes(boxes: BoundingBoxes, fields: readonly ElasticField[]): BoundingBoxes {
    return elasticBoxes(boxes, this.fieldOf(fields));
  }
}
