// The studies of deep networks run, and show what they are about.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder = '';
beforeAll(() => {
  mkdirSync(join(root, 'runs'), { recursive: true });
  folder = mkdtempSync(join(root, 'runs', 'test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a study and gives its results; it has drawn its picture and printed its table. */
async function study<T>(name: string): Promise<T> {
  const out = join(folder, name);
  const command = ['--import', 'tsx', join('examples', 'run.ts'), name, '--quick', '--out', out];
  const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: root, timeout: 110_000 });
  expect(stdout).toContain((await readFile(join(out, 'table.md'), 'utf8')).trim());
  expect((await sharp(join(out, `${name}.png`)).metadata()).width).toBeGreaterThan(300);
  return JSON.parse(await readFile(join(out, 'results.json'), 'utf8')) as T;
}

it('vanishing-gradients: sigmoids lose them, skip connections do not', { timeout: 120_000 }, async () => {
  const results = await study<Record<string, { norms: number[] }>>('vanishing-gradients');
  const ratio = (name: string): number => results[name].norms[0] / (results[name].norms.at(-1) as number);
  expect(ratio('sigmoid')).toBeLessThan(1e-4);
  expect(ratio('ReLU, batch norm, skip')).toBeGreaterThan(0.1);
  expect(results['ReLU, auxiliary heads'].norms[0]).toBeGreaterThan(3 * results['ReLU, Xavier'].norms[0]);
});

it('initialization: 0.01 loses the activations, He keeps them', { timeout: 120_000 }, async () => {
  const results = await study<Record<string, { deviations: number[] }>>('initialization');
  expect(results['0.01'].deviations[4]).toBeLessThan(1e-4);
  expect(results.He.deviations[4]).toBeGreaterThan(0.3 * results.He.deviations[0]);
});

it('retrieval: triplets bring a class together', { timeout: 120_000 }, async () => {
  const scores = await study<{ name: string; map: number }[]>('retrieval');
  const map = (name: RegExp): number => scores.find((score) => name.test(score.name))?.map ?? Number.NaN;
  expect(map(/^triplets, test/)).toBeGreaterThan(map(/^pixels, test/));
});

it('depth: plain networks of 56 layers do not learn, residual ones do', { timeout: 120_000 }, async () => {
  const results = await study<Record<string, { parameters: number; errors: number[]; training: number }[]>>('depth');
  const error = (name: string): number => results[name][0].training;
  expect(error('plain56')).toBeGreaterThan(error('plain20') + 0.2);
  expect(error('resnet56')).toBeLessThan(0.15);
  expect(results.resnet56[0].errors).toHaveLength(6);
  for (const depth of [20, 56]) {
    expect(results[`plain${depth}`][0].parameters).toBe(results[`resnet${depth}`][0].parameters);
  }
});

it('small-filters: two of 3 x 3 have 18/25 of the weights', { timeout: 120_000 }, async () => {
  const results = await study<Record<string, { parameters: number; macs: number; test: number }[]>>('small-filters');
  const [[large], [small]] = [results['one 5 x 5'], results['two 3 x 3']];
  const around = 32 * 9 + 32 + 32 * 10 + 10;
  expect(large.parameters - around).toBe(2 * (25 * 32 ** 2 + 32));
  expect(small.parameters - around).toBe(2 * (18 * 32 ** 2 + 2 * 32));
  // On 8 x 8 digits: the filters on 4 x 4 and 2 x 2 places.
  expect(large.macs - small.macs).toBe(7 * 32 ** 2 * (16 + 4));
  expect(small.test).toBeGreaterThan(0.5);
});

it('bottleneck: what reductions save', { timeout: 120_000 }, async () => {
  interface Size {
    parameters: number;
    macs: number;
    time: number;
  }
  const { sizes, results } = await study<{
    sizes: Record<string, Size>;
    results: Record<string, { test: number }[]>;
  }>('bottleneck');
  // The weights of inception 3a and two numbers for each normalized channel.
  const both = 64 * 192 + 32 * 192;
  const reduced = both + 96 * 192 + 128 * 96 * 9 + 16 * 192 + 32 * 16 * 25;
  const plain = both + 128 * 192 * 9 + 32 * 192 * 25;
  const [with1, without1] = [sizes['inception 3a, with'], sizes['inception 3a, without']];
  expect(with1.parameters).toBe(reduced + 2 * (64 + 96 + 128 + 16 + 32 + 32));
  expect(without1.parameters).toBe(plain + 2 * (64 + 128 + 32 + 32));
  expect(with1.macs).toBe(reduced * 28 ** 2);
  expect(without1.macs).toBe(plain * 28 ** 2);
  for (const kind of ['with', 'without']) expect(results[kind][0].test).toBeGreaterThan(0.4);
});

it("where-time-goes: AlexNet's layers by their names", { timeout: 120_000 }, async () => {
  const results =
    await study<Record<string, { name: string; parameters: number; flops: number; forward: number }[]>>(
      'where-time-goes',
    );
  expect(Object.keys(results)).toEqual(['1', '2']);
  for (const [batch, rows] of Object.entries(results)) {
    const names = 'conv1 conv2 conv3 conv4 conv5 fc6 fc7 fc8 pool1 pool2 pool5';
    expect(rows.map(({ name }) => name).sort()).toEqual(['ReLU, dropout', ...names.split(' ')]);
    expect(rows.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(61_100_840);
    // Forward, gradient of the weight, gradient of the input.
    const fc7 = rows.find(({ name }) => name === 'fc7');
    expect(fc7?.flops).toBe(3 * 2 * 4096 ** 2 * Number(batch));
    for (const { forward } of rows) expect(forward).toBeGreaterThan(0);
  }
});

const installed = existsSync('/usr/share/datasets/fashion-mnist') || Boolean(process.env.NABLA_DATA);
it.skipIf(!installed)('transfer: from clothes to digits', { timeout: 120_000 }, async () => {
  const results = await study<Record<string, { rate: number; test: number[]; scores: object }>>('transfer');
  expect(Object.keys(results)).toHaveLength(6);
  for (const { rate, test, scores } of Object.values(results)) {
    expect(Object.keys(scores)).toEqual([String(rate)]);
    expect(test).toHaveLength(1);
    expect(test[0]).toBeGreaterThan(0.5);
  }
});

it('augmentation: mirrored digits are others', { timeout: 120_000 }, async () => {
  const results = await study<Record<string, { train: number; test: number }[]>>('augmentation');
  expect(Object.keys(results)).toHaveLength(10);
  expect(results.none[0].test).toBeGreaterThan(0.85);
  expect(results.flip[0].test).toBeLessThan(results.none[0].test);
  expect(results.mixup[0].test).toBeGreaterThan(0.8);
});

it('fashion-ensemble: together they are better, and a second run only reads them', { timeout: 120_000 }, async () => {
  interface Study {
    rows: { name: string; accuracies: number[] }[];
    heldOut: number[][];
  }
  const first = await study<Study>('fashion-ensemble');
  const of = (name: string): number => first.rows.find((row) => row.name === name)?.accuracies[2] ?? Number.NaN;
  expect(of('mean of the members')).toBeGreaterThan(0.7);
  expect(of('ensemble of 2')).toBeGreaterThan(of('mean of the members'));
  const log = join(folder, 'fashion-ensemble', 'member-2', 'log.csv');
  const { mtimeMs } = await stat(log);
  expect((await readFile(log, 'utf8')).trim().split('\n')).toHaveLength(5);
  expect(await study<Study>('fashion-ensemble')).toEqual(first);
  expect((await stat(log)).mtimeMs).toBe(mtimeMs);
});
