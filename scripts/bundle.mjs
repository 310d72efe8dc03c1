// Writes the JavaScript of dist/: the whole library as one file, because loading hundreds of small ones takes longer than
// all else, and a thin file per entry point, so that nabla and nabla/nn are the same classes. Types come from tsc.
//   node scripts/bundle.mjs
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const lib = join(root, 'lib');
const dist = join(root, 'dist');

const sources = readdirSync(lib, { recursive: true, encoding: 'utf8' }).map((file) => file.replaceAll('\\', '/'));
/** `` for nabla itself, `nn` for nabla/nn. */
const entries = sources
  .filter((file) => /(^|\/)index\.ts$/.test(file))
  .map((file) => dirname(file).replace(/^\.$/, ''))
  .sort();
/** Programs beside the library, each with a flat name in dist/: the command and what workers run. */
const programs = sources.filter((file) => file === 'cli.ts' || file.endsWith('-worker.ts'));

const nameOf = (entry) => `$${entry.replace(/[^a-z]/gi, '_')}`;
const specifier = (entry) => `./${entry}/index.js`.replace('//', '/');

const everything = [
  ...entries.filter((entry) => entry !== '').map((entry) => `export * as ${nameOf(entry)} from '${specifier(entry)}';`),
  "export * from './index.js';",
].join('\n');

const result = await build({
  entryPoints: [
    { in: 'nabla:everything', out: 'nabla' },
    ...programs.map((file) => ({ in: join(lib, file), out: basename(file, '.ts') })),
  ],
  plugins: [
    {
      name: 'everything',
      setup({ onResolve, onLoad }) {
        onResolve({ filter: /^nabla:everything$/ }, ({ path }) => ({ path, namespace: 'nabla' }));
        onLoad({ filter: /.*/, namespace: 'nabla' }, () => ({ contents: everything, loader: 'ts', resolveDir: lib }));
      },
    },
  ],
  absWorkingDir: root,
  outdir: dist,
  bundle: true,
  splitting: true,
  chunkNames: '[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  // Modules print their class names, errors of optimizers begin with them.
  keepNames: true,
  metafile: true,
  logLevel: 'warning',
});

const isBuiltin = (path) => path.startsWith('node:') || builtinModules.includes(path);

/** A package that is imported at the top costs every program its time; it belongs where it is used. */
for (const [file, { imports }] of Object.entries(result.metafile.outputs)) {
  for (const { path, kind, external } of imports) {
    if (!external || kind !== 'import-statement' || isBuiltin(path)) continue;
    throw new Error(`${file}: import '${path}' where it is used, with import() or createRequire(), not at the top`);
  }
}

/** A file that is found beside the code must have been written beside the bundle. */
for (const file of Object.keys(result.metafile.outputs)) {
  const code = readFileSync(join(root, file), 'utf8');
  for (const [, name] of code.matchAll(/new URL\(["'](\.\/[^"']+)["'], import\.meta\.url\)/g)) {
    if (!existsSync(join(dist, name))) throw new Error(`${file} refers to ${name}, which is not in dist/`);
  }
}

/** The names that an entry point exports: asked of the bundler, so that nothing has to be run. */
async function exportedNames() {
  const { metafile } = await build({
    entryPoints: entries.map((entry) => ({
      in: join(lib, entry, 'index.ts'),
      out: entry === '' ? 'index' : `${entry}/index`,
    })),
    absWorkingDir: root,
    outdir: dist,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    write: false,
    metafile: true,
    logLevel: 'warning',
  });
  const names = new Map();
  for (const { entryPoint, exports } of Object.values(metafile.outputs)) {
    if (entryPoint) names.set(relative('lib', dirname(entryPoint)).replaceAll('\\', '/'), exports.sort());
  }
  return names;
}

/** Not `export const { ... }`: `var` is a function of ours and a word of the language. */
function namespaceFile(name, exported, from) {
  const list = (join) => exported.map((key, i) => join(key, `$${i}`)).join(', ');
  return [
    `import { ${name} } from '${from}';`,
    `const { ${list((key, local) => `${key}: ${local}`)} } = ${name};`,
    `export { ${list((key, local) => `${local} as ${key}`)} };`,
    '',
  ].join('\n');
}

const names = await exportedNames();
for (const entry of entries) {
  const folder = join(dist, entry);
  mkdirSync(folder, { recursive: true });
  const from = `${'../'.repeat(entry === '' ? 0 : entry.split('/').length) || './'}nabla.js`;
  const exported = names.get(entry);
  const code = `export { ${exported.join(', ')} } from '${from}';\n`;
  writeFileSync(join(folder, 'index.js'), entry === '' ? code : namespaceFile(nameOf(entry), exported, from));
}
