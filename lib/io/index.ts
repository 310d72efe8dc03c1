import './module.js';

export { loadCheckpoint, saveCheckpoint } from './checkpoint.js';
export { loadSafetensors, type NamedTensors, type Safetensors, saveSafetensors } from './safetensors.js';
