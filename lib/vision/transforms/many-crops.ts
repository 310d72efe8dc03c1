// Transforms that make several images of one, and models that look at several.
import { ArgumentError, valueText } from '../../errors.js';
import { add, mul } from '../../ops/pointwise/arithmetic.js';
import { checkFunction, checkOptions } from '../../tensor/check.js';
import type { Generator } from '../../tensor/random.js';
import { noGrad } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import { runTransform, SampleTransform, type TransformLike } from './base.js';
import { fiveCrop, type TenCropOptions, tenCrop } from './crop.js';
import { pairOf } from './parts.js';
import { BoundingBoxes, Image, type ImageSize, Mask, partsOf, replaceParts } from './sample.js';

/** What both crops share: an array of images in the place of the image. */
abstract class ManyCrops extends SampleTransform {
  readonly size: ImageSize;

  constructor(size: number | readonly number[]) {
    super();
    this.size = pairOf(this.name, 'size', size);
  }

  override extraRepr(): string {
    return `size=[${this.size.join(', ')}]`;
  }

  protected abstract crops(image: Tensor): Tensor[];

  protected override run(sample: unknown): unknown {
    const parts = partsOf(sample);
    const other = parts.find((part) => part instanceof BoundingBoxes || part instanceof Mask);
    if (other !== undefined) throw new ArgumentError(this.name, `${other.constructor.name} cannot be cropped`, other);
    const done = parts.map((part): [unknown, unknown] => {
      if (part instanceof Image) return [part, this.crops(part.data).map((x) => new Image(x))];
      return [part, this.crops(part as Tensor)];
    });
    return replaceParts(sample, new Map(done));
  }
}

/**
 * The four corners and the middle of images, as an array in the place of the image.
 *
 * @throws ShapeError where the crops are larger than the image; ArgumentError for samples with boxes or masks.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.FiveCrop.html
 */
export class FiveCrop extends ManyCrops {
  protected crops(image: Tensor): Tensor[] {
    return fiveCrop(image, this.size);
  }
}

/**
 * {@link FiveCrop} of images, and of the mirrored images.
 *
 * @throws ShapeError where the crops are larger than the image; ArgumentError for samples with boxes or masks.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.TenCrop.html
 */
export class TenCrop extends ManyCrops {
  readonly verticalFlip: boolean;

  constructor(size: number | readonly number[], options: TenCropOptions = {}) {
    super(size);
    checkOptions(this.name, options);
    this.verticalFlip = options.verticalFlip ?? false;
  }

  protected crops(image: Tensor): Tensor[] {
    return tenCrop(image, this.size, this);
  }
}

/** A model, or a function, of a batch of images. */
export type ImageModel = { forward(images: Tensor): Tensor } | ((images: Tensor) => Tensor);

/** Options of {@link TestTimeAugmentation}. */
export interface TestTimeAugmentationOptions {
  /** Applied to each prediction before the mean is taken, such as a softmax. Default: none. */
  readonly activation?: (prediction: Tensor) => Tensor;
  readonly generator?: Generator;
}

/**
 * The mean of a model's predictions for several views of the images `[N, C, H, W]`: one for each transform, and one for each
 * image where a transform makes several ({@link FiveCrop}). `(x) => x` is the image itself.
 *
 * @throws ArgumentError without transforms, or where a transform makes no image.
 * @example
 * const tta = new TestTimeAugmentation(model, [(x: Tensor) => x, functional.horizontalFlip]);
 * const prediction = tta.forward(images);
 */
export class TestTimeAugmentation {
  constructor(
    readonly model: ImageModel,
    readonly transforms: readonly TransformLike[],
    readonly options: TestTimeAugmentationOptions = {},
  ) {
    const op = 'TestTimeAugmentation';
    if (typeof model !== 'function') checkFunction(op, model?.forward);
    if (!Array.isArray(transforms) || transforms.length === 0) {
      throw new ArgumentError(op, `an array of transforms is needed, got ${valueText(transforms)}`, transforms);
    }
    checkOptions(op, options);
  }

  /** The mean prediction for the transformed images. */
  forward(images: Tensor): Tensor {
    const { model, options } = this;
    const predict = (x: Tensor): Tensor => {
      const out = typeof model === 'function' ? model(x) : model.forward(x);
      return options.activation ? options.activation(out) : out;
    };
    return noGrad(() => {
      const views = this.transforms.flatMap((t) => runTransform(t, images, options.generator));
      const other = views.find((view) => !(view instanceof Tensor));
      if (other !== undefined) {
        throw new ArgumentError('TestTimeAugmentation', `a transform made ${valueText(other)}, not an image`, other);
      }
      const sum = (views as Tensor[]).map(predict).reduce((a, b) => add(a, b));
      return mul(sum, 1 / views.length);
    });
  }
}
