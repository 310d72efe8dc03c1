// The frame of all transforms: takes a sample apart, draws parameters for each image, and puts the results back.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { indexCopy, indexSelect } from '../../ops/indexing/rows.js';
import { reshape } from '../../ops/shape/view.js';
import { checkOptions } from '../../tensor/check.js';
import { tensor } from '../../tensor/create.js';
import { numelOf, sameShape } from '../../tensor/layout.js';
import { type Generator, generatorOf } from '../../tensor/random.js';
import { noGrad } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import { Draws } from './draws.js';
import {
  BoundingBoxes,
  dataOf,
  Image,
  type ImageSize,
  Mask,
  partsOf,
  replaceParts,
  type Transformable,
  tensorsOf,
} from './sample.js';

/** Options that every transform takes. */
export interface TransformOptions {
  /**
   * Draw for each image of a batch `[..., C, H, W]` on its own (true), or once for all images of a call, as torchvision
   * does (false: for the frames of a video, and for boxes or masks that do not lie in a batch). Default true.
   */
  readonly perSample?: boolean;
  /** Where random numbers come from, when a call brings no generator. Default: the one that `manualSeed` seeds. */
  readonly generator?: Generator;
}

/** Options of a call of a transform. */
export interface TransformCall {
  /** Where random numbers come from. Default: the transform's own, then the one that `manualSeed` seeds. */
  readonly generator?: Generator;
}

/** A transform, or a function of a sample. */
export type TransformLike = SampleTransform | ((sample: never) => unknown);

/** @internal */
export function checkProbability(op: string, p: unknown): asserts p is number {
  if (typeof p === 'number' && p >= 0 && p <= 1) return;
  throw new ArgumentError(op, `p must lie in [0, 1], got ${valueText(p)}`, p);
}

/** Anything that turns samples into samples. */
export abstract class SampleTransform {
  /** Draws for each image of a batch. */
  readonly perSample: boolean;
  readonly generator: Generator | undefined;

  constructor(options: TransformOptions = {}) {
    const op = new.target.name;
    checkOptions(op, options);
    const { perSample = true, generator } = options;
    if (typeof perSample !== 'boolean') {
      throw new ArgumentError(op, `perSample must be true or false, got ${valueText(perSample)}`, perSample);
    }
    if (generator !== undefined && generator !== null) generatorOf(op, generator);
    this.perSample = perSample;
    this.generator = generator;
  }

  /**
   * The sample with its images, masks and boxes transformed; everything else in it is passed on as it is. Nothing is
   * recorded for gradients.
   */
  forward<S, R = S>(sample: S, options: TransformCall = {}): R {
    checkOptions(this.name, options);
    const { generator = this.generator } = options;
    let result: unknown;
    noGrad(() => {
      result = this.run(sample, generator);
      return tensorsOf(result);
    });
    return result as R;
  }

  /** The class's name, for errors. */
  get name(): string {
    return this.constructor.name;
  }

  /** What stands in brackets behind the name. */
  extraRepr(): string {
    return '';
  }

  /** The name and the settings. */
  toString(): string {
    return `${this.name}(${this.extraRepr()})`;
  }

  protected abstract run(sample: unknown, generator: Generator | undefined): unknown;
}

/** @internal Runs a transform or a function on a sample. */
export function runTransform(transform: TransformLike, sample: unknown, generator: Generator | undefined): unknown {
  if (transform instanceof SampleTransform) return transform.forward(sample, { generator });
  return (transform as (sample: unknown) => unknown)(sample);
}

/** What a sample is made of, as its parameters depend on it. */
export interface SampleInfo {
  /** Of its images; of masks or boxes where there are none. */
  readonly size: ImageSize;
  readonly channels: number;
  readonly parts: readonly Transformable[];
}

/**
 * A transform that draws parameters `P` for each image, and changes images (and masks and boxes) by them. Classes of your
 * own give `image`, and `mask` and `boxes` where these move too.
 *
 * Images come as `[N, C, H, W]`, masks as `[N, K, H, W]` and boxes as `[N, K, 4]`, with `N` parameters or one for all. An
 * image with the parameters null stays as it is.
 */
export abstract class Transform<P = void> extends SampleTransform {
  /** The parameters of one image, or null to leave it as it is. */
  protected abstract makeParams(draws: Draws, info: SampleInfo): P | null;

  /** `[N, C, H, W]`. */
  protected abstract image(images: Tensor, params: readonly P[]): Tensor;

  /** `[N, K, H, W]`. */
  protected mask(masks: Tensor, _params: readonly P[]): Tensor {
    return masks;
  }

  /** `[N, K, 4]`. */
  protected boxes(boxes: BoundingBoxes, _params: readonly P[]): BoundingBoxes {
    return boxes;
  }

  /** Whether images of one batch may get parameters of their own; false where these decide about sizes. */
  protected get drawsEach(): boolean {
    return this.perSample;
  }

  /** The parameters of `count` images. */
  protected makeAll(draws: Draws, info: SampleInfo, count: number): readonly (P | null)[] {
    return Array.from({ length: count }, () => this.makeParams(draws, info));
  }

  /** Looks at a sample before anything is drawn. */
  protected checkSample(_info: SampleInfo): void {}

  /** Images of which some stay as they are. Classes that do both in one pass give their own. */
  protected images(images: Tensor, params: readonly (P | null)[]): Tensor {
    return someOf(this.name, images, params, (x, p) => this.image(x, p));
  }

