import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import '../tensor/read.js';
import { Tensor } from '../tensor/tensor.js';
import { axisStyle, type ChartOption, pageTitle, saveChart } from './chart.js';
import { requireImagePath } from './render.js';
import type { PlotOptions } from './style.js';
import { hex, INK, MUTED, shades } from './style.js';

/** How {@link saveConfusionMatrix} draws. */
export interface ConfusionMatrixPlotOptions extends PlotOptions {
  /** Names of the classes. Default: their numbers. */
  readonly labels?: readonly string[];
  /** Colour and text by the share of each true class, of each predicted one, of all, or by the counts. Default `'true'`. */
  readonly normalize?: 'true' | 'predicted' | 'all' | 'none';
}

const OP = 'saveConfusionMatrix';

/**
 * Draws how often each true class (rows) was taken for which (columns), as PNG or SVG, whichever the path ends with.
 * Needs the packages echarts and, for PNG, sharp.
 *
 * @param matrix counts `[C, C]`, rows for the true classes: a tensor, or what `metrics.confusionMatrix` computes
 * @throws MissingPackageError when a package is not installed
 * @throws ShapeError, ArgumentError for a matrix that is not square or holds other values than counts
 * @example
 * await saveConfusionMatrix([[48, 2], [5, 45]], 'confusion.png', { labels: ['cat', 'dog'] });
 */
export async function saveConfusionMatrix(
  matrix: Tensor | readonly (readonly number[])[],
  path: string,
  options: ConfusionMatrixPlotOptions = {},
): Promise<void> {
  requireImagePath(OP, path);
  const counts = matrix instanceof Tensor ? await rowsOf(matrix) : matrix;
  const size = checkMatrix(counts);
  const { labels = counts.map((_, i) => String(i)), normalize = 'true', title = 'Confusion matrix' } = options;
  if (labels.length !== size) {
    throw new ArgumentError(OP, `${size} classes need as many labels, got ${labels.length}`, labels);
  }
  if (!(normalize in MEANING)) {
    throw new ArgumentError(
      OP,
      `normalize must be true, predicted, all or none, got ${valueText(normalize)}`,
      normalize,
    );
  }
  const layout = layOut(size, labels, options);
  const shares = normalized(counts, normalize);
  const most = normalize === 'none' ? Math.max(1, ...counts.flat()) : 1;
  const cells = shares.flatMap((row, y) =>
    row.map(
      (share, x): Cell => ({
        at: [x, y],
        fill: hex(shades(share / most)),
        color: share / most < 0.55 ? INK : '#ffffff',
        text: layout.cell >= 30 ? cellText(counts[y][x], share, normalize) : '',
      }),
    ),
  );
  await saveChart(OP, { title: heading(title, normalize), ...chartOption(cells, labels, layout) }, path, layout);
}

const MEANING = {
  true: 'percent of each true class',
  predicted: 'percent of each predicted class',
  all: 'percent of all',
  none: 'counts',
};

const heading = (title: string, normalize: keyof typeof MEANING) => ({
  ...pageTitle(title, 24),
  subtext: MEANING[normalize],
  subtextStyle: { fontSize: 12, color: MUTED },
  itemGap: 6,
});

interface Cell {
  readonly at: readonly [number, number];
  readonly fill: string;
  readonly color: string;
  readonly text: string;
}

interface Layout {
  readonly cell: number;
  readonly left: number;
  readonly bottom: number;
  readonly width: number;
  readonly height: number;
  readonly slanted: boolean;
  readonly fontSize: number;
}

const TOP = 78;
const RIGHT = 40;
const CHARACTER = 7.5;

/** Room for the longest label on the left, and below, where labels that do not fit are slanted. */
function layOut(size: number, labels: readonly string[], options: ConfusionMatrixPlotOptions): Layout {
  const cell = size <= 5 ? 84 : size <= 12 ? 56 : size <= 25 ? 34 : Math.max(8, Math.floor(900 / size));
  const longest = Math.min(16, Math.max(...labels.map((label) => label.length)));
  const slanted = longest * CHARACTER > cell - 6;
  const left = Math.round(64 + longest * CHARACTER);
  const bottom = Math.round(slanted ? 62 + longest * 5.5 : 74);
  const { width = left + size * cell + RIGHT, height = TOP + size * cell + bottom } = options;
  return { cell, left, bottom, width, height, slanted, fontSize: size <= 5 ? 15 : size <= 12 ? 13 : 10 };
}

