import { DataError } from '../../errors.js';

/** `[x0, y0, x1, y1]`. */
export type Box = readonly [number, number, number, number];

/** What becomes of a box that reaches outside of its image: an error that names the sample (default), or a smaller box. */
export type OutsideBoxes = 'error' | 'clip';

/** @internal A box inside of the image; throws or clips, as it was asked. */
export function insideBox(
  op: string,
  box: Box,
  size: { width: number; height: number },
  outside: OutsideBoxes,
  at: { dataset: string; index: number; what: string },
): Box {
  const { width, height } = size;
  const [x0, y0, x1, y1] = box;
  const clipped: Box = [clamp(x0, width), clamp(y0, height), clamp(x1, width), clamp(y1, height)];
  const isInside = clipped.every((value, i) => value === box[i]);
  if (isInside && x0 < x1 && y0 < y1) return box;
  const isLeft = clipped[0] < clipped[2] && clipped[1] < clipped[3];
  if (outside === 'clip' && isLeft) return clipped;
  const found = `${at.what} has the box [${box.join(', ')}]`;
  const why = x0 < x1 && y0 < y1 ? `outside of the image (${width} x ${height})` : 'without an area';
  throw new DataError(op, { dataset: at.dataset, index: at.index }, `${found}, ${why}`);
}

const clamp = (value: number, most: number): number => Math.min(Math.max(value, 0), most);
