// The chart of README.md from the numbers of docs/benchmarks.md: npm run docs:benchmarks
import { readFileSync, realpathSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as echarts from 'echarts';
import { FONT_FAMILY, writeImage } from '../../lib/plots/render.js';

const root = new URL('../../', import.meta.url);
const WIDTH = 880;
const ROW = 25;
const [INK, MUTED, FASTER, SLOWER] = ['#1f2937', '#6b7280', '#2563eb', '#ea580c'];

/** What is shown, and how its ratio stands on the page: a sentence, or the row of a table. */
const SHOWN: readonly (readonly [text: string, where: RegExp])[] = [
  ['training step of the quickstart', /\| \d+ \| [^|]*\| [^|]*\*\*([\d.]+)\*\*[^|]*\| [^|]*\|\n\n/],
  ['the same, PyTorch tuned', /\| \d+ \| [^|]*\| [^|]*\| [^|]*\*\*([\d.]+)\*\*[^|]*\|\n\n/],
  ['convolutions of ResNet-18, geometric mean', /mean of the ratios: ([\d.]+) \(ResNet-18\)/],
  ['convolutions of ResNet-50, geometric mean', /([\d.]+) \(ResNet-50\)/],
  ['LSTM, forward and backward', /LSTM forward[^;]*with backward [\d.]+ \(([\d.]+)\)/],
  ['GRU, forward and backward', /GRU forward[^;]*with backward [\d.]+ \(([\d.]+)\)/],
  ['batch norm, forward and backward', row('batchNorm in training, 32 x 64 x 56 x 56, forward and backward')],
  ['cross entropy, forward and backward', row('crossEntropy, 4096 x 32000, forward and backward')],
  ['layer norm, forward and backward', row('layerNorm, 2048 x 768, forward and backward')],
  ['softmax, forward and backward', row('softmax of rows, 96 x 128 x 128, forward and backward')],
  ['GELU, forward', row('gelu, 16 x 128 x 3072')],
  ['GELU, forward and backward', row('gelu, 16 x 128 x 3072, forward and backward')],
  ['add, 16 million floats', row('add, 16M floats')],
  ['sum, 16 million floats', row('sum, 4096 x 4096')],
  ['sort, a million floats', row('sort 1M floats')],
];

/** The third number of a row: nabla's time, PyTorch's, the ratio. */
function row(name: string): RegExp {
  return new RegExp(`\\n\\| ${name.replaceAll(/[.*+?^()|[\]]/g, '\\$&')} \\| [^|]*\\| [^|]*\\| ([\\d.]+) \\|`);
}

/** How many times longer PyTorch takes, by name. */
export function ratios(page: string): [string, number][] {
  return SHOWN.map(([text, where]) => {
    const value = Number(page.match(where)?.[1]);
    if (!(value > 0)) throw new Error(`docs/benchmarks.md has no number for "${text}" any more`);
    return [text, value];
  });
}

export function draw(rows: readonly (readonly [string, number])[]): string {
  const height = 96 + rows.length * ROW;
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  const text = { fontFamily: FONT_FAMILY, color: INK };
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      textStyle: text,
      title: {
        text: 'Time of PyTorch 2.13 through that of nabla',
        subtext: 'right of 1 nabla is faster · two cores of a Zen 4 server, float32',
        left: 16,
        top: 10,
        textStyle: { ...text, fontSize: 16 },
        subtextStyle: { fontSize: 12, color: MUTED },
      },
      grid: { left: 290, right: 60, top: 66, bottom: 28 },
      xAxis: {
        type: 'log',
        logBase: 2,
        min: 0.5,
        axisLabel: { formatter: (value: number) => `${value}×`, color: MUTED },
        splitLine: { lineStyle: { color: '#e5e7eb' } },
      },
      yAxis: {
        type: 'category',
        inverse: true,
        data: rows.map(([name]) => name),
        axisLabel: { interval: 0, fontSize: 12, color: INK },
        axisTick: { show: false },
        axisLine: { show: false },
      },
      series: [
        {
          type: 'bar',
          barWidth: 14,
          data: rows.map(([, value]) => ({ value, itemStyle: { color: value < 1 ? SLOWER : FASTER } })),
          label: { show: true, position: 'right', fontSize: 12, color: INK },
          markLine: {
            silent: true,
            symbol: 'none',
            label: { show: false },
            lineStyle: { color: INK, type: 'solid', width: 1.5 },
            data: [{ xAxis: 1 }],
          },
        },
      ],
    });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  const rows = ratios(readFileSync(new URL('docs/benchmarks.md', root), 'utf8'));
  const path = fileURLToPath(new URL('docs/images/benchmarks.svg', root));
  await writeImage('docs', draw(rows), path);
  console.log(rows.map(([name, value]) => `${value.toFixed(2).padStart(6)}  ${name}`).join('\n'));
}
