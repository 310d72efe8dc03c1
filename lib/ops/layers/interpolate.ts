// Resizing of sequences, images and volumes: torch.nn.functional.interpolate. Every mode is a linear map along each axis
// (native/ops/resample.cpp), so its gradient is the transposed map, and any further derivative is one of the two.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { isFloating } from '../../tensor/dtype.js';
import { channelsLastStrides, checkShape, contiguousStrides } from '../../tensor/layout.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { clamp } from '../pointwise/select.js';
import { round } from '../pointwise/unary.js';
import { contiguous, to } from '../shape/view.js';
import { type ResizeMode, resizeBoxes } from './resize.js';

/** How {@link interpolate} fills new pixels. */
export type InterpolateMode =
  | 'nearest'
  | 'nearest-exact'
  | 'linear'
  | 'bilinear'
  | 'bicubic'
  | 'trilinear'
  | 'lanczos'
  | 'area';

/** Options of {@link interpolate}: exactly one of `size` and `scaleFactor` is needed. */
export interface InterpolateOptions {
  /** Output sizes behind the channels; one number stands for all. */
  size?: number | readonly number[] | null;
  /** Output size divided by input size, for all axes behind the channels or for each. */
  scaleFactor?: number | readonly number[] | null;
  /** Default `'nearest'`. */
  mode?: InterpolateMode;
  /**
   * Whether the centers of the corner pixels fall on each other (true) or the outer edges do (false). Only for linear,
   * bilinear, bicubic, trilinear and lanczos. Default false.
   */
  alignCorners?: boolean | null;
  /** Whether the scale is taken anew from the rounded sizes. Default false. */
  recomputeScaleFactor?: boolean | null;
  /** Whether pixels that get smaller are averaged; for bilinear, bicubic and (always) lanczos. Default false. */
  antialias?: boolean;
}

/** The map of each axis, as the native side takes it. */
interface Plan {
  readonly sampling: number;
  readonly align: boolean;
  readonly antialias: boolean;
  /** For depth, height and width; 0: the ratio of the sizes. */
  readonly scales: readonly [number, number, number];
}

/** native/ops/resample.h and the number of axes of the input that a mode needs. */
const MODES: Readonly<Record<InterpolateMode, { sampling: number; ndim?: number; aligns: boolean }>> = {
  nearest: { sampling: 0, aligns: false },
  'nearest-exact': { sampling: 1, aligns: false },
  linear: { sampling: 2, ndim: 3, aligns: true },
  bilinear: { sampling: 2, ndim: 4, aligns: true },
  trilinear: { sampling: 2, ndim: 5, aligns: true },
  bicubic: { sampling: 3, ndim: 4, aligns: true },
  area: { sampling: 4, aligns: false },
  lanczos: { sampling: 5, ndim: 4, aligns: true },
};

const resampleOp = defineOp({
  name: 'interpolate',
  inputs: ['input'],
  forward: (x: Tensor, sizes: readonly number[], plan: Plan, transposed: boolean, channelsLast: boolean) => {
    const shape = checkShape('interpolate', [x.shape[0], x.shape[1], ...sizes]);
    const strides = channelsLast ? channelsLastStrides(shape) : contiguousStrides(shape);
    const out = emptyStrided(shape, strides, x.dtype);
    const { sampling, align, antialias, scales } = plan;
    native.resample(out._id, x._id, sampling, align, antialias, transposed, ...scales);
    return out;
  },
  save: (_out, x, _sizes, plan, transposed, channelsLast) => ({
    sizes: x.shape.slice(2),
    plan,
    transposed,
    channelsLast,
  }),
  backward: ([g], { sizes, plan, transposed, channelsLast }) => [resample(g, sizes, plan, !transposed, channelsLast)],
});

function resample(
  x: Tensor,
  sizes: readonly number[],
  plan: Plan,
  transposed: boolean,
  channelsLast = x.isChannelsLast() && !x.isContiguous(),
): Tensor {
  const dense = contiguous(x, channelsLast ? 'channelsLast' : 'contiguous');
  return resampleOp(dense, sizes, plan, transposed, channelsLast);
}

const OP = 'interpolate';

/** One number for each axis behind the channels. */
function perAxis(x: Tensor, name: string, value: number | readonly number[]): readonly number[] {
  const axes = x.ndim - 2;
  const list = typeof value === 'number' ? new Array<number>(axes).fill(value) : value;
  if (!Array.isArray(list) || !list.every((n) => typeof n === 'number')) {
    throw new ArgumentError(OP, `${name} must be a number or an array of them, got ${valueText(value)}`, value);
  }
  if (list.length !== axes) {
    throw new ShapeError(OP, `${name} has ${list.length} entries for the ${axes} axes behind the channels`, x.shape);
  }
  return list;
}

/** The output's sizes, and the scales that were asked for (0: none). */
function sizesOf(x: Tensor, options: InterpolateOptions, mode: InterpolateMode): [readonly number[], number[]] {
  const { size = null, scaleFactor = null, recomputeScaleFactor = null } = options;
  const axes = x.ndim - 2;
  if ((size === null) === (scaleFactor === null)) {
    throw new ArgumentError(OP, `${size === null ? 'one' : 'only one'} of size and scaleFactor is needed`, options);
  }
  if (recomputeScaleFactor && size !== null) {
    throw new ArgumentError(OP, 'recomputeScaleFactor has no meaning with a size', options);
  }
  if (size !== null) {
    const sizes = perAxis(x, 'size', size);
    if (!sizes.every(Number.isSafeInteger)) {
      throw new ArgumentError(OP, `size must be integers, got ${valueText(size)}`, size);
    }
    return [sizes, new Array<number>(axes).fill(0)];
  }
  const scales = perAxis(x, 'scaleFactor', scaleFactor as number | readonly number[]);
  const sizes = scales.map((scale, i) => Math.trunc(x.shape[2 + i] * scale));
  const fresh = recomputeScaleFactor || mode === 'area';
  return [sizes, scales.map((scale) => (fresh ? 0 : scale))];
}

