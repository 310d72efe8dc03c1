// npm run docs:ops [-- --check]: writes docs/ops.md from the fuzz entries, the sources and PyTorch's list; with --check it
// fails when the page is out of date.
import '../../test/reference/index.js';
import * as nabla from '../../lib/index.js';
import { DTYPE_CODES } from '../../lib/tensor/dtype.js';
import { lastPart } from '../../test/fuzz/call.js';
import { setAvailable } from '../../test/reference/draw.js';
import { entries } from '../../test/reference/entry.js';
import { distance } from './distance.js';
import { writeOrCheck } from './page.js';
import { grouped, type Row, rowOf } from './probe.js';
import { sentences } from './sources.js';

const PAGE = 'docs/ops.md';
const SHORT: Readonly<Record<string, string>> = {
  float32: 'f32',
  float64: 'f64',
  bfloat16: 'bf16',
  float16: 'f16',
  int64: 'i64',
};

setAvailable(Object.keys(DTYPE_CODES));

const docs = sentences(['lib/tensor/create.ts', 'lib/tensor/sequence.ts', 'lib/ops']);
const short = (dtype: string): string => SHORT[dtype] ?? dtype.replace('uint', 'u').replace('int', 'i');

function line(row: Row): string {
  const text = docs.get(lastPart(row.name)) ?? docs.get(row.name) ?? docs.get(`Tensor.${lastPart(row.name)}`) ?? '';
  const dtypes = row.dtypes.length === Object.keys(DTYPE_CODES).length ? 'all' : row.dtypes.map(short).join(' ');
  return `| \`${row.name}\` | ${text} | ${dtypes} | ${row.gradient} | ${row.forms.join(' ')} | cpu |`;
}

function tables(rows: readonly Row[]): string[] {
  const families = [...new Set(rows.map((row) => row.family))].sort();
  return families.flatMap((family) => {
    const own = rows.filter((row) => row.family === family).sort((a, b) => (a.name < b.name ? -1 : 1));
    return [
      `### ${family}`,
      '',
      '| function | | dtypes | gradient | also | device |',
      '|---|---|---|---|---|---|',
      ...own.map(line),
      '',
    ];
  });
}

/** Exported functions of tensors that no entry calls: makers of tensors, random numbers and their like. */
function others(named: ReadonlySet<string>): string[] {
  const root = nabla as unknown as Record<string, object | undefined>;
  const known = new Set([...named].map(lastPart));
  const lines: string[] = [];
  for (const space of ['', 'F', 'linalg', 'special']) {
    for (const [key, value] of Object.entries((space === '' ? nabla : root[space]) ?? {})) {
      if (typeof value !== 'function' || /^class\b/.test(String(value)) || known.has(key) || !docs.has(key)) continue;
      known.add(key);
      lines.push(`- \`${space === '' ? '' : `${space}.`}${key}\`: ${docs.get(key)}`);
    }
  }
  return lines.sort();
}

function page(): string {
  const rows = [...grouped(entries.values())].map(([name, group]) => rowOf(name, group));
  return [
    '# Operations',
    '',
    'Made by `npm run docs:ops`; do not edit. Each function was called with each dtype, and derived once and twice, through',
    'its entries of the [differential fuzzer](testing.md#the-differential-fuzzer). "also": as a method of the first tensor, in',
    'place, with `{ out }`. The dtypes are those of the first tensor (of `where`: of the values).',
    '',
    ...tables(rows),
    '### without an entry',
    '',
    'Makers of tensors, random numbers, and what is tested elsewhere.',
    '',
    ...others(new Set(rows.map((row) => row.name))),
    '',
    distance('docs/torch-ops.json'),
  ].join('\n');
}

writeOrCheck(PAGE, page(), 'docs:ops');
