// Small files: what one reads at a sitting.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const FOLDERS = ['lib', 'native', 'test', 'scripts', 'examples', 'bench'];
const MOST_LINES = 500;

function sources(): string[] {
  const entries = FOLDERS.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((f) => join(folder, f)),
  );
  return entries.filter((file) => /\.(ts|mjs|js|cpp|h|inc|py)$/.test(file));
}

it(`no source file has more than ${MOST_LINES} lines`, () => {
  const files = sources();
  expect(files.length).toBeGreaterThan(50);
  const long = files.map((file) => [file, readFileSync(file, 'utf8').split('\n').length - 1] as const);
  expect(long.filter(([, lines]) => lines > MOST_LINES)).toEqual([]);
});
