// Finds the native core: the one that NABLA_BINARY names, the build of a checkout, or the package of this platform.
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { faultOfFile } from './binary-file.js';
import { reasonOf } from './binary-reasons.js';
import { packageRoot } from './package-root.js';

const require = createRequire(import.meta.url);

/** Written out one by one: tools that collect the files of an application look for such lines. */
const PACKAGES: Readonly<Record<string, () => unknown>> = {
  '@nabla/core-linux-x64': () => require('@nabla/core-linux-x64'),
  '@nabla/core-linux-x64-musl': () => require('@nabla/core-linux-x64-musl'),
  '@nabla/core-linux-arm64': () => require('@nabla/core-linux-arm64'),
  '@nabla/core-linux-arm64-musl': () => require('@nabla/core-linux-arm64-musl'),
  '@nabla/core-darwin-x64': () => require('@nabla/core-darwin-x64'),
  '@nabla/core-darwin-arm64': () => require('@nabla/core-darwin-arm64'),
  '@nabla/core-win32-x64': () => require('@nabla/core-win32-x64'),
};

/** Where the native core came from. */
export interface Binary {
  readonly addon: unknown;
  readonly path: string;
}

/** The native core cannot be loaded: the message says what was looked for, what was found and how to repair it. */
export class BinaryError extends Error {
  override readonly name = 'BinaryError';
  /** The command that installs or builds what is missing; null when no command can. */
  readonly repair: string | null;

  constructor(message: string, repair: string | null, options?: ErrorOptions) {
    super(message, options);
    this.repair = repair;
  }
}

/** The C library that this Node was built for; null where there is only one. */
export function libcOf(executable: string = process.execPath): 'glibc' | 'musl' | null {
  if (process.platform !== 'linux') return null;
  const head = Buffer.alloc(4096);
  try {
    const file = openSync(executable, 'r');
    try {
      readSync(file, head, 0, head.length, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    return 'glibc';
  }
  // The path of the loader stands at the head of the program.
  return head.includes('/ld-musl-') ? 'musl' : 'glibc';
}

/** glibc's version, such as `2.36`; null without glibc. */
export function glibcVersion(): string | null {
  if (libcOf() !== 'glibc') return null;
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime ?? null;
}

/** The npm package with the native core for this process. */
export function platformPackage(): string {
  const musl = libcOf() === 'musl' ? '-musl' : '';
  return `@nabla/core-${process.platform}-${process.arch}${musl}`;
}

const packageVersion = (file: string): string =>
  (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;

/** The version of nabla itself. */
export const ownVersion = (): string => packageVersion(`${packageRoot()}package.json`);

const isCheckout = (): boolean => existsSync(`${packageRoot()}native/CMakeLists.txt`);

/** Of packages: the one in whose script Node runs. */
const manager = (): string => /^(npm|pnpm|yarn|bun)\//.exec(process.env.npm_config_user_agent ?? '')?.[1] ?? 'npm';

/** No manager looks into a package that it has installed: a file that is damaged must go first. */
function replaceCommand(file: string): string {
  const folder = manager() === 'npm' ? dirname(file) : 'node_modules';
  const remove = process.platform === 'win32' ? 'rmdir /s /q' : 'rm -rf';
  return `${remove} "${folder}" && ${manager()} install`;
}

function repairCommand(damaged: string | undefined): string | null {
  if (isCheckout()) return 'npm run setup';
  if (!(platformPackage() in PACKAGES)) return null;
  if (damaged) return replaceCommand(damaged);
  const wanted = `${platformPackage()}@${ownVersion()}`;
  return manager() === 'npm' ? `npm install --save-optional ${wanted}` : `${manager()} add --optional ${wanted}`;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code;

/** A file that is there and cannot be loaded. */
class Refused extends Error {
  constructor(
    message: string,
    /** The file. */
    readonly path: string,
    /** What helps where no command does. */
    readonly advice?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** An addon that was found, loaded and then refused, as for an instruction set that the processor lacks, says why itself. */
function mustLoad(path: string, load: () => unknown): Binary {
  const fault = existsSync(path) ? faultOfFile(path) : null;
  if (fault) throw new Refused(`${path} ${fault}`, path);
  try {
    return { addon: load(), path };
  } catch (error) {
    if (codeOf(error) === 'MODULE_NOT_FOUND') throw error;
    if (codeOf(error) !== 'ERR_DLOPEN_FAILED')
      throw new BinaryError(`nabla: ${messageOf(error)}`, null, { cause: error });
    const { text, advice } = reasonOf(messageOf(error), { libc: libcOf(), version: glibcVersion() });
    throw new Refused(`${path} ${text}`, path, advice, { cause: error });
  }
}

/** Node's own message lists the files that asked for a module, which tells a user nothing. */
function resolved(name: string): string {
  try {
    return require.resolve(name);
  } catch (error) {
    throw new Error('not installed', { cause: error });
  }
}

function fromPackage(): Binary {
  const name = platformPackage();
  const load = PACKAGES[name];
  if (!load) throw new Error('nabla is not published for this platform');
  const path = resolved(name);
  const version = packageVersion(require.resolve(`${name}/package.json`));
  if (version !== ownVersion())
    throw new Error(`it is version ${version}, nabla is ${ownVersion()}: both must be equal`);
  return mustLoad(path, load);
}

function fromBuild(): Binary {
  const root = packageRoot();
  if (!existsSync(`${root}build`)) throw new Error('not there');
  const bindings = require('bindings') as (options: Record<string, unknown>) => { path: string } & object;
  const options = { bindings: 'nabla', module_root: root, path: true };
  const path = bindings(options) as unknown as string;
  return mustLoad(path, () => require(path));
}

/**
 * Loads the native core.
 *
 * @throws BinaryError
 */
export function loadBinary(): Binary {
  const named = process.env.NABLA_BINARY;
  const places: [string, () => Binary][] = named
    ? [[`NABLA_BINARY, ${named}`, () => mustLoad(named, () => require(named))]]
    : [
        [`the build of a checkout, ${packageRoot()}build`, fromBuild],
        [`the package ${platformPackage()}`, fromPackage],
      ];
  const reasons: string[] = [];
  let cause: unknown;
  let refused: Refused | undefined;
  for (const [place, load] of places) {
    try {
      return load();
    } catch (error) {
      if (error instanceof BinaryError) throw error;
      reasons.push(`  ${place}: ${messageOf(error).split('\n')[0]}`);
      if (error instanceof Refused) refused ??= error;
      cause = error;
    }
  }
  const advice = refused?.advice;
  const repair = named || advice ? null : repairCommand(refused?.path);
  const libc = libcOf() === 'musl' ? ', musl' : glibcVersion() ? `, glibc ${glibcVersion()}` : '';
  const lines = [
    `nabla: the native core for ${process.platform}-${process.arch} could not be loaded (Node ${process.versions.node}${libc}).`,
    'Looked for',
    ...reasons,
    repair ? `Repair it with\n  ${repair}` : (advice ?? noRepair(named)),
  ];
  throw new BinaryError(lines.join('\n'), repair, { cause });
}

const noRepair = (named: string | undefined): string =>
  named
    ? 'Unset NABLA_BINARY, or let it name a file that can be loaded.'
    : `There are binaries for ${Object.keys(PACKAGES)
        .map((name) => name.slice('@nabla/core-'.length))
        .join(', ')}; elsewhere build nabla from its sources: npm run setup`;
