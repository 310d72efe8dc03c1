import type { Hash } from 'node:crypto';
import { linkAtomically } from '../data/files.js';
import type { StateTree } from '../data/state.js';
import { CheckpointError, FormatError, NablaError } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { readBytes } from '../tensor/read.js';
import type { Tensor } from '../tensor/tensor.js';
import { loadSafetensors } from './safetensors.js';
import { writeTensors } from './safetensors-write.js';
import { flatten, unflatten } from './state-tree.js';

const FORMAT = 'nabla.checkpoint';
const VERSION = '1';

/** Hashed at once; more would hold the event loop. */
const CHUNK = 2 ** 22;

/**
 * Saves any tree of plain values and tensors in one file: a safetensors file whose metadata holds the values as JSON, and
 * a checksum of everything. The file appears complete or not at all: it is written beside the old one, flushed to the disk
 * and renamed; when that fails the old one stays. The state is that of the moment of the call.
 *
 * @example
 * await io.saveCheckpoint('run.safetensors', {
 *   model: model.stateDict(), optimizer: optimizer.stateDict(), loader: loader.stateDict(), random: getRngState(), step,
 * });
 *
 * @throws CheckpointError when the disk is full or the file cannot be written, with the system's `code`; ArgumentError for
 * values that a file cannot hold; ValueError when an operation that a tensor waits for has failed.
 */
export async function saveCheckpoint(path: string, state: Readonly<Record<string, unknown>>): Promise<void> {
  const op = 'saveCheckpoint';
  checkOptions(op, state);
  const { json, tensors } = flatten(op, state);
  const infos = [...tensors.values()].map(({ dtype, shape }) => ({ dtype, shape }));
  try {
    await writeTensors(op, path, [...tensors], async (bytes) => {
      const digest = new Digest(json);
      for (const [i, name] of inOrder([...tensors.keys()])) await digest.add(name, infos[i], bytes[i]);
      return { format: FORMAT, version: VERSION, checksum: digest.end(), state: json };
    });
  } catch (error) {
    throw withPath(op, path, error, 'cannot be written');
  }
}

/**
 * Loads what {@link saveCheckpoint} has saved: the same tree, with new tensors. Nothing of a file that is damaged in any
 * way comes back.
 *
 * @throws CheckpointError with path and reason when the file is missing, truncated, changed, of another version or no
 * checkpoint at all.
 */
export async function loadCheckpoint(path: string): Promise<StateTree> {
  const op = 'loadCheckpoint';
  const { tensors, metadata } = await loadSafetensors(path).catch((error: unknown) => {
    throw withPath(op, path, error, 'cannot be read');
  });
  const fail = (reason: string): never => {
    throw new CheckpointError(op, path, reason);
  };
  try {
    const { format, version, checksum, state } = metadata;
    if (format !== FORMAT || state === undefined) fail('is a safetensors file, but no checkpoint');
    if (version !== VERSION) fail(`has version ${version}, this library reads version ${VERSION}`);
    const digest = new Digest(state);
    for (const [, name] of inOrder(Object.keys(tensors))) {
      await digest.add(name, tensors[name], await readBytes(tensors[name], op));
    }
    if (digest.end() !== checksum) fail('is damaged: its checksum is wrong');
    return unflatten(state, tensors, fail);
  } catch (error) {
    for (const tensor of Object.values(tensors)) tensor.dispose();
    throw error;
  }
}

/** @internal Gives a checkpoint a second name, complete or not at all: a link, or a copy where there are no links. */
export async function linkCheckpoint(from: string, to: string): Promise<void> {
  try {
    await linkAtomically(from, to);
  } catch (error) {
    throw withPath('saveCheckpoint', to, error, 'cannot be written');
  }
}

/** Names with their places, sorted: JSON does not keep the order of names that are numbers. */
const inOrder = (names: readonly string[]): [number, string][] =>
  [...names.entries()].sort(([, a], [, b]) => (a < b ? -1 : 1));

/** SHA-256 of the state and of the tensors, in the order of their names. */
class Digest {
  readonly #hash: Hash = process.getBuiltinModule('node:crypto').createHash('sha256');

  constructor(json: string) {
    this.#text(json);
  }

  async add(name: string, { dtype, shape }: Pick<Tensor, 'dtype' | 'shape'>, bytes: Uint8Array): Promise<void> {
    this.#text(JSON.stringify([name, dtype, shape]));
    for (let at = 0; at < bytes.length; at += CHUNK) {
      this.#hash.update(bytes.subarray(at, at + CHUNK));
      if (bytes.length > CHUNK) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  end(): string {
    return this.#hash.digest('hex');
  }

  /** With its length before it: no two states have the same bytes. */
  #text(text: string): void {
    this.#hash.update(`${Buffer.byteLength(text)}:${text}`);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
  EFBIG: 'the file would be larger than the system allows',
  ENOENT: 'there is no such file',
};

/** An error of the system or of the format as one of the checkpoint. */
function withPath(op: string, path: string, error: unknown, rule: string): unknown {
  if (error instanceof FormatError) return new CheckpointError(op, path, error.reason, { cause: error });
  if (error instanceof NablaError || !(error instanceof Error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string') return error;
  return new CheckpointError(op, path, `${rule}: ${REASONS[code] ?? error.message}`, { cause: error, code });
}
