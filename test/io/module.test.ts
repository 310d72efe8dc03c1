// Module.save and Module.load.
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ArgumentError, FormatError, io, memory, nn, randn, type Tensor } from '../../lib/index.js';
import { liveTensors } from '../support/garbage.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-module-'));
});
afterAll(() => rm(folder, { recursive: true }));

const make = (outputs = 3) =>
  new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.BatchNorm2d(2), new nn.Flatten(), new nn.Linear(8, outputs));

const values = (module: nn.AnyModule): Record<string, number[]> =>
  Object.fromEntries(Object.entries(module.stateDict()).map(([key, t]) => [key, Array.from(t.dataSync(), Number)]));

async function saved(name: string, module: nn.AnyModule = make()): Promise<string> {
  const path = join(folder, name);
  await module.save(path);
  return path;
}

describe('save and load', () => {
  it.each(['float32', 'float64'] as const)('give back every value, statistics too, in %s', async (dtype) => {
    const [a, b] = [make().to(dtype), make().to(dtype)];
    a.forward(randn([4, 1, 4, 4], { dtype }));
    const path = await saved(`${dtype}.safetensors`, a);
    const tensors = liveTensors();
    expect(await b.load(path)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(memory().tensors).toBe(tensors);
    expect(values(b)).toEqual(values(a));
    const x = randn([2, 1, 4, 4], { dtype });
    const run = (module: nn.Module): number[] => Array.from(module.eval().forward(x).dataSync(), Number);
    expect(run(b)).toEqual(run(a));
  });

  it("writes PyTorch's names and shapes, and text beside them", async () => {
    const path = join(folder, 'metadata.safetensors');
    await make().save(path, { epoch: '3' });
    const { tensors, metadata } = await io.loadSafetensors(path);
    expect(metadata).toEqual({ epoch: '3' });
    expect(Object.entries(tensors).map(([key, t]) => [key, t.dtype, ...t.shape])).toEqual([
      ['0.weight', 'float32', 2, 1, 3, 3],
      ['0.bias', 'float32', 2],
      ['1.weight', 'float32', 2],
      ['1.bias', 'float32', 2],
      ['1.running_mean', 'float32', 2],
      ['1.running_var', 'float32', 2],
      ['1.num_batches_tracked', 'int64'],
      ['3.weight', 'float32', 3, 8],
      ['3.bias', 'float32', 3],
    ]);
  });

  it('saves what the parameters were at the call', async () => {
    const model = new nn.Linear(2, 2);
    const before = values(model);
    const saving = saved('moment.safetensors', model);
    nn.init.zeros_(model.weight);
    const other = new nn.Linear(2, 2);
    await other.load(await saving);
    expect(values(other)).toEqual(before);
  });

  it('frees what it reads and writes', async () => {
    const model = make();
    const path = await saved('memory.safetensors', model);
    const before = liveTensors();
    for (let i = 0; i < 3; i++) {
      await model.save(path);
      await model.load(path);
    }
    expect(memory().tensors).toBe(before);
  });
});

describe('what does not fit is told, and nothing changes', () => {
  async function refused(module: nn.AnyModule, path: string): Promise<Error> {
    const before = values(module);
    const tensors = liveTensors();
    const error = await module.load(path).then(
      () => new Error('the file was accepted'),
      (reason: Error) => reason,
    );
    expect(memory().tensors).toBe(tensors);
    expect(values(module)).toEqual(before);
    return error;
  }

  it('a file cut short, at any place', async () => {
    const whole = await readFile(await saved('whole.safetensors'));
    for (const length of [0, 7, 8, 100, whole.length - 1]) {
      const path = await saved('cut.safetensors');
      await truncate(path, length);
      const error = await refused(make(), path);
      expect(error).toBeInstanceOf(FormatError);
      expect(error.message).toContain('cut.safetensors');
    }
  });

  it('a file of something else, and no file', async () => {
    const path = join(folder, 'text.safetensors');
    await writeFile(path, 'these are no weights at all');
    expect(await refused(make(), path)).toBeInstanceOf(FormatError);
    expect(await refused(make(), join(folder, 'absent'))).toMatchObject({ code: 'ENOENT' });
  });

  it('wrong shapes', async () => {
    const error = await refused(make(4), await saved('three.safetensors', make(3)));
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toBe(
      'Sequential.loadStateDict: wrong shapes: 3.weight: [3, 8] given, [4, 8] expected; 3.bias: [3] given, [4] expected',
    );
  });

  it('missing and unexpected keys, all of them', async () => {
    const path = join(folder, 'other.safetensors');
    const { '0.bias': _, '1.running_var': __, ...state } = make().stateDict();
    await io.saveSafetensors(path, { ...state, extra: randn([1]), more: randn([2]) } as Record<string, Tensor>);
    const error = await refused(make(), path);
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toContain('missing keys: 0.bias, 1.running_var; unexpected keys: extra, more');
  });

  it('not strict, it loads the rest', async () => {
    const path = join(folder, 'part.safetensors');
    const { '0.bias': _, ...state } = make().stateDict();
    await io.saveSafetensors(path, { ...state, extra: randn([1]) } as Record<string, Tensor>);
    const model = make();
    const bias = values(model)['0.bias'];
    const result = await model.load(path, { strict: false });
    expect(result).toEqual({ missingKeys: ['0.bias'], unexpectedKeys: ['extra'] });
    expect(values(model)['0.bias']).toEqual(bias);
    expect(values(model)['3.weight']).toEqual(Array.from(state['3.weight'].dataSync(), Number));
  });
});
