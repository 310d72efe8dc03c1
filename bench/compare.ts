// What got slower between two reports.
import type { Report, Row } from './report.js';
import { median } from './statistics.js';

/** One row of both reports. */
export interface Change {
  readonly name: string;
  readonly before: number;
  readonly after: number;
  /** Our time now through our time then. */
  readonly raw: number;
  /**
   * The same, through what the rivals' times did meanwhile: they run the same code on both days, so their drift is the
   * machine's. Without a common rival it is the plain one.
   */
  readonly change: number;
}

export interface Comparison {
  readonly changes: readonly Change[];
  /** Rows that only one of the reports has, or that did not run in one. */
  readonly unmatched: readonly string[];
}

/** Medians by the contestant's name. */
function mediansOf(row: Row): Map<string, number> {
  const ran = row.results.filter(({ error, times }) => error === undefined && times.length > 0);
  return new Map(ran.map(({ name, times }) => [name, median(times)]));
}

const geometric = (ratios: readonly number[]): number =>
  Math.exp(ratios.reduce((sum, x) => sum + Math.log(x), 0) / Math.max(1, ratios.length));

function changeOf(before: Row, after: Row): Change | null {
  const [then, now] = [mediansOf(before), mediansOf(after)];
  const [first, last] = [then.get('nabla'), now.get('nabla')];
  if (first === undefined || last === undefined) return null;
  const drifts = [...now].flatMap(([name, time]) => {
    const earlier = then.get(name);
    return name === 'nabla' || earlier === undefined ? [] : [time / earlier];
  });
  const raw = last / first;
  return { name: before.name, before: first, after: last, raw, change: raw / geometric(drifts) };
}

/** Rows are found by their names. */
export function compareReports(before: Report, after: Report): Comparison {
  if (before.benchmark !== after.benchmark) {
    throw new Error(`the reports are of ${before.benchmark} and ${after.benchmark}`);
  }
  const rows = new Map(after.rows.map((row) => [row.name, row]));
  const changes: Change[] = [];
  const unmatched: string[] = [];
  for (const row of before.rows) {
    const partner = rows.get(row.name);
    rows.delete(row.name);
    const change = partner ? changeOf(row, partner) : null;
    if (change) changes.push(change);
    else unmatched.push(row.name);
  }
  return { changes, unmatched: [...unmatched, ...rows.keys()] };
}

/** The rows that are slower by more than the threshold, worst first. */
export const slower = ({ changes }: Comparison, threshold: number): Change[] =>
  changes.filter(({ change }) => change > threshold).sort((a, b) => b.change - a.change);

/** A Markdown table, what got slower first. */
export function comparisonText(comparison: Comparison, threshold: number): string {
  const worse = slower(comparison, threshold);
  const rest = comparison.changes.filter((change) => !worse.includes(change)).sort((a, b) => a.change - b.change);
  const rows = [...worse, ...rest].map(({ name, before, after, raw, change }) => {
    const mark = change > threshold ? '**slower**' : change < 1 / threshold ? 'faster' : '';
    return `| ${name} | ${before.toFixed(3)} | ${after.toFixed(3)} | ${raw.toFixed(2)} | ${change.toFixed(2)} | ${mark} |`;
  });
  const head = [
    '| | before, ms | now, ms | now / before | without the machine’s drift | |',
    '|---|---|---|---|---|---|',
  ];
  const lost = comparison.unmatched.length > 0 ? [`Not in both: ${comparison.unmatched.join(', ')}`, ''] : [];
  const verdict = `${worse.length} of ${comparison.changes.length} rows are slower by more than a factor of ${threshold}.`;
  return [...head, ...rows, '', ...lost, verdict, ''].join('\n');
}
