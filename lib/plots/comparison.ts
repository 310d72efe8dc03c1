import type { CustomSeriesOption, LineSeriesOption } from 'echarts/charts';
import { ArgumentError, valueText } from '../errors.js';
import { axisStyle, legendStyle, pageTitle, saveChart, widthOf } from './chart.js';
import { requireImagePath } from './render.js';
import type { PlotOptions } from './style.js';
import { colorOf, INK, MUTED, numberText } from './style.js';

/** How {@link saveBars} draws. */
export interface BarsOptions extends PlotOptions {
  /** What the values are. */
  readonly axis?: string;
  /** Where the axis begins. Default: 0, or a little below the smallest value with `'auto'`. */
  readonly from?: number | 'auto';
  /** What a group of bars is called in the legend, where there are several. */
  readonly groups?: readonly string[];
}

/** How {@link saveLines} draws. */
export interface LinesOptions extends PlotOptions {
  /** What the values are. */
  readonly axis?: string;
  /** What runs from left to right. Default `epoch`. */
  readonly steps?: string;
  /** Where the first value stands. Default 1. */
  readonly firstStep?: number;
  /** Where the axis of the values begins. Default: a little below the smallest one. */
  readonly from?: number;
}

/** The value of each repetition (seed); several groups, such as training and test, are several lists. */
export type Repetitions = readonly number[] | readonly (readonly number[])[];

