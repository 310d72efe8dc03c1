import type { LineSeriesOption } from 'echarts/charts';
import { ArgumentError, valueText } from '../errors.js';
import type { PrecisionRecallCurve, RocCurve } from '../metrics/index.js';
import { axisStyle, legendStyle, pageTitle, saveChart, widthOf } from './chart.js';
import { requireImagePath } from './render.js';
import type { PlotOptions } from './style.js';
import { colorOf, MUTED } from './style.js';

/** One curve, one for each class, or named ones. */
export type Curves<C> = C | readonly C[] | Readonly<Record<string, C>>;

/** How {@link saveRocCurve} and {@link savePrecisionRecallCurve} draw. */
export interface CurvePlotOptions extends PlotOptions {
  /** Names of the curves. Default: `class 0`, `class 1`, … for several. */
  readonly labels?: readonly string[];
}

interface Line {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

/** More would not be seen. */
const MOST_POINTS = 400;

/**
 * Draws true against false positive rates with the area under each curve, as PNG or SVG, whichever the path ends with.
 * Needs the packages echarts and, for PNG, sharp.
 *
 * @param curves what `metrics.rocCurve` computes: one curve, one for each class, or several with names
 * @throws MissingPackageError when a package is not installed
 * @throws ArgumentError when there is no curve or its columns differ in length
 * @example
 * await saveRocCurve({ small: { fpr: [0, 0.2, 1], tpr: [0, 0.8, 1], thresholds: [1, 0.5, 0] } }, 'roc.svg');
 */
export async function saveRocCurve(
  curves: Curves<RocCurve>,
  path: string,
  options: CurvePlotOptions = {},
): Promise<void> {
  const op = 'saveRocCurve';
  requireImagePath(op, path);
  const lines = linesOf(op, curves, options.labels, ({ fpr, tpr }) => [fpr, tpr], 'area', trapezoids);
  const axes = { x: 'false positive rate', y: 'true positive rate', title: 'ROC curve' };
  await saveLines(
    op,
    lines,
    axes,
    [
      [0, 0],
      [1, 1],
    ],
    path,
    options,
  );
}

/**
 * Draws precision against recall with the average precision of each curve, as PNG or SVG, whichever the path ends with.
 * Needs the packages echarts and, for PNG, sharp.
 *
 * @param curves what `metrics.precisionRecallCurve` computes: one curve, one for each class, or several with names
 * @throws MissingPackageError when a package is not installed
 * @throws ArgumentError when there is no curve or its columns differ in length
 */
export async function savePrecisionRecallCurve(
  curves: Curves<PrecisionRecallCurve>,
  path: string,
  options: CurvePlotOptions = {},
): Promise<void> {
  const op = 'savePrecisionRecallCurve';
  requireImagePath(op, path);
  const lines = linesOf(op, curves, options.labels, ({ recall, precision }) => [recall, precision], 'AP', steps);
  const axes = { x: 'recall', y: 'precision', title: 'Precision and recall' };
  await saveLines(op, lines, axes, null, path, options);
}

function linesOf<C extends object>(
  op: string,
  curves: Curves<C>,
  labels: readonly string[] | undefined,
  columns: (curve: C) => [readonly number[], readonly number[]],
  measure: string,
  area: (x: readonly number[], y: readonly number[]) => number,
): Line[] {
  const named = namedCurves(curves);
  if (named.length === 0) throw new ArgumentError(op, 'there is no curve', curves);
  if (labels && labels.length !== named.length) {
    throw new ArgumentError(op, `${named.length} curves need as many labels, got ${labels.length}`, labels);
  }
  return named.map(([name, curve], i) => {
    const [x, y] = typeof curve === 'object' && curve !== null ? columns(curve) : [];
    if (!Array.isArray(x) || !Array.isArray(y) || x.length !== y.length || x.length === 0) {
      throw new ArgumentError(op, `curve ${i} must have two columns of one length, got ${valueText(curve)}`, curve);
    }
    const label = labels?.[i] ?? name;
    const value = `${measure} ${area(x, y).toFixed(3)}`;
    const points = x.map((at: number, k: number) => [at, y[k]] as const);
    return { name: label === '' ? value : `${label} (${value})`, points: thinned(points) };
  });
}

function namedCurves<C>(curves: Curves<C>): [string, C][] {
  if (Array.isArray(curves)) return curves.map((curve: C, i) => [`class ${i}`, curve]);
  const values = Object.values(curves as object);
  const single = values.some((value) => Array.isArray(value));
  return single ? [['', curves as C]] : Object.entries(curves as Readonly<Record<string, C>>);
}

const trapezoids = (x: readonly number[], y: readonly number[]): number =>
  Math.abs(x.slice(1).reduce((sum, at, i) => sum + ((at - x[i]) * (y[i + 1] + y[i])) / 2, 0));

/** Average precision: recall falls along the curve. */
const steps = (recall: readonly number[], precision: readonly number[]): number =>
  recall.slice(1).reduce((sum, at, i) => sum + (recall[i] - at) * (Number.isNaN(precision[i]) ? 0 : precision[i]), 0);

/** Leaves out points that lie close to the one before. */
function thinned(points: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const known = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  if (known.length <= MOST_POINTS) return known;
  const least = 2 / MOST_POINTS;
  let [px, py] = known[0];
  return known.filter(([x, y], i) => {
    if (i > 0 && i < known.length - 1 && Math.abs(x - px) + Math.abs(y - py) < least) return false;
    [px, py] = [x, y];
    return true;
  });
}

async function saveLines(
  op: string,
  lines: readonly Line[],
  text: { x: string; y: string; title: string },
  chance: [number, number][] | null,
  path: string,
  options: CurvePlotOptions,
): Promise<void> {
  const { title = text.title, width = 560 } = options;
  const names = lines.map(({ name }) => name);
  const perRow = Math.max(1, Math.floor((width - 80) / (widthOf(names, 13) + 46)));
  const legend = Math.ceil(lines.length / perRow);
  const bottom = 44 + 40 * legend;
  const height = options.height ?? 484 + 40 * legend;
  const axis = { ...axisStyle, type: 'value' as const, min: 0, max: 1, interval: 0.2 };
  const series: LineSeriesOption[] = lines.map(({ name, points }, i) => ({
    type: 'line',
    name,
    showSymbol: false,
    data: points.map((point) => [...point]),
    lineStyle: { width: 2.5, color: colorOf(i), type: i < 8 ? 'solid' : 'dashed' },
    itemStyle: { color: colorOf(i) },
  }));
  const diagonal: LineSeriesOption[] = chance
    ? [
        {
          type: 'line',
          data: chance,
          showSymbol: false,
          silent: true,
          lineStyle: { width: 1, type: 'dashed', color: MUTED },
        },
      ]
    : [];
  await saveChart(
    op,
    {
      title: pageTitle(title, 24),
      legend: {
        ...legendStyle(names),
        bottom: 14,
        left: 44,
        itemGap: 26,
        icon: 'roundRect',
        itemHeight: 4,
      },
      grid: { left: 68, right: 28, top: 64, bottom },
      xAxis: { ...axis, name: text.x, nameGap: 32 },
      yAxis: { ...axis, name: text.y, nameGap: 42 },
      series: [...diagonal, ...series],
    },
    path,
    { width, height },
  );
}