function checkMode(x: Tensor, mode: InterpolateMode, options: InterpolateOptions): void {
  const rule = Object.hasOwn(MODES, mode) ? MODES[mode] : undefined;
  if (!rule) {
    throw new ArgumentError(
      OP,
      `mode must be one of '${Object.keys(MODES).join("', '")}', got ${valueText(mode)}`,
      mode,
    );
  }
  const { alignCorners = null, antialias = false } = options;
  if (alignCorners !== null && !rule.aligns) {
    throw new ArgumentError(OP, `alignCorners has no meaning for mode '${mode}'`, alignCorners);
  }
  if (x.ndim < 3 || x.ndim > 5) {
    throw new ShapeError(
      OP,
      `[N, C, W], [N, C, H, W] or [N, C, D, H, W] is needed, got ${shapeText(x.shape)}`,
      x.shape,
    );
  }
  if (antialias && mode !== 'bilinear' && mode !== 'bicubic' && mode !== 'lanczos') {
    throw new ArgumentError(OP, `antialias has no meaning for mode '${mode}'`, antialias);
  }
  if (mode === 'lanczos' && (alignCorners || !antialias)) {
    throw new ArgumentError(OP, "mode 'lanczos' needs antialias, and takes no alignCorners", options);
  }
  if (rule.ndim !== undefined && rule.ndim !== x.ndim) {
    throw new ShapeError(OP, `mode '${mode}' needs ${rule.ndim} axes, got ${shapeText(x.shape)}`, x.shape);
  }
}

function checkSizes(x: Tensor, sizes: readonly number[]): void {
  if (x.shape.slice(1).includes(0)) {
    throw new ShapeError(OP, `only the batch may be empty, got ${shapeText(x.shape)}`, x.shape);
  }
  if (!sizes.every((n) => n > 0)) {
    throw new ShapeError(OP, `the output's sizes must be above 0, got ${shapeText(sizes)}`, x.shape, sizes);
  }
  if (![...x.shape.slice(2), ...sizes].every((n) => n < 2 ** 31)) {
    throw new ShapeError(OP, `sizes must be below 2^31, got ${shapeText(sizes)}`, x.shape, sizes);
  }
}

/**
 * Resizes `[N, C, W]`, `[N, C, H, W]` or `[N, C, D, H, W]` behind the channels, to `size` or by `scaleFactor`
 * (`floor(W * scaleFactor)` pixels). Output pixel `i` of an axis lies at `(i + 1/2) * s - 1/2` in the input, where `s` is
 * `1 / scaleFactor`, or the ratio of the sizes; with `alignCorners` at `i * (W - 1) / (W' - 1)`.
 *
 * - `'nearest'`: pixel `floor(i * s)`; `'nearest-exact'`: `floor((i + 1/2) * s)`.
 * - `'linear'` (3 axes), `'bilinear'` (4), `'trilinear'` (5): between the two neighbours of each axis.
 * - `'bicubic'` (4 axes): cubic convolution of four neighbours, a = -0.75.
 * - `'area'`: the mean of the pixels that an output pixel covers (adaptive average pooling).
 * - `antialias` (bilinear, bicubic with a = -0.5, `'lanczos'`): the filter is as wide as an output pixel, as in PIL.
 *
 * Takes floating-point tensors, and uint8 for the nearest modes, bilinear and bicubic. The layout is the input's.
 *
 * @throws ArgumentError for both or none of `size` and `scaleFactor`, an unknown mode or options it does not take;
 * ShapeError for a mode that needs another number of axes, and for empty sizes.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.interpolate.html
 */
export function interpolate(input: Tensor, options: InterpolateOptions): Tensor {
  checkTensor(OP, input);
  checkOptions(OP, options);
  const { mode = 'nearest', alignCorners, antialias = false } = options;
  checkMode(input, mode, options);
  const [sizes, given] = sizesOf(input, options, mode);
  checkSizes(input, sizes);
  const scales = [0, 0, ...given].slice(-3) as [number, number, number];
  const plan = { sampling: MODES[mode].sampling, align: alignCorners === true, antialias, scales };
  if (isFloating(input.dtype)) return resample(input, sizes, plan, false);
  const bytes = mode === 'nearest' || mode === 'nearest-exact' || input.ndim === 4;
  if (input.dtype !== 'uint8' || !bytes || mode === 'area') {
    throw new DTypeError(OP, `mode '${mode}' does not take ${input.dtype}`, input.dtype);
  }
  if (input.ndim === 4 && !plan.align && scales.every((scale) => scale === 0) && input.numel > 0) {
    const [, , h, w] = input.shape;
    return resizeBoxes(input, [[0, 0, h, w]], [sizes[0], sizes[1]], { mode: mode as ResizeMode, antialias });
  }
  return to(resampleBytes(to(input, 'float32'), sizes, plan), 'uint8');
}

/** As PyTorch, images of bytes are rounded along each axis, the last one first. */
function resampleBytes(x: Tensor, sizes: readonly number[], plan: Plan): Tensor {
  if (plan.sampling < 2) return resample(x, sizes, plan, false);
  const rounded = (y: Tensor) => clamp(round(y), 0, 255);
  const [d, h, w] = plan.scales;
  const rows = rounded(resample(x, [x.shape[2], sizes[1]], { ...plan, scales: [0, 0, w] }, false));
  return rounded(resample(rows, sizes, { ...plan, scales: [d, h, 0] }, false));
}