interface Spread {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** Mean, and the sample standard deviation on both sides of it. */
function spreadOf(values: readonly number[]): Spread {
  const known = values.filter((value) => Number.isFinite(value));
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = known.length > 1 ? Math.sqrt(squares / (known.length - 1)) : 0;
  return { mean, low: mean - deviation, high: mean + deviation };
}

const isNested = (values: Repetitions): values is readonly (readonly number[])[] => Array.isArray(values[0]);

/**
 * Draws one bar for each name, with the standard deviation over the repetitions as a whisker and the mean beside it, as PNG
 * or SVG, whichever the path ends with. Names stand one below the other, in the order given. Needs the packages echarts
 * and, for PNG, sharp.
 *
 * @param values by name: one number for each seed, or such a list for each of `groups`
 * @throws MissingPackageError when a package is not installed
 * @throws ArgumentError for no values, or names with different numbers of groups
 * @example
 * await saveBars({ plain: [0.81, 0.8], dropout: [0.84, 0.85] }, 'study.png', { axis: 'test accuracy', from: 'auto' });
 */
export async function saveBars(
  values: Readonly<Record<string, Repetitions>>,
  path: string,
  options: BarsOptions = {},
): Promise<void> {
  const op = 'saveBars';
  requireImagePath(op, path);
  const names = Object.keys(values);
  const rows = names.map((name) => (isNested(values[name]) ? values[name] : [values[name] as readonly number[]]));
  const groups = options.groups ?? Array.from({ length: rows[0]?.length ?? 0 }, (_, i) => `group ${i + 1}`);
  checkRows(op, names, rows, groups.length);
  const bars = rows.map((row) => row.map(spreadOf));
  const several = groups.length > 1;
  const left = 36 + widthOf(names, 13);
  const thickness = several ? 15 : 20;
  const top = several ? 84 : 60;
  const { title = 'Comparison', width = 760, axis: axisName = '' } = options;
  const height = options.height ?? Math.round(top + 66 + names.length * (groups.length * (thickness + 3) + 14));
  const ends = bars.flat().flatMap(({ low, high }) => [low, high]);
  const from = options.from ?? 0;
  const scale = from === 'auto' ? closeAxis(Math.min(...ends), Math.max(...ends)) : { min: from };
  const series = groups.flatMap((group, g) => [
    {
      type: 'bar' as const,
      name: group,
      barWidth: thickness,
      barGap: '20%',
      data: bars.map((row) => row[g].mean),
      itemStyle: { color: colorOf(g), borderRadius: [0, 3, 3, 0] },
    },
    whiskers(
      bars.map((row) => row[g]),
      (g - (groups.length - 1) / 2) * (thickness * 1.2),
    ),
  ]);
  await saveChart(
    op,
    {
      title: pageTitle(title, 24),
      legend: { ...legendStyle(groups), show: several, left: 20, top: 48, itemHeight: 10 },
      grid: { left, right: 84, top, bottom: 58 },
      xAxis: {
        ...axisStyle,
        type: 'value',
        name: axisName,
        nameGap: 32,
        ...scale,
        axisLabel: { fontSize: 12, color: MUTED, formatter: numberText },
      },
      yAxis: {
        ...axisStyle,
        type: 'category',
        data: names,
        inverse: true,
        splitLine: { show: false },
        axisLabel: { fontSize: 13, color: INK, width: widthOf(names, 13), overflow: 'truncate' },
      },
      series,
    },
    path,
    { width, height },
  );
}

/** An axis from a round number so far below the values that the differences are seen. */
function closeAxis(low: number, high: number): { min: number; max: number; interval: number } {
  const span = high - low || Math.abs(high) || 1;
  const rough = (1.3 * span) / 5;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const interval = unit * ([1, 2, 5].find((factor) => factor * unit >= rough) ?? 10);
  const exact = (steps: number): number => Number((steps * interval).toPrecision(12));
  return { min: exact(Math.floor((low - 0.3 * span) / interval)), max: exact(Math.ceil(high / interval)), interval };
}

function checkRows(
  op: string,
  names: readonly string[],
  rows: readonly (readonly (readonly number[])[])[],
  groups: number,
): void {
  if (names.length === 0) throw new ArgumentError(op, 'there is nothing to draw', names);
  rows.forEach((row, i) => {
    if (row.length !== groups) {
      throw new ArgumentError(op, `${names[i]} has ${row.length} groups, expected ${groups}`, row);
    }
    for (const values of row) {
      if (
        Array.isArray(values) &&
        values.some((value: unknown) => typeof value === 'number' && Number.isFinite(value))
      ) {
        continue;
      }
      throw new ArgumentError(op, `${names[i]} has no finite value, got ${valueText(values)}`, values);
    }
  });
}

/** From low to high with ends, and the mean as text behind it. */
function whiskers(spreads: readonly Spread[], offset: number): CustomSeriesOption {
  return {
    type: 'custom',
    z: 10,
    silent: true,
    data: spreads.map(({ high }, i) => [high, i]),
    renderItem: (params, api) => {
      const { mean, low, high } = spreads[params.dataIndex];
      const [x1, middle] = api.coord([low, params.dataIndex]);
      const [x2] = api.coord([high, params.dataIndex]);
      const [end] = api.coord([mean, params.dataIndex]);
      const y = middle + offset;
      const line = (shape: { x1: number; y1: number; x2: number; y2: number }) => ({
        type: 'line' as const,
        shape,
        style: { stroke: INK, lineWidth: 1.2 },
      });
      const lines = [
        line({ x1, y1: y, x2, y2: y }),
        line({ x1, y1: y - 4, x2: x1, y2: y + 4 }),
        line({ x1: x2, y1: y - 4, x2, y2: y + 4 }),
      ];
      const style = { text: numberText(mean), x: Math.max(end, x2) + 7, y, fill: INK, fontSize: 12 };
      const text = { type: 'text' as const, style: { ...style, verticalAlign: 'middle' as const } };
      return { type: 'group', children: [...(high > low ? lines : []), text] };
    },
  };
}

/**
 * Draws named curves with the standard deviation over their repetitions as a band, as PNG or SVG, whichever the path ends
 * with. Needs the packages echarts and, for PNG, sharp.
 *
 * @param curves by name: one list of values, or one for each seed
 * @throws MissingPackageError when a package is not installed
 * @throws ArgumentError when there is no curve, or one without values
 * @example
 * await saveLines({ plain: [[0.7, 0.8], [0.6, 0.8]], dropout: [0.6, 0.85] }, 'study.svg', { axis: 'test accuracy' });
 */
export async function saveLines(
  curves: Readonly<Record<string, Repetitions>>,
  path: string,
  options: LinesOptions = {},
): Promise<void> {
  const op = 'saveLines';
  requireImagePath(op, path);
  const names = Object.keys(curves);
  if (names.length === 0) throw new ArgumentError(op, 'there is nothing to draw', curves);
  const { title = 'Comparison', width = 760, height = 460, axis = '', steps = 'epoch', firstStep = 1 } = options;
  const spreads = names.map((name) => {
    const values = curves[name];
    const repetitions = isNested(values) ? values : [values as readonly number[]];
    const length = Math.max(0, ...repetitions.map((list) => list?.length ?? 0));
    if (length === 0) throw new ArgumentError(op, `${name} has no values`, values);
    const column = (i: number): number[] => repetitions.flatMap((list) => (i < list.length ? [list[i]] : []));
    return Array.from({ length }, (_, i) => spreadOf(column(i)));
  });
  const right = 70 + widthOf(names, 13, 24);
  const length = Math.max(...spreads.map((list) => list.length));
  const value = { ...axisStyle, type: 'value' as const, scale: true };
  await saveChart(
    op,
    {
      title: pageTitle(title, 24),
      legend: {
        ...legendStyle(names, 24),
        orient: 'vertical',
        left: width - right + 16,
        top: 56,
        icon: 'roundRect',
        itemHeight: 4,
        itemGap: 12,
      },
      grid: { left: 72, right, top: 60, bottom: 60 },
      xAxis: {
        ...value,
        name: steps,
        nameGap: 32,
        min: firstStep,
        max: firstStep + Math.max(1, length - 1),
        minInterval: 1,
        splitLine: { show: false },
      },
      yAxis: {
        ...value,
        name: axis,
        nameGap: 48,
        ...(options.from !== undefined && { min: options.from }),
        axisLabel: { fontSize: 12, color: MUTED, formatter: numberText },
      },
      series: spreads.flatMap((list, i) => lineWithBand(names[i], list, i, firstStep)),
    },
    path,
    { width, height },
  );
}

function lineWithBand(name: string, spreads: readonly Spread[], index: number, first: number): object[] {
  const color = colorOf(index);
  const at = (pick: (spread: Spread) => number): (number | string)[][] =>
    spreads.map((spread, i) => [first + i, Number.isFinite(spread.mean) ? pick(spread) : '-']);
  const hidden: LineSeriesOption = { type: 'line', showSymbol: false, silent: true, lineStyle: { opacity: 0 } };
  const band = spreads.some(({ low, high }) => high > low)
    ? [
        { ...hidden, data: at(({ low }) => low), stack: `band ${index}`, stackStrategy: 'all' },
        {
          ...hidden,
          data: at(({ low, high }) => high - low),
          stack: `band ${index}`,
          stackStrategy: 'all',
          areaStyle: { color, opacity: 0.13 },
        },
      ]
    : [];
  const line: LineSeriesOption = {
    type: 'line',
    name,
    data: at(({ mean }) => mean),
    symbol: 'circle',
    symbolSize: 6,
    showSymbol: spreads.length <= 20,
    lineStyle: { width: 2.5, color, type: index < 8 ? 'solid' : 'dashed' },
    itemStyle: { color },
  };
  return [...band, line];
}
