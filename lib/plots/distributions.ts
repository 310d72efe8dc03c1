import { ArgumentError, ShapeError, valueText } from '../errors.js';
import { type AnyModule, Module } from '../nn/module.js';
import { isfinite, maskedSelect } from '../ops/index.js';
import { histc } from '../ops/reduce/histogram.js';
import '../tensor/read.js';
import { noGrad } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { axisStyle, type ChartOption, pageTitle, saveChart } from './chart.js';
import { requireImagePath } from './render.js';
import type { PlotOptions } from './style.js';
import { GRID_LINE, INK, MUTED, numberText, PALETTE } from './style.js';

/** How {@link saveHistograms} and {@link saveGradientHistograms} draw. */
export interface HistogramPlotOptions extends Omit<PlotOptions, 'width' | 'height'> {
  /** Bars of a histogram. Default 40. */
  readonly bins?: number;
  /** Width of one panel. Default 300. */
  readonly panelWidth?: number;
  /** Height of one panel. Default 190. */
  readonly panelHeight?: number;
  /** Draw so many panels at most. Default 24. */
  readonly limit?: number;
}

interface Panel {
  readonly name: string;
  readonly counts: readonly number[];
  readonly low: number;
  readonly high: number;
  readonly mean: number;
  readonly deviation: number;
  readonly bad: number;
}

const HEADER = 60;
const MARGIN = { left: 34, right: 18, top: 44, bottom: 34 };

/**
 * Draws the distribution of the values of each tensor in a panel of its own, with mean and standard deviation, as PNG or
 * SVG, whichever the path ends with. They are counted on the device. Needs the packages echarts and, for PNG, sharp.
 *
 * @param tensors tensors of any shape by name
 * @throws MissingPackageError when a package is not installed
 * @throws ArgumentError when there is none; ShapeError for one without values
 */
export function saveHistograms(
  tensors: Readonly<Record<string, Tensor>>,
  path: string,
  options: HistogramPlotOptions = {},
): Promise<void> {
  return drawPanels('saveHistograms', tensors, path, { title: 'Distributions', ...options });
}

/**
 * Draws the distribution of the gradient of each parameter after `backward()`, so that gradients that vanish, explode or
 * are NaN are seen at once; see {@link saveHistograms}. Parameters without a gradient are left out.
 *
 * @throws MissingPackageError when a package is not installed
 * @throws ArgumentError when no parameter has a gradient
 * @example
 * loss.backward();
 * await saveGradientHistograms(model, 'gradients.png');
 */
export async function saveGradientHistograms(
  model: AnyModule,
  path: string,
  options: HistogramPlotOptions = {},
): Promise<void> {
  const op = 'saveGradientHistograms';
  if (!(model instanceof Module)) throw new ArgumentError(op, `a Module is needed, got ${valueText(model)}`, model);
  const named = [...model.namedParameters()].flatMap(([name, { grad }]) =>
    grad && grad.numel > 0 ? [[name, grad]] : [],
  );
  if (named.length === 0) throw new ArgumentError(op, 'no parameter has a gradient: call backward() first', model);
  await drawPanels(op, Object.fromEntries(named), path, { title: 'Gradients', ...options });
}

async function drawPanels(
  op: string,
  tensors: Readonly<Record<string, Tensor>>,
  path: string,
  options: HistogramPlotOptions & { title: string },
): Promise<void> {
  requireImagePath(op, path);
  const { bins = 40, panelWidth = 300, panelHeight = 190, limit = 24, title } = options;
  const entries = Object.entries(tensors);
  if (entries.length === 0) throw new ArgumentError(op, 'there is no tensor', tensors);
  if (!Number.isInteger(bins) || bins < 1) {
    throw new ArgumentError(op, `bins must be an integer >= 1, got ${valueText(bins)}`, bins);
  }
  const queued = entries.slice(0, limit).map(([name, x]) => {
    if (!(x instanceof Tensor)) throw new ArgumentError(op, `${name} must be a Tensor, got ${valueText(x)}`, x);
    if (x.numel === 0) throw new ShapeError(op, `${name} has no values`, x.shape);
    return panelOf(name, x, bins);
  });
  const panels = await Promise.all(queued);
  const columns = Math.min(panels.length, panels.length <= 4 ? 2 : 3);
  const rows = Math.ceil(panels.length / columns);
  const left = entries.length - panels.length;
  const option = chartOption(panels, columns, panelWidth, panelHeight);
  const heading = pageTitle(left > 0 ? `${title} (first ${panels.length} of ${entries.length})` : title, 24);
  const size = { width: columns * panelWidth, height: HEADER + rows * panelHeight };
  await saveChart(op, { ...option, title: [heading, ...(option.title as object[])] }, path, size);
}

