// What a user of the package gets: entry points, types, the files of the tarball.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const node = (...args: string[]): string => execFileSync(process.execPath, args, { encoding: 'utf8' }).trim();

describe('package', () => {
  it('loads by import and by require()', () => {
    const code = 'console.log(typeof n.Tensor, n.tensor([[1, 2], [3, 4]]).sum().itemSync())';
    expect(node('--input-type=module', '-e', `import * as n from 'nabla'; ${code}`)).toBe('function 10');
    expect(node('--input-type=commonjs', '-e', `const n = require('nabla'); ${code}`)).toBe('function 10');
  });

  it('has each namespace as a subpath', () => {
    for (const name of [
      'nn',
      'optim',
      'data',
      'text',
      'vision',
      'models',
      'metrics',
      'io',
      'plots',
      'autograd',
      'training',
    ]) {
      const count = node('--input-type=module', '-e', `console.log(Object.keys(await import('nabla/${name}')).length)`);
      expect(Number(count), name).toBeGreaterThan(0);
    }
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
