import { ArgumentError, DTypeError, ShapeError, shapeText } from '../errors.js';
import '../tensor/read.js';
import { Tensor } from '../tensor/tensor.js';
import { encodePng, escapeXml, FONT_FAMILY, requireImagePath, writeImage } from './render.js';
import { INK, MUTED } from './style.js';

/** An image as numbers: `data` holds `channels` planes of `height` rows. Bytes run to 255, floats to 1. */
export interface PlanarImage {
  readonly data: Uint8Array | Float32Array | Float64Array;
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
}

/** What stands under an image: free text, or the label it has and the one a model gave it. */
export type Caption = string | { readonly truth: string; readonly predicted: string; readonly probability?: number };

/** How {@link saveImageGrid} draws. */
export interface ImageGridOptions {
  readonly title?: string;
  /** Images per row. Default: as near to a square as it gets, at most 8. */
  readonly columns?: number;
  /** Size of the larger side of an image on the page; small images are enlarged without smoothing. Default 168. */
  readonly imageSize?: number;
}

const OP = 'saveImageGrid';
const PADDING = 24;
const GAP = 14;
const LINE_HEIGHT = 18;
const FONT_SIZE = 12;
const TITLE_SIZE = 18;
/** Generous, for the widest fallback font, so that text never runs into its neighbour. */
const CHAR_WIDTH = 0.62;
const BOLD_CHAR_WIDTH = 0.7;
const MIN_CELL_WIDTH = 180;
const TITLE_HEIGHT = 44;
const WRONG = '#dc2626';
const RIGHT = '#15803d';

interface CaptionLine {
  readonly prefix: string;
  readonly text: string;
  readonly suffix: string;
  readonly color: string;
}

interface Layout {
  readonly columns: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly imageWidth: number;
  readonly imageHeight: number;
  readonly top: number;
}

/**
 * Writes images in rows with a caption under each, as PNG or SVG, whichever the path ends with: for instance the
 * images that a model got wrong. Needs the package sharp.
 *
 * @param images `[N, C, H, W]` with C 1 or 3, as uint8 or as floats from 0 to 1; or single images, all of one size
 * @param captions one per image
 * @throws MissingPackageError when sharp is not installed
 * @throws ArgumentError when the images differ in size, or their number from that of the captions
 * @example
 * await saveImageGrid([image], [{ truth: 'Shirt', predicted: 'Coat', probability: 0.61 }], 'misclassified.png');
 */
export async function saveImageGrid(
  images: Tensor | readonly PlanarImage[],
  captions: readonly Caption[],
  path: string,
  options: ImageGridOptions = {},
): Promise<void> {
  requireImagePath(OP, path);
  return drawGrid(images instanceof Tensor ? await readImages(images) : images, captions, path, options);
}

async function readImages(images: Tensor): Promise<PlanarImage[]> {
  const [count, channels, height, width] = images.shape;
  if (images.ndim !== 4 || (channels !== 1 && channels !== 3)) {
    throw new ShapeError(OP, `images must be [N, 1 or 3, H, W], got ${shapeText(images.shape)}`, images.shape);
  }
  const all = await images.data();
  if (!(all instanceof Uint8Array || all instanceof Float32Array || all instanceof Float64Array)) {
    throw new DTypeError(OP, `images must be uint8, float32 or float64, got ${images.dtype}`, images.dtype);
  }
  const size = channels * height * width;
  const slice = (i: number) => ({ data: all.subarray(i * size, (i + 1) * size), channels, height, width }) as const;
  return Array.from({ length: count }, (_, i) => slice(i));
}

async function drawGrid(
  images: readonly PlanarImage[],
  captions: readonly Caption[],
  path: string,
  options: ImageGridOptions,
): Promise<void> {
  checkImages(images, captions);
  const lines = captions.map(captionLines);
  const layout = layOut(images, lines, options);
  const pictures = await Promise.all(images.map((image) => toDataUri(image)));
  const cells = pictures.map((picture, i) => drawCell(picture, lines[i], i, layout));
  const rows = Math.max(1, Math.ceil(images.length / layout.columns));
  const width = 2 * PADDING + layout.columns * (layout.cellWidth + GAP) - GAP;
  const height = layout.top + rows * (layout.cellHeight + GAP) - GAP + PADDING;
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    ` font-family="${FONT_FAMILY}" font-size="${FONT_SIZE}"><rect width="100%" height="100%" fill="#ffffff"/>`,
    drawTitle(options.title, width),
    ...cells,
    '</svg>',
  ].join('');
  await writeImage(OP, svg, path);
}

function checkImages(images: readonly PlanarImage[], captions: readonly Caption[]): void {
  if (images.length !== captions.length) {
    throw new ArgumentError(OP, `${images.length} images need as many captions, got ${captions.length}`, captions);
  }
  const describe = ({ channels, height, width }: PlanarImage) => `[${channels}, ${height}, ${width}]`;
  for (const [i, image] of images.entries()) {
    const { data, channels, height, width } = image;
    if (describe(image) !== describe(images[0])) {
      throw new ArgumentError(OP, `image ${i} is ${describe(image)}, image 0 is ${describe(images[0])}`, image);
    }
    if ((channels !== 1 && channels !== 3) || data.length !== channels * height * width || data.length === 0) {
      throw new ArgumentError(OP, `image ${i} is ${describe(image)} and holds ${data.length} values`, image);
    }
  }
}

