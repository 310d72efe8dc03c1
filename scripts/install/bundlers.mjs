// Applications that are bundled: nabla stays outside (the usual case), or its JavaScript goes in and only the core stays.
import { join } from 'node:path';
import { build as esbuild } from 'esbuild';
import { build as vite } from 'vite';

const quiet = { logLevel: 'error' };
/** What nabla imports only where it is installed. */
const optional = ['sharp', 'echarts', 'hyparquet'];

export async function bundle(folder, check, node) {
  const entry = join(folder, 'esm.mjs');
  const options = {
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    format: 'esm',
    absWorkingDir: folder,
    ...quiet,
  };
  await esbuild({ ...options, outfile: join(folder, 'out', 'external.mjs'), external: ['nabla'] });
  await check('esbuild, nabla external', node('out/external.mjs'), { cwd: folder });
  await esbuild({ ...options, outfile: join(folder, 'out', 'inside.mjs'), external: optional });
  await check('esbuild, nabla inside', node('out/inside.mjs'), { cwd: folder });
  const output = (name) => ({
    ssr: entry,
    outDir: join(folder, name),
    emptyOutDir: true,
    rollupOptions: { output: { entryFileNames: 'esm.mjs' } },
  });
  await vite({ root: folder, configFile: false, build: output('vite'), ...quiet });
  await check('Vite (ssr), nabla external', node('vite/esm.mjs'), { cwd: folder });
  await vite({
    root: folder,
    configFile: false,
    build: output('vite-inside'),
    ssr: { noExternal: ['nabla'] },
    ...quiet,
  });
  await check('Vite (ssr), nabla inside', node('vite-inside/esm.mjs'), { cwd: folder });
}
