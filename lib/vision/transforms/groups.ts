// Batches of which each image goes its own way: taken apart by way, and put together again.
import { ShapeError, shapeText } from '../../errors.js';
import { indexSelect } from '../../ops/indexing/rows.js';
import { cat } from '../../ops/shape/concat.js';
import { reshape } from '../../ops/shape/view.js';
import { tensor } from '../../tensor/create.js';
import { numelOf, sameShape } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { leadOf } from './base.js';
import { BoundingBoxes, dataOf, Image, Mask, partsOf, replaceParts, type Transformable } from './sample.js';

/** The part with another tensor. */
function withData(part: Transformable, data: Tensor, canvas?: BoundingBoxes): Transformable {
  if (part instanceof BoundingBoxes) return part.with(data, canvas?.canvasSize);
  if (part instanceof Mask) return new Mask(data);
  return part instanceof Image ? new Image(data) : data;
}

/**
 * Runs `run(sample, way)` for the images of each way. `draw` gives the way of one image; with `each` false one way is drawn
 * for all images of the sample.
 *
 * @throws ShapeError when images come out in different sizes, so that they make no batch.
 */
export function runByWay<W>(
  op: string,
  sample: unknown,
  each: boolean,
  draw: () => W,
  run: (sample: unknown, way: W) => unknown,
): unknown {
  const parts = partsOf(sample);
  const lead = each ? leadOf(op, parts) : [];
  const count = numelOf(lead);
  if (lead.length === 0 || count === 0) return run(sample, draw());
  const ways = new Map<string, { way: W; images: number[] }>();
  for (let i = 0; i < count; i++) {
    const way = draw();
    const key = String(way);
    const group = ways.get(key);
    if (group === undefined) ways.set(key, { way, images: [i] });
    else group.images.push(i);
  }
  if (ways.size === 1) return run(sample, [...ways.values()][0].way);
  return joined(op, sample, parts, lead, [...ways.values()], run);
}

function joined<W>(
  op: string,
  sample: unknown,
  parts: readonly Transformable[],
  lead: readonly number[],
  groups: readonly { way: W; images: number[] }[],
  run: (sample: unknown, way: W) => unknown,
): unknown {
  const count = numelOf(lead);
  const flat = parts.map((part) => reshape(dataOf(part), [count, ...dataOf(part).shape.slice(lead.length)]));
  const results = groups.map(({ way, images }) => {
    const at = tensor(Int32Array.from(images));
    const chosen = parts.map((part, i) => withData(part, indexSelect(flat[i], 0, at)));
    return partsOf(run(replaceParts(sample, new Map(parts.map((part, i) => [part, chosen[i]]))), way));
  });
  const order = groups.flatMap(({ images }) => images);
  const back = new Int32Array(count);
  order.forEach((image, i) => {
    back[image] = i;
  });
  const at = tensor(back);
  const whole = parts.map((part, i): [Transformable, Transformable] => {
    const pieces = results.map((result) => result[i]);
    const data = together(
      op,
      pieces.map((piece) => dataOf(piece)),
    );
    const [first] = pieces;
    const restored = reshape(indexSelect(data, 0, at), [...lead, ...data.shape.slice(1)]);
    return [part, withData(part, restored, first instanceof BoundingBoxes ? first : undefined)];
  });
  return replaceParts(sample, new Map(whole));
}

function together(op: string, pieces: readonly Tensor[]): Tensor {
  const [first] = pieces;
  for (const piece of pieces) {
    if (sameShape(piece.shape.slice(1), first.shape.slice(1)) && piece.dtype === first.dtype) continue;
    const text = `${shapeText(first.shape.slice(1))} (${first.dtype}) and ${shapeText(piece.shape.slice(1))} (${piece.dtype})`;
    throw new ShapeError(op, `images of one batch would be ${text}; use perSample: false`, first.shape, piece.shape);
  }
  return cat(pieces, 0);
}