function chartOption(cells: readonly Cell[], labels: readonly string[], layout: Layout): ChartOption {
  const { left, bottom, slanted, fontSize } = layout;
  const axisLabel = { fontSize: 12, color: INK, width: 120, overflow: 'truncate' as const, interval: 0 };
  const axis = {
    ...axisStyle,
    type: 'category' as const,
    data: [...labels],
    splitLine: { show: false },
    axisLine: { show: false },
  };
  return {
    grid: { left, top: TOP, right: RIGHT, bottom },
    xAxis: { ...axis, name: 'predicted', nameGap: bottom - 28, axisLabel: { ...axisLabel, rotate: slanted ? 40 : 0 } },
    yAxis: { ...axis, name: 'true', nameGap: left - 34, inverse: true, axisLabel },
    series: [{ type: 'custom', renderItem: drawCell(cells, fontSize), data: cells.map(({ at }) => [...at]) }],
  };
}

/** A square with a gap around it and its text in the middle. */
function drawCell(cells: readonly Cell[], fontSize: number) {
  return (
    params: { dataIndex: number },
    api: { coord(at: number[]): number[]; size?(size: number[]): number | number[] },
  ) => {
    const { at, fill, color, text } = cells[params.dataIndex];
    const [x, y] = api.coord([...at]);
    const [width, height] = (api.size?.([1, 1]) ?? [1, 1]) as number[];
    const shape = { x: x - width / 2 + 1, y: y - height / 2 + 1, width: width - 2, height: height - 2, r: 3 };
    const square = { type: 'rect' as const, shape, style: { fill } };
    if (text === '') return square;
    const style = {
      text,
      x,
      y,
      fill: color,
      fontSize,
      align: 'center' as const,
      verticalAlign: 'middle' as const,
    };
    return { type: 'group' as const, children: [square, { type: 'text' as const, style }] };
  };
}

async function rowsOf(matrix: Tensor): Promise<number[][]> {
  if (matrix.ndim !== 2) throw new ShapeError(OP, `[C, C] is needed, got ${shapeText(matrix.shape)}`, matrix.shape);
  const values = Array.from(await matrix.data(), Number);
  const [rows, columns] = matrix.shape;
  return Array.from({ length: rows }, (_, i) => values.slice(i * columns, (i + 1) * columns));
}

function checkMatrix(counts: readonly (readonly number[])[]): number {
  const size = counts.length;
  if (!Array.isArray(counts) || size === 0 || counts.some((row) => !Array.isArray(row) || row.length !== size)) {
    const widths = Array.isArray(counts) ? counts.map((row: readonly number[]) => row?.length ?? 0) : [];
    throw new ShapeError(OP, `a square matrix is needed, got ${size} rows of ${shapeText(widths)} values`, widths);
  }
  for (const value of counts.flat()) {
    if (!(Number.isFinite(value) && value >= 0)) {
      throw new ArgumentError(OP, `counts must be finite and not negative, got ${value}`, value);
    }
  }
  return size;
}

function normalized(counts: readonly (readonly number[])[], by: string): number[][] {
  const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) || 1;
  const columns = counts.map((_, x) => total(counts.map((row) => row[x])));
  const all = total(counts.flat());
  const rows = counts.map(total);
  return counts.map((row, y) =>
    row.map((count, x) => {
      if (by === 'true') return count / rows[y];
      if (by === 'predicted') return count / columns[x];
      return by === 'all' ? count / all : count;
    }),
  );
}

/** Percent, without the many zeros of a good model. */
function cellText(count: number, share: number, by: string): string {
  if (count === 0) return by === 'none' ? '0' : '';
  if (by === 'none') return String(Number(count.toPrecision(6)));
  const percent = share * 100;
  return percent < 0.5 ? '<1' : String(Math.round(percent));
}
