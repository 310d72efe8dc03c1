// Every code block of README.md and docs/ is compiled and run: TypeScript here, JavaScript by runExamples in the tests of
// its part.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { data, rand, randint, vision } from '../../lib/index.js';
import { blocksOf, compileBlocks, pages, textOf, writeBlocks } from '../support/blocks.js';
import { collectOnly } from '../support/spec.js';

const tests = fileURLToPath(new URL('..', import.meta.url));
const listed = readdirSync(tests, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .flatMap((file) => [...readFileSync(join(tests, file), 'utf8').matchAll(/^runExamples\('(.*)'\);$/gm)])
  .map(([, page]) => `docs/${page}`);

const files = writeBlocks();
const before = process.cwd();
const folder = mkdtempSync(join(tmpdir(), 'nabla-blocks-'));
beforeAll(() => process.chdir(folder));
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});

describe('code blocks of the pages', () => {
  it('are in a list of examples where they are JavaScript', () => {
    const withExamples = pages.filter((page) => blocksOf(textOf(page), ['js', 'javascript']).length > 0);
    expect(withExamples.length).toBeGreaterThan(15);
    expect([...new Set(listed)].sort()).toEqual(withExamples.sort());
  });

  it('are on pages that docs/README.md and README.md name once', () => {
    const names = pages.filter((page) => !page.endsWith('README.md')).map((page) => page.slice('docs/'.length));
    const index = [...textOf('docs/README.md').matchAll(/^- \[.*?\]\((\S+)\): \S/gm)].map(([, page]) => page);
    expect(index.sort()).toEqual(names.sort());
    const line = textOf('README.md').split('## Documentation')[1];
    const named = [...line.matchAll(/\]\(docs\/(\S+)\)/g)].map(([, page]) => page);
    expect(named.filter((page) => page !== 'README.md').sort()).toEqual(names);
  });

  it('are in a language that is known, or are output', () => {
    const languages = new Set(
      pages.flatMap((page) => [...textOf(page).matchAll(/^```(\w*)\n[\s\S]*?^```/gm)].map(([, name]) => name)),
    );
    expect([...languages].filter((name) => !['', 'ts', 'js', 'python', 'cpp'].includes(name))).toEqual([]);
  });

  it('compile', async () => {
    expect(files.size).toBeGreaterThan(4);
    expect(await compileBlocks('ts')).toBe('');
    expect(await compileBlocks('js')).toBe('');
  }, 300_000);

  it('start with what they import, as they are copied', () => {
    const blocks = pages.flatMap((page) => blocksOf(textOf(page), ['js', 'javascript']));
    expect(blocks.length).toBeGreaterThan(100);
    expect(
      blocks.filter((code) => !/^(import \{ .* \} from 'node:.*';\n)*import \{ .* \} from 'nabla';\n/.test(code)),
    ).toEqual([]);
  });

  // A page of its own images and labels stands for Fashion-MNIST: two batches an epoch.
  beforeAll(() => {
    collectOnly();
    const few = async () => new data.TensorDataset(rand([200, 1, 28, 28]), randint(0, 10, [200]));
    vi.spyOn(vision.datasets.FashionMNIST, 'load').mockImplementation(few as never);
    vi.spyOn(console, 'log').mockImplementation(() => undefined);
    vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  });
  afterAll(() => {
    vi.restoreAllMocks();
  });
  for (const [page, modules] of files) {
    it.each(modules.map((file, i) => [i + 1, file]))(`run: ${page}, module %d`, async (_, file) => {
      await import(file as string);
    });
  }
});
