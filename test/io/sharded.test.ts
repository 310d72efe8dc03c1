// Range reads, element types that are widened, sharded checkpoints and name maps.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ArgumentError, arange, FormatError, io, memory, tensor, zeros } from '../../lib/index.js';
import { liveTensors } from '../support/garbage.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-shards-'));
});
afterAll(() => rm(folder, { recursive: true }));

const state = () => ({
  'model.a': arange(6, { dtype: 'float32' }).reshape([3, 2]),
  'model.b': tensor([7, 8]),
  'head.c': tensor(5),
});

describe('range reads', () => {
  it('load only the tensors that are named', async () => {
    const path = join(folder, 'some.safetensors');
    await io.saveSafetensors(path, state());
    const file = await readFile(path);
    // The bytes of the others may be anything: nobody looks at them.
    const some = await io.loadSafetensors(path, { names: ['model.b'] });
    expect(Object.keys(some.tensors)).toEqual(['model.b']);
    expect(await some.tensors['model.b'].toArray()).toEqual([7, 8]);
    const heads = await io.loadSafetensors(file, {
      names: (name) => name.startsWith('model'),
      rename: [['model.', '']],
    });
    expect(Object.keys(heads.tensors)).toEqual(['a', 'b']);
    await expect(io.loadSafetensors(path, { names: ['nothing'] })).rejects.toThrow(/no tensor "nothing"/);
    await expect(io.loadSafetensors(path, { rename: [[/.*/, 'x']] })).rejects.toThrow(/both become x/);
  });

  it('give rows of an open file', async () => {
    const path = join(folder, 'rows.safetensors');
    await io.saveSafetensors(path, state(), { made: 'here' });
    const file = await io.openSafetensors(path);
    expect(file.keys()).toEqual(['model.a', 'model.b', 'head.c']);
    expect(file.metadata).toEqual({ made: 'here' });
    expect(file.info('model.a')).toEqual({ dtype: 'float32', shape: [3, 2] });
    expect(await (await file.getSlice('model.a', 1, 3)).toArray()).toEqual([
      [2, 3],
      [4, 5],
    ]);
    expect((await file.getSlice('model.a', 3, 3)).shape).toEqual([0, 2]);
    expect(await (await file.getTensor('head.c')).item()).toBe(5);
    await expect(file.getSlice('model.a', 1, 4)).rejects.toBeInstanceOf(ArgumentError);
    await expect(file.getSlice('head.c', 0, 0)).rejects.toThrow(/no axes/);
    await expect(file.getTensor('__proto__')).rejects.toThrow(/no tensor/);
    await file.close();
  });
});

describe('element types that nabla lacks', () => {
  const file = (dtype: string, shape: number[], data: Uint8Array): Buffer => {
    const json = JSON.stringify({ x: { dtype, shape, data_offsets: [0, data.length] } });
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    return Buffer.concat([length, Buffer.from(json), data]);
  };
  const bytes = (array: Int16Array | Uint16Array | Uint32Array): Uint8Array => new Uint8Array(array.buffer);
  const read = async (dtype: string, data: Uint8Array, size: number) =>
    (await io.loadSafetensors(file(dtype, [size], data))).tensors.x;

  it('are widened without loss', async () => {
    const short = await read('I16', bytes(Int16Array.of(-32768, 7)), 2);
    expect([short.dtype, await short.toArray()]).toEqual(['int32', [-32768, 7]]);
    const word = await read('U16', bytes(Uint16Array.of(65535, 7)), 2);
    expect([word.dtype, await word.toArray()]).toEqual(['int32', [65535, 7]]);
    const wide = await read('U32', bytes(Uint32Array.of(2 ** 32 - 1, 7)), 2);
    expect([wide.dtype, await wide.toArray()]).toEqual(['int64', [4294967295n, 7n]]);
  });

  // 1, -2, the largest, the smallest, NaN of each format (Micikevicius et al., 2022, table 1).
  it('eight-bit floats too', async () => {
    const a = await read('F8_E4M3', Uint8Array.of(0x38, 0xc0, 0x7e, 0x01, 0x07, 0x80, 0x7f), 7);
    expect(a.dtype).toBe('float16');
    expect(await a.toArray()).toEqual([1, -2, 448, 2 ** -9, 7 * 2 ** -9, -0, Number.NaN]);
    const b = await read('F8_E5M2', Uint8Array.of(0x3c, 0xc0, 0x7b, 0x01, 0x7c, 0x7e), 6);
    expect(await b.toArray()).toEqual([1, -2, 57344, 2 ** -16, Number.POSITIVE_INFINITY, Number.NaN]);
  });

  it('are refused where no dtype holds them', async () => {
    await expect(read('U64', new Uint8Array(8), 1)).rejects.toThrow(/"x": dtype "U64" is not supported/);
    await expect(read('F8_E8M0', new Uint8Array(1), 1)).rejects.toBeInstanceOf(FormatError);
  });
});

