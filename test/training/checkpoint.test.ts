// Checkpoint files: what they hold, and what happens to damaged and foreign ones and on a full disk.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ArgumentError,
  CheckpointError,
  callbacks,
  getRngState,
  io,
  manualSeed,
  memory,
  nn,
  optim,
  randn,
  synchronize,
  type Tensor,
  Trainer,
  tensor,
} from '../../lib/index.js';
import { liveTensors } from '../support/garbage.js';

const quiet = { progress: false } as const;
let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-checkpoint-'));
  path = join(folder, 'run.safetensors');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function setUp(seed = 1, width = 8) {
  manualSeed(seed);
  const model = new nn.Sequential(new nn.Linear(5, width), new nn.Tanh(), new nn.Linear(width, 3));
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.1 });
  const trainer = new Trainer({ model, loss: new nn.CrossEntropyLoss(), optimizer });
  const batches = [0, 1, 2].map((i) => [randn([4, 5]), tensor([0, 1, 2, i], { dtype: 'int64' })] as const);
  return { model, optimizer, trainer, batches };
}

const weights = (model: nn.Module): number[] => model.parameters().flatMap((p) => Array.from(p.dataSync(), Number));

describe('saveCheckpoint and loadCheckpoint', () => {
  it('keep plain values and tensors of every kind', async () => {
    const state = {
      numbers: [0, -0, 0.1 + 0.2, 1e-310, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 60],
      big: 12345678901234567890n,
      text: 'Grüße, 世界 $tensor',
      flags: [true, false, null],
      $tensor: 'not one',
      deep: { $number: 'NaN', $$: [{ a: { b: {} } }], __proto__x: 1 },
      weights: { 1: tensor([1, 2, 3]), 0: tensor([[4n]], { dtype: 'int64' }), 'a.b': { c: tensor(true) } },
      a: { 'b.c': tensor([7], { dtype: 'bfloat16' }) },
      'a.b': { c: tensor([8], { dtype: 'uint8' }) },
      twice: [] as Tensor[],
      left: undefined,
    };
    const shared = randn([2, 3]).transpose(0, 1);
    state.twice = [shared, shared];
    await io.saveCheckpoint(path, state);
    const loaded = await io.loadCheckpoint(path);
    const plain = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null) return value;
      if ('dataSync' in value) {
        const { dtype, shape } = value as Tensor;
        return { dtype, shape: [...shape], values: (value as Tensor).toArraySync() };
      }
      if (Array.isArray(value)) return value.map(plain);
      const entries = Object.entries(value).filter(([, item]) => item !== undefined);
      return Object.fromEntries(entries.map(([key, item]) => [key, plain(item)]));
    };
    expect(plain(loaded)).toEqual(plain(state));
    expect(Object.is((loaded.numbers as number[])[1], -0)).toBe(true);
    const { tensors, metadata } = await io.loadSafetensors(path);
    expect(Object.keys(tensors)).toContain('weights.1');
    expect(metadata.format).toBe('nabla.checkpoint');
  });

  it('refuse what a file cannot hold, naming the place', async () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const wrong: [Record<string, unknown>, RegExp][] = [
      [{ a: { b: () => 1 } }, /^saveCheckpoint: a\.b is a function, which a file cannot hold/],
      [{ list: [1, new Map()] }, /list\.1 is a value of type Map/],
      [circle, /nested deeper than 64 levels/],
      [{ s: Symbol('x') }, /^saveCheckpoint: s is/],
    ];
    for (const [state, message] of wrong) {
      await expect(io.saveCheckpoint(path, state)).rejects.toThrow(ArgumentError);
      await expect(io.saveCheckpoint(path, state)).rejects.toThrow(message);
    }
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a wrong file', () => {
  /** The trainer and the old state stay as they were. */
  async function refused(reason: RegExp, seed = 3): Promise<CheckpointError> {
    const { trainer, model, batches } = setUp(seed);
    await trainer.fit(batches, quiet);
    const before = [weights(model), trainer.history.epochs.length, getRngState()];
    const tensors = liveTensors();
    const error = await trainer.resume(path).then(
      () => new Error('was accepted'),
      (thrown: unknown) => thrown as Error,
    );
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error).toMatchObject({ path, reason: expect.stringMatching(reason) });
    expect([weights(model), trainer.history.epochs.length, getRngState()]).toEqual(before);
    expect(liveTensors()).toBe(tensors);
    await expect(trainer.fit(batches, { ...quiet, resume: path })).rejects.toThrow(CheckpointError);
    await trainer.fit(batches, quiet);
    expect(trainer.history.epochs.length).toBe(2);
    return error as CheckpointError;
  }

  const saved = async (): Promise<Buffer> => {
    const { trainer, batches } = setUp();
    await trainer.fit(batches, quiet);
    await trainer.save(path);
    return readFile(path);
  };

  it('that is missing', async () => {
    expect((await refused(/there is no such file/)).code).toBe('ENOENT');
  });

  it('that is a folder', async () => {
    path = folder;
    expect((await refused(/cannot be read/)).code).toBe('EISDIR');
  });

  it('that is cut off, anywhere', async () => {
    const bytes = await saved();
    for (const length of [0, 5, 100, Math.floor(bytes.length / 2), bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, length));
      await refused(/truncated|pass the|bytes/);
    }
  });

  it('with any bit flipped', async () => {
    const bytes = await saved();
    for (let i = 0; i < 40; i++) {
      const at = Math.floor((bytes.length * (i + 0.5)) / 40);
      const damaged = Buffer.from(bytes);
      damaged[at] ^= 1 << (i % 8);
      if (damaged[at] === 0x20 || bytes[at] === 0x20) continue; // space behind the header is no part of the state
      await writeFile(path, damaged);
      await expect(io.loadCheckpoint(path), `byte ${at}`).rejects.toThrow(CheckpointError);
    }
    const damaged = Buffer.from(bytes);
    damaged[bytes.length - 3] ^= 16;
    await writeFile(path, damaged);
    await refused(/its checksum is wrong/);
  });

  it('that is another file', async () => {
    await writeFile(path, 'PK\x03\x04 a zip file, a PyTorch checkpoint for example, with more than a few bytes');
    await refused(/header/);
    await io.saveSafetensors(path, { weight: tensor([1]) });
    await refused(/is a safetensors file, but no checkpoint/);
    await io.saveCheckpoint(path, { weights: tensor([1]) });
    await refused(/is a checkpoint, but not one of a Trainer/);
  });

  it('of another version', async () => {
    const { tensors, metadata } = await saved().then(() => io.loadSafetensors(path));
    await io.saveSafetensors(path, tensors, { ...metadata, version: '9' });
    for (const value of Object.values(tensors)) value.dispose();
    await refused(/has version 9, this library reads version 1/);
  });

  it('of another model, optimizer or Trainer', async () => {
    const wide = setUp(1, 9);
    await wide.trainer.fit(wide.batches, quiet);
    await wide.trainer.save(path);
    await refused(/does not fit this Trainer: .*wrong shapes/);
    const { model } = setUp();
    const other = new optim.SGD([model.parameters()[0]], { lr: 1 });
    await new Trainer({ model, loss: new nn.CrossEntropyLoss(), optimizer: other }).save(path);
    await refused(/does not fit this Trainer: .*parameter group/);
  });
});