function layOut(images: readonly PlanarImage[], lines: readonly CaptionLine[][], options: ImageGridOptions): Layout {
  const { imageSize = 168 } = options;
  const { width = 1, height = 1 } = images[0] ?? {};
  const larger = Math.max(width, height);
  const scale = larger <= imageSize ? Math.floor(imageSize / larger) : imageSize / larger;
  const imageWidth = Math.round(width * scale);
  const imageHeight = Math.round(height * scale);
  const columns = options.columns ?? Math.max(1, Math.min(8, Math.ceil(Math.sqrt(images.length))));
  const captionHeight = Math.max(0, ...lines.map((cell) => cell.length)) * LINE_HEIGHT;
  const top = PADDING + (options.title === undefined ? 0 : TITLE_HEIGHT);
  const cellWidth = Math.max(imageWidth, MIN_CELL_WIDTH);
  return { columns, cellWidth, cellHeight: imageHeight + captionHeight + 6, imageWidth, imageHeight, top };
}

function captionLines(caption: Caption): CaptionLine[] {
  if (typeof caption === 'string')
    return caption.split('\n').map((text) => ({ prefix: '', text, suffix: '', color: INK }));
  const { truth, predicted, probability } = caption;
  const percent = probability === undefined ? '' : ` ${Math.round(probability * 100)} %`;
  return [
    { prefix: 'true: ', text: truth, suffix: '', color: INK },
    { prefix: 'pred: ', text: predicted, suffix: percent, color: truth === predicted ? RIGHT : WRONG },
  ];
}

function drawTitle(title: string | undefined, width: number): string {
  if (title === undefined) return '';
  const text = shorten(title, (width - 2 * PADDING) / (BOLD_CHAR_WIDTH * TITLE_SIZE));
  const y = PADDING + 16;
  return `<text x="${PADDING}" y="${y}" font-size="${TITLE_SIZE}" font-weight="bold" fill="${INK}">${escapeXml(text)}</text>`;
}

function drawCell(picture: string, lines: readonly CaptionLine[], index: number, layout: Layout): string {
  const { columns, cellWidth, cellHeight, imageWidth, imageHeight } = layout;
  const x = PADDING + (index % columns) * (cellWidth + GAP);
  const top = layout.top + Math.floor(index / columns) * (cellHeight + GAP);
  const size = `x="${x}" y="${top}" width="${imageWidth}" height="${imageHeight}"`;
  const span = (text: string, style: string) => (text === '' ? '' : `<tspan ${style}>${escapeXml(text)}</tspan>`);
  const text = lines.map(({ prefix, text, suffix, color }, line) => {
    const y = top + imageHeight + 6 + (line + 1) * LINE_HEIGHT - 4;
    const space = cellWidth - (prefix.length + suffix.length) * CHAR_WIDTH * FONT_SIZE;
    const fits = shorten(text, space / (BOLD_CHAR_WIDTH * FONT_SIZE));
    const plain = `fill="${MUTED}"`;
    const bold = `fill="${color}" font-weight="bold"`;
    return `<text x="${x}" y="${y}" xml:space="preserve">${span(prefix, plain)}${span(fits, bold)}${span(suffix, plain)}</text>`;
  });
  return [
    `<image ${size} preserveAspectRatio="none" href="${picture}"/>`,
    `<rect ${size} fill="none" stroke="#d1d5db" stroke-width="1"/>`,
    ...text,
  ].join('');
}

function shorten(text: string, characters: number): string {
  const limit = Math.max(1, Math.floor(characters));
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}

/** Enlarges by whole factors, because a viewer would blur the few pixels of a small image. */
async function toDataUri(image: PlanarImage): Promise<string> {
  const factor = Math.max(1, Math.floor(280 / Math.max(image.width, image.height)));
  const width = image.width * factor;
  const height = image.height * factor;
  const plane = image.width * image.height;
  const step = image.channels === 1 ? 0 : plane;
  const unit = image.data instanceof Uint8Array ? 1 : 255;
  const rgb = new Uint8ClampedArray(width * height * 3);
  for (let y = 0, out = 0; y < height; y++) {
    const row = Math.floor(y / factor) * image.width;
    for (let x = 0; x < width; x++) {
      const at = row + Math.floor(x / factor);
      rgb[out++] = image.data[at] * unit;
      rgb[out++] = image.data[at + step] * unit;
      rgb[out++] = image.data[at + 2 * step] * unit;
    }
  }
  const png = await encodePng(OP, new Uint8Array(rgb.buffer), width, height);
  return `data:image/png;base64,${png.toString('base64')}`;
}