describe('a sharded checkpoint', () => {
  const values = async (tensors: Record<string, import('../../lib/index.js').Tensor>) =>
    Object.fromEntries(await Promise.all(Object.entries(tensors).map(async ([k, t]) => [k, await t.toArray()])));

  it('is written and read back through its index', async () => {
    const here = join(folder, 'split');
    const index = await io.saveSharded(here, state(), { maxShardSize: 12 });
    expect((await readdir(here)).sort()).toEqual([
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
    ]);
    expect(JSON.parse(await readFile(index, 'utf8'))).toEqual({
      metadata: { total_size: 36 },
      weight_map: {
        'model.a': 'model-00001-of-00002.safetensors',
        'model.b': 'model-00002-of-00002.safetensors',
        'head.c': 'model-00002-of-00002.safetensors',
      },
    });
    const { tensors, metadata } = await io.loadSafetensors(index);
    expect(await values(tensors)).toEqual(await values(state()));
    expect(metadata).toEqual({ format: 'pt' });
    // The first file is not needed for these, and not opened.
    await rm(join(here, 'model-00001-of-00002.safetensors'));
    const some = await io.loadSafetensors(index, { names: ['head.c'], rename: (name) => name.slice(5) });
    expect(await values(some.tensors)).toEqual({ c: 5 });
    await expect(io.loadSafetensors(index)).rejects.toThrow(/ENOENT/);
  });

  it('replaces what an older save has left', async () => {
    const here = join(folder, 'again');
    expect(await io.saveSharded(here, state())).toBe(join(here, 'model.safetensors'));
    await io.saveSharded(here, state(), { maxShardSize: 24 });
    expect(await readdir(here)).not.toContain('model.safetensors');
    await io.saveSharded(here, {});
    expect(await readdir(here)).not.toContain('model.safetensors.index.json');
    await expect(io.saveSharded(here, state(), { maxShardSize: 0 })).rejects.toBeInstanceOf(ArgumentError);
    await expect(io.saveSharded(here, state(), { name: '../x' })).rejects.toBeInstanceOf(ArgumentError);
  });

  it.each([
    ['no JSON', '{', /not JSON/],
    ['an array', '[]', /no JSON object/],
    ['a key twice', '{"weight_map":{},"weight_map":{}}', /"weight_map" twice/],
    ['no map', '{}', /no weight_map/],
    ['a path out of the folder', '{"weight_map":{"a":"../x.safetensors"}}', /no name of a file/],
    ['a folder', '{"weight_map":{"a":".."}}', /no name of a file/],
    ['a number', '{"weight_map":{"a":1}}', /no name of a file/],
    ['a lie', '{"weight_map":{"a":"good.safetensors","b":"good.safetensors"}}', /has no tensor "b"/],
  ])('with an index that is %s is refused', async (_, json, message) => {
    const index = join(folder, 'bad.safetensors.index.json');
    await io.saveSafetensors(join(folder, 'good.safetensors'), { a: zeros([1]) });
    await writeFile(index, json);
    const before = liveTensors();
    const error = await io.loadSafetensors(index).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FormatError);
    expect((error as Error).message).toMatch(message);
    expect(memory().tensors).toBe(before);
  });
});

describe('loadPretrained', () => {
  it('finds the weights however they are stored', async () => {
    const here = join(folder, 'pretrained');
    await mkdir(here);
    await expect(io.loadPretrained(here)).rejects.toThrow(/has none of model.safetensors/);
    await io.saveTorch(join(here, 'pytorch_model.bin'), state());
    const options = { names: ['head.c'], rename: [['head.', '']] } as const;
    const before = liveTensors();
    const old = await io.loadPretrained(here, options);
    expect(memory().tensors).toBe(before + 1);
    expect([old.config, await old.tensors.c.item()]).toEqual([{}, 5]);
    await writeFile(join(here, 'config.json'), '{"n_embd":2}');
    for (const maxShardSize of [12, 1000]) {
      await io.saveSharded(here, state(), { maxShardSize });
      const { config, tensors } = await io.loadPretrained(here, options);
      expect([config, await tensors.c.item()]).toEqual([{ n_embd: 2 }, 5]);
    }
    await writeFile(join(here, 'config.json'), '[]');
    await expect(io.loadPretrained(here)).rejects.toBeInstanceOf(FormatError);
  });
});

describe('mapNames and transposeWeights', () => {
  it('apply rules in order, or a function', () => {
    const given = { 'module.bn.gamma': 1, 'module.fc.weight': 2 };
    const rules = [
      [/^module\./, ''],
      [/\.gamma$/, '.weight'],
    ] as const;
    expect(io.mapNames(given, rules)).toEqual({ 'bn.weight': 1, 'fc.weight': 2 });
    expect(io.mapNames(given, (name) => (name.includes('fc') ? 'w' : null))).toEqual({ w: 2 });
    expect(() => io.mapNames(given, [[/.*/, 'same']])).toThrow(/module.bn.gamma and module.fc.weight both become same/);
    expect(() => io.mapNames(given, [['a']] as never)).toThrow(ArgumentError);
  });

  it('keep a name such as __proto__ a plain name', () => {
    const mapped = io.mapNames({ a: 1 }, () => '__proto__');
    expect(Object.keys(mapped)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(mapped)).toBe(Object.prototype);
  });

  it('turns matrices only', () => {
    const given = { 'h.c_attn.weight': arange(6, { dtype: 'float32' }).reshape([2, 3]), 'h.c_attn.bias': zeros([3]) };
    const turned = io.transposeWeights(given, /c_attn\.weight$/);
    expect(turned['h.c_attn.weight'].toArraySync()).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect(turned['h.c_attn.bias']).toBe(given['h.c_attn.bias']);
    expect(() => io.transposeWeights(given, /nothing/)).toThrow(/no name matches/);
    expect(() => io.transposeWeights(given, /bias/)).toThrow(/no matrix/);
  });
});
