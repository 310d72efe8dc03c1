// The examples on sequences, with little data and few steps: they run, and learn.
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'nabla-examples-'));
afterAll(() => rm(folder, { recursive: true }));

const example = async (name: string, ...args: string[]): Promise<string> => {
  const command = ['--import', 'tsx', join('examples', `${name}.ts`), ...args];
  return (await run(process.execPath, command, { cwd: root, timeout: 170_000, maxBuffer: 2 ** 24 })).stdout;
};

it('names tells female from male names and makes up new ones', async () => {
  const output = await example('names', '--quick', '--samples', '30');
  const accuracy = Number(/\nheld-out accuracy ([\d.]+) % of 1200 names/.exec(output)?.[1]);
  expect(accuracy).toBeGreaterThan(70); // always female: 55
  const perplexities = [...output.matchAll(/perplexity per letter ([\d.]+)/g)].map(([, value]) => Number(value));
  expect(perplexities).toHaveLength(3);
  expect(perplexities[2]).toBeLessThan(perplexities[0]);
  expect(output).toMatch(/\nfemale: \d+ of 30 are new: [A-Z]/);
  expect(output).toMatch(/\nmale: \d+ of 30 are new: [A-Z]/);
}, 180_000);

it('names writes its data for PyTorch', async () => {
  await example('names', '--quick', '--dump', folder);
  const dumped = JSON.parse(await readFile(join(folder, 'names.json'), 'utf8'));
  expect(dumped.test).toHaveLength(1200);
  expect(dumped.markedTest).toHaveLength(1200);
  const [{ tokens, label }] = dumped.train;
  expect(dumped.markedTrain[0]).toEqual([2 + label, ...tokens, 1]);
  expect(Math.max(...dumped.train.flatMap((one: { tokens: number[] }) => one.tokens))).toBeLessThan(dumped.vocabulary);
}, 180_000);

it('spam tells spam from other mails', async () => {
  const output = await example('spam', '--quick');
  const areas = [...output.matchAll(/ROC AUC ([\d.]+)/g)].map(([, value]) => Number(value));
  expect(areas).toHaveLength(3);
  expect(areas[2]).toBeGreaterThan(0.9);
  expect(output).toMatch(/792 mails to learn from, 1,188 held out/);
}, 180_000);

it('long-sums prints a table of what each layer remembers', async () => {
  const rows = (await example('long-sums', '--quick')).trim().split('\n').slice(2);
  expect(rows).toHaveLength(3);
  const numbers = rows.map((row) =>
    row
      .split('|')
      .slice(2, 5)
      .map((cell) => Number.parseFloat(cell)),
  );
  for (const error of numbers[0]) expect(error).toBeLessThan(1 / 6);
  for (const accuracy of [...numbers[1], ...numbers[2]]) expect(accuracy).toBeGreaterThan(15); // at random: 10
}, 180_000);

it.each(['lstm', 'transformer'])(
  'pronunciation with a %s makes fewer errors from epoch to epoch',
  async (model) => {
    const output = await example('pronunciation', '--quick', '--model', model);
    const rates = [...output.matchAll(/phoneme errors ([\d.]+) %/g)].map(([, value]) => Number(value));
    expect(rates).toHaveLength(4);
    expect(rates[3]).toBeLessThan(rates[0]);
    expect(rates[3]).toBeLessThan(60);
    expect(output).toMatch(/\ntensor: [A-Z]/);
  },
  180_000,
);

it('pronunciation-curve writes what PyTorch needs, goes on where it stopped, and compares', async () => {
  const args = ['--quick', '--steps', '16', '--batch-size', '8', '--seeds', '1', '--dropout', '0', '--out', folder];
  expect(await example('pronunciation-curve', ...args)).toMatch(
    /PyTorch: python \S+pronunciation_curve\.py \S+transformer-1/,
  );
  const own = join(folder, 'transformer-1');
  const { train, marks, held } = JSON.parse(await readFile(join(own, 'data.json'), 'utf8'));
  expect([train.length, train[0].length, marks.length, held.length]).toEqual([16, 8, 8, 200]);
  const run = JSON.parse(await readFile(join(own, 'nabla.json'), 'utf8'));
  expect(run.losses).toHaveLength(16);
  expect(run.held[7]).toBeLessThan(run.held[0]);
  const other = { ...run, losses: run.losses.map((loss: number) => loss * 1.001) };
  await writeFile(join(own, 'pytorch.json'), JSON.stringify(other));
  const output = await example('pronunciation-curve', ...args);
  expect(output).not.toContain('step ');
  expect(output).toMatch(/\| 15 to 16 \| \d\.\d{4} ± 0\.0000 \|/);
  expect(output).toMatch(/largest difference of a step's losses: 1\.0e-3 of their size/);
  expect((await readFile(join(folder, 'transformer.png'))).length).toBeGreaterThan(1000);
}, 180_000);

it('long-sums and pronunciation write their data for PyTorch', async () => {
  await example('long-sums', '--quick', '--dump', folder);
  const sums = JSON.parse(await readFile(join(folder, 'long-sums.json'), 'utf8'));
  expect([sums.train.pixels.length, sums.test.labels.length, sums.test.pixels[0].length]).toEqual([1442, 355, 64]);
  await example('pronunciation', '--quick', '--dump', folder);
  const words = JSON.parse(await readFile(join(folder, 'pronunciation-lstm.json'), 'utf8'));
  expect([words.held.length, words.spoken.length, words.epochs]).toEqual([200, 200, 4]);
}, 180_000);
