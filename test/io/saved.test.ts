// Saving: the very bytes that PyTorch, numpy and safetensors have read (check_saved.py), and reading them back.
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { endianness, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ArgumentError, DisposedError, io, nn, type Tensor, tensor } from '../../lib/index.js';
import { liveTensors } from '../support/garbage.js';
import { checkpoint, state, writeAll } from './saved.js';
import checksums from './saved.json' with { type: 'json' };

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-saved-'));
  await writeAll(folder);
});
afterAll(() => rm(folder, { recursive: true }));

async function values(tensors: Readonly<Record<string, Tensor>>) {
  const of = async ([name, x]: [string, Tensor]) => [
    name,
    { dtype: x.dtype, shape: [...x.shape], data: await x.data() },
  ];
  return Object.fromEntries(await Promise.all(Object.entries(tensors).map(of)));
}

describe('what is saved', () => {
  it.skipIf(endianness() !== 'LE').each(Object.entries(checksums))('%s is what was checked', async (name, sum) => {
    const bytes = await readFile(join(folder, name));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sum);
  });

  it('comes back from a file of PyTorch, tied memory too', async () => {
    const tensors = await io.loadTorch(join(folder, 'state.pt'));
    expect(await values(tensors)).toEqual(await values(state()));
    tensors.tied.fill_(3);
    expect(await tensors['a.tied näme'].toArray()).toEqual([[3, 3]]);
  });

  it('comes back as a tree', async () => {
    const { model, nested, numbers, ...rest } = (await io.loadTorchTree(join(folder, 'checkpoint.pt'))) as Record<
      string,
      io.TorchValue
    >;
    const { model: _, nested: __, numbers: given, ...wanted } = checkpoint();
    expect(rest).toEqual(wanted);
    const plain = (list: unknown) =>
      (list as (number | bigint)[]).map((n) =>
        typeof n === 'bigint' && BigInt(Number(n)) === n && Number.isSafeInteger(Number(n)) ? Number(n) : n,
      );
    expect(numbers).toEqual(plain(given));
    expect(await values(model as Record<string, Tensor>)).toEqual(await values(state()));
    expect(await (nested as { deep: { x: Tensor }[] }).deep[0].x.toArray()).toEqual([7]);
  });

  it.each(['plain.npz', 'packed.npz'])('comes back from %s, bfloat16 as float32', async (name) => {
    const { bfloat16, ...others } = await io.loadNpz(join(folder, name));
    const { bfloat16: narrow, ...wanted } = state();
    expect(await values(others)).toEqual(await values(wanted));
    expect(await values({ x: bfloat16 })).toEqual(await values({ x: narrow.to('float32') }));
  });

  it('packs where it is asked to', async () => {
    const zeros = { x: tensor(new Float32Array(100_000)) };
    await io.saveNpz(join(folder, 'zeros.npz'), zeros, { compressed: true });
    expect((await readFile(join(folder, 'zeros.npz'))).length).toBeLessThan(2000);
    expect(await values(await io.loadNpz(join(folder, 'zeros.npz')))).toEqual(await values(zeros));
  });

  it('loads into a model', async () => {
    const [a, b] = [new nn.Linear(3, 2), new nn.Linear(3, 2)];
    await io.saveTorch(join(folder, 'linear.pt'), a.stateDict());
    b.loadStateDict(await io.loadTorch(join(folder, 'linear.pt')));
    expect(await values(b.stateDict())).toEqual(await values(a.stateDict()));
  });
});

describe('saving', () => {
  it('takes the values of the moment of the call and leaves no tensor behind', async () => {
    const x = tensor([1, 2], { dtype: 'bfloat16' });
    const before = liveTensors();
    const saving = [io.saveTorch(join(folder, 'now.pt'), { x }), io.saveNpz(join(folder, 'now.npz'), { x })];
    x.fill_(9);
    await Promise.all(saving);
    expect(liveTensors()).toBe(before);
    expect(await (await io.loadTorch(join(folder, 'now.pt'))).x.toArray()).toEqual([1, 2]);
    expect(await (await io.loadNpz(join(folder, 'now.npz'))).x.toArray()).toEqual([1, 2]);
  });

  it('leaves the old file when it fails', async () => {
    const path = join(folder, 'old.pt');
    await io.saveTorch(path, { x: tensor([1]) });
    const gone = tensor([2]);
    gone.dispose();
    await expect(io.saveTorch(path, { x: gone })).rejects.toBeInstanceOf(DisposedError);
    await expect(io.saveTorch(path, { x: () => 1 })).rejects.toThrow(/x is a function/);
    await expect(io.saveTorch(path, { a: [new Date()] })).rejects.toThrow(/a\[0\] is a value of type Date/);
    const endless: unknown[] = [];
    endless.push(endless);
    await expect(io.saveTorch(path, endless)).rejects.toThrow(/deeper than 64/);
    await expect(io.saveNpz(path, { x: 1 as unknown as Tensor })).rejects.toBeInstanceOf(ArgumentError);
    await expect(io.saveNpy(path, 1 as unknown as Tensor)).rejects.toBeInstanceOf(ArgumentError);
    expect(await (await io.loadTorch(path)).x.toArray()).toEqual([1]);
    expect((await readdir(folder)).filter((name) => name.includes('old.pt'))).toEqual(['old.pt']);
  });
});
