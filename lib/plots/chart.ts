import type { BarSeriesOption, CustomSeriesOption, LineSeriesOption, ScatterSeriesOption } from 'echarts/charts';
import type { GridComponentOption, LegendComponentOption, TitleComponentOption } from 'echarts/components';
import type { ComposeOption } from 'echarts/core';
import { importOptional } from '../optional.js';
import { FONT_FAMILY, writeImage } from './render.js';
import { GRID_LINE, INK, MUTED } from './style.js';

/** What {@link saveChart} draws. */
export type ChartOption = ComposeOption<
  | BarSeriesOption
  | CustomSeriesOption
  | LineSeriesOption
  | ScatterSeriesOption
  | GridComponentOption
  | LegendComponentOption
  | TitleComponentOption
>;

async function loadEcharts(op: string) {
  return importOptional(op, ['echarts', 'sharp'], async () => {
    const [core, charts, components, renderers] = await Promise.all([
      import('echarts/core'),
      import('echarts/charts'),
      import('echarts/components'),
      import('echarts/renderers'),
    ]);
    const { BarChart, CustomChart, LineChart, ScatterChart } = charts;
    const { GridComponent, LegendComponent, TitleComponent } = components;
    core.use([BarChart, CustomChart, LineChart, ScatterChart]);
    core.use([GridComponent, LegendComponent, TitleComponent, renderers.SVGRenderer]);
    return core;
  });
}

/** Draws a chart and writes it as PNG or SVG, whichever the path ends with. */
export async function saveChart(
  op: string,
  option: ChartOption,
  path: string,
  size: { width: number; height: number },
): Promise<void> {
  const echarts = await loadEcharts(op);
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size });
  try {
    const textStyle = { fontFamily: FONT_FAMILY, color: INK };
    chart.setOption({ animation: false, backgroundColor: '#ffffff', textStyle, ...option });
    await writeImage(op, chart.renderToSVGString(), path);
  } finally {
    chart.dispose();
  }
}

/** The title of a page, at the left edge of its plot. */
export const pageTitle = (text: string, left: number): TitleComponentOption => ({
  text,
  left,
  top: 18,
  padding: 0,
  textStyle: { fontSize: 18, fontWeight: 'bold', color: INK },
});

/** Room that the longest of some texts takes; the fonts of a bare machine are wide. */
export const widthOf = (texts: readonly string[], fontSize: number, most = 30): number =>
  Math.ceil(Math.min(most, Math.max(0, ...texts.map((text) => text.length))) * fontSize * 0.6);

/** The look of a legend. Gaps are wide because text is measured without the fonts it is drawn with. */
export const legendStyle = (names: readonly string[], most = 30) => ({
  data: [...names],
  itemWidth: 20,
  itemGap: 32,
  textStyle: { fontSize: 13, color: INK },
  formatter: (name: string) => (name.length <= most ? name : `${name.slice(0, most - 1)}…`),
});

/** What axes have in common. */
export const axisStyle = {
  nameLocation: 'middle' as const,
  nameTextStyle: { fontSize: 13, color: MUTED },
  axisLine: { show: true, lineStyle: { color: MUTED } },
  axisTick: { show: false },
  axisLabel: { fontSize: 12, color: MUTED },
  splitLine: { lineStyle: { color: GRID_LINE } },
};
