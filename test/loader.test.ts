// What a user reads when the native core cannot be loaded: in an import, and from `npx nabla doctor`.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { libcOf, platformPackage } from '../lib/binary.js';
import { reasonOf } from '../lib/binary-reasons.js';

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

function putCore(contents: string | Uint8Array, coreVersion = version): void {
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
const folder = join(app, 'node_modules', core);
/** What is there already must go first. */
const replace = `${process.platform === 'win32' ? 'rmdir /s /q' : 'rm -rf'} "${folder}" && npm install`;

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

/** The core of this machine. */
const whole = readFileSync(resolve('build/Release/nabla.node'));

/** What an import of it says: never nothing, and never by a signal. */
function refused(contents: Uint8Array): string {
  putCore(contents);
  const outcome = run([
    ...['--input-type=module', '-e'],
    "await import('nabla').then(() => console.log('loaded'), (e) => console.log(e.name, e.repair, e.message))",
  ]);
  expect(outcome.status, outcome.text).toBe(0);
  return outcome.text;
}

describe('a core that is cut short or damaged', () => {
  const { length } = whole;
  it.each([1, 4, 63, 64, 100, 1000, 4096, 65536, 2 ** 20, length >> 1, length - 2 ** 20, length - 4096, length - 1])(
    'to %d bytes',
    (left) => {
      const text = refused(whole.subarray(0, left));
      expect(text).toContain(`BinaryError ${replace} nabla: `);
      expect(text).toMatch(
        /nabla\.node is (cut short or damaged: it has \d+ bytes, and speaks of \d+|no machine code)\n/,
      );
      expect(text).toContain(`Repair it with\n  ${replace}`);
    },
  );

  it('at its end, by a disk that has lost what was written last', () => {
    const text = refused(Buffer.concat([whole.subarray(0, length >> 1), Buffer.alloc(length - (length >> 1))]));
    if (process.platform === 'linux') expect(text).toMatch(/nabla\.node is damaged: its table of sections/);
    expect(text).toContain(`Repair it with\n  ${replace}`);
  });

  it.skipIf(process.platform !== 'linux')('in its tables', () => {
    const changed = (write: (bytes: Buffer) => void): string => {
      const bytes = Buffer.from(whole);
      write(bytes);
      return refused(bytes);
    };
    const other = process.arch === 'x64' ? { name: 'arm64', code: 0xb7 } : { name: 'x64', code: 0x3e };
    expect(changed((bytes) => bytes.writeUInt16LE(other.code, 18))).toContain(`is for ${other.name} processors`);
    expect(changed((bytes) => bytes.writeUInt8(1, 4))).toContain('is for other processors');
    expect(changed((bytes) => bytes.writeBigUInt64LE(2n ** 63n, 40))).toContain('cut short or damaged');
    expect(changed((bytes) => bytes.writeUInt16LE(1, 54))).toContain('its header cannot be right');
  });

  it('fails the doctor, who names it', () => {
    putCore(whole.subarray(0, length >> 1));
    const { status, text } = doctor();
    expect(status).toBe(1);
    expect(text).toContain(`is cut short or damaged: it has ${length >> 1} bytes`);
    expect(text).toContain(`Repair it with\n  ${replace}`);
  });
});

const hasCompiler = process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0;

/** An addon that wants a version of a library that no system has. */
function addonThatNeeds(library: string, version: string): Buffer {
  const folder = mkdtempSync(join(app, 'addon-'));
  writeFileSync(join(folder, 'library.c'), 'void wanted(void) {}');
  writeFileSync(join(folder, 'versions'), `${version} { global: wanted; };`);
  writeFileSync(
    join(folder, 'addon.c'),
    'void wanted(void); void *napi_register_module_v1(void *env, void *exports) { wanted(); return exports; }',
  );
  const cc = (...args: string[]) => execFileSync('cc', ['-shared', '-fPIC', ...args], { cwd: folder });
  cc('library.c', '-o', 'library.so', `-Wl,-soname,${library}`, '-Wl,--version-script,versions');
  cc('addon.c', '-o', 'addon.node', './library.so');
  return readFileSync(join(folder, 'addon.node'));
}

describe('a core that the system refuses', () => {
  const onGlibc = hasCompiler && libcOf() === 'glibc';

  it.runIf(onGlibc)('since its glibc is too old', () => {
    const text = refused(addonThatNeeds('libm.so.6', 'GLIBC_9.99'));
    expect(text).toMatch(/BinaryError null nabla: .*glibc 2\.\d+/);
    expect(text).toMatch(/nabla\.node needs glibc 9\.99 or newer, this system has 2\.\d+ \(.*GLIBC_9\.99' not found/);
    expect(text).toContain('Install it on a system with glibc 9.99 or newer');
    expect(text).not.toContain('Repair it with'); // no command gives a system another glibc
    expect(doctor().text).toContain('needs glibc 9.99 or newer');
  });

  it.runIf(onGlibc)('since it is for musl', () => {
    const text = refused(addonThatNeeds('libc.musl-x86_64.so.1', 'MUSL'));
    expect(text).toMatch(/nabla\.node is built for musl \(Alpine\), this Node for glibc \(libc\.musl-/);
    expect(text).toContain(`Repair it with\n  ${replace}`);
  });

  it.runIf(onGlibc)('since a library is missing', () => {
    expect(refused(addonThatNeeds('libnabla-absent.so.7', 'ANY'))).toContain(
      'nabla.node needs the library libnabla-absent.so.7, which this system lacks',
    );
  });

  const glibc = { libc: 'glibc', version: '2.17' } as const;
  const musl = { libc: 'musl', version: null } as const;
  it.each([
    [
      glibc,
      "/lib64/libc.so.6: version `GLIBC_2.28' not found (required by /app/nabla.node)",
      /^needs glibc 2\.28 or newer, this system has 2\.17 \(/,
      /^Install it on a system with glibc 2\.28 or newer/,
    ],
    [
      glibc,
      "/lib64/libm.so.6: version `GLIBC_2.9' not found (required by a)\n/lib64/libc.so.6: version `GLIBC_2.25' not found (required by a)",
      /^needs glibc 2\.25 or newer/,
      /glibc 2\.25/,
    ],
    [
      musl,
      'Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by /app/nabla.node)',
      /^is built for glibc, this Node for musl \(Alpine\) \(/,
      undefined,
    ],
    [musl, 'Error relocating /app/nabla.node: __memcpy_chk: symbol not found', /^is built for glibc/, undefined],
    [
      musl,
      'Error loading shared library libother.so.1: No such file or directory (needed by /app/nabla.node)',
      /^needs the library libother\.so\.1, which this system lacks/,
      undefined,
    ],
    [
      glibc,
      '/app/nabla.node: failed to map segment from shared object',
      /^lies where programs must not run/,
      /may be executed/,
    ],
    [
      { libc: null, version: null },
      "dlopen(/app/nabla.node, 0x0001): tried: '/app/nabla.node' (code signature invalid)\nmore",
      /^dlopen\(.*\(code signature invalid\)$/,
      undefined,
    ],
  ])('is explained, %j %s', (host, message, text, advice) => {
    const reason = reasonOf(message, host);
    expect(reason.text).toMatch(text);
    if (advice) expect(reason.advice).toMatch(advice);
    else expect(reason.advice).toBeUndefined();
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
