// Where an element stands in its sequence, as numbers: sinusoidal positions and rotations.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { getDefaultDType, tensor } from '../../tensor/create.js';
import { checkDType, computeDType, type DType } from '../../tensor/dtype.js';
import { broadcastShapes, sameShape } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { add, mul, sub } from '../pointwise/arithmetic.js';
import { checkFloating } from '../random/draw.js';
import { cat, stack } from '../shape/concat.js';
import { narrow, reshape, slice, to } from '../shape/view.js';

/** Options of {@link sinusoidalPositions} and {@link rotaryTables}. */
export interface PositionOptions {
  /** The longest wavelength is 2π · base. Default 10000. */
  base?: number;
  /** The first position. Default 0. */
  offset?: number;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/** Options of {@link applyRotaryEmb}. */
export interface RotaryOptions {
  /** Neighbours make pairs (Su et al.), instead of the first half with the second (GPT-NeoX, Llama). Default false. */
  interleaved?: boolean;
}

function checkInteger(op: string, name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new ArgumentError(op, `${name} must be an integer >= 0, got ${valueText(value)}`, value);
}

/** Position times frequency for every pair, `[length, pairs]`; the first column turns fastest. */
function angles(
  op: string,
  length: number,
  dim: number,
  options: PositionOptions,
): (row: number, pair: number) => number {
  checkOptions(op, options);
  checkInteger(op, 'length', length);
  checkInteger(op, 'dim', dim);
  const { base = 10000 } = options;
  if (typeof base !== 'number' || !(base > 0)) {
    throw new ArgumentError(op, `base must be a number above 0, got ${valueText(base)}`, base);
  }
  const offset = checkInteger(op, 'offset', options.offset ?? 0);
  return (row, pair) => (offset + row) * base ** ((-2 * pair) / dim);
}

function table(shape: readonly [number, number], dtype: DType, value: (row: number, column: number) => number): Tensor {
  const data = new Float64Array(shape[0] * shape[1]);
  for (let i = 0; i < data.length; i++) data[i] = value(Math.floor(i / shape[1]), i % shape[1]);
  return tensor(data, { shape, dtype });
}

const dtypeOf = (op: string, options: PositionOptions): DType => checkDType(op, options.dtype ?? getDefaultDType());

/**
 * The positions of "Attention is all you need" (Vaswani et al., 2017), section 3.5: `[length, dim]` with
 * sin(p / base^(2i / dim)) in column 2i and the cosine of the same angle in column 2i + 1.
 * @throws ArgumentError for sizes that are no integers >= 0.
 */
export function sinusoidalPositions(length: number, dim: number, options: PositionOptions = {}): Tensor {
  const op = 'sinusoidalPositions';
  const angle = angles(op, length, dim, options);
  return table([length, dim], dtypeOf(op, options), (row, column) => {
    const value = angle(row, column >> 1);
    return column % 2 === 0 ? Math.sin(value) : Math.cos(value);
  });
}

/**
 * Cosine and sine, `[length, dim / 2]` each, of the angles by which {@link applyRotaryEmb} turns (Su et al., 2021): position p
 * turns pair i by p / base^(2i / dim).
 * @throws ArgumentError for an odd dim.
 */
export function rotaryTables(length: number, dim: number, options: PositionOptions = {}): [cos: Tensor, sin: Tensor] {
  const op = 'rotaryTables';
  const angle = angles(op, length, dim, options);
  if (dim % 2 !== 0) throw new ArgumentError(op, `dim must be even, got ${dim}`, dim);
  const make = (fn: (x: number) => number): Tensor =>
    table([length, dim / 2], dtypeOf(op, options), (row, pair) => fn(angle(row, pair)));
  return [make(Math.cos), make(Math.sin)];
}

function checkTables(op: string, x: Tensor, cos: Tensor, sin: Tensor): number {
  checkTensor(op, x);
  checkTensor(op, cos, 'cos');
  checkTensor(op, sin, 'sin');
  checkFloating(op, x.dtype);
  const pairs = cos.shape[cos.ndim - 1] ?? 0;
  const wanted = [...x.shape.slice(0, -1), pairs];
  const fits =
    x.ndim >= 2 &&
    cos.ndim >= 2 &&
    cos.ndim <= x.ndim &&
    sameShape(cos.shape, sin.shape) &&
    2 * pairs <= x.shape[x.ndim - 1] &&
    sameShape(broadcastShapes(op, cos.shape, wanted), wanted);
  if (fits) return pairs;
  const text = `cos ${shapeText(cos.shape)} and sin ${shapeText(sin.shape)} do not go together with input`;
  throw new ShapeError(op, `${text} ${shapeText(x.shape)}`, cos.shape, sin.shape, x.shape);
}

/**
 * Turns pairs of features by angles that grow with the position, so that the product of a query and a key depends on their
 * distance: rotary positions (Su et al., 2021). `x` `[..., L, D]`; `cos` and `sin` `[L, R / 2]`, or what broadcasts to
 * `[..., L, R / 2]`, see {@link rotaryTables}. The first R features are turned, the others stay as they are.
 * @throws ShapeError where the shapes do not go together.
 */
export function applyRotaryEmb(x: Tensor, cos: Tensor, sin: Tensor, options: RotaryOptions = {}): Tensor {
  const op = 'applyRotaryEmb';
  const pairs = checkTables(op, x, cos, sin);
  checkOptions(op, options);
  const dtype = computeDType(x.dtype);
  const [c, s] = [to(cos, dtype), to(sin, dtype)];
  const turned = narrow(to(x, dtype), -1, 0, 2 * pairs);
  const [a, b] = options.interleaved
    ? [slice(turned, -1, 0, null, 2), slice(turned, -1, 1, null, 2)]
    : [narrow(turned, -1, 0, pairs), narrow(turned, -1, pairs, pairs)];
  const [p, q] = [sub(mul(a, c), mul(b, s)), add(mul(b, c), mul(a, s))];
  const size = x.shape[x.ndim - 1];
  const joined = options.interleaved ? [reshape(stack([p, q], -1), turned.shape)] : [p, q];
  if (2 * pairs < size) joined.push(narrow(to(x, dtype), -1, 2 * pairs, size - 2 * pairs));
  return to(joined.length > 1 ? cat(joined, -1) : joined[0], x.dtype);
}
