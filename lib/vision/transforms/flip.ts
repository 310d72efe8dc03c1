// Mirrored images.

import { add, sub } from '../../ops/pointwise/arithmetic.js';
import { stack, unbind } from '../../ops/shape/concat.js';
import { flip } from '../../ops/shape/flip.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkProbability, Transform, type TransformOptions } from './base.js';
import type { Draws } from './draws.js';
import { BoundingBoxes, Image, Mask, type Transformable } from './sample.js';
import { mapped } from './turn.js';

/** Boxes `[..., 4]` mirrored along x (0) or y (1). */
export function flipBoxes(boxes: BoundingBoxes, axis: 0 | 1): BoundingBoxes {
  const parts = unbind(boxes.data, -1);
  const size = boxes.canvasSize[1 - axis];
  const [low, high] = [parts[axis], parts[axis + 2]];
  const flipped = [...parts];
  if (boxes.format === 'XYXY') {
    flipped[axis] = sub(size, high);
    flipped[axis + 2] = sub(size, low);
  } else {
    flipped[axis] = sub(size, boxes.format === 'XYWH' ? add(low, high) : low);
  }
  return boxes.with(stack(flipped, -1));
}

function flipPart<T extends Transformable>(part: T, axis: 0 | 1): T;
function flipPart(part: Transformable, axis: 0 | 1): Transformable {
  if (part instanceof BoundingBoxes) return flipBoxes(part, axis);
  if (part instanceof Mask) return new Mask(flip(part.data, -1 - axis));
  if (part instanceof Image) return new Image(flip(part.data, -1 - axis));
  return flip(part, -1 - axis);
}

/** An image `[..., C, H, W]`, mask or boxes, mirrored left to right. */
export const horizontalFlip = <T extends Transformable>(input: T): T => flipPart(input, 0);

/** An image `[..., C, H, W]`, mask or boxes, mirrored top to bottom. */
export const verticalFlip = <T extends Transformable>(input: T): T => flipPart(input, 1);

/** What both flips share. */
abstract class RandomFlip extends Transform<true> {
  constructor(
    readonly p = 0.5,
    options: TransformOptions = {},
  ) {
    super(options);
    checkProbability(this.name, p);
  }

  protected abstract readonly axis: 0 | 1;

  override extraRepr(): string {
    return `p=${this.p}`;
  }

  protected makeParams(draws: Draws): true | null {
    return draws.chance(this.p) ? true : null;
  }

  protected image(images: Tensor): Tensor {
    return flip(images, -1 - this.axis);
  }

  /** All in one pass, also those that stay. */
  protected override images(images: Tensor, params: readonly (true | null)[]): Tensor {
    const flips = params.map((p) => (this.axis === 0 ? [0, 0, p ? 1 : 0, 0] : [0, 0, 0, p ? 1 : 0]));
    return mapped(this.name, images, flips, 'place', {});
  }

  protected override mask(masks: Tensor): Tensor {
    return flip(masks, -1 - this.axis);
  }

  protected override boxes(boxes: BoundingBoxes): BoundingBoxes {
    return flipBoxes(boxes, this.axis);
  }
}

/**
 * Mirrors images left to right with probability `p`.
 *
 * @throws ArgumentError for a `p` outside [0, 1].
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomHorizontalFlip.html
 */
export class RandomHorizontalFlip extends RandomFlip {
  protected readonly axis = 0;
}

/**
 * Mirrors images top to bottom with probability `p`.
 *
 * @throws ArgumentError for a `p` outside [0, 1].
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomVerticalFlip.html
 */
export class RandomVerticalFlip extends RandomFlip {
  protected readonly axis = 1;
}
