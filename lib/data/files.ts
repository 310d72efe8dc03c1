import { rmSync } from 'node:fs';
import { copyFile, type FileHandle, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { FormatError, NablaError } from '../errors.js';

/**
 * The folder that keeps downloaded data sets and models: `$XDG_CACHE_HOME/nabla`, or the platform's usual place
 * (`~/.cache/nabla`, `~/Library/Caches/nabla`, `%LOCALAPPDATA%\nabla`).
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env, platform: string = process.platform): string {
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'nabla');
  if (platform === 'win32') return join(env.LOCALAPPDATA || join(home(), 'AppData', 'Local'), 'nabla');
  if (platform === 'darwin') return join(home(), 'Library', 'Caches', 'nabla');
  return join(home(), '.cache', 'nabla');
}

/** A container may run under a user id without a home. */
function home(): string {
  try {
    return homedir();
  } catch {
    return tmpdir();
  }
}

/**
 * Writes a file so that readers see the old content or the whole new one, never a part: into a temporary file in the
 * same folder, flushed to the disk and then renamed. Missing folders are made; when `write` fails or the process exits,
 * nothing is left; what a killed process or worker has left goes with a later write of the same file.
 *
 * @param write is given the open temporary file
 */
export async function writeAtomically(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  await replaceFile(path, async (temporary) => {
    const file = await open(temporary, 'wx');
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

/**
 * Gives a file that {@link writeAtomically} has written another name as well; what had that name before goes. Where the file
 * system has no links it is copied. Both names must be replaced, never written into.
 */
export async function linkAtomically(from: string, to: string): Promise<void> {
  await replaceFile(to, async (temporary) => {
    try {
      await link(from, temporary);
    } catch (error) {
      if (
        !['EPERM', 'EXDEV', 'EMLINK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(
          String((error as NodeJS.ErrnoException).code),
        )
      )
        throw error;
      await copyFile(from, temporary);
      const file = await open(temporary, 'r+');
      await file.sync().finally(() => file.close());
    }
  });
}

/** Temporary files that are being written; an exit of the process removes them. */
const unfinished = new Set<string>();
const removeUnfinished = (): void => {
  for (const path of unfinished) rmSync(path, { force: true });
};

function begin(temporary: string): void {
  if (unfinished.size === 0) process.on('exit', removeUnfinished);
  unfinished.add(temporary);
}

function end(temporary: string): void {
  unfinished.delete(temporary);
  if (unfinished.size === 0) process.off('exit', removeUnfinished);
}

/** How long nobody must have written to the temporary file of another process before it counts as left behind. */
const ABANDONED_MS = 60_000;

/** Removes what killed processes and terminated workers have left of the same file. */
async function removeAbandoned(folder: string, name: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    if (!entry.startsWith(`.${name}.`)) continue;
    const pid = /^(\d+)-[0-9a-f]{12}\.tmp$/.exec(entry.slice(name.length + 2))?.[1];
    const path = join(folder, entry);
    if (pid === undefined || unfinished.has(path)) continue;
    if (Number(pid) !== process.pid && isAlive(Number(pid))) continue;
    // The process may live on another machine that shares the folder.
    if (Date.now() - (await stat(path)).mtimeMs > ABANDONED_MS) await rm(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Makes a file under a temporary name in the same folder, then gives it its own. */
async function replaceFile(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const { randomBytes } = process.getBuiltinModule('node:crypto');
  const temporary = join(folder, `.${basename(path)}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`);
  begin(temporary);
  try {
    await make(temporary);
    await rename(temporary, path);
  } finally {
    // Also when both names were links to one file: renaming does nothing then.
    await rm(temporary, { force: true });
    end(temporary);
  }
  await syncFolder(folder);
  await removeAbandoned(folder, basename(path)).catch(() => {}); // the file is whole whatever lies beside it
}

/** Makes the rename itself durable. Windows cannot open folders, there it is left to the file system. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What {@link downloadFile} checks and how long it waits. */
export interface DownloadOptions {
  /** The MD5 sum that the file must have, in hexadecimal. */
  readonly md5: string;
  /** A longer answer is refused. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Give up when no byte has come for so long. Default 30 seconds. */
  readonly stallMs?: number;
  /** Stops the download. */
  readonly signal?: AbortSignal;
}

/**
 * Downloads a file, checks its MD5 sum and only then gives it its name, so a stopped or damaged download leaves nothing.
 *
 * @throws NablaError when the server cannot be reached, answers with an error or stalls
 * @throws FormatError when the content is not what the checksum says
 */
export async function downloadFile(url: string, path: string, options: DownloadOptions): Promise<void> {
  const { md5, maxBytes = 2 ** 30, stallMs = 30_000 } = options;
  const stop = new AbortController();
  const onAbort = () => stop.abort(options.signal?.reason);
  options.signal?.throwIfAborted();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const stalled = () => stop.abort(new NablaError('downloadFile', `no byte came for ${stallMs / 1000} s`));
  const timer = setTimeout(stalled, stallMs);
  try {
    await writeAtomically(path, async (file) => {
      const hash = process.getBuiltinModule('node:crypto').createHash('md5');
      let received = 0;
      for await (const chunk of await openUrl(url, stop.signal)) {
        timer.refresh();
        received += chunk.length;
        if (received > maxBytes)
          throw new FormatError('downloadFile', url, `longer than the ${maxBytes} bytes expected at most`);
        hash.update(chunk);
        await file.writeFile(chunk);
      }
      const digest = hash.digest('hex');
      if (digest !== md5)
        throw new FormatError('downloadFile', url, `MD5 is ${digest} after ${received} bytes, expected ${md5}`);
    });
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  }
}

async function openUrl(url: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const { message, cause } = error as Error;
    const reason = cause instanceof Error && cause.message ? cause.message : message;
    throw new NablaError('downloadFile', `${url}: ${reason}`, { cause: error });
  }
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new NablaError(
      'downloadFile',
      `${url}: the server answered ${response.status} ${response.statusText}`.trimEnd(),
    );
  }
  return response.body as unknown as AsyncIterable<Uint8Array>;
}
