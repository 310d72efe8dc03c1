// A registry on this machine, for tests: the packed tarballs, and what nabla depends on, out of node_modules.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { PLATFORMS, platformManifest } from '../platforms.mjs';

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

function tar(...args) {
  const result = spawnSync('tar', args, { maxBuffer: 1 << 28 });
  if (result.status !== 0) throw new Error(`tar ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

/** Folders in node_modules of what is installed with nabla, nested ones too. */
function dependencyFolders(root) {
  const { packages } = readJson(join(root, 'package-lock.json'));
  return Object.entries(packages)
    .filter(([path, entry]) => path !== '' && !entry.dev && !entry.devOptional && existsSync(join(root, path)))
    .map(([path]) => join(root, path));
}

/** Name to version to `{ manifest, tarball }`; a tarball is made when it is asked for. */
function shelves(root, packed) {
  const shelf = new Map();
  const put = (manifest, tarball) => {
    if (!shelf.has(manifest.name)) shelf.set(manifest.name, new Map());
    shelf.get(manifest.name).set(manifest.version, { manifest, tarball });
  };
  for (const folder of dependencyFolders(root)) {
    const { scripts: _, ...manifest } = readJson(join(folder, 'package.json'));
    // Installers take the first folder of a tarball off, whatever its name.
    put(manifest, () =>
      tar('-czf', '-', '--exclude=node_modules', '-C', dirname(folder), folder.slice(dirname(folder).length + 1)),
    );
  }
  const own = readJson(join(root, 'package.json'));
  // Platforms that were not built here are announced: no machine of this kind asks for their files.
  for (const platform of PLATFORMS) put(platformManifest(platform, own), () => null);
  for (const file of readdirSync(packed).filter((name) => name.endsWith('.tgz'))) {
    const path = join(packed, file);
    put(JSON.parse(tar('-xzOf', path, 'package/package.json').toString()), () => readFileSync(path));
  }
  return shelf;
}

/** Starts it; resolves to `{ url, close }`. */
export async function startRegistry(root, packed) {
  const shelf = shelves(root, packed);
  const bodies = new Map();
  const bodyOf = (name, version) => {
    const key = `${name}@${version}`;
    if (!bodies.has(key)) bodies.set(key, shelf.get(name).get(version).tarball());
    return bodies.get(key);
  };
  const packument = (name, url) => {
    const versions = {};
    const time = {};
    for (const [version, { manifest }] of shelf.get(name)) {
      const body = bodyOf(name, version) ?? Buffer.alloc(0);
      const integrity = `sha512-${createHash('sha512').update(body).digest('base64')}`;
      const shasum = createHash('sha1').update(body).digest('hex');
      // Old enough for managers that refuse what has just been published.
      time[version] = '2020-01-01T00:00:00.000Z';
      versions[version] = { ...manifest, dist: { tarball: `${url}/${name}/-/${version}.tgz`, integrity, shasum } };
    }
    return { name, 'dist-tags': { latest: [...shelf.get(name).keys()].at(-1) }, versions, time };
  };
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname).slice(1);
    const [, name, version] = /^(.+?)\/-\/(.+)\.tgz$/.exec(path) ?? [null, path, null];
    const known = shelf.has(name);
    const body = !known ? null : version ? bodyOf(name, version) : JSON.stringify(packument(name, url));
    response.writeHead(body ? 200 : 404, { 'content-type': version ? 'application/octet-stream' : 'application/json' });
    response.end(body ?? '{"error":"not found"}');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  return { url, close: () => server.close() };
}
