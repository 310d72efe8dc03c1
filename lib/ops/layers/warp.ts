// Images moved each by a map of its own: what geometric transforms run on (native/ops/warp.h). Not differentiable.
import { ArgumentError, DTypeError, ShapeError, shapeText } from '../../errors.js';
import { native } from '../../native.js';
import { checkTensor } from '../../tensor/check.js';
import { stridesLike } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import { sameShape } from '../../tensor/layout.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { round } from '../pointwise/unary.js';
import { contiguous, to } from '../shape/view.js';

/** The kinds of maps; the codes are those of native/ops/warp.h. */
export type WarpMap = 'affine' | 'projective' | 'field' | 'place';

const CODES: Readonly<Record<WarpMap, number>> = { affine: 0, projective: 1, field: 2, place: 3 };

/** Options of {@link warp}. */
export interface WarpOptions {
  /** Blend the four pixels around a point, not take the nearest one. Default false. */
  readonly linear?: boolean;
  /** What lies outside: `[1]` or `[C]`. Default: 0, which blended edges fade to without being cut. */
  readonly fill?: Tensor | null;
}

const warpOp = defineOp({
  name: 'warp',
  inputs: ['input', 'maps', 'fill?'],
  narrow: 'mixed',
  forward: (x: Tensor, maps: Tensor, fill: Tensor | null, size: readonly number[], map: WarpMap, linear: boolean) => {
    const shape = [x.shape[0], x.shape[1], ...size];
    const out = emptyStrided(shape, stridesLike(x, shape), x.dtype);
    native.warp(out._id, x._id, maps._id, fill?._id ?? 0, CODES[map], linear);
    return out;
  },
});

function checkMaps(x: Tensor, maps: Tensor, size: readonly number[], map: WarpMap): void {
  const wanted = map === 'field' ? [maps.shape[0], ...size, 2] : [maps.shape[0], 9];
  const count = maps.shape[0];
  if (sameShape(maps.shape, wanted) && (count === 1 || count === x.shape[0])) return;
  const text = `${map} maps ${shapeText(['N', ...wanted.slice(1)])} are needed for ${shapeText(x.shape)}`;
  throw new ShapeError('warp', `${text}, got ${shapeText(maps.shape)}`, maps.shape, x.shape);
}

/**
 * Images `[N, C, H, W]` as they appear through a map each, of `size` [H', W']. `maps` is `[N, 9]` or `[1, 9]`, float64:
 *
 * - `'affine'`: two rows of a matrix, from pixels around the centre of the result to pixels around the centre of the image.
 * - `'projective'`: three rows of a matrix, from the places of pixels (whose centres are at 1/2) to such places.
 * - `'place'`: left, top, flip x, flip y: the pixels themselves, no blending.
 *
 * `'field'` takes `[N, H', W', 2]`: how far away, in halves of the sides, each pixel of the result looks (x, then y).
 * uint8, float32 and float64 can be blended; other integer types are blended in float32 and rounded.
 *
 * @throws ShapeError for maps of another shape; DTypeError for maps that are not floating.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.affine.html
 */
export function warp(
  x: Tensor,
  maps: Tensor,
  size: readonly [number, number],
  map: WarpMap,
  options: WarpOptions = {},
): Tensor {
  const op = 'warp';
  checkTensor(op, x);
  checkTensor(op, maps, 'maps');
  const { linear = false, fill = null } = options;
  if (x.ndim !== 4) throw new ShapeError(op, `images [N, C, H, W] are needed, got ${shapeText(x.shape)}`, x.shape);
  if (!(map in CODES)) throw new ArgumentError(op, `unknown map ${map}`, map);
  if (!isFloating(maps.dtype)) throw new DTypeError(op, `maps are float64, got ${maps.dtype}`, maps.dtype);
  checkMaps(x, maps, size, map);
  if (fill !== null && fill.numel !== 1 && fill.numel !== x.shape[1]) {
    throw new ShapeError(op, `${fill.numel} fill values for ${x.shape[1]} channels`, fill.shape, x.shape);
  }
  const blended = linear && map !== 'place';
  if (blended && !isFloating(x.dtype) && x.dtype !== 'uint8') {
    return to(round(warp(to(x, 'float32'), maps, size, map, options)), x.dtype);
  }
  if (x.shape[2] * x.shape[3] === 0) throw new ShapeError(op, `empty images of ${shapeText(x.shape)}`, x.shape);
  const fieldType = x.dtype === 'float64' ? 'float64' : 'float32';
  const own = contiguous(to(maps, map === 'field' ? fieldType : 'float64'));
  const computed = x.dtype === 'uint8' ? 'float32' : x.dtype;
  const outside = fill === null ? null : contiguous(to(fill, blended ? computed : x.dtype));
  return warpOp(x, own, outside, size, map, blended);
}
