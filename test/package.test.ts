// What a user of the package gets: entry points, types, the files of the tarball.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as nabla from '../lib/index.js';

const node = (...args: string[]): string => execFileSync(process.execPath, args, { encoding: 'utf8' }).trim();

/** Each exported class with its name, namespace by namespace. */
function classNames(names: object, at: string): string[] {
  return Object.entries(names).flatMap(([key, value]) => {
    if (typeof value === 'function' && /^class\b/.test(String(value))) return [`${at}${key} ${value.name}`];
    return typeof value === 'object' && /^[a-z]/i.test(key) && at.split('.').length < 4 && value !== null
      ? classNames(value, `${at}${key}.`)
      : [];
  });
}

describe('package', () => {
  it('loads by import and by require()', () => {
    const code = 'console.log(typeof n.Tensor, n.tensor([[1, 2], [3, 4]]).sum().itemSync())';
    expect(node('--input-type=module', '-e', `import * as n from 'nabla'; ${code}`)).toBe('function 10');
    expect(node('--input-type=commonjs', '-e', `const n = require('nabla'); ${code}`)).toBe('function 10');
  });

  it('has each namespace as a subpath', () => {
    const folders = readdirSync('lib', { recursive: true, encoding: 'utf8' })
      .filter((file) => basename(file) === 'index.ts' && file !== 'index.ts')
      .map((file) => dirname(file).replaceAll('\\', '/'));
    expect(folders).toEqual(expect.arrayContaining(['nn', 'nn/utils', 'data', 'vision', 'training']));
    const code =
      'for (const name of process.argv.slice(1)) console.log(name, Object.keys(await import("nabla/" + name)).length)';
    for (const line of node('--input-type=module', '-e', code, ...folders).split('\n')) {
      const [name, count] = line.split(' ');
      expect(Number(count), name).toBeGreaterThan(0);
    }
  });

  it('is one library however it is imported', () => {
    const code = `
      import { createRequire } from 'node:module';
      import * as nabla from 'nabla';
      import { Linear, Sequential } from 'nabla/nn';
      import { stack } from 'nabla/ops';
      const required = createRequire(import.meta.url)('nabla');
      console.log(nabla.nn.Linear === Linear, nabla.stack === stack, required.Tensor === nabla.Tensor);
      console.log(String(new Sequential(new Linear(2, 3))));`;
    expect(node('--input-type=module', '-e', code)).toBe(
      'true true true\nSequential(\n  (0): Linear(in_features=2, out_features=3, bias=True)\n)',
    );
  });

  it('reads the code of a namespace when it is used, once', () => {
    const code = `
      import { _cache } from 'node:module';
      import * as nabla from 'nabla';
      import { stack } from 'nabla/ops';
      const read = () => Object.keys(_cache).map((file) => /parts.(.+)\\.cjs$/.exec(file)?.[1]).filter(Boolean).sort();
      const rows = [read(), Object.keys(nabla.models).length > 50, read()];
      rows.push(nabla.models.create === (await import('nabla/models')).create, read().includes('models'));
      const { Compose } = await import('nabla/vision/transforms');
      rows.push(Compose === nabla.vision.transforms.Compose, nabla.stack === stack);
      rows.push(nabla.models.create('lenet5') instanceof nabla.nn.Module);
      try { nabla.models.create = null; } catch (error) { rows.push(error.name); }
      console.log(JSON.stringify(rows));`;
    const expected = [[], true, [], true, true, true, true, true, 'TypeError'];
    expect(JSON.parse(node('--input-type=module', '-e', code))).toEqual(expected);
  });

  it('saves and loads a module though nothing of nabla/io was used', () => {
    const code = `import { nn } from 'nabla'; console.log(typeof nn.Module.prototype.save, typeof new nn.ReLU().load)`;
    expect(node('--input-type=module', '-e', code)).toBe('function function');
  });

  it('computes the same in two copies in one thread', () => {
    const code = `
      const url = import.meta.resolve('nabla').replace('index.js', 'nabla.js');
      const [a, b] = [await import(url), await import(url + '?copy')];
      const rows = [a, b, a].map((n) => n.arange(6).reshape([2, 3]).sum(0).add(1).toArraySync());
      console.log(a.Tensor !== b.Tensor, JSON.stringify(rows, (_, x) => (typeof x === 'bigint' ? Number(x) : x)));`;
    expect(node('--input-type=module', '-e', code)).toBe('true [[4,6,8],[4,6,8],[4,6,8]]');
  });

  it('keeps what every program reads small', () => {
    // Node needs 3 ms for 100 kB: docs/installation.md. What few programs use is a part: LATE in scripts/bundle.mjs.
    expect(statSync('dist/nabla.js').size).toBeLessThan(1_250_000);
  });

  it('keeps the names of its classes', () => {
    const code = `console.log(JSON.stringify((${classNames})(await import('nabla'), '')))`;
    const bundled = JSON.parse(node('--input-type=module', '-e', code)) as string[];
    expect(bundled.length).toBeGreaterThan(250);
    expect(bundled.sort()).toEqual(classNames(nabla, '').sort());
  });

  it('loads no other package before it is used', () => {
    // Each would cost every program its time; scripts/bundle.mjs refuses such imports at the top.
    const code = `
      const { register } = await import('node:module');
      const hooks = 'export const resolve = async (name, context, next) => {' +
        'const found = await next(name, context); if (/node_modules/.test(found.url)) console.log(name); return found; }';
      register('data:text/javascript,' + encodeURIComponent(hooks));
      await import('nabla');
      const loaded = Object.keys((await import('node:module')).default._cache).filter((f) => !f.endsWith('.node'));
      console.log(loaded.map((f) => f.split('node_modules').at(-1)).join());`;
    const loaded = node('--input-type=module', '-e', code);
    // `bindings` finds the build of a checkout; an installed package has neither.
    expect(loaded.replace(/[\\/](bindings|file-uri-to-path)[\\/]\w+\.js/g, '').replace(/[,\s]/g, '')).toBe('');
  });

  it('declares its public types without any', () => {
    const files = readdirSync('dist', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.d.ts'));
    expect(files.length).toBeGreaterThan(50);
    const loose = files.filter((name) => {
      const code = readFileSync(join('dist', name), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
      return /(:|<|\||&|=>|extends) *any\b|, *any>/.test(code);
    });
    expect(loose).toEqual([]);
  });

  it('ships no sources, tests or build files, and runs no script on installation', () => {
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    const [{ files }] = JSON.parse(
      execFileSync(npm, ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' }),
    ) as [{ files: { path: string }[] }];
    const paths = files.map((file) => file.path);
    for (const wanted of ['dist/index.js', 'dist/index.d.ts', 'LICENSE', 'README.md', 'data/digits.csv.gz']) {
      expect(paths).toContain(wanted);
    }
    expect(paths.filter((path) => !/^(dist\/|data\/|LICENSE$|NOTICE$|README\.md$|package\.json$)/.test(path))).toEqual(
      [],
    );
    const { scripts, gypfile } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?(install|prepare)$/.test(name))).toEqual([]);
    expect(gypfile).toBe(false);
  });
});