/** Counts the finite values on the device. */
async function panelOf(name: string, x: Tensor, bins: number): Promise<Panel> {
  const values = noGrad(() => {
    const all = x.detach().reshape([-1]).to('float64');
    return maskedSelect(all, isfinite(all));
  });
  const bad = x.numel - values.numel;
  if (values.numel === 0) {
    values.dispose();
    return { name, counts: [], low: 0, high: 0, mean: Number.NaN, deviation: Number.NaN, bad };
  }
  const parts = noGrad(() => [
    histc(values, bins),
    values.min(),
    values.max(),
    values.mean(),
    values.sub(values.mean()).square().mean().sqrt(),
  ]);
  const reads = parts.map((part) => part.data() as Promise<Float64Array>);
  for (const part of [values, ...parts]) part.dispose();
  const [counts, [low], [high], [mean], [deviation]] = await Promise.all(reads);
  return { name, counts: Array.from(counts), low, high, mean, deviation, bad };
}

function chartOption(panels: readonly Panel[], columns: number, width: number, height: number): ChartOption {
  const corner = (i: number) => ({ left: (i % columns) * width, top: HEADER + Math.floor(i / columns) * height });
  const characters = Math.floor((width - MARGIN.left - MARGIN.right) / 6.6);
  const shorten = (text: string): string => (text.length > characters ? `…${text.slice(1 - characters)}` : text);
  return {
    title: panels.map((panel, i) => ({
      text: shorten(panel.name),
      subtext: statistics(panel),
      left: corner(i).left + MARGIN.left - 10,
      top: corner(i).top,
      padding: 0,
      itemGap: 4,
      textStyle: { fontSize: 12, fontWeight: 'bold' as const, color: INK },
      subtextStyle: { fontSize: 11, color: panel.bad > 0 ? '#B91C1C' : MUTED },
    })),
    grid: panels.map((_, i) => ({
      left: corner(i).left + MARGIN.left - 10,
      top: corner(i).top + MARGIN.top,
      width: width - MARGIN.left - MARGIN.right,
      height: height - MARGIN.top - MARGIN.bottom,
    })),
    xAxis: panels.map(({ low, high, counts }, i) => ({
      ...axisStyle,
      gridIndex: i,
      type: 'category' as const,
      data: counts.map((_, k) => numberText(low + ((high - low) * (k + 0.5)) / counts.length)),
      axisLine: { show: true, lineStyle: { color: GRID_LINE } },
      axisLabel: {
        fontSize: 10,
        color: MUTED,
        interval: (k: number) => [0, Math.floor(counts.length / 2), counts.length - 1].includes(k),
      },
    })),
    yAxis: panels.map((_, i) => ({ gridIndex: i, type: 'value' as const, show: false })),
    series: panels.map(({ counts }, i) => ({
      type: 'bar' as const,
      xAxisIndex: i,
      yAxisIndex: i,
      data: [...counts],
      barCategoryGap: '8%',
      itemStyle: { color: PALETTE[0] },
    })),
  };
}

function statistics({ mean, deviation, bad }: Panel): string {
  const unusual = bad > 0 ? `, ${bad} not finite` : '';
  if (Number.isNaN(mean)) return `no finite value${unusual}`;
  return `mean ${numberText(mean)}, deviation ${numberText(deviation)}${unusual}`;
}
