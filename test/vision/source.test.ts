import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cacheFolder, downloadFile } from '../../lib/data/files.js';
import { FormatError, NablaError } from '../../lib/errors.js';
import {
  DatasetNotFoundError,
  FASHION_MNIST,
  type ImageSource,
  loadImages,
  MNIST_DIGITS,
} from '../../lib/vision/datasets/source.js';

let folder = '';
let server: Server | null = null;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-source-'));
  vi.stubEnv('NABLA_DATA', '');
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'xdg'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server?.close();
  server?.closeAllConnections();
  server = null;
  await rm(folder, { recursive: true });
});

function idx(shape: number[], body: number[]): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header[2] = 8;
  header[3] = shape.length;
  for (const [axis, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * axis);
  return gzipSync(Buffer.concat([header, Buffer.from(body)]));
}

const IMAGES = idx([2, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
const LABELS = idx([2], [3, 9]);
const FILES: Record<string, Buffer> = {
  'train-images-idx3-ubyte.gz': IMAGES,
  'train-labels-idx1-ubyte.gz': LABELS,
};
const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');
const tiny: ImageSource = {
  ...MNIST_DIGITS,
  name: 'Tiny',
  folders: ['tiny', 'Tiny/raw'],
  debianPackage: 'dataset-tiny',
  md5: { 'train-images-idx3-ubyte': md5(IMAGES), 'train-labels-idx1-ubyte': md5(LABELS) },
};

async function place(where: string, images: Buffer = IMAGES, labels: Buffer = LABELS): Promise<string> {
  await mkdir(where, { recursive: true });
  await writeFile(join(where, 'train-images-idx3-ubyte.gz'), images);
  await writeFile(join(where, 'train-labels-idx1-ubyte.gz'), labels);
  return where;
}

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/data`;
}

async function notFound(promise: Promise<unknown>): Promise<DatasetNotFoundError> {
  const error = await promise.then(
    () => new Error('it was found'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DatasetNotFoundError);
  return error as DatasetNotFoundError;
}

describe('loadImages', () => {
  it.each([[''], ['tiny'], ['Tiny/raw']])('finds the files in root/%s and in NABLA_DATA/%s', async (sub) => {
    const root = join(folder, 'root');
    await place(join(root, sub));
    const expected = { height: 2, width: 3, labels: Uint8Array.from([3, 9]) };
    expect(await loadImages(tiny, { root, download: false })).toMatchObject(expected);
    vi.stubEnv('NABLA_DATA', root);
    expect(await loadImages(tiny, { download: false })).toMatchObject(expected);
  });

  it('looks into root, NABLA_DATA, the cache and the system folder, in this order', async () => {
    const order = ['root', 'env', join('xdg', 'nabla', 'tiny'), 'system'];
    const source = { ...tiny, system: [join(folder, 'system')] };
    for (const [i, name] of order.entries()) await place(join(folder, name), idx([2, 1, 1], [i, i]));
    vi.stubEnv('NABLA_DATA', join(folder, 'env'));
    for (const [i, name] of order.entries()) {
      const raw = await loadImages(source, { root: join(folder, 'root'), download: false });
      expect(raw.images[0]).toBe(i);
      await rm(join(folder, name), { recursive: true });
    }
  });

  it('downloads into the cache once and leaves no temporary file', async () => {
    let requests = 0;
    const baseUrl = await serve((request, response) => {
      requests++;
      response.end(FILES[(request.url ?? '').replace('/data/', '')]);
    });
    for (let i = 0; i < 2; i++) {
      const raw = await loadImages(tiny, { baseUrl });
      expect(raw.images).toEqual(Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
    }
    expect(requests).toBe(2);
    expect((await readdir(join(cacheFolder(), 'tiny'))).sort()).toEqual(Object.keys(FILES));
  });

  it('lists every way tried and how to fix it when none works', async () => {
    const baseUrl = await serve((_, response) => {
      response.statusCode = 404;
      response.end();
    });
    vi.stubEnv('NABLA_DATA', join(folder, 'nothing'));
    const options = { root: join(folder, 'empty'), baseUrl };
    const { message, tried } = await notFound(loadImages({ ...tiny, system: ['/no/such/folder'] }, options));
    expect(tried).toHaveLength(5);
    const lines = [
      'Tiny',
      'root: ',
      'NABLA_DATA: ',
      'cache: ',
      '/no/such/folder',
      'answered 404',
      'apt install dataset-tiny',
    ];
    for (const part of lines) expect(message).toContain(part);
    expect(message).toContain('train-images-idx3-ubyte.gz');
  });

  it('refuses a download whose checksum is wrong and keeps nothing of it', async () => {
    const baseUrl = await serve((_, response) => response.end('not the file'));
    const { message } = await notFound(loadImages(tiny, { baseUrl }));
    expect(message).toContain(`MD5 is ${md5(Buffer.from('not the file'))} after 12 bytes`);
    expect(await readdir(join(cacheFolder(), 'tiny'))).toEqual([]);
  });

  it('says so when no server listens', async () => {
    const { message } = await notFound(loadImages(tiny, { baseUrl: 'http://127.0.0.1:1/' }));
    expect(message).toMatch(/download: .*127\.0\.0\.1/);
  });

  it('does not take another data set whose files have the same names', async () => {
    const root = await place(
      join(folder, 'fashion'),
      idx([10, 1, 1], Array(10).fill(0)),
      idx([10], [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]),
    );
    const { tried } = await notFound(loadImages(MNIST_DIGITS, { root, download: false }));
    expect(tried[0]).toBe(`root: ${root} holds Fashion-MNIST`);
    expect((await loadImages(FASHION_MNIST, { root })).labels).toHaveLength(10);
  });

  it.each([
    ['a count that differs', idx([3, 1, 1], [1, 2, 3]), LABELS, /2 labels, but .* has 3 images/],
    ['a label out of range', IMAGES, idx([2], [3, 10]), /label 10, expected 0 to 9/],
    ['labels for images', LABELS, LABELS, /uint8 of shape \[2\], expected uint8 with 3 dimensions/],
  ])('reports %s', async (name, images, labels, reason) => {
    const root = await place(join(folder, name), images, labels);
    const error = await loadImages(tiny, { root }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FormatError);
    expect((error as FormatError).message).toMatch(reason);
  });
});

describe('downloadFile', () => {
  it('gives up when the server stalls, when told to, and when the file is too long', async () => {
    const url = await serve((_, response) => response.write('first bytes'));
    const path = join(folder, 'file');
    const stalled = downloadFile(url, path, { md5: '', stallMs: 50 });
    await expect(stalled).rejects.toThrow(/no byte came for 0.05 s/);
    const signal = AbortSignal.timeout(50);
    await expect(downloadFile(url, path, { md5: '', signal })).rejects.toMatchObject({ name: 'TimeoutError' });
    await expect(downloadFile(url, path, { md5: '', signal })).rejects.toMatchObject({ name: 'TimeoutError' });
    await expect(downloadFile(url, path, { md5: '', maxBytes: 10 })).rejects.toThrow(/longer than the 10 bytes/);
    await expect(downloadFile('http://127.0.0.1:1/', path, { md5: '' })).rejects.toBeInstanceOf(NablaError);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('cacheFolder', () => {
  it('follows the platform', () => {
    expect(cacheFolder({ XDG_CACHE_HOME: '/x' }, 'linux')).toBe(join('/x', 'nabla'));
    expect(cacheFolder({}, 'linux')).toMatch(/\.cache.nabla$/);
    expect(cacheFolder({}, 'darwin')).toMatch(/Library.Caches.nabla$/);
    expect(cacheFolder({ LOCALAPPDATA: 'C:\\L' }, 'win32')).toContain('C:\\L');
  });
});
