// What a user reads when the native core cannot be loaded: in an import, and from `npx nabla doctor`.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { platformPackage } from '../lib/binary.js';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const core = platformPackage();
const app = mkdtempSync(join(tmpdir(), 'nabla-loader-'));
const installed = join(app, 'node_modules', 'nabla');

/** As npm installs it, without a core. */
beforeEach(() => {
  rmSync(join(app, 'node_modules'), { recursive: true, force: true });
  mkdirSync(join(installed, 'dist'), { recursive: true });
  for (const file of [
    'package.json',
    'data/digits.csv.gz',
    ...['index', 'nabla', 'doctor', 'cli'].map((f) => `dist/${f}.js`),
  ])
    cpSync(file, join(installed, file), { recursive: true });
});
afterAll(() => rmSync(app, { recursive: true, force: true }));

function putCore(contents: string, coreVersion = version): void {
  const folder = join(app, 'node_modules', core);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'nabla.node'), contents);
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: core, version: coreVersion, main: './nabla.node' }),
  );
}

function run(args: string[], env: Record<string, string> = {}): { status: number | null; text: string } {
  const { NABLA_BINARY, NABLA_CPU_ISA, npm_config_user_agent, ...rest } = process.env;
  const result = spawnSync(process.execPath, args, { cwd: app, env: { ...rest, ...env }, encoding: 'utf8' });
  return { status: result.status, text: result.stdout + result.stderr };
}

const load = (env?: Record<string, string>) =>
  run(
    ['--input-type=module', '-e', "await import('nabla').catch((e) => console.log(e.name, e.repair, e.message))"],
    env,
  ).text;
const doctor = (env?: Record<string, string>) => run([join(installed, 'dist', 'cli.js'), 'doctor'], env);
const command = `npm install --save-optional ${core}@${version}`;

describe('a core that is not there', () => {
  it('is named with the places that were searched and the command that installs it', () => {
    const text = load();
    expect(text).toContain(`BinaryError ${command} nabla: the native core for ${process.platform}-${process.arch}`);
    expect(text).toContain(`Node ${process.versions.node}`);
    expect(text).toMatch(/Looked for\n {2}the build of a checkout, .*: not there\n/);
    expect(text).toContain(`  the package ${core}: not installed\nRepair it with\n  ${command}`);
  });

  it.each([
    ['pnpm', 'pnpm add --optional'],
    ['yarn', 'yarn add --optional'],
    ['bun', 'bun add --optional'],
  ])('is installed by the manager in use, %s', (name, start) => {
    expect(load({ npm_config_user_agent: `${name}/9.1.0 node/v20` })).toContain(`${start} ${core}@${version}`);
  });

  it('fails the doctor, who still tells what the machine is', () => {
    const { status, text } = doctor();
    expect(status).toBe(1);
    expect(text).toMatch(
      new RegExp(`nabla +${version}\\nnode +${process.versions.node}\\nplatform +${process.platform}-`),
    );
    expect(text).toMatch(new RegExp(`package +${core}\\n`));
    expect(text).toContain(`Repair it with\n  ${command}`);
  });
});

describe('a core that cannot be used', () => {
  it('of another version', () => {
    putCore('', '9.9.9');
    expect(load()).toContain(
      `it is version 9.9.9, nabla is ${version}: both must be equal\nRepair it with\n  ${command}`,
    );
  });

  it('that is no machine code', () => {
    for (const contents of ['not a library', '']) {
      putCore(contents);
      const text = load();
      expect(text, text).toMatch(new RegExp(`the package ${core}: .*nabla\\.node.*\\nRepair it with`));
      expect(doctor().status).toBe(1);
    }
  });

  it('named by NABLA_BINARY: no other is tried, and no command is given', () => {
    const text = load({ NABLA_BINARY: join(app, 'absent.node') });
    expect(text).toContain('BinaryError null nabla:');
    expect(text).toMatch(/NABLA_BINARY, .*absent\.node: Cannot find module/);
    expect(text).not.toContain(core);
    expect(text).toContain('Unset NABLA_BINARY, or let it name a file that can be loaded.');
  });

  it('for an instruction set that does not exist: its own words', () => {
    const NABLA_BINARY = resolve('build/Release/nabla.node');
    expect(load({ NABLA_BINARY, NABLA_CPU_ISA: 'avx1024' })).toMatch(/^BinaryError null nabla: .*avx1024/);
  });
});

describe('a core that works', () => {
  it('is shown by the doctor with its instruction sets', () => {
    const NABLA_BINARY = resolve('build/Release/nabla.node');
    const { status, text } = doctor({ NABLA_BINARY });
    expect(text).toContain(NABLA_BINARY);
    expect(text).toMatch(/instructions +\w+ \(this machine can run \w+/);
    expect(status).toBe(0);
  });
});
