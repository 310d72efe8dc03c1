import { ArgumentError, ShapeError, shapeText } from '../errors.js';
import { checkTensor } from '../tensor/check.js';
import '../tensor/read.js';
import { tensor } from '../tensor/create.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { type ImageGridOptions, saveImageGrid } from './image-grid.js';
import { requireImagePath } from './render.js';

/** How {@link saveMisclassified} draws. */
export interface MisclassifiedOptions extends ImageGridOptions {
  /** Names of the classes. Default: their numbers. */
  readonly labels?: readonly string[];
  /** Draw so many at most. Default 24. */
  readonly limit?: number;
}

const OP = 'saveMisclassified';

/**
 * Draws the images that a model got wrong, the surest mistakes first, each with its true and its predicted class and the
 * probability that the model gave to that, as PNG or SVG, whichever the path ends with. Needs the package sharp.
 *
 * @param images `[N, C, H, W]` with C 1 or 3, as uint8 or as floats from 0 to 1
 * @param output scores `[N, C]` before softmax
 * @param target class indices `[N]`
 * @returns how many of the N images were wrong
 * @throws MissingPackageError when sharp is not installed
 * @throws ShapeError when the three do not go together
 */
export async function saveMisclassified(
  images: Tensor,
  output: Tensor,
  target: Tensor,
  path: string,
  options: MisclassifiedOptions = {},
): Promise<number> {
  requireImagePath(OP, path);
  for (const [name, x] of Object.entries({ images, output, target })) checkTensor(OP, x, name);
  const [count, classes] = output.shape;
  const fits = images.ndim === 4 && output.ndim === 2 && target.ndim === 1 && classes > 0;
  if (!fits || images.shape[0] !== count || target.shape[0] !== count) {
    const shapes = [images, output, target].map((x) => shapeText(x.shape));
    const text = `images [N, C, H, W], output [N, C] and target [N] are needed, got ${shapes.join(', ')}`;
    throw new ShapeError(OP, text, images.shape, output.shape, target.shape);
  }
  const { labels, limit = 24 } = options;
  if (labels && labels.length !== classes) {
    throw new ArgumentError(OP, `${classes} classes need as many labels, got ${labels.length}`, labels);
  }
  const { values, indices } = noGrad(() => output.detach().to('float32').softmax(1).max(1));
  const reads = Promise.all([values.data(), indices.data(), target.data()]);
  values.dispose();
  indices.dispose();
  const [probability, predicted, truth] = await reads;
  const wrong = Array.from({ length: count }, (_, i) => i)
    .filter((i) => Number(predicted[i]) !== Number(truth[i]))
    .sort((a, b) => Number(probability[b]) - Number(probability[a]));
  const shown = wrong.slice(0, limit);
  const nameOf = (index: number | bigint): string => labels?.[Number(index)] ?? String(index);
  const captions = shown.map((i) => ({
    truth: nameOf(truth[i]),
    predicted: nameOf(predicted[i]),
    probability: Number(probability[i]),
  }));
  const { title = `${wrong.length} of ${count} wrong` } = options;
  const picked = noGrad(() => images.detach().indexSelect(0, tensor(shown, { dtype: 'int64' })));
  const saved = saveImageGrid(picked, captions, path, { ...options, title });
  picked.dispose();
  await saved;
  return wrong.length;
}
