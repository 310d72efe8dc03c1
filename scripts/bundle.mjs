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
const text = (file) => readFileSync(join(lib, file), 'utf8');
const isEntry = (file) => basename(file) === 'index.ts' || file === 'doctor.ts';
/** Programs beside the library: the command, and what workers run. */
const programs = sources.filter((file) => file === 'cli.ts' || file.endsWith('-worker.ts'));
/** Modules that tell a worker where they are keep a file of their own. */
const located = sources.filter(
  (file) =>
    file.endsWith('.ts') &&
    file.includes('/') &&
    !programs.includes(file) &&
    text(file).replaceAll('createRequire(import.meta.url)', '').includes('import.meta.url'),
);
/** Each becomes a thin file in dist/ of the same path. */
const thin = [...new Set([...sources.filter(isEntry), ...located])].sort();

const js = (file) => file.replace(/\.ts$/, '.js');
const nameOf = (file) => `$${file.replace(/(\/?index)?\.ts$/, '').replace(/[^a-z]/gi, '_')}`;

const everything = [
  ...thin.filter((file) => file !== 'index.ts').map((file) => `export * as ${nameOf(file)} from './${js(file)}';`),
  "export * from './index.js';",
].join('\n');

/** `import.meta.url` in such a module means its own file, not the bundle's. */
const keepPlace = ({ path }) => {
  const file = relative(lib, path).replaceAll('\\', '/');
  if (!located.includes(file)) return undefined;
  const place = `new URL('./${js(file)}', import.meta.url).href`;
  return { contents: text(file).replaceAll('import.meta.url', place), loader: 'ts' };
};

const result = await build({
  entryPoints: [
    { in: 'nabla:everything', out: 'nabla' },
    ...programs.map((file) => ({ in: join(lib, file), out: file.replace(/\.ts$/, '') })),
  ],
  plugins: [
    {
      name: 'everything',
      setup({ onResolve, onLoad }) {
        onResolve({ filter: /^nabla:everything$/ }, ({ path }) => ({ path, namespace: 'nabla' }));
        onLoad({ filter: /\.ts$/ }, keepPlace);
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

/** The names that a module exports: asked of the bundler, so that nothing has to be run. */
async function exportedNames() {
  const { metafile } = await build({
    entryPoints: thin.map((file) => ({ in: join(lib, file), out: file.replace(/\.ts$/, '') })),
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
    if (entryPoint) names.set(relative('lib', entryPoint).replaceAll('\\', '/'), exports.sort());
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
for (const file of thin) {
  const path = join(dist, js(file));
  mkdirSync(dirname(path), { recursive: true });
  const from = `${'../'.repeat(file.split('/').length - 1) || './'}nabla.js`;
  const exported = names.get(file);
  const code = `export { ${exported.join(', ')} } from '${from}';\n`;
  writeFileSync(path, file === 'index.ts' ? code : namespaceFile(nameOf(file), exported, from));
}

/** A file that is found beside the code must have been written beside the bundle. */
for (const file of Object.keys(result.metafile.outputs)) {
  const code = readFileSync(join(root, file), 'utf8');
  for (const [, name] of code.matchAll(/new URL\(["'](\.\/[^"']+)["'], import\.meta\.url\)/g)) {
    if (!existsSync(join(dirname(join(root, file)), name))) throw new Error(`${file}: ${name} is not in dist/`);
  }
}
