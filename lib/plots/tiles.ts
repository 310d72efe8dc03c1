// Small pictures in rows with little text: filters, feature maps.
import { encodePng, escapeXml, FONT_FAMILY, writeImage } from './render.js';
import { type ColorMap, hex, INK, MUTED, numberText } from './style.js';

/** One picture: rows of values, or of red, green and blue. */
export interface Tile {
  readonly values: ArrayLike<number>;
  readonly channels: 1 | 3;
  readonly caption: string;
}

/** A page of pictures of one size. */
export interface TilePage {
  readonly tiles: readonly Tile[];
  readonly height: number;
  readonly width: number;
  readonly title: string;
  readonly subtitle: string;
  readonly columns: number;
  /** Size of the larger side of a picture on the page. */
  readonly size: number;
  /** The values of both ends of the colours. */
  readonly range: readonly [number, number];
  readonly colors: ColorMap;
}

const PADDING = 24;
const GAP = 6;
const CAPTION = 16;
const HEADER = 62;
const LEGEND = 46;
const BAR = 160;

/** The narrowest page that has room for the title. */
const LEAST_WIDTH = 320;

/** Writes the page as PNG or SVG. */
export async function saveTiles(op: string, page: TilePage, path: string): Promise<void> {
  const scale = page.size / Math.max(page.width, page.height);
  const cell = { width: Math.round(page.width * scale), height: Math.round(page.height * scale) };
  const captioned = page.tiles.some(({ caption }) => caption !== '');
  const rowHeight = cell.height + (captioned ? CAPTION : 0) + GAP;
  const rows = Math.ceil(page.tiles.length / page.columns);
  const colored = page.tiles.some(({ channels }) => channels === 1);
  const width = Math.max(LEAST_WIDTH, 2 * PADDING + page.columns * (cell.width + GAP) - GAP);
  const bodyEnd = PADDING + HEADER + rows * rowHeight - GAP;
  const height = bodyEnd + (colored ? LEGEND : 0) + PADDING;
  const pictures = await Promise.all(page.tiles.map((tile) => pictureOf(op, tile, page)));
  const drawn = page.tiles.map(({ caption }, i) => {
    const x = PADDING + (i % page.columns) * (cell.width + GAP);
    const y = PADDING + HEADER + Math.floor(i / page.columns) * rowHeight;
    const box = `x="${x}" y="${y}" width="${cell.width}" height="${cell.height}"`;
    const text = `<text x="${x + cell.width / 2}" y="${y + cell.height + 12}" text-anchor="middle" font-size="10" fill="${MUTED}">${escapeXml(caption)}</text>`;
    const image = `<image ${box} preserveAspectRatio="none" href="${pictures[i]}"/>`;
    return `${image}<rect ${box} fill="none" stroke="#d1d5db" stroke-width="1"/>${caption === '' ? '' : text}`;
  });
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    ` font-family="${FONT_FAMILY}"><rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="${PADDING}" y="${PADDING + 16}" font-size="18" font-weight="bold" fill="${INK}">${escapeXml(page.title)}</text>`,
    `<text x="${PADDING}" y="${PADDING + 38}" font-size="12" fill="${MUTED}">${escapeXml(page.subtitle)}</text>`,
    ...drawn,
    colored ? colorBar(page, bodyEnd + 16) : '',
    '</svg>',
  ].join('');
  await writeImage(op, svg, path);
}

/** The colours with the values of both ends and of the middle. */
function colorBar({ colors, range: [low, high] }: TilePage, y: number): string {
  const stops = Array.from({ length: 11 }, (_, i) => `<stop offset="${i * 10}%" stop-color="${hex(colors(i / 10))}"/>`);
  const label = (value: number, x: number, anchor: string): string =>
    `<text x="${x}" y="${y + 26}" font-size="11" fill="${MUTED}" text-anchor="${anchor}">${numberText(value)}</text>`;
  return [
    `<defs><linearGradient id="colors">${stops.join('')}</linearGradient></defs>`,
    `<rect x="${PADDING}" y="${y}" width="${BAR}" height="10" rx="2" fill="url(#colors)" stroke="#d1d5db" stroke-width="0.5"/>`,
    label(low, PADDING, 'start'),
    label((low + high) / 2, PADDING + BAR / 2, 'middle'),
    label(high, PADDING + BAR, 'end'),
  ].join('');
}

/** Enlarges by whole factors, because a viewer would blur the few pixels of a small picture. */
async function pictureOf(op: string, tile: Tile, page: TilePage): Promise<string> {
  const { width, height, range, colors } = page;
  const [low, high] = range;
  const span = high - low || 1;
  const factor = Math.max(1, Math.floor((2 * page.size) / Math.max(width, height)));
  const pixels = new Uint8Array(width * factor * height * factor * 3);
  const plane = width * height;
  const unit = (at: number): number => (tile.values[at] - low) / span;
  for (let y = 0, out = 0; y < height * factor; y++) {
    for (let x = 0; x < width * factor; x++, out += 3) {
      const at = Math.floor(y / factor) * width + Math.floor(x / factor);
      const rgb =
        tile.channels === 1
          ? colors(unit(at))
          : [0, 1, 2].map((c) => Math.round(255 * Math.min(1, Math.max(0, unit(at + c * plane)))));
      pixels.set(rgb, out);
    }
  }
  const png = await encodePng(op, pixels, width * factor, height * factor);
  return `data:image/png;base64,${png.toString('base64')}`;
}
