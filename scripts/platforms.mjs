// The platforms that nabla is published for, one package with one binary each.

/** Fields of package.json; `libc` must stand in both kinds of Linux package, or npm takes neither. */
export const PLATFORMS = [
  { os: 'linux', cpu: 'x64', libc: 'glibc' },
  { os: 'linux', cpu: 'arm64', libc: 'glibc' },
  { os: 'linux', cpu: 'x64', libc: 'musl' },
  { os: 'linux', cpu: 'arm64', libc: 'musl' },
  { os: 'darwin', cpu: 'arm64' },
  { os: 'darwin', cpu: 'x64' },
  { os: 'win32', cpu: 'x64' },
];

/** `linux-x64-musl` */
export const targetOf = ({ os, cpu, libc }) => `${os}-${cpu}${libc === 'musl' ? '-musl' : ''}`;

/** `@nabla/core-linux-x64-musl` */
export const packageOf = (platform) => `@nabla/core-${targetOf(platform)}`;

/** The platform of this process. */
export function hostPlatform() {
  const musl = process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime;
  return PLATFORMS.find(
    ({ os, cpu, libc }) =>
      os === process.platform && cpu === process.arch && (os !== 'linux' || (libc === 'musl') === musl),
  );
}

/** package.json of a platform package. */
export const platformManifest = (platform, { version, license, engines }) => ({
  name: packageOf(platform),
  version,
  description: `The native core of nabla for ${targetOf(platform)}`,
  license,
  os: [platform.os],
  cpu: [platform.cpu],
  ...(platform.libc && { libc: [platform.libc] }),
  engines,
  main: './nabla.node',
  exports: { '.': './nabla.node', './package.json': './package.json' },
  files: ['nabla.node'],
  preferUnplugged: true,
  publishConfig: { access: 'public', provenance: true },
});

/** package.json of nabla as it is published: nothing that only a checkout needs, and a core for each platform. */
export function publishedManifest(own) {
  const { devDependencies: _d, scripts: _s, gypfile: _g, private: _p, dependencies, ...rest } = own;
  const { bindings: _b, ...needed } = dependencies;
  return {
    ...rest,
    dependencies: needed,
    optionalDependencies: Object.fromEntries(PLATFORMS.map((platform) => [packageOf(platform), own.version])),
    publishConfig: { access: 'public', provenance: true },
  };
}