  protected override run(sample: unknown, generator: Generator | undefined): unknown {
    const parts = partsOf(sample);
    if (parts.length === 0) return sample;
    const info = infoOf(this.name, parts);
    this.checkSample(info);
    const lead = this.drawsEach ? leadOf(this.name, parts) : [];
    const draws = new Draws(this.name, generator);
    const params = this.makeAll(draws, info, numelOf(lead));
    const done = new Map<unknown, unknown>();
    for (const part of parts) done.set(part, this.part(part, lead, params));
    return replaceParts(sample, done);
  }

  private part(part: Transformable, lead: readonly number[], params: readonly (P | null)[]): Transformable {
    if (params.every((p) => p === null)) return part;
    const data = dataOf(part);
    const keep = part instanceof BoundingBoxes ? 1 : part instanceof Mask ? 2 : 3;
    const inner = data.shape.slice(data.ndim - keep);
    const count = keep === 3 && lead.length === 0 ? numelOf(data.shape.slice(0, -3)) : params.length;
    const shape = keep === 3 ? [count, ...inner] : [count, middleOf(data, lead, keep), ...inner];
    const flat = sameShape(data.shape, shape) ? data : reshape(data, shape);
    const outer = data.shape.slice(0, data.ndim - keep);
    const back = (x: Tensor): Tensor =>
      sameShape(data.shape, shape) ? x : reshape(x, [...outer, ...x.shape.slice(x.ndim - keep)]);
    if (part instanceof BoundingBoxes) return this.boxesOf(part.with(flat), params, back);
    if (part instanceof Mask) return new Mask(back(someOf(this.name, flat, params, (x, p) => this.mask(x, p))));
    const result = back(this.images(flat, params));
    return part instanceof Image ? new Image(result) : result;
  }

  private boxesOf(boxes: BoundingBoxes, params: readonly (P | null)[], back: (x: Tensor) => Tensor): BoundingBoxes {
    let canvas = boxes.canvasSize;
    const data = someOf(this.name, boxes.data, params, (x, p) => {
      const result = this.boxes(boxes.with(x), p);
      canvas = result.canvasSize;
      return result.data;
    });
    return boxes.with(back(data), canvas);
  }
}

/** Elements between the batch and the last axes. */
const middleOf = (data: Tensor, lead: readonly number[], keep: number): number =>
  numelOf(data.shape.slice(lead.length, data.ndim - keep));

/** Applies `fn` to the images with parameters; the others stay as they are. */
function someOf<P>(
  op: string,
  x: Tensor,
  params: readonly (P | null)[],
  fn: (x: Tensor, params: readonly P[]) => Tensor,
): Tensor {
  const chosen = params.flatMap((p, i) => (p === null ? [] : [i]));
  if (chosen.length === 0) return x;
  if (chosen.length === params.length) return fn(x, params as readonly P[]);
  const at = tensor(Int32Array.from(chosen));
  const changed = fn(
    indexSelect(x, 0, at),
    chosen.map((i) => params[i] as P),
  );
  if (!sameShape(changed.shape.slice(1), x.shape.slice(1)) || changed.dtype !== x.dtype) {
    const text = `${shapeText(x.shape.slice(1))} (${x.dtype}) and ${shapeText(changed.shape.slice(1))} (${changed.dtype})`;
    throw new ShapeError(op, `images of one batch would be ${text}; use perSample: false`, x.shape, changed.shape);
  }
  return indexCopy(x, 0, at, changed);
}

function sizeOf(part: Transformable): ImageSize {
  if (part instanceof BoundingBoxes) return part.canvasSize;
  const { shape } = dataOf(part);
  return [shape[shape.length - 2], shape[shape.length - 1]];
}

/** @throws ShapeError for an image of less than three axes, and parts that differ in height or width. */
function infoOf(op: string, parts: readonly Transformable[]): SampleInfo {
  for (const part of parts) {
    if (part instanceof Tensor && part.ndim < 3) {
      throw new ShapeError(op, `an image [..., C, H, W] is needed, got ${shapeText(part.shape)}`, part.shape);
    }
  }
  const image = parts.find((part) => part instanceof Tensor || part instanceof Image);
  const size = sizeOf(image ?? parts[0]);
  const other = parts.find((part) => !sameShape(sizeOf(part), size));
  if (other !== undefined) {
    const kind = other instanceof Tensor ? 'image' : other.constructor.name;
    const text = `the sample has sizes ${shapeText(size)} and ${shapeText(sizeOf(other))} (${kind})`;
    throw new ShapeError(op, text, size, sizeOf(other));
  }
  const shape = image === undefined ? [] : dataOf(image).shape;
  return { size, channels: shape[shape.length - 3] ?? 0, parts };
}

/** @internal The batch axes of a sample's images, which masks and boxes must have too. */
export function leadOf(op: string, parts: readonly Transformable[]): readonly number[] {
  const images = parts.filter((part) => part instanceof Tensor || part instanceof Image);
  if (images.length === 0) return [];
  const lead = dataOf(images[0]).shape.slice(0, -3);
  for (const part of parts) {
    const { shape } = dataOf(part);
    if (sameShape(shape.slice(0, lead.length), lead)) continue;
    const kind = part instanceof Tensor || part instanceof Image ? 'an image' : part.constructor.name;
    const text = `${kind} of ${shapeText(shape)} does not go with a batch of ${shapeText(lead)} images; use perSample: false`;
    throw new ShapeError(op, text, shape, lead);
  }
  return lead;
}