describe('a full disk', () => {
  // A limit of the file size needs no rights and no file system of its own; /dev/full would be replaced by the renaming.
  it('gives a typed error, keeps the last good file and the run, which goes on', () => {
    const program = fileURLToPath(new URL('../runtime/programs/disk-full.mjs', import.meta.url));
    const { status, stdout, stderr } = spawnSync(
      'bash',
      ['-c', `ulimit -S -f 4; exec "$0" "$1" "$2"`, process.execPath, program, folder],
      { encoding: 'utf8', env: { ...process.env, NABLA_NUM_THREADS: '1' } },
    );
    expect(status, stderr).toBe(0);
    const result = JSON.parse(stdout) as Record<string, unknown>;
    expect(result).toMatchObject({
      error: 'CheckpointError',
      code: 'EFBIG',
      files: ['last.safetensors'],
      goodBefore: true,
      epochs: 3,
      same: true,
    });
    expect(result.message).toMatch(
      /last\.safetensors: cannot be written: the file would be larger than the system allows$/,
    );
  });

  it('of a file system without space: ENOSPC', (context) => {
    const program = fileURLToPath(new URL('../runtime/programs/disk-full.mjs', import.meta.url));
    const script = `mount -t tmpfs -o size=16k tmpfs "${folder}" || exit 77; exec "$0" "$1" "$2"`;
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['-Urm', 'bash', '-c', script, process.execPath, program, folder],
      { encoding: 'utf8', env: { ...process.env, NABLA_NUM_THREADS: '1' } },
    );
    if (status !== 0 && stdout === '') {
      console.log(`NOT RUN: no file system of a fixed size without rights here (${stderr.trim().split('\n')[0]})`);
      return context.skip();
    }
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'ENOSPC', goodBefore: true, same: true, epochs: 3 });
  });
});

it('memory stays flat over checkpoints and loads', async () => {
  const checkpoint = new callbacks.Checkpoint({ folder, everySteps: 1, keep: 2, monitor: 'loss' });
  const stopping = new callbacks.EarlyStopping({ monitor: 'loss', restoreBest: true, patience: 100 });
  const { model, optimizer, batches } = setUp();
  const ema = new callbacks.WeightAveraging(model, { decay: 0.9 });
  const trainer = new Trainer({
    model,
    loss: new nn.CrossEntropyLoss(),
    optimizer,
    callbacks: [ema, stopping, new callbacks.GradientMonitor(), new callbacks.TerminateOnNaN(), checkpoint],
  });
  const round = async (): Promise<void> => {
    await trainer.fit(batches, { ...quiet, epochs: 3, validation: batches });
    await trainer.resume(checkpoint.last);
    await trainer.fit(batches, { ...quiet, epochs: 3, validation: batches });
    await synchronize();
  };
  await round();
  const tensors = liveTensors();
  const { live } = memory();
  for (let i = 0; i < 3; i++) await round();
  expect(liveTensors()).toBe(tensors);
  expect(memory().live).toBe(live);
});
