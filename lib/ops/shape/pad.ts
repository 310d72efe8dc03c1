// Borders around a tensor.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { emptyLikeLayout, stridesLike } from '../../tensor/create.js';
import { emptyStrided, type Tensor, viewOf } from '../../tensor/tensor.js';
import { BinaryOp, ReduceOp } from '../codes.js';
import { defineOp } from '../define.js';
import { copyPart, cut, fillPart, type Part, reversed, spread, wholeOf, withParts } from './raw.js';
import { clone, narrow } from './view.js';

/** How {@link pad} fills the border. */
export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';

/** Elements before and behind each axis. */
type Borders = readonly (readonly [number, number])[];

const paddedShape = (x: Tensor, borders: Borders): number[] =>
  x.shape.map((size, i) => size + borders[i][0] + borders[i][1]);

/** The part of a padded tensor that `x` fills. */
const interior = (out: Tensor, borders: Borders): Part =>
  borders.reduce((part, [low, high], d) => cut(part, d, low, part.shape[d] - low - high), wholeOf(out));

const constantPad = defineOp({
  name: 'pad',
  narrow: 'moves',
  inputs: ['input'],
  forward: (x: Tensor, borders: Borders, value: number) => {
    const shape = paddedShape(x, borders);
    const out = emptyStrided(shape, stridesLike(x, shape), x.dtype);
    let inner = wholeOf(out);
    borders.forEach(([low, high], d) => {
      const size = x.shape[d];
      fillPart(out, cut(inner, d, 0, low), value);
      fillPart(out, cut(inner, d, low + size, high), value);
      inner = cut(inner, d, low, size);
    });
    copyPart(out, inner, x, wholeOf(x));
    return out;
  },
  save: (_out, x, borders) => ({ borders, shape: x.shape }),
  backward: ([g], { borders, shape }) => [
    borders.reduce((part, [low, high], d) => (low + high > 0 ? narrow(part, d, low, shape[d]) : part), g),
  ],
});

/** For one axis: the low and the high border, and for each the elements of the interior it repeats. */
function pairsOf(part: Part, d: number, [low, high]: readonly [number, number], mode: PadMode): [Part, Part][] {
  const size = part.shape[d] - low - high;
  const end = low + size;
  const borders = [cut(part, d, 0, low), cut(part, d, end, high)];
  if (mode === 'circular') {
    return [
      [borders[0], cut(part, d, size, low)],
      [borders[1], cut(part, d, low, high)],
    ];
  }
  if (mode === 'reflect') {
    return [
      [borders[0], reversed(cut(part, d, low + 1, low), [d])],
      [borders[1], reversed(cut(part, d, end - 1 - high, high), [d])],
    ];
  }
  return [
    [borders[0], spread(cut(part, d, low, 1), d, low)],
    [borders[1], spread(cut(part, d, end - 1, 1), d, high)],
  ];
}

const edgePad = defineOp({
  name: 'padEdges',
  narrow: 'moves',
  inputs: ['input'],
  forward: (x: Tensor, borders: Borders, mode: PadMode) => {
    const shape = paddedShape(x, borders);
    const out = emptyStrided(shape, stridesLike(x, shape), x.dtype);
    copyPart(out, interior(out, borders), x, wholeOf(x));
    // The last axis first: the borders of an axis run through those of the axes behind it.
    for (let d = x.ndim - 1; d >= 0; d--) {
      if (borders[d][0] + borders[d][1] === 0) continue;
      const inner = borders.reduce(
        (part, [low, high], k) => (k < d ? cut(part, k, low, part.shape[k] - low - high) : part),
        wholeOf(out),
      );
      for (const [to, from] of pairsOf(inner, d, borders[d], mode)) copyPart(out, to, out, from);
    }
    return out;
  },
  save: (_out, _x, borders, mode) => ({ borders, mode }),
  backward: ([g], { borders, mode }) => [edgePadGradient(g, borders, mode)],
});

/** Adds a border of `work` to the elements it repeats. */
function addBorder(work: Tensor, border: Part, source: Part, d: number, mode: PadMode): void {
  if (mode !== 'replicate') {
    withParts((to, from) => native.binary(BinaryOp.add, to, to, from), [work, source], [work, border]);
    return;
  }
  if (border.shape.includes(0)) return;
  const edge: Part = { ...source, shape: source.shape.map((size, i) => (i === d ? 1 : size)) };
  const sums = emptyStrided(edge.shape, stridesLike(work, edge.shape), work.dtype);
  withParts((from) => native.reduce(ReduceOp.sum, sums._id, from, [d]), [work, border]);
  withParts((to) => native.binary(BinaryOp.add, to, to, sums._id), [work, edge]);
  sums.dispose();
}

