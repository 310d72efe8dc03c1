// Transforms of boxes alone.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { index } from '../../ops/indexing/advanced.js';
import { mul, sub } from '../../ops/pointwise/arithmetic.js';
import { ge, le, logicalAnd } from '../../ops/pointwise/compare.js';
import { all } from '../../ops/reduce/reduce.js';
import { narrow, select } from '../../ops/shape/view.js';
import { checkOptions } from '../../tensor/check.js';
import { noGrad } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import { SampleTransform } from './base.js';
import { checkBoxes, clampBoundingBoxes, convertBoundingBoxFormat, convertFormat } from './boxes.js';
import { BoundingBoxes, type BoundingBoxFormat, checkFormat, Mask, partsOf, replaceParts } from './sample.js';

const isBoxes = (part: unknown): part is BoundingBoxes => part instanceof BoundingBoxes;

const withBoxes = (sample: unknown, fn: (boxes: BoundingBoxes) => BoundingBoxes): unknown =>
  replaceParts(
    sample,
    new Map(
      partsOf(sample)
        .filter(isBoxes)
        .map((boxes) => [boxes, fn(boxes)]),
    ),
  );

/**
 * Cuts boxes at the edges of their image.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.ClampBoundingBoxes.html
 */
export class ClampBoundingBoxes extends SampleTransform {
  protected override run(sample: unknown): unknown {
    return withBoxes(sample, clampBoundingBoxes);
  }
}

/**
 * Boxes in another format.
 *
 * @throws ArgumentError for an unknown format.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.ConvertBoundingBoxFormat.html
 */
export class ConvertBoundingBoxFormat extends SampleTransform {
  constructor(readonly format: BoundingBoxFormat) {
    super();
    checkFormat(this.name, format);
  }

  override extraRepr(): string {
    return `format=${this.format}`;
  }

  protected override run(sample: unknown): unknown {
    return withBoxes(sample, (boxes) => convertBoundingBoxFormat(boxes, this.format));
  }
}

/** Which boxes {@link sanitizeBoundingBoxes} keeps. */
export interface SanitizeOptions {
  /** The smallest width and height. Default 1. */
  readonly minSize?: number;
  /** Default 1. */
  readonly minArea?: number;
}

function checkSanitize(op: string, options: SanitizeOptions): Required<SanitizeOptions> {
  checkOptions(op, options);
  const { minSize = 1, minArea = 1 } = options;
  for (const [name, value] of Object.entries({ minSize, minArea })) {
    if (!(value >= 1)) throw new ArgumentError(op, `${name} must be >= 1, got ${valueText(value)}`, value);
  }
  return { minSize, minArea };
}

function validOf(op: string, boxes: BoundingBoxes, { minSize, minArea }: Required<SanitizeOptions>): Tensor {
  if (boxes.data.ndim !== 2) {
    throw new ShapeError(op, `boxes [K, 4] are needed, got ${shapeText(boxes.data.shape)}`, boxes.data.shape);
  }
  return noGrad(() => {
    const corners = convertFormat(boxes.data, boxes.format, 'XYXY');
    const size = sub(narrow(corners, 1, 2, 2), narrow(corners, 1, 0, 2));
    const [height, width] = boxes.canvasSize;
    const inside = (first: number, most: number): Tensor =>
      logicalAnd(le(select(corners, 1, first), most), le(select(corners, 1, first + 2), most));
    return [
      all(ge(corners, 0), 1),
      ge(mul(select(size, 1, 0), select(size, 1, 1)), minArea),
      inside(0, width),
      inside(1, height),
    ].reduce((a, b) => logicalAnd(a, b), all(ge(size, minSize), 1));
  });
}

/**
 * Boxes `[K, 4]` without those that are too small or reach over the image, and a mask of the ones kept. Waits for the boxes.
 *
 * @throws ArgumentError for limits below 1; ShapeError for boxes of more axes.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.sanitize_bounding_boxes.html
 */
export function sanitizeBoundingBoxes(boxes: BoundingBoxes, options: SanitizeOptions = {}): [BoundingBoxes, Tensor] {
  const op = 'sanitizeBoundingBoxes';
  checkBoxes(op, boxes);
  const valid = validOf(op, boxes, checkSanitize(op, options));
  return [noGrad(() => boxes.with(index(boxes.data, [valid]))), valid];
}

/** Options of {@link SanitizeBoundingBoxes}. */
export interface SanitizeBoundingBoxesOptions extends SanitizeOptions {
  /**
   * The tensors that go with the boxes, one entry for each. Default: the field `labels` of the sample, or of the object in
   * an array's second place. null: none.
   */
  readonly labelsGetter?: ((sample: never) => Tensor | readonly Tensor[] | null) | null;
}

function defaultLabels(sample: unknown): unknown {
  const holder = Array.isArray(sample) ? sample[1] : sample;
  if (typeof holder !== 'object' || holder === null || holder instanceof Tensor) return null;
  const key = Object.keys(holder).find((name) => name.toLowerCase() === 'labels');
  return key === undefined ? null : (holder as Record<string, unknown>)[key];
}

/**
 * Takes away boxes that are too small or reach over the image, with their labels, and masks `[K, H, W]` of instances. Waits
 * for the boxes.
 *
 * @throws ArgumentError for limits below 1, samples without boxes, and labels that are no tensors; ShapeError where the
 * number of labels is not that of the boxes.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.SanitizeBoundingBoxes.html
 */
export class SanitizeBoundingBoxes extends SampleTransform {
  readonly minSize: number;
  readonly minArea: number;
  private readonly labelsGetter: (sample: never) => unknown;

  constructor(options: SanitizeBoundingBoxesOptions = {}) {
    super();
    const { minSize, minArea } = checkSanitize(this.name, options);
    const { labelsGetter = defaultLabels } = options;
    this.minSize = minSize;
    this.minArea = minArea;
    this.labelsGetter = labelsGetter ?? (() => null);
  }

  override extraRepr(): string {
    return `min_size=${this.minSize}, min_area=${this.minArea}`;
  }

  protected override run(sample: unknown): unknown {
    const parts = partsOf(sample);
    const boxes = parts.filter(isBoxes);
    if (boxes.length !== 1)
      throw new ArgumentError(this.name, `one BoundingBoxes is needed, got ${boxes.length}`, sample);
    const count = boxes[0].data.shape[0];
    const labels = this.labelsOf(sample, count);
    const valid = validOf(this.name, boxes[0], this);
    const kept = new Map<unknown, unknown>([[boxes[0], boxes[0].with(index(boxes[0].data, [valid]))]]);
    for (const label of labels) kept.set(label, index(label, [valid]));
    for (const part of parts) {
      if (part instanceof Mask && part.data.ndim > 2 && part.data.shape[0] === count) {
        kept.set(part, new Mask(index(part.data, [valid])));
      }
    }
    return replaceParts(sample, kept);
  }

  private labelsOf(sample: unknown, count: number): readonly Tensor[] {
    const found = (this.labelsGetter as (sample: unknown) => unknown)(sample) ?? [];
    const labels: readonly unknown[] = Array.isArray(found) ? found : [found];
    for (const label of labels) {
      if (!(label instanceof Tensor)) throw new ArgumentError(this.name, `labels are tensors, got ${valueText(label)}`);
      if (label.shape[0] === count) continue;
      throw new ShapeError(this.name, `labels ${shapeText(label.shape)} for ${count} boxes`, label.shape, [count, 4]);
    }
    return labels as readonly Tensor[];
  }
}
