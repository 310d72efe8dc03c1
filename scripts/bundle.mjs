// Writes the JavaScript of dist/. The engine is one file, nabla.js, because loading hundreds of small ones takes longer than
// all else; folders of lib/ that many programs do not use are a file each in dist/parts/, loaded when they are (lib/late.ts);
// and each entry point is a thin file, so that nabla and nabla/nn are the same classes. Types come from tsc.
//   node scripts/bundle.mjs
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { withClassNames } from './bundle/class-names.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const lib = join(root, 'lib');
const dist = join(root, 'dist');

/** Namespaces that are loaded when they are first used. */
const LATE = ['data', 'io', 'metrics', 'models', 'plots', 'regularizers', 'retrieval', 'selection', 'serving'];
LATE.push('text', 'vision');

const sources = readdirSync(lib, { recursive: true, encoding: 'utf8' }).map((file) => file.replaceAll('\\', '/'));
const code = sources.filter((file) => file.endsWith('.ts')).sort();
const text = (file) => readFileSync(join(lib, file), 'utf8');
const inLib = (path) => relative(lib, path).replaceAll('\\', '/');
const isEntry = (file) => basename(file) === 'index.ts' || file === 'doctor.ts';
/** What workers run. */
const workers = code.filter((file) => file.endsWith('-worker.ts'));
/** Modules that tell a worker where they are keep a file of their own. */
const located = code.filter(
  (file) =>
    file.includes('/') &&
    !workers.includes(file) &&
    text(file).replaceAll('createRequire(import.meta.url)', '').includes('import.meta.url'),
);
/** Each becomes a thin file in dist/ of the same path. */
const thin = [...new Set([...code.filter(isEntry), ...located])].sort();

const js = (file) => file.replace(/\.ts$/, '.js');
/** What modules are called in lib/late.ts. */
const idOf = (file) => file.replace(/\.ts$/, '');
/** Code of different builds does not go together. */
const fingerprint = createHash('sha256')
  .update(code.map((file) => `${file}\n${text(file)}`).join('\n'))
  .digest('hex')
  .slice(0, 16);

const options = {
  absWorkingDir: root,
  outdir: dist,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  write: false,
  metafile: true,
  logLevel: 'warning',
};

/** The names that modules export: asked of the bundler, so that nothing has to be run. */
async function exportedNames() {
  const { metafile } = await build({
    ...options,
    entryPoints: code.filter((file) => ![...workers, 'cli.ts'].includes(file)).map((file) => join(lib, file)),
    splitting: true,
    format: 'esm',
  });
  const names = new Map();
  for (const { entryPoint, exports } of Object.values(metafile.outputs))
    if (entryPoint) names.set(relative('lib', entryPoint).replaceAll('\\', '/'), exports.sort());
  return names;
}

const names = await exportedNames();

/** `import.meta.url` in such a module means its own file, not the bundle's. */
function placed(file, here) {
  const place = located.includes(file) ? `new URL('./${js(file)}', ${here}).href` : here;
  return text(file).replaceAll('import.meta.url', place);
}

/** The root, with late namespaces in place of those that it exports. */
function rootModule() {
  let contents = text('index.ts');
  for (const name of LATE) {
    const line = `export * as ${name} from './${name}/index.js';`;
    if (!contents.includes(line)) throw new Error(`lib/index.ts does not say: ${line}`);
    const late = `lateNamespace(${JSON.stringify(names.get(`${name}/index.ts`))}, () => moduleOf('${name}/index'))`;
    contents = contents.replace(line, `export const ${name} = ${late};`);
  }
  return `${contents}\nimport { lateNamespace } from './late.js';\nimport { moduleOf } from 'nabla:modules';`;
}

/** A module that the build writes itself. */
const written = (name, contents) => ({
  name,
  setup({ onResolve, onLoad }) {
    const filter = new RegExp(`^${name}$`);
    onResolve({ filter }, ({ path }) => ({ path, namespace: 'nabla' }));
    onLoad({ filter, namespace: 'nabla' }, () => ({ contents, loader: 'ts', resolveDir: lib }));
  },
});

/** The exports of a module as a plain object, which costs less than a namespace with a function for each name. */
function exportsOf(file, i) {
  const list = names.get(file).map((name) => `${name}: $${i}.${name}`);
  return `'${idOf(file)}': { ${list.join(', ')} }`;
}

/** The engine as one file. `shared`: modules in it that parts and thin files ask for. */
function buildCore(shared, keepNames) {
  const modules = [
    "import { moduleLoader } from './late.js';",
    ...shared.map((file, i) => `import * as $${i} from './${js(file)}';`),
    `const modules = { ${shared.map(exportsOf).join(', ')} };`,
    `export const moduleOf = moduleLoader({ url: import.meta.url, build: '${fingerprint}', modules });`,
  ];
  const entry = "export * from './index.js';\nexport { moduleOf as $moduleOf } from 'nabla:modules';";
  const load = ({ path }) => {
    const file = inLib(path);
    return { contents: file === 'index.ts' ? rootModule() : placed(file, 'import.meta.url'), loader: 'ts' };
  };
  return build({
    ...options,
    entryPoints: [{ in: 'nabla:everything', out: 'nabla' }],
    plugins: [
      written('nabla:everything', entry),
      written('nabla:modules', modules.join('\n')),
      { name: 'places', setup: ({ onLoad }) => onLoad({ filter: /\.ts$/, namespace: 'file' }, load) },
    ],
    format: 'esm',
    keepNames,
  });
}