const edgePadBackward = defineOp({
  name: 'padEdgesBackward',
  inputs: ['gradient'],
  forward: (g: Tensor, borders: Borders, mode: PadMode) => {
    const work = emptyLikeLayout(g);
    native.copy(work._id, g._id);
    let inner = wholeOf(work);
    borders.forEach(([low, high], d) => {
      if (low + high === 0) return;
      for (const [border, source] of pairsOf(inner, d, [low, high], mode)) addBorder(work, border, source, d, mode);
      inner = cut(inner, d, low, inner.shape[d] - low - high);
    });
    const result = viewOf(work, inner.shape, inner.strides, inner.offset);
    work.dispose();
    return result;
  },
  save: (_out, _g, borders, mode) => ({ borders, mode }),
  backward: ([g], { borders, mode }) => [edgePad(g, borders, mode)],
});

function edgePadGradient(g: Tensor, borders: Borders, mode: PadMode): Tensor {
  return edgePadBackward(g, borders, mode);
}

/** Options of {@link pad}. */
export interface PadOptions {
  /** Default `'constant'`. */
  mode?: PadMode;
  /** What `'constant'` fills in. Default 0. */
  value?: number;
}

/** `sizes` runs from the last axis forwards, two numbers an axis; the result from the first axis on. */
function bordersOf(x: Tensor, sizes: readonly number[]): Borders {
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
    if (size + low + high >= 0 && size + Math.min(low, 0) >= 0 && size + Math.min(high, 0) >= 0) return;
    throw new ShapeError('pad', `${low} and ${high} take more than the ${size} elements of dim ${i}`, x.shape);
  });
  return borders;
}

/** Takes away what negative sizes say. */
const cropped = (x: Tensor, borders: Borders): Tensor =>
  borders.reduce((y, [low, high], d) => {
    const start = Math.max(-low, 0);
    const length = y.shape[d] - start - Math.max(-high, 0);
    return length === y.shape[d] ? y : narrow(y, d, start, length);
  }, x);

const positive = (borders: Borders): Borders =>
  borders.map(([low, high]) => [Math.max(low, 0), Math.max(high, 0)] as const);

const isNothing = (borders: Borders): boolean => borders.every(([low, high]) => low === 0 && high === 0);

/** Reflecting and its like exist for the last 1, 2 or 3 axes, behind one or two others. */
function checkEdges(x: Tensor, axes: number, borders: Borders, mode: PadMode): void {
  if (axes < 1 || axes > 3 || (x.ndim !== axes + 1 && x.ndim !== axes + 2)) {
    throw new ShapeError(
      'pad',
      `${mode} takes 2 sizes for 2 or 3 axes, 4 for 3 or 4, 6 for 4 or 5; got ${2 * axes} for ${shapeText(x.shape)}`,
      x.shape,
    );
  }
  for (let d = x.ndim - axes; d < x.ndim; d++) {
    const most = Math.max(...borders[d]);
    const limit = mode === 'reflect' ? x.shape[d] - 1 : x.shape[d];
    if (x.shape[d] === 0 || (mode !== 'replicate' && most > limit)) {
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
  const borders = bordersOf(x, sizes);
  const added = positive(borders);
  if (mode === 'constant') {
    const inner = cropped(x, borders);
    if (!isNothing(added)) return constantPad(inner, added, value ?? 0);
    return clone(inner);
  }
  if (mode !== 'reflect' && mode !== 'replicate' && mode !== 'circular') {
    throw new ArgumentError(
      'pad',
      `mode must be 'constant', 'reflect', 'replicate' or 'circular', got ${valueText(mode)}`,
      mode,
    );
  }
  if (value) throw new ArgumentError('pad', `${mode} takes no value, got ${value}`, value);
  return padEdges(x, sizes.length / 2, borders, mode);
}

function padEdges(x: Tensor, axes: number, borders: Borders, mode: PadMode): Tensor {
  const added = positive(borders);
  // What a reflection or replication repeats may be taken away afterwards; a circle closes behind what was taken.
  const input = mode === 'circular' ? cropped(x, borders) : x;
  checkEdges(input, axes, added, mode);
  const full = isNothing(added) ? clone(input) : edgePad(input, added, mode);
  return mode === 'circular' ? full : cropped(full, borders);
}
