// Every nabla cell of the tables of docs/from-pytorch.md runs.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as nabla from '../../lib/index.js';

const AsyncFunction = (async () => undefined).constructor as new (
  ...code: string[]
) => (...args: unknown[]) => Promise<unknown>;

const text = readFileSync(new URL('../../docs/from-pytorch.md', import.meta.url), 'utf8');
/** The code of the right column by section. */
const cells = text.split(/^### /m).flatMap((section) => {
  const title = section.slice(0, section.indexOf('\n'));
  const rows = [...section.matchAll(/^\| .*? \| (.*) \|$/gm)].map(([, cell]) => cell);
  return rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => ({ title, code })));
});
const runnable = cells.filter(({ code }) => !code.startsWith('import '));

const { nn, optim, randn, tensor, zeros } = nabla;
/** What the page says the names are. */
function things(): Record<string, unknown> {
  const model = new nn.Linear(6, 2);
  const w = new nn.Parameter(randn([3, 3]));
  w.sum().backward();
  return {
    x: randn([4, 6]),
    y: tensor([0, 1, 1, 0], { dtype: 'int64' }),
    a: randn([3, 3]),
    b: randn([3, 3]),
    image: randn([2, 3, 8, 8]),
    mask: randn([4, 6]).gt(0),
    i: tensor([2, 0], { dtype: 'int64' }),
    w,
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
    console: { log: String },
  };
}

const before = process.cwd();
const folder = mkdtempSync(join(tmpdir(), 'nabla-docs-torch-'));
beforeAll(async () => {
  process.chdir(folder);
  await nabla.io.saveTorch('m.pt', { weight: zeros([2, 6]), bias: zeros([2]) });
});
afterAll(() => {
  process.chdir(before);
  nabla.setNumThreads(2);
  rmSync(folder, { recursive: true, force: true });
});

describe('docs/from-pytorch.md', () => {
  it('has tables', () => {
    expect(runnable.length).toBeGreaterThan(120);
  });
  it('names exports where it imports', () => {
    const imports = cells.filter(({ code }) => code.endsWith("from 'nabla'"));
    const names = imports.flatMap(({ code }) => /\{ (.*) \}/.exec(code)?.[1].split(', ') ?? []);
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) expect(nabla).toHaveProperty(name);
  });
  for (const { title, code } of runnable) {
    it(`${title}: ${code}`, async () => {
      const all: Record<string, unknown> = { ...nabla, ...things() };
      const body = /^(await |new )?[\w.]/.test(code) && !code.startsWith('const ') ? `return ${code}` : code;
      const used = Object.keys(all).filter((name) => new RegExp(`(?<!\\.)\\b${name}\\b`).test(code));
      await new AsyncFunction(...used, body)(...used.map((name) => all[name]));
      await nabla.synchronize();
    });
  }
});
