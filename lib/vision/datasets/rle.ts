import { FormatError } from '../../errors.js';

/** COCO's run lengths: pixels column by column, zeros and ones in turn, beginning with zeros. */
export interface Rle {
  /** `[height, width]`. */
  readonly size: readonly number[];
  /** The lengths, as numbers or in COCO's short text. */
  readonly counts: readonly number[] | string;
}

/**
 * The mask of run lengths: `height * width` zeros and ones, row by row.
 * Source: https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c (the format; differences to the length
 * before the previous one, five bits a character)
 *
 * @throws FormatError when the lengths do not fill the image
 */
export function decodeRle(rle: Rle, path = 'RLE'): Uint8Array {
  const [height, width] = rle.size;
  const counts = typeof rle.counts === 'string' ? unpackCounts(rle.counts, path) : rle.counts;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const wrong = counts.find((count) => !(Number.isInteger(count) && count >= 0));
  if (wrong !== undefined || total !== height * width) {
    const found = wrong === undefined ? `add up to ${total}` : `hold ${wrong}`;
    throw new FormatError('decodeRle', path, `run lengths ${found}, expected ${height} x ${width} pixels`);
  }
  const mask = new Uint8Array(height * width);
  let place = 0;
  for (const [i, count] of counts.entries()) {
    if (i % 2 === 1) {
      for (let p = place; p < place + count; p++) mask[(p % height) * width + Math.floor(p / height)] = 1;
    }
    place += count;
  }
  return mask;
}

function unpackCounts(text: string, path: string): number[] {
  const counts: number[] = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let shift = 0;
    for (let more = true; more; ) {
      const code = text.charCodeAt(at++) - 48;
      if (!(code >= 0 && code < 64))
        throw new FormatError('decodeRle', path, 'the text of run lengths is damaged', at - 1);
      value += (code & 31) * 2 ** shift;
      shift += 5;
      more = (code & 32) !== 0;
      if (!more && code & 16) value -= 2 ** shift;
    }
    counts.push(counts.length > 2 ? value + counts[counts.length - 2] : value);
  }
  return counts;
}

/**
 * The mask of polygons `[x0, y0, x1, y1, …]`, as COCO draws them: the outline is walked on a grid five times as fine, and a
 * pixel counts where its middle lies on it or inside of it. What several polygons hold together counts once.
 *
 * @returns `height * width` zeros and ones, row by row
 * Source: https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c (rleFrPoly)
 */
export function maskOfPolygons(polygons: readonly (readonly number[])[], height: number, width: number): Uint8Array {
  const mask = new Uint8Array(height * width);
  for (const polygon of polygons) {
    const turns = turningPoints(polygon, height, width);
    for (let i = 0; i < turns.length; i += 2) {
      const end = i + 1 < turns.length ? turns[i + 1] : height * width;
      for (let p = turns[i]; p < end; p++) mask[(p % height) * width + Math.floor(p / height)] = 1;
    }
  }
  return mask;
}

/** Steps of the outline for one pixel. */
const FINE = 5;

/** Where, column by column, the polygon begins and ends: sorted places `x * height + y`. */
function turningPoints(polygon: readonly number[], height: number, width: number): Uint32Array {
  const [xs, ys] = outline(polygon.map((value) => Math.trunc(FINE * value + 0.5)));
  const places: number[] = [];
  for (let i = 1; i < xs.length; i++) {
    if (xs[i] === xs[i - 1]) continue;
    // Only steps across the middle of a column count.
    const x = ((xs[i] < xs[i - 1] ? xs[i] : xs[i] - 1) - 2) / FINE;
    if (!Number.isInteger(x) || x < 0 || x >= width) continue;
    const y = (Math.min(ys[i], ys[i - 1]) + 0.5) / FINE - 0.5;
    places.push(x * height + Math.ceil(Math.min(Math.max(y, 0), height)));
  }
  return Uint32Array.from(places).sort();
}

/** Every point of the fine grid on the way around, edge by edge. */
function outline(corners: readonly number[]): [xs: number[], ys: number[]] {
  const [xs, ys]: [number[], number[]] = [[], []];
  for (let i = 0; i < corners.length; i += 2) {
    const next = (i + 2) % corners.length;
    const [x0, y0, x1, y1] = [corners[i], corners[i + 1], corners[next], corners[next + 1]];
    const [dx, dy] = [Math.abs(x1 - x0), Math.abs(y1 - y0)];
    const flat = dx >= dy;
    // Each edge is drawn from its left (or upper) end, whichever way it is walked, so that neighbours share it.
    const backwards = flat ? x0 > x1 : y0 > y1;
    const [xa, ya, xb, yb] = backwards ? [x1, y1, x0, y0] : [x0, y0, x1, y1];
    const steps = Math.max(dx, dy);
    const slope = steps === 0 ? 0 : (flat ? yb - ya : xb - xa) / steps;
    for (let d = 0; d <= steps; d++) {
      const t = backwards ? steps - d : d;
      xs.push(flat ? xa + t : Math.trunc(xa + slope * t + 0.5));
      ys.push(flat ? Math.trunc(ya + slope * t + 0.5) : ya + t);
    }
  }
  return [xs, ys];
}
