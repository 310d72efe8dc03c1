// Files that PyTorch, numpy and safetensors have written (make_formats.py), and what they hold.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ArgumentError, FormatError, io, nn, type Tensor } from '../../lib/index.js';
import { liveTensors } from '../support/garbage.js';

const at = (name: string): string => fileURLToPath(new URL(`files/${name}`, import.meta.url));

type Json = number | boolean | string;
interface Expected {
  dtype: string;
  shape: number[];
  values: Json[];
}
const expected = JSON.parse(readFileSync(at('expected.json'), 'utf8')) as Record<string, Record<string, Expected>>;

/** As the script wrote it: text for what JSON lacks. */
function plain(value: number | bigint | boolean): Json {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : `${value}n`;
  }
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Object.is(value, -0) ? '-0' : value;
}

async function described(tensors: Record<string, Tensor>): Promise<Record<string, Expected>> {
  const of = async (x: Tensor): Promise<Expected> => ({
    dtype: x.dtype,
    shape: [...x.shape],
    values: Array.from<number | bigint, Json>(await x.data(), (v: number | bigint) =>
      plain(x.dtype === 'bool' ? v !== 0 : v),
    ),
  });
  return Object.fromEntries(await Promise.all(Object.entries(tensors).map(async ([k, x]) => [k, await of(x)])));
}

async function refusal(load: Promise<unknown>): Promise<string> {
  const error = await load.then(
    () => new Error('the file was accepted'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FormatError);
  return (error as FormatError).message;
}

describe('loadTorch', () => {
  it.each(['all.pt', 'legacy.pt', 'rare.pt', 'protocol4.pt', 'deflated.pt', 'no-crc.pt', 'big-endian.pt'])(
    'reads %s as PyTorch does',
    async (name) => {
      const before = liveTensors();
      const tensors = await io.loadTorch(at(name));
      expect(Object.keys(tensors)).toEqual(Object.keys(expected[name]));
      expect(await described(tensors)).toEqual(expected[name]);
      for (const x of Object.values(tensors)) x.dispose();
      expect(liveTensors()).toBe(before);
    },
  );

  it.each(['all.pt', 'legacy.pt'])('keeps the memory and the layout of views of %s', async (name) => {
    const { whole, turned, part, channels, float32 } = await io.loadTorch(at(name));
    expect(turned.strides).toEqual([1, 4]);
    expect(channels.isChannelsLast()).toBe(true);
    expect(float32.isContiguous()).toBe(true);
    whole.fill_(9);
    expect(await part.toArray()).toEqual([
      [9, 9],
      [9, 9],
    ]);
  });

  it.each(['checkpoint.pt', 'checkpoint-legacy.pt'])('finds the state dict in %s', async (name) => {
    const state = await io.loadTorch(at(name), { key: 'model' });
    expect(await described(state)).toEqual(expected[name]);
    const model = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3));
    expect(model.loadStateDict(state)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    const renamed = await io.loadTorch(at(name), {
      key: ['model'],
      rename: (key) => (key[0] === '0' ? `fc${key.slice(1)}` : null),
    });
    expect(Object.keys(renamed)).toEqual(['fc.weight', 'fc.bias']);
    await expect(io.loadTorch(at(name), { key: 'nothing' })).rejects.toThrow(/no "nothing"; there is model, optimizer/);
    await expect(io.loadTorch(at(name), { key: 'nothing' })).rejects.toBeInstanceOf(ArgumentError);
    expect(await refusal(io.loadTorch(at(name)))).toMatch(/"model" is no tensor.*key model, optimizer/);
  });

  it('reads bytes in memory', async () => {
    expect(await described(await io.loadTorch(await readFile(at('all.pt'))))).toEqual(expected['all.pt']);
  });
});

describe('loadTorchTree', () => {
  it.each(['checkpoint.pt', 'checkpoint-legacy.pt'])('gives all of %s as plain data', async (name) => {
    const tree = (await io.loadTorchTree(at(name))) as Record<string, io.TorchValue>;
    const { model, optimizer, ...rest } = tree;
    expect(await described(model as Record<string, Tensor>)).toEqual(expected[name]);
    expect(rest).toEqual(
      Object.fromEntries([
        ['epoch', 3],
        ['best', 0.75],
        ['small', 0.5],
        ['count', 7],
        ['size', [2, 3]],
        ['dtype', 'float32'],
        ['device', 'cuda:1'],
        ['set', [5]],
        ['bytes', Uint8Array.of(0, 255)],
        ['big', -(2n ** 70n)],
        ['negative', -129],
        ['tuple', [1, [2.5, null], true]],
        [
          'again',
          [
            [1, 'two'],
            [1, 'two'],
          ],
        ],
        ['3', 'number'],
        ['__proto__', { polluted: true }],
      ]),
    );
    expect(Object.getPrototypeOf(tree)).toBe(Object.prototype);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    const { state, param_groups: groups } = optimizer as {
      state: Record<string, { step: Tensor }>;
      param_groups: object[];
    };
    expect(await state[0].step.item()).toBe(1);
    expect(groups[0]).toMatchObject({ lr: 0.125, betas: [0.9, 0.999], params: [0, 1, 2, 3] });
    const epoch = await io.loadTorchTree(at(name), { key: 'epoch' });
    expect(epoch).toBe(3);
  });
});

describe('a file of PyTorch that is refused', () => {
  it.each([
    ['class.pt', /argparse\.Namespace, which is not on the list/],
    ['harm.pt', /(__builtin__|builtins)\.print, which is not on the list/],
    ['cyclic.pt', /contains itself/],
    ['complex.pt', /torch\.ComplexFloatStorage, which is not on the list/],
    ['uint64.pt', /dtype uint64 is not supported/],
    ['script.pt', /TorchScript/],
    ['arrays.npz', /no data\.pkl/],
    ['version1.npy', /neither a ZIP archive/],
  ])('%s', async (name, message) => {
    const before = liveTensors();
    expect(await refusal(io.loadTorchTree(at(name)))).toMatch(message);
    expect(liveTensors()).toBe(before);
  });
});

describe('loadNpz and loadNpy', () => {
  it.each(['arrays.npz', 'packed.npz'])('read %s as numpy does', async (name) => {
    const tensors = await io.loadNpz(at(name));
    expect(Object.keys(tensors)).toEqual(Object.keys(expected[name]));
    expect(await described(tensors)).toEqual(expected[name]);
    expect(tensors.volume.strides).toEqual([1, 2, 6]);
    const some = await io.loadNpz(at(name), { names: ['big'], rename: [['big', 'x']] });
    expect(await described(some)).toEqual({ x: expected[name].big });
  });

  it.each(['version1.npy', 'version2.npy', 'version3.npy'])('read %s', async (name) => {
    expect(await described({ '': await io.loadNpy(at(name)) })).toEqual(expected[name]);
  });

  it.each([
    ['structured.npy', /structured arrays are not read/],
    ['object.npy', /dtype object needs pickle/],
    ['complex.npy', /dtype '<c8' is not supported/],
    ['text.npy', /dtype '<U3' is not supported/],
    ['all.pt', /no array of numpy/],
  ])('refuse %s', async (name, message) => {
    expect(await refusal(io.loadNpy(at(name)))).toMatch(message);
  });
});

describe('loadSafetensors', () => {
  it('reads what the Python library writes', async () => {
    const { tensors, metadata } = await io.loadSafetensors(at('all.safetensors'));
    expect(metadata).toEqual({ format: 'pt' });
    expect(await described(tensors)).toEqual(expected['all.safetensors']);
  });
});
