// The readers that are fuzzed: files they read, how these are changed, and the errors that a reader may throw.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseIdx, readIdx } from '../../../lib/data/idx.js';
import { CheckpointError, FormatError } from '../../../lib/errors.js';
import { io, Tensor, tensor, text } from '../../../lib/index.js';
import { unflatten } from '../../../lib/io/state-tree.js';
import { type Draw, mutateBytes, mutateJsonText, mutatePickle, mutateZip, NUMBERS, randomPickle } from './mutate.js';

/** A reader under test. */
export interface Target {
  readonly name: string;
  /** Good files. */
  readonly seeds: readonly Buffer[];
  /** A change that knows the format. */
  readonly mutate: (d: Draw, seed: Buffer) => Buffer;
  /** Reads the bytes; gives all tensors that came out. */
  readonly read: (bytes: Buffer) => Promise<Iterable<unknown>>;
}

const file = (name: string): Buffer => readFileSync(new URL(`../files/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'nabla-formats-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

/** For readers that take a path only. */
function onDisk(name: string, bytes: Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** Every tensor in a tree, each object once. */
function* tensorsIn(value: unknown, seen = new Set<unknown>()): Generator<Tensor> {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Tensor) yield value;
  else if (!(value instanceof Uint8Array)) for (const item of Object.values(value)) yield* tensorsIn(item, seen);
}

function safetensors(d: Draw, seed: Buffer): Buffer {
  const length = Number(seed.readBigUInt64LE());
  const json = Buffer.from(mutateJsonText(d, seed.toString('utf8', 8, 8 + length)));
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([head, json, seed.subarray(8 + length)]);
}

const WORDS = [
  "'descr'",
  "'<f4'",
  "'|O'",
  "'>i2'",
  "[('a', '<f4')]",
  'True',
  'False',
  '(',
  ')',
  ',',
  '{',
  '}',
  "'shape'",
];

/** numpy's header with words and numbers exchanged. */
function npy(d: Draw, seed: Buffer): Buffer {
  const at = seed[6] === 1 ? 10 : 12;
  const length = seed[6] === 1 ? seed.readUInt16LE(8) : seed.readUInt32LE(8);
  const parts = seed.toString('latin1', at, at + length).split(/(\d+|'[^']*'|[(){},:])/);
  parts[d.below(parts.length)] = d.chance(0.5) ? d.pick(WORDS) : String(d.pick(NUMBERS));
  const text = Buffer.from(parts.join(''), 'latin1');
  const head = Buffer.from(seed.subarray(0, at));
  if (seed[6] === 1) head.writeUInt16LE(Math.min(text.length, 65535), 8);
  else head.writeUInt32LE(text.length, 8);
  return Buffer.concat([head, text, seed.subarray(at + length)]);
}

const npz = (d: Draw, seed: Buffer): Buffer =>
  mutateZip(d, seed, (_, content) => (d.chance(0.7) ? npy(d, content) : mutateBytes(d, content)));

const torch = (d: Draw, seed: Buffer): Buffer =>
  mutateZip(d, seed, (name, content) => {
    if (!name.endsWith('data.pkl')) return mutateBytes(d, content);
    return d.chance(0.2) ? randomPickle(d) : mutatePickle(d, content);
  });

/** Behind the first three pickles, which are 137 bytes. */
const legacy = (d: Draw, seed: Buffer): Buffer =>
  d.chance(0.2)
    ? Buffer.concat([seed.subarray(0, 137), randomPickle(d), randomPickle(d)])
    : Buffer.concat([seed.subarray(0, 137), mutatePickle(d, seed.subarray(137))]);

const idxFile = Buffer.from([0, 0, 0x0b, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6]);

const treeText =
  '{"step":3,"loss":{"$number":"NaN"},"big":{"$bigint":"5"},"model":{"w":{"$tensor":"w"}},"$$x":[1,[2]]}';

function checkpointFile(): Buffer {
  const json = JSON.stringify({
    __metadata__: { format: 'nabla.checkpoint', version: '1', checksum: '0'.repeat(64), state: treeText },
    w: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
  });
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([head, Buffer.from(json), Buffer.alloc(8)]);
}

function tokenizerFile(): Buffer {
  return Buffer.from(
    JSON.stringify(text.BytePairTokenizer.train(['low lower lowest', 'new newer'], { vocabSize: 280 })),
  );
}

const index = '{"metadata":{"total_size":4},"weight_map":{"float32":"part.safetensors","scalar":"part.safetensors"}}';

/** All readers. */
export function targets(): Target[] {
  onDisk('part.safetensors', file('all.safetensors'));
  const zips = ['all.pt', 'checkpoint.pt', 'rare.pt', 'protocol4.pt', 'big-endian.pt'].map(file);
  return [
    {
      name: 'safetensors',
      seeds: [file('all.safetensors')],
      mutate: safetensors,
      read: async (bytes) => tensorsIn(await io.loadSafetensors(bytes)),
    },
    {
      name: 'index',
      seeds: [Buffer.from(index)],
      mutate: (d, seed) => Buffer.from(mutateJsonText(d, seed.toString())),
      read: async (bytes) => tensorsIn(await io.loadSafetensors(onDisk('x.safetensors.index.json', bytes))),
    },
    { name: 'torch', seeds: zips, mutate: torch, read: async (bytes) => tensorsIn(await io.loadTorchTree(bytes)) },
    { name: 'torch-state', seeds: zips, mutate: torch, read: async (bytes) => tensorsIn(await io.loadTorch(bytes)) },
    {
      name: 'legacy',
      seeds: ['legacy.pt', 'checkpoint-legacy.pt'].map(file),
      mutate: legacy,
      read: async (bytes) => tensorsIn(await io.loadTorchTree(bytes)),
    },
    {
      name: 'npy',
      seeds: ['version1.npy', 'version2.npy', 'version3.npy'].map(file),
      mutate: npy,
      read: async (bytes) => [await io.loadNpy(bytes)],
    },
    {
      name: 'npz',
      seeds: [file('arrays.npz')],
      mutate: npz,
      read: async (bytes) => tensorsIn(await io.loadNpz(bytes)),
    },
    {
      name: 'idx',
      seeds: [idxFile],
      mutate: mutateBytes,
      read: async (bytes) => [parseIdx(bytes), await readIdx(onDisk('x.idx', bytes))].slice(0, 0),
    },
    {
      name: 'checkpoint',
      seeds: [checkpointFile()],
      mutate: safetensors,
      read: async (bytes) => tensorsIn(await io.loadCheckpoint(onDisk('checkpoint', bytes))),
    },
    {
      name: 'state-tree',
      seeds: [Buffer.from(treeText)],
      mutate: (d, seed) => Buffer.from(mutateJsonText(d, seed.toString())),
      read: async (bytes) => tensorsIn(readTree(bytes.toString())),
    },
    {
      name: 'tokenizer',
      seeds: [tokenizerFile()],
      mutate: (d, seed) => Buffer.from(mutateJsonText(d, seed.toString())),
      read: async (bytes) => {
        const path = onDisk('tokenizer.json', bytes);
        return [await text.BytePairTokenizer.load(path)].slice(0, 0);
      },
    },
  ];
}

/** The tree of a checkpoint, whose checksum a forger can make. */
function readTree(json: string): unknown {
  const w = tensor([1, 2]);
  try {
    return unflatten(json, { w }, (reason): never => {
      throw new CheckpointError('unflatten', 'memory', reason);
    });
  } finally {
    w.dispose();
  }
}

/** What the system says of a file that is not there. */
const ABSENT = new Set(['ENOENT', 'ENAMETOOLONG']);

/** Whether an error is one of those that a bad file may cost; an index may also name files that are not there. */
export function isExpected(error: unknown): boolean {
  if (error instanceof FormatError || error instanceof CheckpointError) return true;
  return error instanceof Error && 'code' in error && ABSENT.has(String(error.code));
}
