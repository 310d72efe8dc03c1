// Rows of results as Markdown, and the JSON file that `--compare` and `--chart` read.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Case } from './case.js';
import { type Measurement, machine, type Plan } from './harness.js';
import { type Peak, streamGBs } from './peak.js';
import { median, ratioOf, spread } from './statistics.js';

/** One row with the results of all contestants; nabla's come first. */
export interface Row extends Case {
  readonly results: readonly Measurement[];
}

/** What `--json` writes. */
export interface Report {
  readonly version: 1;
  readonly benchmark: string;
  readonly machine: string;
  readonly date: string;
  readonly peak: Peak | null;
  readonly plan: Plan;
  readonly rows: readonly Row[];
}

export function newReport(benchmark: string, plan: Plan, peak: Peak | null, rows: readonly Row[]): Report {
  return { version: 1, benchmark, machine: machine(), date: new Date().toISOString(), peak, plan, rows };
}

export function saveReport(path: string, report: Report): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(report)}\n`);
}

export function loadReport(path: string): Report {
  const report = JSON.parse(readFileSync(path, 'utf8')) as Partial<Report>;
  if (report.version !== 1 || !Array.isArray(report.rows)) {
    throw new Error(`${path} is not a report of this harness (version ${report.version})`);
  }
  return report as Report;
}

const ran = (result: Measurement | undefined): result is Measurement =>
  result !== undefined && result.error === undefined && result.times.length > 0;

/** The rival's time through ours, or null when one of them did not run. */
export function ratio([ours]: readonly Measurement[], rival: Measurement): number | null {
  return ran(ours) && ran(rival) && ours !== rival ? ratioOf(ours.rounds, rival.rounds) : null;
}

const time = (value: number, row: Case): string => (row.micro ? (value * 1000).toFixed(2) : value.toFixed(2));

function timeCell(result: Measurement, row: Case): string {
  const { times, error } = result;
  if (!ran(result)) return `NOT RUN: ${error ?? 'no result'}`;
  const around = Math.round(spread(times) * 100);
  return `${time(median(times), row)} (${time(Math.min(...times), row)}, ±${around} %)`;
}

function speedCells(row: Case, ours: Measurement, peak: Peak | null): [speed: string, share: string] {
  if (!ran(ours)) return ['', ''];
  const perSecond = (amount: number): number => amount / 1e6 / median(ours.times);
  const flops = row.flops ?? (row.bytes === undefined ? ours.inspection?.flops : undefined);
  const share = (part: number, best: number | undefined): string =>
    best ? `${Math.round((part / best) * 100)} %` : '';
  if (flops) return [`${perSecond(flops).toFixed(1)} GFLOP/s`, share(perSecond(flops), peak?.gflops)];
  if (!row.bytes) return ['', ''];
  return [`${perSecond(row.bytes).toFixed(1)} GB/s`, share(perSecond(row.bytes), peak ? streamGBs(peak) : undefined)];
}

/** Ours, then those of the rivals that know it. */
function versus(results: readonly Measurement[], text: (result: Measurement) => string | undefined): string {
  const [ours, ...rivals] = results.map((result) => (ran(result) ? text(result) : undefined));
  if (ours === undefined) return '';
  const others = rivals.filter((rival) => rival !== undefined);
  return others.length === 0 ? ours : `${ours} / ${others.join(' / ')}`;
}

function targetText(row: Case): string {
  if (row.goal !== undefined) return `ratio ${row.goal}`;
  if (row.target !== undefined) return `ratio ${row.target}`;
  return row.most === undefined ? '' : `${time(row.most, row)} ${row.micro ? 'µs' : 'ms'}`;
}

export function headerText(names: readonly string[]): string {
  const [ours, ...rivals] = names;
  const columns = [
    '',
    `${ours} ms`,
    ...rivals.flatMap((name) => [`${name} ms`, 'ratio']),
    'speed',
    'of peak',
    'max error',
    'step MB',
    'peak RSS MB',
    'target',
  ];
  return `${line(columns)}\n|${'---|'.repeat(columns.length)}`;
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** One line of the table. */
export function rowText(row: Row, peak: Peak | null, whole = false): string {
  const { results } = row;
  const [ours, ...rivals] = results;
  return line([
    row.text,
    timeCell(ours, row),
    ...rivals.flatMap((rival) => [timeCell(rival, row), ratio(results, rival)?.toFixed(2) ?? '']),
    ...speedCells(row, ours, peak),
    versus(results, ({ inspection }) => inspection?.maxError?.toExponential(1)),
    versus(results, ({ inspection }) => inspection?.stepMb?.toFixed(1)),
    whole ? versus(results, ({ peakRssMb }) => peakRssMb.toFixed(0)) : '',
    targetText(row),
  ]);
}
