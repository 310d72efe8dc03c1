// Colours that all plots share. The palette is Okabe and Ito's (2008): told apart with every kind of colour vision.
/** Text. */
export const INK = '#1f2937';
/** Text beside the point: axes, captions. */
export const MUTED = '#6b7280';
/** Lines behind the data. */
export const GRID_LINE = '#e5e7eb';
/** One for each series, in this order; after the last the first again. */
export const PALETTE = [
  '#0072B2',
  '#D55E00',
  '#009E73',
  '#CC79A7',
  '#E69F00',
  '#56B4E9',
  '#4B5563',
  '#8C6D1F',
] as const;

/** The colour of a series. */
export const colorOf = (index: number): string => PALETTE[index % PALETTE.length];

type Rgb = readonly [number, number, number];

/** A colour for each number from 0 to 1. */
export type ColorMap = (value: number) => Rgb;

/** Colours between stops at equal distances. */
function between(stops: readonly Rgb[]): ColorMap {
  return (value) => {
    const at = Math.min(1, Math.max(0, value)) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    const part = at - low;
    const mix = (i: 0 | 1 | 2): number => Math.round(stops[low][i] * (1 - part) + stops[low + 1][i] * part);
    return [mix(0), mix(1), mix(2)];
  };
}

/** From dark blue over green to yellow, evenly brighter: for what is not negative. Stops of viridis. */
export const sequential = between([
  [68, 1, 84],
  [72, 40, 120],
  [62, 74, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [109, 205, 89],
  [180, 222, 44],
  [253, 231, 37],
]);

/** Blue for negative, white for 0, red for positive: at 0, 0.5 and 1. */
export const diverging = between([
  [33, 102, 172],
  [103, 169, 207],
  [209, 229, 240],
  [255, 255, 255],
  [253, 219, 199],
  [239, 138, 98],
  [178, 24, 43],
]);

/** White to deep blue: shares and counts. */
export const shades = between([
  [247, 251, 255],
  [198, 219, 239],
  [107, 174, 214],
  [33, 113, 181],
  [8, 48, 107],
]);

/** `#rrggbb`. */
export const hex = ([r, g, b]: Rgb): string =>
  `#${[r, g, b].map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;

/** Short text of a number on an axis or in a legend. */
export function numberText(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(1).replace('e+', 'e');
  return String(Number(value.toPrecision(3)));
}

/** What all plots take. */
export interface PlotOptions {
  readonly title?: string;
  readonly width?: number;
  readonly height?: number;
}
