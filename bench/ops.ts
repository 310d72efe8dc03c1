// npm run bench -- ops, layers, workloads: against PyTorch, one row each.
import { type Contest, type Measurement, machine, median, type Plan, ratioText } from './harness.js';

/** A row: what is moved (for GB/s) and what the ratio to PyTorch should be. */
export interface Case {
  readonly name: string;
  readonly text: string;
  /** Bytes that have to be read and written. */
  readonly bytes?: number;
  /** The rival's time through ours. */
  readonly target?: number;
  /** Most milliseconds. */
  readonly most?: number;
  /** Shown in microseconds. */
  readonly micro?: true;
}

const MB = 2 ** 20;
const VECTOR = 64 * MB;

const pointwise = (name: string, inputs: number): Case[] => [
  { name, text: `${name}, 16M floats`, bytes: (inputs + 1) * VECTOR, target: 3 },
  { name: `${name} out`, text: `${name}, preallocated`, bytes: (inputs + 1) * VECTOR, target: 1 },
];

const reduction = (name: string, outputs = 0, target = 1.2): Case => ({
  name,
  text: `${name}, 4096 x 4096`,
  bytes: (1 + outputs) * VECTOR,
  target,
});

/** Single operations. */
export const CASES: readonly Case[] = [
  ...pointwise('add', 2),
  ...pointwise('mul', 2),
  ...['relu', 'exp', 'tanh', 'sigmoid', 'log', 'pow'].flatMap((name) => pointwise(name, 1)),
  { name: 'where', text: 'where, 16M floats', bytes: 3.25 * VECTOR, target: 3 },
  { name: 'lt', text: 'a < b, 16M floats', bytes: 2.25 * VECTOR, target: 3 },
  ...['sum', 'sum rows', 'sum columns', 'max', 'max rows', 'var', 'var rows', 'argmax', 'logsumexp'].map((name) =>
    reduction(name),
  ),
  reduction('cumsum rows', 1),
  reduction('cumsum columns', 1),
  { name: 'sort', text: 'sort rows, 1024 x 4096', bytes: 4 * 16 * MB, target: 1.2 },
  { name: 'sort vector', text: 'sort 1M floats', bytes: 4 * 4 * MB, target: 1.2 },
  { name: 'topk', text: 'topk 10 of rows, 1024 x 4096', bytes: 16 * MB, target: 1.2 },
  reduction('transpose', 1),
  { name: 'NCHW to NHWC', text: 'NCHW to NHWC, 32 x 64 x 56 x 56', bytes: 2 * 24.5 * MB, target: 1.2 },
  { name: 'gather', text: 'gather along rows, 4096 x 4096', bytes: 4 * VECTOR, target: 1.2 },
  { name: 'indexSelect', text: 'indexSelect 8192 of 32768 rows of 512', bytes: 2 * 16 * MB, target: 1.2 },
  { name: 'embedding', text: 'embedding 32000 x 512, 16 x 512 tokens, forward and backward', target: 1.2 },
  { name: 'cat', text: 'cat 8 of 1024 x 2048 along rows', bytes: 2 * VECTOR, target: 1.2 },
  { name: 'pad', text: 'pad 32 x 64 x 56 x 56 by 1', bytes: 50.8 * MB, target: 1.2 },
  { name: '1000 adds', text: '1000 chained adds of 10 x 10, forward and backward', most: 1.75 },
  { name: 'enqueue', text: 'one small add on the JavaScript thread, µs', most: 0.001, micro: true },
  { name: 'enqueue with tape', text: 'the same, recorded, µs', most: 0.001, micro: true },
];

const number = (value: number, row: Case): string => (row.micro ? (value * 1000).toFixed(2) : value.toFixed(2));

function cell(result: Measurement | undefined, row: Case): string {
  if (!result || result.error !== undefined || result.times.length === 0) {
    return `NOT RUN: ${result?.error ?? 'no result'}`;
  }
  return `${number(median(result.times), row)} (${number(Math.min(...result.times), row)})`;
}

function targetText(row: Case): string {
  if (row.target !== undefined) return `ratio ${row.target.toFixed(1)}`;
  return row.most === undefined ? '' : `${number(row.most, row)} ${row.micro ? 'µs' : 'ms'}`;
}

/** One line of the table. */
export function rowText(row: Case, [ours, rival]: readonly Measurement[]): string {
  const speed = row.bytes && ours.times.length > 0 ? (row.bytes / 1e6 / median(ours.times)).toFixed(1) : '';
  const ratio = rival && !rival.error && !ours.error ? ratioText(ours, rival) : '';
  return `| ${row.text} | ${cell(ours, row)} | ${cell(rival, row)} | ${ratio} | ${speed} | ${targetText(row)} |`;
}

/** Runs the cases whose name contains `only`; prints each row when it is done. */
export async function runCases(
  title: string,
  cases: readonly Case[],
  contest: Contest,
  plan: Plan,
  only: string | undefined,
): Promise<Measurement[][]> {
  const rows = cases.filter(({ name }) => only === undefined || name.includes(only));
  if (rows.length === 0) throw new Error(`no case contains ${only}: ${cases.map(({ name }) => name).join(', ')}`);
  console.log(`## ${title}, float32, 2 threads\n\n${machine()}\n`);
  console.log('| | nabla, median (min) ms | PyTorch, median (min) ms | PyTorch / nabla | nabla GB/s | target |');
  console.log('|---|---|---|---|---|---|');
  const all: Measurement[][] = [];
  for (const row of rows) {
    const results = await contest.measure(plan, row.name);
    all.push(results);
    console.log(rowText(row, results));
  }
  return all;
}
