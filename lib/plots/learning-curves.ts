import type { LineSeriesOption } from 'echarts/charts';
import type { TitleComponentOption } from 'echarts/components';
import { ArgumentError } from '../errors.js';
import { type ChartOption, saveChart } from './chart.js';
import { requireImagePath } from './render.js';
import { GRID_LINE, INK, MUTED } from './style.js';

/** One value per epoch and metric: `{ loss: [...], accuracy: [...], valLoss: [...], valAccuracy: [...] }`. */
export type LearningHistory = Readonly<Record<string, readonly (number | null)[]>>;

/** The same, epoch by epoch, as `Trainer.fit()` returns it. */
export interface EpochHistory {
  readonly epochs: readonly Readonly<Record<string, number>>[];
}

/** How {@link saveLearningCurves} draws. */
export interface LearningCurvesOptions {
  readonly title?: string;
  /** The metrics to draw, by default all but `epoch`, `seconds` and `samplesPerSecond`. */
  readonly metrics?: readonly string[];
  /** Width of one panel. Default 520. */
  readonly panelWidth?: number;
  /** Height of one panel. Default 340. */
  readonly panelHeight?: number;
}

const OP = 'saveLearningCurves';
const TRAINING = { name: 'training', color: '#2563eb' };
const VALIDATION = { name: 'validation', color: '#ea580c' };
const NOT_LEARNED = new Set(['epoch', 'seconds', 'samplesPerSecond']);
const MARGIN = { left: 70, right: 28, top: 48, bottom: 54 };
const HEADER = 56;

interface Panel {
  readonly metric: string;
  readonly training: readonly (number | null)[] | undefined;
  readonly validation: readonly (number | null)[] | undefined;
}

/**
 * Draws one panel per metric with its training and its validation curve (`loss` and `valLoss`) and writes it as PNG or
 * SVG, whichever the path ends with. Needs the packages echarts and, for PNG, sharp.
 *
 * @throws MissingPackageError when one of them is not installed
 * @throws ArgumentError when the history is empty or the path has another ending
 * @example
 * await saveLearningCurves(await trainer.fit(loader), 'runs/curves.png');
 * await saveLearningCurves({ loss: [0.9, 0.5], valLoss: [0.8, 0.6] }, 'runs/curves.svg');
 */
export async function saveLearningCurves(
  history: LearningHistory | EpochHistory,
  path: string,
  options: LearningCurvesOptions = {},
): Promise<void> {
  requireImagePath(OP, path);
  const panels = collectPanels(byMetric(history), options.metrics);
  const { panelWidth = 520, panelHeight = 340, title = 'Learning curves' } = options;
  const columns = Math.min(panels.length, 2);
  const width = columns * panelWidth;
  const height = HEADER + Math.ceil(panels.length / columns) * panelHeight;
  await saveChart(OP, chartOption(panels, title, columns, panelWidth, panelHeight), path, { width, height });
}

function byMetric(history: LearningHistory | EpochHistory): LearningHistory {
  const { epochs } = history;
  if (!Array.isArray(epochs) || typeof epochs[0] !== 'object') return history as LearningHistory;
  const names = new Set(epochs.flatMap((epoch) => Object.keys(epoch)));
  return Object.fromEntries([...names].map((name) => [name, epochs.map((epoch) => epoch[name] ?? null)]));
}

/** `valLoss`, `val_loss` and `loss` belong into one panel. */
function metricOf(key: string): { metric: string; validation: boolean } {
  const match = /^val(?:_(.+)|([A-Z].*))$/.exec(key);
  if (match === null) return { metric: key, validation: false };
  const name = match[1] ?? match[2];
  return { metric: name[0].toLowerCase() + name.slice(1), validation: true };
}

