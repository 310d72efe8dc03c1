// The code of README.md and docs/: TypeScript is compiled with the library's settings, then run; JavaScript is compiled with
// the types of what it imports (test/support/page.ts runs it).
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Not in a temporary folder: the library is imported by relative paths. */
const folder = join(root, 'build', 'docs-blocks');
const scripts = join(folder, 'javascript');

/** README.md and the pages of docs/. */
export const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

export const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

/** The blocks of code in these languages. */
export function blocksOf(text: string, languages: readonly string[]): string[] {
  const blocks = [...text.matchAll(/^```(\w*)[^\n]*\n([\s\S]*?)^```/gm)];
  return blocks.filter(([, language]) => languages.includes(language)).map(([, , code]) => code);
}

/** Imports as they read in the folder `to`; `from` is where the block says it stands. */
function withImports(code: string, from: string, to = folder): string {
  return code.replace(/(from ')([^']+)(')/g, (whole, before, name, after) => {
    const target = name === 'nabla' ? join(root, 'lib/index.js') : name.startsWith('.') ? join(root, from, name) : null;
    return target ? `${before}./${relative(to, target)}${after}` : whole;
  });
}

/** A block that begins with `// path.ts` is a module of its own, the others of a page are one together. */
function modulesOf(page: string): string[] {
  const own: string[] = [];
  const together: string[] = [];
  for (const block of blocksOf(textOf(page), ['ts', 'typescript'])) {
    const path = /^\/\/ (\S+\.ts)\b/.exec(block)?.[1];
    if (path) own.push(withImports(block, dirname(path)));
    else together.push(withImports(block, '.'));
  }
  return together.length > 0 ? [together.join('\n'), ...own] : own;
}

/** Writes every module, and gives their files by page. */
export function writeBlocks(): Map<string, string[]> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const files = new Map<string, string[]>();
  for (const page of pages) {
    const names = modulesOf(page).map((code, i) => {
      const file = join(folder, `${page.replace(/\W/g, '-')}-${i}.ts`);
      writeFileSync(file, `${code}\nexport {};\n`);
      return file;
    });
    if (names.length > 0) files.set(page, names);
  }
  const settings = {
    extends: '../../tsconfig.test.json',
    compilerOptions: { rootDir: '../..', noUnusedLocals: false },
    include: ['*.ts'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  writeScripts();
  return files;
}

/** Each block of JavaScript is a module of its own. */
function writeScripts(): void {
  mkdirSync(scripts);
  for (const page of pages)
    for (const [i, code] of blocksOf(textOf(page), ['js', 'javascript']).entries())
      writeFileSync(join(scripts, `${page.replace(/\W/g, '-')}-${i}.js`), withImports(code, '.', scripts));
  const settings = {
    extends: '../../../tsconfig.test.json',
    compilerOptions: { rootDir: '../../..', noImplicitAny: false, allowJs: true, checkJs: true },
    include: ['*.js'],
  };
  writeFileSync(join(scripts, 'tsconfig.json'), JSON.stringify(settings));
}

/** Of JavaScript: syntax, names, options and arguments that do not exist, imports that are not used. Types are not its business. */
const SCRIPT_ERRORS = /error TS(1\d{3}|2304|2305|2307|2353|2552|2554|2555|2561|2724):/;

function ofScripts(said: string): string {
  const lines = said.split('\n').filter((line) => {
    const unused = /^(\S+\.js)\((\d+),\d+\): error TS6133:/.exec(line);
    if (!unused) return SCRIPT_ERRORS.test(line);
    return readFileSync(join(root, unused[1]), 'utf8').split('\n')[Number(unused[2]) - 1].startsWith('import ');
  });
  return lines.join('\n');
}

/** What the compiler says of the TypeScript or of the JavaScript; nothing when all is well. */
export async function compileBlocks(language: 'ts' | 'js'): Promise<string> {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const project = language === 'ts' ? folder : scripts;
  const said = await promisify(execFile)(process.execPath, [tsc, '-p', project, '--pretty', 'false'], {
    cwd: root,
  }).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => String(error.stdout || error),
  );
  return language === 'ts' ? said : ofScripts(said);
}
