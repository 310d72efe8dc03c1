// Borders around a tensor.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { stridesLike } from '../../tensor/create.js';
import { checkShape } from '../../tensor/layout.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { narrow } from './view.js';

/** How {@link pad} fills the border. */
export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';

/** Elements before and behind each axis. */
type Borders = readonly (readonly [number, number])[];

/** native/ops/pad.h. */
const MODES: Readonly<Record<PadMode, number>> = { constant: 0, reflect: 1, replicate: 2, circular: 3 };

const paddedShape = (shape: readonly number[], borders: Borders): number[] =>
  shape.map((size, i) => size + borders[i][0] + borders[i][1]);

const negated = (borders: Borders): Borders => borders.map(([low, high]) => [-low, -high] as const);

function runPad(x: Tensor, borders: Borders, mode: PadMode, value: number): Tensor {
  const shape = checkShape('pad', paddedShape(x.shape, borders));
  const out = emptyStrided(shape, stridesLike(x, shape), x.dtype);
  native.pad(out._id, x._id, borders.flat(), MODES[mode], value);
  return out;
}

const constantPad = defineOp({
  name: 'pad',
  narrow: 'moves',
  inputs: ['input'],
  forward: (x: Tensor, borders: Borders, value: number) => runPad(x, borders, 'constant', value),
  save: (_out, _x, borders) => ({ borders }),
  backward: ([g], { borders }) => [constantPadGradient(g, borders)],
});

/** What was added is taken away, and zeros come where elements were taken away. */
function constantPadGradient(g: Tensor, borders: Borders): Tensor {
  if (borders.some(([low, high]) => low < 0 || high < 0)) return constantPad(g, negated(borders), 0);
  return borders.reduce((part, [low, high], d) => narrow(part, d, low, part.shape[d] - low - high), g);
}

const edgePad = defineOp({
  name: 'padEdges',
  narrow: 'moves',
  inputs: ['input'],
  forward: (x: Tensor, borders: Borders, mode: PadMode) => runPad(x, borders, mode, 0),
  save: (_out, x, borders, mode) => ({ shape: x.shape, borders, mode }),
  backward: ([g], { shape, borders, mode }) => [edgePadGradient(g, shape, borders, mode)],
});

const edgePadBackward = defineOp({
  name: 'padEdgesBackward',
  inputs: ['gradient'],
  forward: (g: Tensor, shape: readonly number[], borders: Borders, mode: PadMode) => {
    const out = emptyStrided(shape, stridesLike(g, shape), g.dtype);
    native.padBackward(out._id, g._id, borders.flat(), MODES[mode]);
    return out;
  },
  save: (_out, _g, _shape, borders, mode) => ({ borders, mode }),
  backward: ([g], { borders, mode }) => [edgePad(g, borders, mode)],
});

function edgePadGradient(g: Tensor, shape: readonly number[], borders: Borders, mode: PadMode): Tensor {
  return edgePadBackward(g, shape, borders, mode);
}

/** Options of {@link pad}. */
export interface PadOptions {
  /** Default `'constant'`. */
  mode?: PadMode;
  /** What `'constant'` fills in. Default 0. */
  value?: number;
}

/** `sizes` runs from the last axis forwards, two numbers an axis; the result from the first axis on. */
function bordersOf(x: Tensor, sizes: readonly number[], mode: PadMode): Borders {
  if (!Array.isArray(sizes) || sizes.length % 2 !== 0 || !sizes.every((n) => Number.isSafeInteger(n))) {
    throw new ArgumentError('pad', `sizes must be pairs of integers, got ${valueText(sizes)}`, sizes);
  }
  if (sizes.length > 2 * x.ndim) {
    throw new ShapeError('pad', `${sizes.length} sizes for the axes of ${shapeText(x.shape)}`, sizes, x.shape);
  }
  const borders = x.shape.map((_, i): readonly [number, number] => {
    const at = 2 * (x.ndim - 1 - i);
    return at < sizes.length ? [sizes[at], sizes[at + 1]] : [0, 0];
  });
  x.shape.forEach((size, i) => {
    const [low, high] = borders[i];
    const most = mode === 'replicate' ? Infinity : size; // the elements at the edges are always there
    if (size + low + high >= 0 && most + Math.min(low, high, 0) >= 0) return;
    throw new ShapeError('pad', `${low} and ${high} take more than the ${size} elements of dim ${i}`, x.shape);
  });
  return borders;
}

/** Reflecting and its like exist for the last 1, 2 or 3 axes, behind one or two others. */
function checkEdges(x: Tensor, axes: number, borders: Borders, mode: PadMode): void {
  if (axes < 1 || axes > 3 || (x.ndim !== axes + 1 && x.ndim !== axes + 2)) {
    throw new ShapeError(
      'pad',
      `${mode} takes 2 sizes for 2 or 3 axes, 4 for 3 or 4, 6 for 4 or 5; got ${2 * axes} for ${shapeText(x.shape)}`,
      x.shape,
    );
  }
  const shape = paddedShape(x.shape, borders).slice(-axes);
  if (mode !== 'circular' && shape.every((size) => size === 0)) {
    throw new ShapeError('pad', `nothing is left of ${shapeText(x.shape)}`, x.shape);
  }
  for (let d = x.ndim - axes; d < x.ndim; d++) {
    const most = Math.max(...borders[d]);
    const left = x.shape[d] + (mode === 'circular' ? Math.min(borders[d][0], 0) + Math.min(borders[d][1], 0) : 0);
    const limit = mode === 'reflect' ? left - 1 : left;
    if (left === 0 || (mode !== 'replicate' && most > limit)) {
      throw new ShapeError('pad', `${mode} cannot add ${most} to dim ${d} of ${shapeText(x.shape)}`, x.shape);
    }
  }
}

/**
 * A border around `x`. `sizes` lists, as in PyTorch, the elements before and behind the **last** axis, then those of the
 * axis before it, and so on: `[left, right, top, bottom]`; a negative size takes elements away. `'constant'` fills in
 * `value` on any axes. The others repeat elements, on the last one, two or three axes behind one or two others:
 * `'reflect'` those next to the edge backwards, `'replicate'` the one at the edge, `'circular'` those of the other end.
 * @throws ShapeError when a border is larger than the elements it repeats.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.pad.html
 */
export function pad(x: Tensor, sizes: readonly number[], options: PadOptions = {}): Tensor {
  checkTensor('pad', x);
  checkOptions('pad', options);
  const { mode = 'constant', value } = options;
  if (value !== undefined && value !== null && typeof value !== 'number') {
    throw new ArgumentError('pad', `value must be a number, got ${valueText(value)}`, value);
  }
  const borders = bordersOf(x, sizes, mode);
  if (mode === 'constant') return constantPad(x, borders, value ?? 0);
  if (mode !== 'reflect' && mode !== 'replicate' && mode !== 'circular') {
    throw new ArgumentError(
      'pad',
      `mode must be 'constant', 'reflect', 'replicate' or 'circular', got ${valueText(mode)}`,
      mode,
    );
  }
  if (value) throw new ArgumentError('pad', `${mode} takes no value, got ${value}`, value);
  checkEdges(x, sizes.length / 2, borders, mode);
  return edgePad(x, borders, mode);
}
