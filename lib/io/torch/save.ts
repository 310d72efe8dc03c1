import { endianness } from 'node:os';
import { bytesOf } from '../safetensors-write.js';
import { writeZip } from '../zip-writer.js';
import { Pickler } from './pickler.js';

/**
 * Writes what `torch.load(path, weights_only=True)` reads: tensors, or plain values, arrays and objects of them, such as a state
 * dict or a whole checkpoint. The file appears complete or not at all. Whole numbers become Python's int, others float; tensors
 * that are the same memory and shape, such as tied weights, stay so; other views are written once each.
 *
 * @example
 * await io.saveTorch('model.pt', model.stateDict());
 * await io.saveTorch('checkpoint.pt', { model: model.stateDict(), epoch: 3, loss: 0.25 });
 * @throws ArgumentError for functions, classes and other values that a file cannot hold, naming the place; ValueError when an
 * operation that a tensor waits for has failed.
 */
export async function saveTorch(path: string, value: unknown): Promise<void> {
  const op = 'saveTorch';
  const pickler = new Pickler(op);
  const pickle = pickler.dump(value);
  const bytes = await bytesOf(op, pickler.tensors);
  const text = (name: string, content: string) => ({ name: `archive/${name}`, pieces: [Buffer.from(content)] });
  await writeZip(path, [
    { name: 'archive/data.pkl', pieces: [pickle] },
    text('byteorder', endianness() === 'LE' ? 'little' : 'big'),
    ...bytes.map((data, i) => ({ name: `archive/data/${i}`, pieces: [data] })),
    text('version', '3\n'),
  ]);
}
