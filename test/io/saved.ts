// What saving writes: given to PyTorch, numpy and safetensors once (check_saved.py), and compared with their copies since.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { arange, io, type Tensor, tensor, zeros } from '../../lib/index.js';

/** Tensors of every dtype and layout, the same at each call. */
export function state(): Record<string, Tensor> {
  const special = [1 / 3, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e-40, 3e38];
  const grid = arange(12, { dtype: 'float32' }).reshape([3, 4]);
  const tied = tensor([[1, 2]]);
  return {
    float32: tensor(special),
    float64: tensor([Math.PI, 1e300], { dtype: 'float64' }),
    float16: tensor([1 / 3, 65504], { dtype: 'float16' }),
    bfloat16: tensor(special, { dtype: 'bfloat16' }),
    int8: tensor(Int8Array.of(-128, 127)),
    uint8: tensor(Uint8Array.of(0, 255)),
    int32: tensor(Int32Array.of(-(2 ** 31), 5)),
    int64: tensor([-(2n ** 63n), 5n]),
    bool: tensor([[true, false]]),
    scalar: tensor(2.5),
    empty: zeros([0, 3]),
    turned: grid.transpose(0, 1),
    part: grid.narrow(1, 1, 2),
    tied,
    'a.tied näme': tied.detach(),
  };
}

/** A checkpoint with values of all kinds. */
export const checkpoint = (): Record<string, unknown> => ({
  model: state(),
  epoch: 3,
  loss: 0.25,
  numbers: [0, -1, 255, 65536, -(2 ** 31), 2 ** 31, 2n ** 70n, -(2n ** 63n), 128n, -0, Number.NaN],
  text: 'Zeile\n✓',
  nothing: null,
  flags: [true, false],
  nested: { deep: [{ x: tensor([7]) }] },
});

/** Writes all files into a folder. */
export async function writeAll(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await io.saveTorch(join(folder, 'state.pt'), state());
  await io.saveTorch(join(folder, 'checkpoint.pt'), checkpoint());
  await io.saveNpz(join(folder, 'plain.npz'), state());
  await io.saveNpz(join(folder, 'packed.npz'), state(), { compressed: true });
  await io.saveNpy(join(folder, 'turned.npy'), state().turned);
  await io.saveNpy(join(folder, 'scalar.npy'), state().scalar);
  await io.saveSafetensors(join(folder, 'state.safetensors'), state(), { format: 'pt' });
  await io.saveSharded(join(folder, 'shards'), state(), { maxShardSize: 100 });
}

// npx tsx test/io/saved.ts FOLDER
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await writeAll(process.argv[2]);
