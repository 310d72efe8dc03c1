// Profiles as text.
import type { LayerProfile, OpProfile } from './rows.js';

/** Columns of a table: the first `left` of them are text. @internal */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[], left: number): string {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const render = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i < left ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  ')
      .trimEnd();
  const rule = '-'.repeat(widths.reduce((a, b) => a + b + 2, -2));
  return [render(header), rule, ...rows.map(render)].join('\n');
}

const ms = (value: number): string => value.toFixed(3);
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const rate = (amount: number, time: number): string => (amount > 0 && time > 0 ? (amount / 1e6 / time).toFixed(1) : '');

/** @internal */
export function layerTable(layers: readonly LayerProfile[]): string {
  const header = ['layer', 'type', 'output', 'forward ms', 'backward ms', 'share', 'MFLOP', 'GFLOP/s', 'MB'];
  const rows = layers.map((row) => [
    row.name || '(model)',
    row.type,
    row.output,
    ms(row.forward),
    ms(row.backward),
    percent(row.share),
    row.flops > 0 ? (row.flops / 1e6).toFixed(1) : '',
    rate(row.flops, row.forward + row.backward),
    (row.bytes / 2 ** 20).toFixed(1),
  ]);
  return textTable(header, rows, 3);
}

/** @internal */
export function opTable(ops: readonly OpProfile[]): string {
  const header = ['op', 'phase', 'calls', 'ms', 'share', 'JavaScript ms', 'GFLOP/s', 'GB/s'];
  const rows = ops.map((row) => [
    row.name,
    row.phase,
    String(row.calls),
    ms(row.time),
    percent(row.share),
    ms(row.jsTime),
    rate(row.flops, row.time),
    rate(row.bytes, row.time),
  ]);
  return textTable(header, rows, 2);
}
