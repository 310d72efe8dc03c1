// Boxes of images in another size: what resizing transforms run on (native/ops/resize.h). Not differentiable.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { tensor } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import { channelsLastStrides, checkShape, contiguousStrides } from '../../tensor/layout.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { round } from '../pointwise/unary.js';
import { contiguous, reshape, to } from '../shape/view.js';

/** How {@link resizeBoxes} finds pixels; the codes are those of native/ops/resample.h. */
export type ResizeMode = 'nearest' | 'nearest-exact' | 'bilinear' | 'bicubic' | 'lanczos';

const CODES: Readonly<Record<ResizeMode, number>> = {
  nearest: 0,
  'nearest-exact': 1,
  bilinear: 2,
  bicubic: 3,
  lanczos: 5,
};

/** Options of {@link resizeBoxes}. */
export interface ResizeBoxesOptions {
  readonly mode: ResizeMode;
  /** Average the pixels of what gets smaller; not for the nearest ones. Default false. */
  readonly antialias?: boolean;
}

/** What an image shows: top, left, height and width, in pixels. */
export type PixelBox = readonly [top: number, left: number, height: number, width: number];

const resizeOp = defineOp({
  name: 'resize',
  inputs: ['input', 'boxes'],
  narrow: 'mixed',
  forward: (x: Tensor, boxes: Tensor, size: readonly number[], mode: ResizeMode, antialias: boolean) => {
    const channelsLast = x.isChannelsLast() && !x.isContiguous();
    const shape = checkShape('resize', [x.shape[0], x.shape[1], ...size]);
    const out = emptyStrided(shape, channelsLast ? channelsLastStrides(shape) : contiguousStrides(shape), x.dtype);
    native.resize(out._id, x._id, boxes._id, CODES[mode], antialias);
    return out;
  },
});

function checkBoxes(op: string, { shape }: Tensor, boxes: readonly PixelBox[]): void {
  const [n, , height, width] = shape;
  if (boxes.length !== 1 && boxes.length !== n) {
    throw new ShapeError(op, `${boxes.length} boxes for ${n} images`, shape);
  }
  for (const box of boxes) {
    const [top, left, h, w] = box;
    const inside = top >= 0 && left >= 0 && h >= 1 && w >= 1 && top + h <= height && left + w <= width;
    if (inside && box.every((v) => Number.isSafeInteger(v))) continue;
    const text = `box ${valueText(box)} (top, left, height, width) does not lie in images of ${height} x ${width}`;
    throw new ArgumentError(op, text, box);
  }
}

/**
 * A box of each image `[N, C, H, W]`, or one for all, in the size [H', W']: `[N, C, H', W']`. Bytes are computed in whole
 * numbers, along rows first and rounded between, so that they are PyTorch's to the bit; other integers in float32. Nearest
 * pixels are taken of any dtype.
 *
 * @throws ArgumentError for boxes outside the images, ShapeError for another number of them.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.interpolate.html
 */
export function resizeBoxes(
  x: Tensor,
  boxes: readonly PixelBox[],
  size: readonly [number, number],
  options: ResizeBoxesOptions,
): Tensor {
  const op = 'resize';
  checkTensor(op, x);
  checkOptions(op, options);
  const { mode, antialias = false } = options;
  if (x.ndim !== 4) throw new ShapeError(op, `images [N, C, H, W] are needed, got ${shapeText(x.shape)}`, x.shape);
  if (!Object.hasOwn(CODES, mode)) throw new ArgumentError(op, `unknown mode ${valueText(mode)}`, mode);
  if (!size.every((n) => Number.isSafeInteger(n) && n >= 1)) {
    throw new ShapeError(op, `a size of at least 1 x 1 is needed, got ${shapeText(size)}`, size);
  }
  checkBoxes(op, x, boxes);
  if (CODES[mode] >= 2 && x.dtype === 'bool') throw new DTypeError(op, `mode '${mode}' does not take bool`, x.dtype);
  const computed = x.dtype === 'uint8' || x.dtype === 'float32' || x.dtype === 'float64';
  if (CODES[mode] >= 2 && !computed) {
    const floats = resizeBoxes(to(x, 'float32'), boxes, size, options);
    return to(isFloating(x.dtype) ? floats : round(floats), x.dtype);
  }
  const dense = contiguous(x, x.isChannelsLast() && !x.isContiguous() ? 'channelsLast' : 'contiguous');
  const places = reshape(tensor(Float64Array.from(boxes.flat())), [boxes.length, 4]);
  return resizeOp(dense, places, size, mode, antialias);
}
