// Images read at the points of a grid (torch.nn.functional.grid_sample), and grids of affine maps.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { ones } from '../../tensor/create.js';
import { type DType, isFloating } from '../../tensor/dtype.js';
import { isGradEnabled } from '../../tensor/frame.js';
import { channelsLastStrides, checkShape } from '../../tensor/layout.js';
import { linspace } from '../../tensor/sequence.js';
import { emptyContiguous, emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { matmul } from '../linalg/matmul.js';
import { mul } from '../pointwise/arithmetic.js';
import { stack } from '../shape/concat.js';

import { contiguous, expand, reshape, transpose } from '../shape/view.js';
import { composedGradients, type GridPlan } from './grid-gradient.js';

/** Options of {@link gridSample}. */
export interface GridSampleOptions {
  /** `'bilinear'` (in volumes: trilinear), `'nearest'` or, for images, `'bicubic'`. Default `'bilinear'`. */
  mode?: 'bilinear' | 'nearest' | 'bicubic';
  /** What lies outside: zeros, the pixel at the border, or the image reflected. Default `'zeros'`. */
  paddingMode?: 'zeros' | 'border' | 'reflection';
  /** Whether -1 and 1 are the centers of the corner pixels (true) or their outer edges. Default false. */
  alignCorners?: boolean | null;
}

/** Options of {@link affineGrid}. */
export interface AffineGridOptions {
  /** As in {@link GridSampleOptions}. Default false. */
  alignCorners?: boolean | null;
}

const MODES: readonly string[] = ['bilinear', 'nearest', 'bicubic'];
const PADDINGS: readonly string[] = ['zeros', 'border', 'reflection'];

const sampleOp = defineOp({
  name: 'gridSample',
  inputs: ['input', 'grid'],
  forward: (x: Tensor, grid: Tensor, plan: GridPlan) => {
    const shape = checkShape('gridSample', [x.shape[0], x.shape[1], ...grid.shape.slice(1, -1)]);
    const out = emptyStrided(shape, channelsLastStrides(shape), x.dtype);
    native.gridSample(out._id, x._id, grid._id, plan.sampling, plan.padding, plan.align);
    return out;
  },
  save: (_out, x, grid, plan) => ({ x, grid, plan }),
  backward: ([g], { x, grid, plan }, needs) => {
    if (isGradEnabled()) return composedGradients(g, x, grid, plan, needs);
    const outputs = sampleBackward(contiguous(g, 'channelsLast'), x, grid, plan, needs);
    return needs[0] ? [outputs[0], needs[1] ? outputs[1] : null] : [null, outputs[0]];
  },
});

/** The gradients that are needed, image first. */
const sampleBackward = defineOp({
  name: 'gridSampleBackward',
  inputs: ['gradient', 'input', 'grid'],
  forward: (g: Tensor, x: Tensor, grid: Tensor, plan: GridPlan, needs: readonly boolean[]): readonly Tensor[] => {
    const gradX = needs[0] ? emptyStrided(x.shape, channelsLastStrides(x.shape), x.dtype) : null;
    const gradGrid = needs[1] ? emptyContiguous(grid.shape, x.dtype) : null;
    const { sampling, padding, align } = plan;
    native.gridSampleBackward(gradX?._id ?? 0, gradGrid?._id ?? 0, g._id, x._id, grid._id, sampling, padding, align);
    return [gradX, gradGrid].filter((gradient) => gradient !== null);
  },
});

function planOf(x: Tensor, options: GridSampleOptions): GridPlan {
  checkOptions('gridSample', options);
  const { mode = 'bilinear', paddingMode = 'zeros', alignCorners = false } = options;
  const sampling = MODES.indexOf(mode);
  const padding = PADDINGS.indexOf(paddingMode);
  if (sampling < 0) {
    throw new ArgumentError('gridSample', `mode must be one of ${MODES.join(', ')}, got ${valueText(mode)}`, mode);
  }
  if (padding < 0) {
    const text = `paddingMode must be one of ${PADDINGS.join(', ')}, got ${valueText(paddingMode)}`;
    throw new ArgumentError('gridSample', text, paddingMode);
  }
  if (sampling === 2 && x.ndim === 5) {
    throw new ArgumentError('gridSample', 'bicubic takes images only, not volumes', mode);
  }
  return { sampling, padding, align: alignCorners === true };
}

function checkInputs(x: Tensor, grid: Tensor): void {
  checkTensor('gridSample', x);
  checkTensor('gridSample', grid, 'grid');
  if (!isFloating(x.dtype) || x.dtype !== grid.dtype) {
    const text = `input and grid must have one floating-point dtype, got ${x.dtype} and ${grid.dtype}`;
    throw new DTypeError('gridSample', text, x.dtype, grid.dtype);
  }
  if ((x.ndim !== 4 && x.ndim !== 5) || grid.ndim !== x.ndim) {
    const text = `[N, C, H, W] and [N, H', W', 2], or with a depth, are needed, got`;
    throw new ShapeError(
      'gridSample',
      `${text} ${shapeText(x.shape)} and ${shapeText(grid.shape)}`,
      x.shape,
      grid.shape,
    );
  }
  if (x.shape[0] !== grid.shape[0] || grid.shape[x.ndim - 1] !== x.ndim - 2) {
    const text = `grid must be [${x.shape[0]}, ..., ${x.ndim - 2}] for an input of ${shapeText(x.shape)}`;
    throw new ShapeError('gridSample', `${text}, got ${shapeText(grid.shape)}`, x.shape, grid.shape);
  }
  if (x.shape.slice(2).includes(0)) {
    throw new ShapeError('gridSample', `the image is empty: ${shapeText(x.shape)}`, x.shape);
  }
}

/**
 * Reads the images `[N, C, H, W]` at the points of `grid` `[N, H', W', 2]`, or volumes `[N, C, D, H, W]` at
 * `[N, D', H', W', 3]`. A point is `(x, y)` or `(x, y, z)` in [-1, 1], where -1 is the left (upper, front) end. With
 * `alignCorners` x is pixel `(x + 1) / 2 * (W - 1)`, else `((x + 1) * W - 1) / 2`; `mode` says what stands between pixels
 * and `paddingMode` what lies outside. Gradients flow to both. Points that are `NaN` or infinite read
 * `NaN` in images, unless a padding (or rounding to the nearest pixel) brings them to a pixel or outside.
 *
 * The output is `[N, C, H', W']` or `[N, C, D', H', W']` and lies channels-last in memory.
 *
 * @throws ShapeError where batch or axes do not match, DTypeError for two dtypes, ArgumentError for bicubic volumes.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.grid_sample.html
 */
export function gridSample(input: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  checkInputs(input, grid);
  const plan = planOf(input, options);
  return sampleOp(contiguous(input, 'channelsLast'), contiguous(grid), plan);
}

/** Pixel centers of an axis in [-1, 1]. */
function centers(size: number, dtype: DType, align: boolean): Tensor {
  const ends = linspace(-1, 1, size, { dtype });
  if (size === 1) return mul(ends, 0);
  return align ? ends : mul(ends, (size - 1) / size);
}

/**
 * The points that the affine maps `theta` make of the pixels of an image, for {@link gridSample}: `[N, 2, 3]` and `size`
 * `[N, C, H, W]` give `[N, H, W, 2]`; `[N, 3, 4]` and `[N, C, D, H, W]` give `[N, D, H, W, 3]`.
 * `grid[n, h, w] = theta[n] @ (x_w, y_h, 1)`, where x and y run from -1 to 1 as in {@link gridSample}.
 *
 * @throws ShapeError where `theta` does not match `size` or a size is below 1, DTypeError unless `theta` is floating-point.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.affine_grid.html
 */
export function affineGrid(theta: Tensor, size: readonly number[], options: AffineGridOptions = {}): Tensor {
  checkTensor('affineGrid', theta, 'theta');
  checkOptions('affineGrid', options);
  if (!isFloating(theta.dtype)) {
    throw new DTypeError('affineGrid', `theta must be floating-point, got ${theta.dtype}`, theta.dtype);
  }
  checkShape('affineGrid', size);
  const axes = size.length - 2;
  const expected = [size[0], axes, axes + 1];
  if ((axes !== 2 && axes !== 3) || size.includes(0)) {
    throw new ShapeError('affineGrid', `size must be 4 or 5 numbers above 0, got ${shapeText(size)}`, size);
  }
  if (theta.ndim !== 3 || !theta.shape.every((n, i) => n === expected[i])) {
    const text = `theta must be ${shapeText(expected)} for size ${shapeText(size)}, got ${shapeText(theta.shape)}`;
    throw new ShapeError('affineGrid', text, theta.shape, size);
  }
  const spatial = size.slice(2);
  const align = options.alignCorners === true;
  const coordinates = spatial.map((n, d) => {
    const line = reshape(
      centers(n, theta.dtype, align),
      spatial.map((_, i) => (i === d ? n : 1)),
    );
    return expand(line, spatial);
  });
  const base = stack([...coordinates.reverse(), ones(spatial, { dtype: theta.dtype })], -1);
  const points = matmul(reshape(base, [-1, axes + 1]), transpose(theta, 1, 2));
  return reshape(points, [size[0], ...spatial, axes]);
}
