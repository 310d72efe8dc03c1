// npm run bench -- list | GROUP [--python PATH] [--rounds N] [--steps N] [--only NAME] [--json FILE] ... | compare OLD NEW
import { Command } from 'commander';
import { saveChart } from './chart.js';
import { compareReports, comparisonText, slower } from './compare.js';
import { GROUPS, type Group } from './groups.js';
import { Contest, type Measurement, machine, type Plan } from './harness.js';
import { listText } from './list.js';
import { measurePeak, peakText } from './peak.js';
import { headerText, loadReport, newReport, type Report, type Row, ratio, rowText, saveReport } from './report.js';
import { type Places, THREADS } from './rivals.js';
import { geometricMean } from './statistics.js';
import { compileWorkloads } from './workloads/compile.js';

interface Options {
  python: string;
  rivals?: string;
  variants: string;
  rounds: string;
  steps: string;
  threshold: string;
  inspect: boolean;
  json?: string;
  chart?: string;
  compare?: string;
  only?: string;
}

/** A whole number of at least one. */
function count(option: string, text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1) throw new Error(`--${option} must be a whole number of at least 1, got ${text}`);
  return n;
}

function threshold({ threshold: text }: { threshold: string }): number {
  const factor = Number(text);
  if (!(factor > 1)) throw new Error(`--threshold must be a factor above 1, got ${text}`);
  return factor;
}

/** Times the cases whose name contains `only`; prints each row when it is done. */
async function runRows(
  group: Group,
  places: Places,
  plan: Plan,
  options: Options,
  print: (row: Row, i: number) => void,
) {
  const cases = group.cases.filter(({ name }) => options.only === undefined || name.includes(options.only));
  if (cases.length === 0) {
    throw new Error(`no case contains ${options.only}: ${group.cases.map(({ name }) => name).join(', ')}`);
  }
  const rows: Row[] = [];
  let contest: Contest | undefined;
  try {
    for (const row of cases) {
      if (!contest || group.fresh) {
        contest?.stop();
        contest = new Contest(group.contestants(places));
        await contest.start();
      }
      const results: Measurement[] = await contest.measure(plan, row.name, options.inspect);
      rows.push({ ...row, results });
      print(rows[rows.length - 1], rows.length - 1);
    }
  } finally {
    contest?.stop();
  }
  return rows;
}

/** The geometric mean of the ratios to each rival, over the rows that it ran. */
function meansText(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap(({ results }) => results.slice(1).map(({ name }) => name)))];
  const means = names.flatMap((name) => {
    const ratios = rows.flatMap(({ results }) => {
      const rival = results.find((result) => result.name === name);
      const value = rival ? ratio(results, rival) : null;
      return value === null ? [] : [value];
    });
    return ratios.length === 0 ? [] : [`${name} ${geometricMean(ratios).toFixed(2)} (${ratios.length} rows)`];
  });
  return means.length === 0 ? 'No rival ran.' : `Geometric mean of the ratios: ${means.join(', ')}.`;
}

async function run(name: string, options: Options): Promise<void> {
  const group = GROUPS[name];
  const plan = {
    rounds: count('rounds', options.rounds),
    steps: count('steps', options.steps),
    warmup: group.warmup,
    turnMs: 20,
  };
  const limit = threshold(options);
  const old = options.compare === undefined ? null : loadReport(options.compare);
  const places = { python: options.python, rivals: options.rivals, variants: options.variants.split(',') };
  if (name === 'workloads') compileWorkloads();
  const peak = await measurePeak(THREADS);
  console.log(`## ${group.title}, float32, ${THREADS} threads\n\n${machine()}\n${peakText(peak)}\n`);
  const rows = await runRows(group, places, plan, options, (row, i) => {
    if (i === 0) console.log(headerText(row.results.map((result) => result.name)));
    console.log(rowText(row, peak, group.fresh));
  });
  console.log(`\n${meansText(rows)}`);
  const report = newReport(name, plan, peak, rows);
  if (options.json !== undefined) saveReport(options.json, report);
  if (options.chart !== undefined) await saveChart(report, group.title, options.chart);
  if (rows.every(({ results: [own] }) => own.times.length === 0)) process.exitCode = 1;
  if (old) showComparison(old, report, limit);
}

function showComparison(before: Report, after: Report, limit: number): void {
  const comparison = compareReports(before, after);
  console.log(`\n${comparisonText(comparison, limit)}`);
  if (slower(comparison, limit).length > 0) process.exitCode = 1;
}

const program = new Command('bench').description('Times nabla against other libraries, in turn, in one run.');
program
  .command('list')
  .description('the groups and the names of their rows')
  .action(() => console.log(listText()));
program
  .command('compare <old> <new>')
  .description('what got slower between two JSON files')
  .option('--threshold <factor>', 'how much slower counts', '1.1')
  .action((before: string, after: string, options: { threshold: string }) =>
    showComparison(loadReport(before), loadReport(after), threshold(options)),
  );
program
  .command('chart <report> <picture>')
  .description('draws a JSON file as .png or .svg')
  .action((report: string, picture: string) => {
    const loaded = loadReport(report);
    return saveChart(loaded, GROUPS[loaded.benchmark]?.title ?? loaded.benchmark, picture);
  });
for (const [name, { title, rounds, steps }] of Object.entries(GROUPS)) {
  program
    .command(name)
    .description(title)
    .option('--python <path>', 'an interpreter that has torch', 'python3')
    .option('--variants <names>', 'how PyTorch is used: default, tuned, or both', 'default,tuned')
    .option('--rivals <folder>', 'a folder with node_modules of tfjs-node and onnxruntime-node')
    .option('--rounds <n>', 'turns of each contestant', rounds)
    .option('--steps <n>', 'steps per turn', steps)
    .option('--only <text>', 'rows whose name contains it')
    .option('--no-inspect', 'only times: no errors, no memory')
    .option('--json <file>', 'write the report')
    .option('--chart <file>', 'draw the ratios as .png or .svg')
    .option('--compare <file>', 'an earlier report: show what got slower, and fail if something did')
    .option('--threshold <factor>', 'how much slower counts', '1.1')
    .action((options: Options) => run(name, options));
}
program.parseAsync().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
