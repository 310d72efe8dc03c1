// Kernels of vision.transforms.functional: colours, blur and erasing of images [N, C, H, W]. Parameters are one row for
// each image, or one for all. Results have no history.
import { native } from '../../native.js';
import { fromTypedArray } from '../../tensor/create.js';
import type { DType } from '../../tensor/dtype.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { ColorCode } from '../codes.js';
import { defineOp } from '../define.js';

/** A step of a chain: what it does, and up to two numbers. */
export type ColorStep = readonly [code: number, a?: number, b?: number];

/** Numbers for a kernel, for the time of the call. */
function withTable<R>(rows: readonly (readonly number[])[], run: (table: Tensor) => R): R {
  const table = fromTypedArray(Float64Array.from(rows.flat()), [rows.length, rows[0].length], 'float64');
  try {
    return run(table);
  } finally {
    table.dispose();
  }
}

/** Steps of colour, in order: one list for each image, or one for all. `x`: contiguous. */
export const colorChain = defineOp({
  name: 'colorChain',
  inputs: ['input'],
  forward: (x: Tensor, lists: readonly (readonly ColorStep[])[]) => {
    const out = emptyContiguous(x.shape, x.dtype);
    const most = Math.max(1, ...lists.map((steps) => steps.length));
    const table = new Float64Array(3 * most * lists.length);
    lists.forEach((steps, n) => {
      steps.forEach((step, k) => {
        table.set(step as readonly number[], 3 * (n * most + k));
      });
    });
    const whole = lists.some((steps) => steps.some(([code]) => code >= ColorCode.contrast));
    const steps = fromTypedArray(table, [lists.length, most, 3], 'float64');
    native.colorChain(out._id, x._id, steps._id, whole);
    steps.dispose();
    return out;
  },
});

/** `(x * scale - mean) / std` for each channel; bytes become float32. `x`: contiguous. */
export const normalizeImage = defineOp({
  name: 'normalizeImage',
  inputs: ['input'],
  forward: (x: Tensor, mean: readonly number[], std: readonly number[], scale: number) => {
    const out = emptyContiguous(x.shape, x.dtype === 'uint8' ? 'float32' : x.dtype);
    const rows = mean.length > 0 ? mean.map((m, c) => [m, 1 / std[c]]) : [[0, 1]];
    withTable(rows, (table) => native.normalizeImage(out._id, x._id, table._id, scale));
    return out;
  },
});

/** Blends images with the mean of their neighbours; NaN leaves one as it is. `x`: contiguous. */
export const sharpen = defineOp({
  name: 'sharpen',
  inputs: ['input'],
  forward: (x: Tensor, factors: readonly number[]) => {
    const out = emptyContiguous(x.shape, x.dtype);
    withTable(
      factors.map((factor) => [factor]),
      (table) => native.sharpen(out._id, x._id, table._id),
    );
    return out;
  },
});

/** Weights down and along, of odd lengths. `x`: contiguous. */
export const gaussianBlur = defineOp({
  name: 'gaussianBlur',
  inputs: ['input'],
  forward: (x: Tensor, weights: readonly (readonly number[])[], rows: number, columns: number) => {
    const out = emptyContiguous(x.shape, x.dtype);
    withTable(weights, (table) => native.gaussianBlur(out._id, x._id, table._id, rows, columns));
    return out;
  },
});

/** Boxes `[top, left, height, width]` filled with `values` `[N or 1, C, 1 or H, 1 or W]`. Both contiguous, of one dtype. */
export const eraseImage = defineOp({
  name: 'eraseImage',
  inputs: ['input', 'values'],
  forward: (x: Tensor, values: Tensor, boxes: readonly (readonly number[])[]) => {
    const out = emptyContiguous(x.shape, x.dtype);
    withTable(boxes, (table) => native.eraseImage(out._id, x._id, table._id, values._id));
    return out;
  },
});

/** What the kernels take: of other dtypes only bfloat16 and float16, through float32. */
export const takesImages = (dtype: DType): boolean =>
  dtype === 'uint8' || dtype === 'float32' || dtype === 'float64' || dtype === 'bfloat16' || dtype === 'float16';
