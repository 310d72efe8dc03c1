// Statistics, tables, reports, comparisons, pictures and the list of the benchmarks, from made-up times.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chartData, saveChart } from '../../bench/chart.js';
import { compareReports, comparisonText, slower } from '../../bench/compare.js';
import { GROUPS } from '../../bench/groups.js';
import type { Measurement } from '../../bench/harness.js';
import { listText } from '../../bench/list.js';
import { measurePeak, type Peak, peakText, streamGBs } from '../../bench/peak.js';
import {
  headerText,
  loadReport,
  newReport,
  type Report,
  type Row,
  ratio,
  rowText,
  saveReport,
} from '../../bench/report.js';
import { CONVOLUTION_CASES, convolutionFlops } from '../../bench/shapes.js';
import { geometricMean, median, quantile, ratioOf, spread } from '../../bench/statistics.js';

const plan = { rounds: 2, steps: 2, warmup: 1 };
const peak: Peak = { gflops: 200, readGBs: 30, copyGBs: 40, threads: 2 };

function measured(name: string, rounds: number[][], more: Partial<Measurement> = {}): Measurement {
  return { name, description: '', times: rounds.flat(), rounds, peakRssMb: 0, ...more };
}

const missing = (name: string): Measurement => ({
  ...measured(name, []),
  error: 'not installed (--rivals names a folder)',
});

function row(name: string, ours: number, rival?: number, more: Partial<Row> = {}): Row {
  const results = [
    measured('nabla', [
      [ours, ours],
      [ours, ours],
    ]),
    ...(rival === undefined
      ? [missing('PyTorch')]
      : [
          measured('PyTorch', [
            [rival, rival],
            [rival, rival],
          ]),
        ]),
  ];
  return { name, text: `the row ${name}`, results, ...more };
}

const report = (...rows: Row[]): Report => newReport('ops', plan, peak, rows);

describe('statistics', () => {
  it('takes quantiles between neighbours', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(quantile([0, 10], 0.9)).toBe(9);
    expect(quantile([5], 0.1)).toBe(5);
  });
  it('spreads over half of the middle 80 %', () => {
    expect(spread([9, 10, 11])).toBeCloseTo(0.08, 12);
    expect(spread([7, 7, 7])).toBe(0);
  });
  it('forms ratios turn by turn, so that one slow turn of both does not count', () => {
    const ours = [[1], [10], [1]];
    const rival = [[2], [20], [2]];
    expect(ratioOf(ours, rival)).toBe(2);
    expect(ratioOf(ours, [])).toBeNull();
  });
  it('means ratios by their logarithms', () => expect(geometricMean([0.5, 2])).toBeCloseTo(1, 12));
});

describe('a row', () => {
  const inspection = { maxError: 1.25e-6, normError: 1e-6, stepMb: 5.04 };
  it('has a cell for each column', () => {
    const full = row('a', 2, 5, { flops: 1e8, target: 1.2 });
    const ours = { ...full.results[0], inspection };
    const rival = { ...full.results[1], inspection: { maxError: 5e-7, stepMb: 14 } };
    const text = rowText({ ...full, results: [ours, rival] }, peak);
    expect(text).toBe(
      '| the row a | 2.00 (2.00, ±0 %) | 5.00 (5.00, ±0 %) | 2.50 | 50.0 GFLOP/s | 25 % | 1.3e-6 / 5.0e-7 | 5.0 / 14.0 |  | ratio 1.2 |',
    );
    const [titles, rule] = headerText(['nabla', 'PyTorch']).split('\n');
    expect(titles.split('|').length).toBe(text.split('|').length);
    expect(rule.split('|').length).toBe(text.split('|').length);
  });
  it('says when a rival is not there, and forms no ratio', () => {
    const alone = row('b', 2, undefined, { bytes: 4e7 });
    expect(rowText(alone, peak)).toContain('NOT RUN: not installed (--rivals names a folder) |  | 20.0 GB/s | 50 %');
    expect(ratio(alone.results, alone.results[1])).toBeNull();
    expect(rowText(alone, null)).toContain('| 20.0 GB/s |  |');
  });
  it('shows microseconds, absolute targets and peak memory', () => {
    const small = row('c', 0.0005, 0.001, { micro: true, most: 0.001 });
    expect(rowText(small, null)).toContain('| 0.50 (0.50, ±0 %) |');
    expect(rowText(small, null)).toContain('1.00 µs');
    const [ours, rival] = small.results;
    const results = [
      { ...ours, peakRssMb: 120.4 },
      { ...rival, peakRssMb: 360 },
    ];
    expect(rowText({ ...small, results }, null, true)).toContain('| 120 / 360 |');
  });
});

