// Where a model spends its time, as a picture: by the class of the layers, and layer by layer.
import type { BarSeriesOption } from 'echarts/charts';
import type { GridComponentOption, LegendComponentOption, TitleComponentOption } from 'echarts/components';
import type { ComposeOption } from 'echarts/core';
import { ArgumentError } from '../errors.js';
import { importOptional } from '../optional.js';
import { FONT_FAMILY, writeImage } from '../plots/render.js';
import type { LayerProfile } from './rows.js';

type ChartOption = ComposeOption<BarSeriesOption | GridComponentOption | LegendComponentOption | TitleComponentOption>;

const OP = 'saveChart';
const FORWARD = { name: 'forward', color: '#2563eb' };
const BACKWARD = { name: 'backward', color: '#ea580c' };
const INK = '#1f2937';
const MUTED = '#6b7280';
const BAR = 24;
const HEADER = 84;
const GAP = 78;
const LEFT = 250;
const WIDTH = 1000;

/** A bar: milliseconds, and the part of the whole. @internal */
export interface Bar {
  readonly name: string;
  readonly forward: number;
  readonly backward: number;
  readonly share: number;
}

/** Layers of one class together, longest first. @internal */
export function byType(layers: readonly LayerProfile[]): Bar[] {
  const bars = new Map<string, Bar>();
  for (const { type, forward, backward, share } of layers) {
    const before = bars.get(type) ?? { name: type, forward: 0, backward: 0, share: 0 };
    bars.set(type, {
      name: type,
      forward: before.forward + forward,
      backward: before.backward + backward,
      share: before.share + share,
    });
  }
  return [...bars.values()].sort((a, b) => b.share - a.share);
}

async function loadEcharts() {
  return importOptional(OP, ['echarts', 'sharp'], async () => {
    const [core, charts, components, renderers] = await Promise.all([
      import('echarts/core'),
      import('echarts/charts'),
      import('echarts/components'),
      import('echarts/renderers'),
    ]);
    const { GridComponent, LegendComponent, TitleComponent } = components;
    core.use([charts.BarChart, GridComponent, LegendComponent, TitleComponent, renderers.SVGRenderer]);
    return core;
  });
}

/** @internal */
export async function saveLayerChart(layers: readonly LayerProfile[], title: string, path: string): Promise<void> {
  if (layers.length === 0) {
    throw new ArgumentError(OP, 'the profile knows no layers: give the model to profile() or start()', layers);
  }
  const panels = [
    { title: 'by class', bars: byType(layers) },
    {
      title: 'layer by layer',
      bars: layers.map(({ name, type, ...times }) => ({ ...times, name: `${name || '(model)'} ${type}` })),
    },
  ];
  let top = HEADER;
  const placed = panels.map((panel) => {
    const at = top;
    top += panel.bars.length * BAR + GAP;
    return { ...panel, top: at };
  });
  const echarts = await loadEcharts();
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: top - 24 });
  try {
    chart.setOption(chartOption(placed, title));
    await writeImage(OP, chart.renderToSVGString(), path);
  } finally {
    chart.dispose();
  }
}

interface Panel {
  readonly title: string;
  readonly bars: readonly Bar[];
  readonly top: number;
}

function chartOption(panels: readonly Panel[], title: string): ChartOption {
  const backward = panels.some(({ bars }) => bars.some((bar) => bar.backward > 0));
  return {
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: FONT_FAMILY, color: INK },
    title: [
      { text: title, left: 24, top: 16, textStyle: { fontSize: 18, fontWeight: 'bold', color: INK } },
      ...panels.map((panel) => ({
        text: panel.title,
        left: 24,
        top: panel.top - 30,
        textStyle: { fontSize: 14, color: INK },
      })),
    ],
    legend: {
      data: backward ? [FORWARD.name, BACKWARD.name] : [FORWARD.name],
      itemGap: 24,
      right: 30,
      top: 18,
      textStyle: { fontSize: 13, color: INK },
    },
    grid: panels.map(({ bars, top }) => ({ left: LEFT, right: 100, top, height: bars.length * BAR })),
    xAxis: panels.map((_, gridIndex) => ({
      gridIndex,
      type: 'value' as const,
      axisLabel: { fontSize: 12, color: MUTED, formatter: (value: number) => `${Number(value.toPrecision(3))} ms` },
      splitLine: { lineStyle: { color: '#e5e7eb' } },
    })),
    yAxis: panels.map(({ bars }, gridIndex) => ({
      gridIndex,
      type: 'category' as const,
      inverse: true,
      data: bars.map(({ name }) => name),
      axisLabel: { interval: 0, fontSize: 12, color: INK, width: LEFT - 34, overflow: 'truncate' as const },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: MUTED } },
    })),
    series: panels.flatMap(({ bars }, i) => panelSeries(bars, i, backward)),
  };
}

/** The share stands at the end of the stacked bar. */
function panelSeries(bars: readonly Bar[], index: number, backward: boolean): BarSeriesOption[] {
  const label = {
    show: true,
    position: 'right' as const,
    fontSize: 12,
    color: INK,
    formatter: ({ dataIndex }: { dataIndex: number }) => `${(bars[dataIndex].share * 100).toFixed(1)} %`,
  };
  const series = ({ name, color }: typeof FORWARD, values: readonly number[], last: boolean): BarSeriesOption => ({
    type: 'bar',
    name,
    stack: `panel ${index}`,
    xAxisIndex: index,
    yAxisIndex: index,
    barWidth: BAR - 9,
    itemStyle: { color },
    label: last ? label : undefined,
    data: [...values],
  });
  const ahead = bars.map((bar) => bar.forward);
  if (!backward) return [series(FORWARD, ahead, true)];
  return [
    series(FORWARD, ahead, false),
    series(
      BACKWARD,
      bars.map((bar) => bar.backward),
      true,
    ),
  ];
}
