// The examples of docs/data.md; they write files beside them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { runExamples } from '../support/page.js';

const home = process.cwd();
const folder = mkdtempSync(join(tmpdir(), 'nabla-docs-data-'));
beforeAll(() => process.chdir(folder));
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true, force: true });
});

runExamples('data.md');
