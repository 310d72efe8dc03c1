import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { cat } from '../ops/index.js';
import { encodePng } from '../plots/render.js';
import { zeros } from '../tensor/create.js';
import '../tensor/read.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Fields } from './schema.js';

/** Images beside each other in one picture. */
const COLUMNS = 8;

/** The order of the axes: `CHW`, `HWC`, `HW`, `WH`, and with N first or anywhere for several images. */
export type DataFormats = string;

function checkFormat(op: string, image: Tensor, format: unknown): string {
  const letters = typeof format === 'string' ? format.toUpperCase() : '';
  const sorted = [...letters].sort().join('');
  if (!['HW', 'CHW', 'CHNW'].includes(sorted)) {
    throw new ArgumentError(
      op,
      `dataformats must name H, W, C and N once, such as CHW, got ${valueText(format)}`,
      format,
    );
  }
  if (letters.length !== image.ndim) {
    throw new ShapeError(op, `an image of shape ${shapeText(image.shape)} is not ${letters}`, image.shape);
  }
  return letters;
}

/** `[N, C, H, W]` as one image `[C, rows * H, columns * W]`, black where none is left. */
export function grid(images: Tensor, columns = COLUMNS): Tensor {
  const [n, c, h, w] = images.shape;
  const across = Math.max(1, Math.min(n, columns));
  const rows = Math.ceil(n / across);
  const missing = rows * across - n;
  const all = missing === 0 ? images : cat([images, zeros([missing, c, h, w], { dtype: images.dtype })]);
  const cells = all.reshape([rows, across, c, h, w]).permute([2, 0, 3, 1, 4]);
  return cells.reshape([c, rows * h, across * w]);
}

/** Bytes `[H, W, C]` with C 3 or 4: uint8 as it is, other numbers from 0 to 1. */
function bytesOf(op: string, image: Tensor, format: string): Tensor {
  const order = (axes: string): number[] => [...axes].map((axis) => format.indexOf(axis));
  const chw =
    format.length === 4
      ? grid(image.permute(order('NCHW')))
      : format.length === 3
        ? image.permute(order('CHW'))
        : image.permute(order('HW')).unsqueeze(0);
  const [c, h, w] = chw.shape;
  if (![1, 3, 4].includes(c)) {
    throw new ShapeError(op, `an image has 1, 3 or 4 channels, got ${c} in ${shapeText(image.shape)}`, image.shape);
  }
  if (h === 0 || w === 0) throw new ShapeError(op, `the image ${shapeText(image.shape)} is empty`, image.shape);
  const colours = c === 1 ? chw.expand([3, h, w]) : chw;
  const hwc = colours.permute([1, 2, 0]);
  if (hwc.dtype === 'uint8') return hwc.contiguous();
  return hwc.to('float32').mul(255).nanToNum({ nan: 0 }).clamp(0, 255).to('uint8').contiguous();
}

/** Queues the conversion and gives the PNG message when it is packed. */
export function imageOf(op: string, image: Tensor, dataformats: DataFormats): Promise<Fields> {
  const format = checkFormat(op, image, dataformats);
  const bytes = noGrad(() => bytesOf(op, image.detach(), format));
  const [height, width, channels] = bytes.shape;
  const read = bytes.data() as Promise<Uint8Array>;
  bytes.dispose();
  return read
    .then((pixels) => encodePng(op, pixels, width, height, channels as 3 | 4))
    .then((png) => ({ height, width, colorspace: channels, encoded_image_string: png }));
}
