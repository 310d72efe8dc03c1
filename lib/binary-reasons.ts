// What the system says when it refuses a file of machine code, in words that tell a user what to do.

export interface Reason {
  readonly text: string;
  /** What helps where installing the package again would not. */
  readonly advice?: string;
}

/** What the words depend on. */
export interface Host {
  readonly libc: 'glibc' | 'musl' | null;
  /** glibc's version. */
  readonly version: string | null;
}

const newer = (a: string, b: string): boolean => a.localeCompare(b, 'en', { numeric: true }) > 0;

/** glibc: `libm.so.6: version 'GLIBC_2.38' not found (required by ...)`, once for each library that is too old. */
function oldGlibc(message: string, host: Host): Reason | undefined {
  const wanted = [...message.matchAll(/version [`'"]GLIBC_([\d.]+)['"] not found/g)].map(([, version]) => version);
  if (wanted.length === 0) return undefined;
  const most = wanted.reduce((a, b) => (newer(b, a) ? b : a));
  return {
    text: `needs glibc ${most} or newer, this system has ${host.version ?? 'an older one'}`,
    advice: `Install it on a system with glibc ${most} or newer: the binaries of nabla run from glibc 2.28 on (Debian 10, RHEL 8, Ubuntu 18.10).`,
  };
}

function otherLibc(message: string, host: Host): Reason | undefined {
  const musl = /\b(libc\.musl-\w+|ld-musl-\w+)\.so/.test(message);
  const glibc = /\b(ld-linux[\w-]*\.so|libc\.so\.6|libm\.so\.6)|GLIBC_|Error relocating/.test(message);
  if (host.libc === 'glibc' && musl) return { text: 'is built for musl (Alpine), this Node for glibc' };
  if (host.libc === 'musl' && glibc) return { text: 'is built for glibc, this Node for musl (Alpine)' };
  return undefined;
}

function noexec(message: string): Reason | undefined {
  if (!/failed to map segment from shared object|: Operation not permitted/.test(message)) return undefined;
  return {
    text: 'lies where programs must not run, as in a folder that is mounted with noexec',
    advice: 'Install it in a folder whose files may be executed, or mount this one with exec.',
  };
}

function lacksLibrary(message: string): Reason | undefined {
  const [, glibc, musl] =
    /(?:(\S+\.so[\w.]*): cannot open shared object file|Error loading shared library ([^:]+):)/.exec(message) ?? [];
  const library = glibc ?? musl;
  return library ? { text: `needs the library ${library}, which this system lacks` } : undefined;
}

/** What `dlopen` or `LoadLibrary` said about a file; its first line where that is all there is to say. */
export function reasonOf(message: string, host: Host): Reason {
  const [first] = message.split('\n');
  const known = oldGlibc(message, host) ?? otherLibc(message, host) ?? noexec(message) ?? lacksLibrary(message);
  return known ? { ...known, text: `${known.text} (${first})` } : { text: first };
}