/** The command works without the engine, so that it can report what is wrong with it. */
const buildCommand = (keepNames) => build({ ...options, entryPoints: [join(lib, 'cli.ts')], format: 'esm', keepNames });

/** Modules as a function of the others, which it asks for by `nabla:<module>`. */
function buildPart(part, files, wanted, keepNames) {
  const elsewhere = ({ path, importer }) => {
    const file = inLib(resolve(dirname(importer), path)).replace(/\.js$/, '.ts');
    if (files.includes(file) || !importer.endsWith('.ts')) return undefined;
    wanted.add(file);
    return { path: `nabla:${idOf(file)}`, external: true };
  };
  return build({
    ...options,
    entryPoints: [{ in: `nabla:${part}`, out: `parts/${part}` }],
    plugins: [
      written(`nabla:${part}`, files.map((file) => `export * as '${idOf(file)}' from './${js(file)}';`).join('\n')),
      {
        name: 'elsewhere',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^\.\.?\// }, elsewhere);
          onLoad({ filter: /\.ts$/, namespace: 'file' }, ({ path }) => ({
            contents: placed(inLib(path), 'here'),
            loader: 'ts',
          }));
        },
      },
    ],
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    banner: {
      js: `'use strict';\nexports.build = '${fingerprint}';\nexports.run = (require, here) => {\nconst module = { exports: {} };`,
    },
    footer: { js: 'return module.exports;\n};' },
    keepNames,
  });
}

const filesOf = ({ metafile }) =>
  Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs).map((file) => inLib(join(root, file))));

/** Part to files: of a folder what the engine does not need itself. */
async function partition() {
  const engine = new Set(filesOf(await buildCore([], false)));
  const left = (folder) => code.filter((file) => file.startsWith(`${folder}/`) && !engine.has(file));
  const programs = workers.map((file) => [basename(file, '.ts'), [file]]);
  return new Map([
    ...LATE.map((folder) => [folder, left(folder).filter((file) => !workers.includes(file))]),
    ...programs,
  ]);
}

const isOwn = (path) => path.startsWith('nabla:') || path.startsWith('node:') || builtinModules.includes(path);

/** A package that is imported at the top costs every program its time; it belongs where it is used. */
function checkImports({ outputs }) {
  for (const [file, { imports }] of Object.entries(outputs))
    for (const { path, kind, external } of imports)
      if (external && kind !== 'dynamic-import' && !isOwn(path))
        throw new Error(`${file}: import '${path}' where it is used, with import() or createRequire(), not at the top`);
}

function write(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, contents, { mode: contents.startsWith('#!') ? 0o755 : 0o644 });
}

/** The types have them too; here they would only be read over at each start, and as text that is not ASCII. */
const withoutComments = (code) => code.replace(/^ *\/\*\*[\s\S]*?\*\/\n/gm, '');

/** Writes the one file that `make` builds, with and without the names of classes; returns what the bundler says of it. */
async function writeBundle(make) {
  const [plain, named] = [await make(false), await make(true)];
  checkImports(plain.metafile);
  const [{ path, text }] = plain.outputFiles;
  write(path, withoutComments(withClassNames(text, named.outputFiles[0].text)));
  return plain;
}

const upFrom = (file) => '../'.repeat(file.split('/').length - 1) || './';

/** Not `export const { ... }`: `var` is a function of ours and a word of the language. */
function thinFile(file) {
  const exported = names.get(file);
  const nabla = `'${upFrom(file)}nabla.js'`;
  if (file === 'index.ts') return `export { ${exported.join(', ')} } from ${nabla};\n`;
  const list = (join) => exported.map((key, i) => join(key, `$${i}`)).join(', ');
  return [
    `import { $moduleOf } from ${nabla};`,
    `const { ${list((key, local) => `${key}: ${local}`)} } = $moduleOf('${idOf(file)}');`,
    `export { ${list((key, local) => `${local} as ${key}`)} };`,
    '',
  ].join('\n');
}

const parts = await partition();
const late = new Set([...parts.values()].flat());
const wanted = new Set(thin.filter((file) => file !== 'index.ts'));
for (const [part, files] of parts) await writeBundle((keepNames) => buildPart(part, files, wanted, keepNames));
const shared = [...wanted].filter((file) => !late.has(file)).sort();
const engine = await writeBundle((keepNames) => buildCore(shared, keepNames));
for (const file of filesOf(engine)) if (late.has(file)) throw new Error(`${file} is in the engine and in a part`);
await writeBundle(buildCommand);
for (const file of thin) write(join(dist, js(file)), thinFile(file));
for (const file of workers)
  write(
    join(dist, js(file)),
    `import { $moduleOf } from '${upFrom(file)}nabla.js';\n$moduleOf('${basename(file, '.ts')}');\n`,
  );

/** A file that is found beside the code must have been written beside the bundle. */
for (const file of ['nabla.js', ...[...parts.keys()].map((part) => `parts/${part}.cjs`)]) {
  const found = readFileSync(join(dist, file), 'utf8').matchAll(
    /new URL\(["'](\.\/[^"']+\.\w+)["'], (?:import\.meta\.url|here)\)/g,
  );
  for (const [, name] of found) if (!existsSync(join(dist, name))) throw new Error(`${file}: ${name} is not in dist/`);
}
