import { ArgumentError, ShapeError, shapeText } from '../errors.js';
import { svd } from '../linalg/index.js';
import { checkTensor } from '../tensor/check.js';
import '../tensor/read.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { axisStyle, legendStyle, pageTitle, saveChart, widthOf } from './chart.js';
import { requireImagePath } from './render.js';
import type { PlotOptions } from './style.js';
import { colorOf, MUTED } from './style.js';

/** How {@link saveEmbedding} draws. */
export interface EmbeddingPlotOptions extends PlotOptions {
  /** The class of each point: an index into `names`, or the name itself. */
  readonly labels?: readonly (number | string)[] | Tensor;
  /** Names of the classes, where `labels` are indices. */
  readonly names?: readonly string[];
  /** Diameter of a point. Default: smaller the more there are. */
  readonly pointSize?: number;
}

const OP = 'saveEmbedding';
const SYMBOLS = ['circle', 'triangle', 'rect', 'diamond'] as const;

/**
 * Draws vectors as points of a plane, in the colour of their class, as PNG or SVG, whichever the path ends with. Vectors of
 * more than two numbers are projected on their two principal components; the axes say how much of the variance each
 * shows. Needs the packages echarts and, for PNG, sharp.
 *
 * @param points `[N, D]` with D at least 2
 * @throws MissingPackageError when a package is not installed
 * @throws ShapeError, ArgumentError when points and labels do not go together
 * @example
 * await saveEmbedding(embedding.weight, 'words.png', { labels: groups });
 */
export async function saveEmbedding(points: Tensor, path: string, options: EmbeddingPlotOptions = {}): Promise<void> {
  requireImagePath(OP, path);
  checkTensor(OP, points, 'points');
  const [count, size] = points.shape;
  if (points.ndim !== 2 || size < 2 || count === 0) {
    throw new ShapeError(OP, `points must be [N, D] with D >= 2, got ${shapeText(points.shape)}`, points.shape);
  }
  const groups = await groupsOf(options, count);
  const names = [...groups.keys()];
  const legend = groups.size > 1 ? widthOf(names, 13, 16) + 70 : 28;
  const { at, axes } = await planeOf(points);
  const {
    title = 'Embedding',
    width = 600 + legend - 28,
    pointSize = count > 2000 ? 4 : count > 400 ? 6 : 9,
  } = options;
  const height = options.height ?? 540;
  const axis = {
    ...axisStyle,
    type: 'value' as const,
    scale: true,
    axisLine: { onZero: false, lineStyle: { color: MUTED } },
  };
  await saveChart(
    OP,
    {
      title: pageTitle(title, 24),
      legend: {
        ...legendStyle(names, 16),
        show: groups.size > 1,
        type: 'plain',
        orient: 'vertical',
        left: width - legend + 18,
        top: 60,
        itemGap: 9,
        itemWidth: 12,
        itemHeight: 12,
      },
      grid: { left: 72, right: legend, top: 60, bottom: 64 },
      xAxis: { ...axis, name: axes[0], nameGap: 34 },
      yAxis: { ...axis, name: axes[1], nameGap: 46 },
      series: names.map((name, i) => ({
        type: 'scatter' as const,
        name,
        symbol: SYMBOLS[Math.floor(i / 8) % SYMBOLS.length],
        symbolSize: pointSize,
        itemStyle: { color: colorOf(i), opacity: count > 400 ? 0.7 : 0.85, borderColor: '#ffffff', borderWidth: 0.5 },
        data: (groups.get(name) as number[]).map((row) => [at[2 * row], at[2 * row + 1]]),
      })),
    },
    path,
    { width, height },
  );
}

/** The rows of each class, in the order of the classes. */
async function groupsOf({ labels, names }: EmbeddingPlotOptions, count: number): Promise<Map<string, number[]>> {
  if (labels === undefined) return new Map([['', Array.from({ length: count }, (_, i) => i)]]);
  const list = Array.isArray(labels) ? labels : Array.from(await (labels as Tensor).data(), Number);
  if (list.length !== count) {
    throw new ArgumentError(OP, `${count} points need as many labels, got ${list.length}`, labels);
  }
  const classes = [...new Set<number | string>(list)].sort((a, b) =>
    typeof a === 'number' && typeof b === 'number' ? a - b : 0,
  );
  const groups = new Map(classes.map((label) => [label, [] as number[]]));
  list.forEach((label: number | string, row: number) => {
    groups.get(label)?.push(row);
  });
  const nameOf = (label: number | string): string =>
    (typeof label === 'number' ? names?.[label] : undefined) ?? String(label);
  return new Map([...groups].map(([label, rows]) => [nameOf(label), rows]));
}

/** Two coordinates for each row: its own, or those of the principal components, and the names of the axes. */
async function planeOf(points: Tensor): Promise<{ at: ArrayLike<number>; axes: [string, string] }> {
  const [, size] = points.shape;
  const [plane, shares] = noGrad(() => {
    const x = points.detach().to('float64');
    if (size === 2) return [x, null];
    const centred = x.sub(x.mean(0, { keepdim: true }));
    const [u, s] = svd(centred, { fullMatrices: false });
    const variance = s.square();
    return [
      u.narrow(1, 0, Math.min(2, s.numel)).mul(s.narrow(0, 0, Math.min(2, s.numel))),
      variance.div(variance.sum()),
    ];
  });
  const reads = [plane.data(), shares?.data()] as const;
  plane.dispose();
  shares?.dispose();
  const [at, parts] = await Promise.all(reads);
  if (!parts) return { at: Array.from(at, Number), axes: ['x', 'y'] };
  const axis = (i: number): string => {
    const share = Number(parts[i] ?? 0);
    return `component ${i + 1} (${Number.isFinite(share) ? Math.round(100 * share) : 0} % of the variance)`;
  };
  return { at: pairs(Array.from(at, Number), parts.length), axes: [axis(0), axis(1)] };
}

/** A single point has one component only: the second is 0. */
const pairs = (values: number[], components: number): number[] =>
  components > 1 ? values : values.flatMap((value) => [value, 0]);
