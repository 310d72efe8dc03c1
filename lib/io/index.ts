/**
 * Files of weights: safetensors, PyTorch's files, NumPy, folders of pretrained models, checkpoints.
 * @packageDocumentation
 */
import './module.js';

export { loadCheckpoint, saveCheckpoint } from './checkpoint.js';
export { mapNames, type NameRule, type Rename, transposeWeights } from './names.js';
export { loadNpy, loadNpz, type SaveNpzOptions, saveNpy, saveNpz } from './npy.js';
export { loadPretrained, type Pretrained } from './pretrained.js';
export { type LoadTensorsOptions, loadSafetensors, saveSafetensors } from './safetensors.js';
export { openSafetensors, type Safetensors, SafetensorsFile, type TensorInfo } from './safetensors-read.js';
export type { NamedTensors } from './safetensors-write.js';
export { type SaveShardedOptions, saveSharded } from './sharded.js';
export type { FileSource } from './source.js';
export { type LoadTorchOptions, type LoadTorchStateOptions, loadTorch, loadTorchTree } from './torch/load.js';
export { saveTorch } from './torch/save.js';
export type { TorchValue } from './torch/values.js';
