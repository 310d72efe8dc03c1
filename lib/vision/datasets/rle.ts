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
 * The mask of polygons `[x0, y0, x1, y1, …]`: pixels whose centre lies inside one of them (an odd number of edges to
 * the right). COCO's own code draws the border a little wider.
 */
export function maskOfPolygons(polygons: readonly (readonly number[])[], height: number, width: number): Uint8Array {
  const mask = new Uint8Array(height * width);
  for (const polygon of polygons) {
    for (let y = 0; y < height; y++) fillRow(mask.subarray(y * width, (y + 1) * width), polygon, y + 0.5);
  }
  return mask;
}

function fillRow(row: Uint8Array, polygon: readonly number[], y: number): void {
  const crossings: number[] = [];
  for (let i = 0; i < polygon.length; i += 2) {
    const next = (i + 2) % polygon.length;
    const [x0, y0, x1, y1] = [polygon[i], polygon[i + 1], polygon[next], polygon[next + 1]];
    if (y0 <= y === y1 <= y) continue;
    crossings.push(x0 + ((y - y0) / (y1 - y0)) * (x1 - x0));
  }
  crossings.sort((a, b) => a - b);
  for (let i = 0; i + 1 < crossings.length; i += 2) {
    const begin = Math.max(0, Math.ceil(crossings[i] - 0.5));
    const end = Math.min(row.length, Math.ceil(crossings[i + 1] - 0.5));
    if (begin < end) row.fill(1, begin, end);
  }
}
