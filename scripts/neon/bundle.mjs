// Bundles programs in TypeScript into plain modules, for a Node that has neither tsx nor vitest: one under an emulator.
import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** A module keeps its own address: fixtures and data lie beside it. */
const ownAddress = {
  name: 'own-address',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const address = JSON.stringify(pathToFileURL(path).href);
      return { contents: text.replaceAll(/\bimport\.meta\.url\b/g, address), loader: 'ts' };
    });
  },
};

/** `entries`: files from the root. Each becomes `<folder>/<its path>.mjs`; what they share is there once. */
export async function bundle(entries, folder) {
  rmSync(folder, { recursive: true, force: true });
  const required = 'createRequire as requireFrom';
  await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(entries.map((file) => [file, file])),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    ...{ bundle: true, splitting: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'error' },
    // Modules print the names of their classes.
    keepNames: true,
    external: ['sharp', 'echarts', 'hyparquet', 'bindings'],
    plugins: [ownAddress],
    banner: { js: `import { ${required} } from 'node:module'; const require = requireFrom(import.meta.url);` },
  });
}

/** Where {@link bundle} put a file. */
export const bundled = (file, folder) => join(folder, `${file}.mjs`);
