// The TypeScript of README.md and docs/: compiled with the library's settings, then run.
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Not in a temporary folder: the library is imported by relative paths. */
const folder = join(root, 'build', 'docs-blocks');

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

/** Imports as they read where the file is written; `from` is where the block says it stands. */
function withImports(code: string, from: string): string {
  return code.replace(/(from ')([^']+)(')/g, (whole, before, name, after) => {
    const target = name === 'nabla' ? join(root, 'lib/index.js') : name.startsWith('.') ? join(root, from, name) : null;
    return target ? `${before}./${relative(folder, target)}${after}` : whole;
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
  return files;
}

/** What the compiler says; nothing when all is well. */
export async function compileBlocks(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [
      join(root, 'node_modules/typescript/bin/tsc'),
      '-p',
      folder,
    ]);
    return stdout;
  } catch (error) {
    return String((error as { stdout?: string }).stdout || error);
  }
}