function collectPanels(history: LearningHistory, wanted: readonly string[] | undefined): Panel[] {
  const panels = new Map<string, { training?: readonly (number | null)[]; validation?: readonly (number | null)[] }>();
  for (const [key, values] of Object.entries(history)) {
    const { metric, validation } = metricOf(key);
    if (values.length === 0 || !(wanted?.includes(metric) ?? !NOT_LEARNED.has(metric))) continue;
    const panel = panels.get(metric) ?? {};
    panel[validation ? 'validation' : 'training'] = values;
    panels.set(metric, panel);
  }
  if (panels.size === 0) {
    const keys = Object.keys(history).join(', ') || 'none';
    throw new ArgumentError(OP, `the history has no epoch of the wanted metrics (metrics in it: ${keys})`, history);
  }
  return [...panels].map(([metric, { training, validation }]) => ({ metric, training, validation }));
}

function chartOption(
  panels: readonly Panel[],
  title: string,
  columns: number,
  panelWidth: number,
  panelHeight: number,
): ChartOption {
  const corner = (i: number) => ({
    left: (i % columns) * panelWidth,
    top: HEADER + Math.floor(i / columns) * panelHeight,
  });
  return {
    title: [
      { text: title, left: MARGIN.left - 6, top: 18, textStyle: { fontSize: 18, fontWeight: 'bold', color: INK } },
      ...panels.map(({ metric }, i) => panelTitle(metric, corner(i))),
    ],
    legend: {
      data: [
        ...(panels.some(({ training }) => training) ? [TRAINING.name] : []),
        ...(panels.some(({ validation }) => validation) ? [VALIDATION.name] : []),
      ],
      right: MARGIN.right,
      top: 20,
      itemGap: 20,
      itemWidth: 24,
      textStyle: { fontSize: 13, color: INK },
    },
    grid: panels.map((_, i) => ({
      left: corner(i).left + MARGIN.left,
      top: corner(i).top + MARGIN.top,
      width: panelWidth - MARGIN.left - MARGIN.right,
      height: panelHeight - MARGIN.top - MARGIN.bottom,
    })),
    xAxis: panels.map((panel, i) => epochAxis(panel, i)),
    yAxis: panels.map((_, i) => valueAxis(i)),
    series: panels.flatMap((panel, i) => panelSeries(panel, i)),
  };
}

function panelTitle(metric: string, { left, top }: { left: number; top: number }): TitleComponentOption {
  const text = metric.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return { text, left: left + MARGIN.left - 6, top: top + 14, textStyle: { fontSize: 14, color: INK } };
}

function epochAxis({ training, validation }: Panel, gridIndex: number) {
  const epochs = Math.max(training?.length ?? 0, validation?.length ?? 0);
  return {
    gridIndex,
    type: 'value' as const,
    name: 'epoch',
    nameLocation: 'middle' as const,
    nameGap: 30,
    nameTextStyle: { fontSize: 12, color: MUTED },
    min: epochs === 1 ? 0 : 1,
    max: epochs === 1 ? 2 : epochs,
    interval: epochs <= 12 ? 1 : undefined,
    minInterval: 1,
    axisLine: { lineStyle: { color: MUTED } },
    axisLabel: {
      fontSize: 12,
      color: MUTED,
      formatter: (value: number) => (value < 1 || value > epochs || !Number.isInteger(value) ? '' : String(value)),
    },
    axisTick: { show: false },
    splitLine: { show: false },
  };
}

function valueAxis(gridIndex: number) {
  return {
    gridIndex,
    type: 'value' as const,
    scale: true,
    axisLabel: { fontSize: 12, color: MUTED, formatter: (value: number) => String(Number(value.toPrecision(4))) },
    splitLine: { lineStyle: { color: GRID_LINE } },
  };
}

function panelSeries({ training, validation }: Panel, index: number): LineSeriesOption[] {
  const line = (style: typeof TRAINING, values: readonly (number | null)[] | undefined): LineSeriesOption[] => {
    if (values === undefined) return [];
    return [
      {
        type: 'line',
        name: style.name,
        xAxisIndex: index,
        yAxisIndex: index,
        symbol: 'circle',
        symbolSize: 7,
        showSymbol: values.length <= 40,
        lineStyle: { width: 2.5, color: style.color },
        itemStyle: { color: style.color },
        data: values.map((value, i) => [i + 1, value !== null && Number.isFinite(value) ? value : '-']),
      },
    ];
  };
  return [...line(TRAINING, training), ...line(VALIDATION, validation)];
}
