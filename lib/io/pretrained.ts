// A folder of Hugging Face: its configuration and its weights, however they are stored.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FormatError } from '../errors.js';
import type { Tensor } from '../tensor/tensor.js';
import { type LoadTensorsOptions, loadSafetensors } from './safetensors.js';
import { chosenNames } from './safetensors-read.js';
import { readJson } from './sharded.js';
import { loadTorch } from './torch/load.js';

/** What {@link loadPretrained} gives. */
export interface Pretrained {
  /** The content of `config.json`; empty where there is none. */
  readonly config: Record<string, unknown>;
  readonly tensors: Record<string, Tensor>;
}

/** Where weights are looked for, in this order, as Hugging Face's libraries do it. */
const FILES = ['model.safetensors', 'model.safetensors.index.json', 'pytorch_model.bin'];

/**
 * Loads a folder as Hugging Face lays it out: `config.json`, and the weights from `model.safetensors`, from the files that
 * `model.safetensors.index.json` names, or from `pytorch_model.bin`.
 *
 * @throws FormatError when there are no weights, or a file is damaged
 * @example
 * const { config, tensors } = await io.loadPretrained('gpt2');
 * const model = new models.GPT({ nEmbd: config.n_embd, nLayer: config.n_layer, nHead: config.n_head });
 * model.loadStateDict(tensors);
 */
export async function loadPretrained(folder: string, options: LoadTensorsOptions = {}): Promise<Pretrained> {
  const op = 'loadPretrained';
  const there = new Set(await readdir(folder));
  const file = FILES.find((name) => there.has(name));
  if (file === undefined) throw new FormatError(op, folder, `has none of ${FILES.join(', ')}`);
  const config = there.has('config.json') ? await readJson(op, join(folder, 'config.json')) : {};
  const path = join(folder, file);
  if (!file.endsWith('.bin')) return { config, tensors: (await loadSafetensors(path, options)).tensors };
  const all = await loadTorch(path);
  const names = chosenNames(op, Object.keys(all), options);
  for (const [name, tensor] of Object.entries(all)) if (!names.has(name)) tensor.dispose();
  return { config, tensors: Object.fromEntries([...names].map(([from, to]) => [to, all[from]])) };
}