describe('reports', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nabla-bench-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('come back from their file', () => {
    const path = join(folder, 'deep', 'a.json');
    const saved = report(row('a', 1, 2));
    saveReport(path, saved);
    expect(loadReport(path)).toEqual(saved);
  });
  it('refuses other files', () => {
    const path = join(folder, 'other.json');
    writeFileSync(path, '{"name": "ops", "results": []}');
    expect(() => loadReport(path)).toThrow(/not a report/);
  });
  it('are drawn with a bar for each rival that ran', async () => {
    const drawn = report(row('a', 1, 4), row('lost', 1), row('b', 1, 0.8));
    expect(chartData(drawn)).toEqual({
      rows: ['the row a', 'the row b'],
      rivals: [{ name: 'PyTorch', ratios: [4, 0.8] }],
    });
    const svg = join(folder, 'chart.svg');
    await saveChart(drawn, 'Single operations', svg);
    const text = readFileSync(svg, 'utf8');
    for (const part of ['the row a', 'the row b', '4.00', '0.80', 'PyTorch', 'Single operations']) {
      expect(text).toContain(part);
    }
    expect(text).not.toContain('the row lost');
    const png = join(folder, 'chart.png');
    await saveChart(drawn, 'Single operations', png);
    const { format, width = 0, height = 0 } = await sharp(png).metadata();
    expect([format, width > 2000, height > 200]).toEqual(['png', true, true]);
    await expect(saveChart(report(row('a', 1)), '', svg)).rejects.toThrow(/no rival ran/);
  });
});

describe('a comparison', () => {
  const before = report(row('same', 1, 4), row('slow', 1, 4), row('fast', 1, 4), row('alone', 1), row('gone', 1, 4));
  it('leaves the drift of the machine out, which the rival shows', () => {
    // The machine runs half as fast on the second day.
    const after = report(row('same', 2, 8), row('slow', 3, 8), row('fast', 1, 8), row('alone', 1.5), row('new', 1, 1));
    const comparison = compareReports(before, after);
    const found = Object.fromEntries(comparison.changes.map(({ name, raw, change }) => [name, [raw, change]]));
    expect(found).toEqual({ same: [2, 1], slow: [3, 1.5], fast: [1, 0.5], alone: [1.5, 1.5] });
    expect(comparison.unmatched).toEqual(['gone', 'new']);
    expect(slower(comparison, 1.1).map(({ name }) => name)).toEqual(['slow', 'alone']);
    expect(slower(comparison, 1.6)).toEqual([]);
    const text = comparisonText(comparison, 1.1);
    expect(text).toContain('| slow | 1.000 | 3.000 | 3.00 | 1.50 | **slower** |');
    expect(text).toContain('| fast | 1.000 | 1.000 | 1.00 | 0.50 | faster |');
    expect(text).toContain('2 of 4 rows are slower by more than a factor of 1.1.');
    expect(text).toContain('Not in both: gone, new');
  });
  it('refuses reports of different groups', () => {
    expect(() => compareReports(before, { ...before, benchmark: 'gemm' })).toThrow(/ops and gemm/);
  });
});

describe('the list', () => {
  it('names every group and every row once', () => {
    const text = listText();
    for (const [name, { cases }] of Object.entries(GROUPS)) {
      expect(text).toContain(`${name}  ${GROUPS[name].title}, ${cases.length} rows`);
      expect(new Set(cases.map((row) => row.name)).size).toBe(cases.length);
    }
    expect(text).toContain('resnet18/64-64/56/k3  forward, data, weight');
    expect(text).toContain('1024x1024x1024  nn, nt, tn, tt');
  });
  it('counts operations as the papers do', () => {
    expect(convolutionFlops(8, [64, 64, 56, 3, 1, 1])).toBe(2 * 8 * 56 * 56 * 64 * 64 * 9);
    expect(convolutionFlops(8, [3, 64, 224, 7, 2, 3])).toBe(2 * 8 * 112 * 112 * 3 * 64 * 49);
    expect(convolutionFlops(8, [96, 96, 112, 3, 2, 1, 96])).toBe(2 * 8 * 56 * 56 * 96 * 9);
    expect(convolutionFlops(1, [1024, 512, 16, 2, 2, 0, 1, 'up'])).toBe(2 * 16 * 16 * 4 * 1024 * 512);
    const target = (name: string) => CONVOLUTION_CASES.find((row) => row.name === name)?.target;
    expect(target('resnet18/64-64/56/k3 data')).toBe(2.2);
    expect(target('resnet18/256-256/14/k3 weight')).toBe(1.8);
    expect(target('resnet18/512-512/7/k3 forward')).toBe(1.05);
    expect(target('mobilenetv2/96-96/112/k3s2dw forward')).toBe(1);
  });
});

describe('the peak', () => {
  it('is not measured without a compiler', async () => {
    expect(await measurePeak(1, '/nonexistent/c++')).toBeNull();
    expect(peakText(null)).toMatch(/not measured/);
    expect(peakText(peak)).toContain('200 GFLOP/s');
    expect(streamGBs(peak)).toBe(40);
  });
});
