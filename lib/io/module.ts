import { type LoadResult, Module } from '../nn/module.js';
import type { LoadOptions } from '../nn/state-dict.js';
import type { Tensor } from '../tensor/tensor.js';
import { loadSafetensors, saveSafetensors } from './safetensors.js';

declare module '../nn/module.js' {
  interface Module<Inputs extends readonly unknown[] = [Tensor], Output = Tensor> {
    /** Writes the state dict as a safetensors file, completely or not at all. */
    save(path: string, metadata?: Readonly<Record<string, string>>): Promise<void>;
    /**
     * Loads a safetensors file into the module. The file and its names and shapes are checked before anything changes.
     * @throws FormatError for a damaged file; StateDictError with the missing, unexpected and misshapen keys.
     */
    load(path: string, options?: LoadOptions): Promise<LoadResult>;
  }
}

Module.prototype.save = async function (path, metadata = {}) {
  const state = this.stateDict();
  try {
    await saveSafetensors(path, state, metadata);
  } finally {
    for (const tensor of Object.values(state)) tensor.dispose();
  }
};

Module.prototype.load = async function (path, options = {}) {
  const { tensors } = await loadSafetensors(path);
  try {
    return this.loadStateDict(tensors, options);
  } finally {
    for (const tensor of Object.values(tensors)) tensor.dispose();
  }
};
