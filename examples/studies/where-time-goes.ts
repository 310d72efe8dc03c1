// AlexNet layer by layer: where a training step spends its time. npm run example -- where-time-goes
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { manualSeed, models, type nn, plots, profile, randn, type Tensor } from 'nabla';
import { percent, runExample } from '../support.js';
import { report, type StudyOptions, studyOptions, tableOf } from './study.js';

interface Options extends StudyOptions {
  batch?: number[];
}

/** What the layers of AlexNet are, by their class. */
const KINDS = {
  Conv2d: 'convolution',
  Linear: 'fully connected',
  MaxPool2d: 'pooling',
  AdaptiveAvgPool2d: 'pooling',
  ReLU: 'ReLU, dropout',
  Dropout: 'ReLU, dropout',
} as const;

/** What layers with and without parameters are called; they are counted as in the paper, by the weighted ones. */
const PREFIXES = { convolution: 'conv', 'fully connected': 'fc', pooling: 'pool' } as const;

/** A layer or several, in one step of training. */
interface Row {
  name: string;
  kind: string;
  parameters: number;
  /** Milliseconds. */
  forward: number;
  backward: number;
  /** Multiplications and additions, forward and backward. */
  flops: number;
}

/** The layers by their usual names, conv1 to conv5 and fc6 to fc8. The least of several times: other work adds to them. */
async function measure(model: nn.Module, images: Tensor, steps: number): Promise<Row[]> {
  const parameters = new Map(model.summary().rows.map((row) => [row.name, row.parameters]));
  let rows: Row[] = [];
  for (let step = 0; step < steps; step++) {
    const { layers } = await profile(model, images, { steps: 1, warmup: step === 0 ? 1 : 0 });
    const known = layers.flatMap(({ type, ...layer }) => {
      const kind = KINDS[type as keyof typeof KINDS];
      return kind === undefined ? [] : [{ ...layer, kind, parameters: parameters.get(layer.name) ?? 0 }];
    });
    rows = known.map((row, i) => ({
      ...row,
      forward: Math.min(row.forward, rows[i]?.forward ?? row.forward),
      backward: Math.min(row.backward, rows[i]?.backward ?? row.backward),
    }));
  }
  let weighted = 0;
  const named = rows.map((row) => {
    if (row.parameters > 0) weighted++;
    const prefix = PREFIXES[row.kind as keyof typeof PREFIXES];
    return { ...row, name: prefix === undefined ? row.kind : `${prefix}${weighted}` };
  });
  return sums(named, 'name');
}

/** The sums of the rows of one name or kind, in the order in which the first of each runs. */
function sums(rows: readonly Row[], by: 'name' | 'kind'): Row[] {
  const found = new Map<string, Row>();
  for (const { kind, parameters, forward, backward, flops, ...row } of rows) {
    const key = by === 'name' ? row.name : kind;
    const sum = found.get(key) ?? { name: key, kind, parameters: 0, forward: 0, backward: 0, flops: 0 };
    sum.parameters += parameters;
    sum.forward += forward;
    sum.backward += backward;
    sum.flops += flops;
    found.set(key, sum);
  }
  return [...found.values()];
}

const timeOf = ({ forward, backward }: Row): number => forward + backward;

const cells = (row: Row, all: readonly Row[]): string[] => [
  row.parameters === 0 ? '' : (row.parameters / 1e6).toFixed(2),
  row.flops === 0 ? '' : (row.flops / 1e9).toFixed(2),
  row.forward.toFixed(2),
  row.backward.toFixed(2),
  percent(timeOf(row) / all.reduce((sum, one) => sum + timeOf(one), 0)),
  row.flops === 0 ? '' : (row.flops / 1e6 / timeOf(row)).toFixed(0),
];

function batches(text: string, before: number[] = []): number[] {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be an integer of at least 1.');
  return [...before, value];
}

/** The share of each kind for each batch, and the layers at the largest batch. */
async function draw(results: ReadonlyMap<number, readonly Row[]>, out: string): Promise<void> {
  const sizes = [...results.keys()];
  const largest = Math.max(...sizes);
  const layers = results.get(largest) ?? [];
  const shares = new Map<string, number[][]>();
  for (const rows of results.values()) {
    const all = rows.reduce((sum, row) => sum + timeOf(row), 0);
    for (const row of sums(rows, 'kind')) {
      shares.set(row.kind, [...(shares.get(row.kind) ?? []), [(100 * timeOf(row)) / all]]);
    }
  }
  await mkdir(out, { recursive: true });
  await plots.saveBars(
    Object.fromEntries(layers.map((row) => [row.name, [[row.forward], [row.backward]]])),
    join(out, 'where-time-goes.png'),
    { title: `AlexNet, batch ${largest}`, axis: 'milliseconds', groups: ['forward', 'backward'] },
  );
  await plots.saveBars(Object.fromEntries(shares), join(out, 'where-time-goes-kinds.png'), {
    title: 'Time of AlexNet, forward and backward',
    axis: 'share, %',
    groups: sizes.map((size) => `batch ${size}`),
  });
}

async function main({ quick, seed, out, batch }: Options): Promise<void> {
  const [side, steps] = quick ? [64, 1] : [224, 9];
  manualSeed(seed);
  const model = models.alexnet();
  const results = new Map<number, Row[]>();
  for (const size of batch ?? (quick ? [1, 2] : [1, 8, 32])) {
    const images = randn([size, 3, side, side]);
    results.set(size, await measure(model, images, steps));
    images.dispose();
    console.log(
      `batch ${size} of ${side} x ${side}: ${results
        .get(size)
        ?.reduce((sum, row) => sum + timeOf(row), 0)
        .toFixed(0)} ms`,
    );
  }
  await draw(results, out);
  const table = [...results].flatMap(([size, rows]) => [
    ...sums(rows, 'kind').map((row) => [`${row.kind}, batch ${size}`, ...cells(row, rows)]),
  ]);
  const columns = ['layers', 'parameters, M', 'GFLOP', 'forward, ms', 'backward, ms', 'share', 'GFLOP/s'];
  const [largest] = [...results.values()].slice(-1);
  const layers = tableOf(
    columns,
    largest.map((row) => [row.name, ...cells(row, largest)]),
  );
  await report(out, Object.fromEntries(results), `${tableOf(columns, table)}\n\n${layers}`);
}

const about = 'Time of the layers of AlexNet, forward and backward.';
await runExample(() =>
  main(
    studyOptions<Options>('where-time-goes', about, (command) =>
      command.option('--batch <n...>', 'images at once (default: 1 8 32)', batches),
    ),
  ),
);
