// The report as a picture: how many times faster nabla is than each rival, row by row, on a logarithmic axis.
import * as echarts from 'echarts';
import { FONT_FAMILY, writeImage } from '../lib/plots/render.js';
import { type Report, ratio } from './report.js';

const COLORS = ['#2563eb', '#ea580c', '#16a34a', '#9333ea'];
const INK = '#1f2937';
const MUTED = '#6b7280';
const BAR = 14;
const LABELS = 430;
const WIDTH = 1180;

/** Ratios of the rows in which at least one rival ran. */
export function chartData(report: Report): { rows: string[]; rivals: { name: string; ratios: (number | null)[] }[] } {
  const kept = report.rows.filter(({ results }) => results.some((rival) => ratio(results, rival) !== null));
  const names = [...new Set(kept.flatMap(({ results }) => results.slice(1).map(({ name }) => name)))];
  const rivals = names.map((name) => ({
    name,
    ratios: kept.map(({ results }) => {
      const rival = results.find((result) => result.name === name);
      return rival ? ratio(results, rival) : null;
    }),
  }));
  return { rows: kept.map(({ text }) => text), rivals: rivals.filter(({ ratios }) => ratios.some((r) => r !== null)) };
}

const shorten = (text: string): string => (text.length <= 62 ? text : `${text.slice(0, 61)}…`);

/** Writes PNG or SVG by the path's ending. */
export async function saveChart(report: Report, title: string, path: string): Promise<void> {
  const { rows, rivals } = chartData(report);
  if (rows.length === 0) throw new Error('no rival ran: there is nothing to draw');
  const height = 130 + rows.length * (rivals.length * BAR + 14);
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  const values = rivals.flatMap(({ ratios }) => ratios.filter((r) => r !== null));
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      textStyle: { fontFamily: FONT_FAMILY, color: INK },
      title: {
        text: title,
        subtext: `time of the rival through nabla's: right of 1 nabla is faster · ${report.machine} · ${report.date.slice(0, 10)}`,
        left: 20,
        top: 14,
        textStyle: { fontSize: 18, color: INK },
        subtextStyle: { fontSize: 12, color: MUTED },
      },
      legend: { right: 30, top: 18, data: rivals.map(({ name }) => name), textStyle: { fontSize: 12, color: INK } },
      grid: { left: LABELS, right: 70, top: 84, bottom: 36 },
      xAxis: {
        type: 'log',
        logBase: 2,
        min: Math.min(0.5, 2 ** Math.floor(Math.log2(Math.min(...values)))),
        max: Math.max(2, 2 ** Math.ceil(Math.log2(Math.max(...values)))),
        axisLabel: { formatter: (value: number) => `${Number(value.toPrecision(3))}×`, color: MUTED },
        splitLine: { lineStyle: { color: '#e5e7eb' } },
      },
      yAxis: {
        type: 'category',
        inverse: true,
        data: rows.map(shorten),
        axisLabel: { interval: 0, fontSize: 12, color: INK, width: LABELS - 20, overflow: 'truncate' },
        axisTick: { show: false },
      },
      series: rivals.map(({ name, ratios }, i) => ({
        name,
        type: 'bar' as const,
        barWidth: BAR - 3,
        itemStyle: { color: COLORS[i % COLORS.length] },
        label: {
          show: true,
          position: 'right' as const,
          fontSize: 11,
          color: INK,
          formatter: ({ value }: { value: unknown }) => (typeof value === 'number' ? value.toFixed(2) : ''),
        },
        markLine:
          i > 0
            ? undefined
            : {
                silent: true,
                symbol: 'none',
                label: { show: false },
                lineStyle: { color: INK, type: 'solid' as const, width: 1.5 },
                data: [{ xAxis: 1 }],
              },
        data: ratios.map((r) => r ?? '-'),
      })),
    });
    await writeImage('bench', chart.renderToSVGString(), path);
  } finally {
    chart.dispose();
  }
}
