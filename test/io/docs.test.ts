// The pages on files and on the way from PyTorch. Their examples read and write in a folder of their own.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { runExamples } from '../support/page.js';

const before = process.cwd();
const folder = mkdtempSync(join(tmpdir(), 'nabla-docs-'));

beforeAll(() => {
  for (const name of ['checkpoint.pt', 'class.pt']) {
    copyFileSync(fileURLToPath(new URL(`files/${name}`, import.meta.url)), join(folder, name));
  }
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

runExamples('formats.md');
runExamples('from-pytorch.md');
