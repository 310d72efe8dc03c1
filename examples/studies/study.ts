// What the studies share: images as tensors, a table, a folder for the results.
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Command } from 'commander';
import { type Tensor, vision } from 'nabla';
import { integer } from '../support.js';

/** Options of every study. */
export interface StudyOptions {
  quick: boolean;
  seed: number;
  out: string;
}

/** The command line of a study: `--quick`, `--seed`, `--out` and what `more` adds. */
export function studyOptions<T extends StudyOptions>(
  name: string,
  about: string,
  more: (command: Command) => Command = (command) => command,
): T {
  const command = new Command(name)
    .description(about)
    .option('--quick', 'a small run: seconds', false)
    .option('--seed <n>', 'of weights and order', integer(0), 1)
    .option('--out <folder>', 'where to write', join('runs', name));
  return more(command).parse().opts<T>();
}

/** So many images `[N, 1, H, W]` with mean 0 and variance 1, and their labels `[N]`; of Fashion-MNIST or the digits. */
export async function loadImages(
  which: 'digits' | 'fashion',
  part: { count?: number; train?: boolean } = {},
): Promise<{ x: Tensor; y: Tensor }> {
  const source = await (which === 'digits' ? vision.datasets.Digits : vision.datasets.FashionMNIST).load({
    train: part.train ?? true,
  });
  const [images, y] = source.batch(
    Array.from({ length: Math.min(part.count ?? source.length, source.length) }, (_, i) => i),
  );
  const [mean, deviation] = which === 'digits' ? [0.3053, 0.376] : [0.286, 0.353];
  const x = images.sub(mean).div(deviation).keep();
  images.dispose();
  return { x, y: y.keep() };
}

/** A table in Markdown; the first column holds names. */
export function tableOf(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(columns),
    `|---|${columns
      .slice(1)
      .map(() => '---:|')
      .join('')}`,
    ...rows.map(line),
  ].join('\n');
}

/** Writes results.json and table.md, prints the table. */
export async function report(out: string, results: unknown, table: string): Promise<void> {
  await mkdir(out, { recursive: true });
  await writeFile(join(out, 'results.json'), `${JSON.stringify(results, null, 1)}\n`);
  await writeFile(join(out, 'table.md'), `${table}\n`);
  console.log(`\n${table}\n\nwritten to ${relative('.', out) || '.'}`);
}
