import './module.js';

export { loadSafetensors, type NamedTensors, type Safetensors, saveSafetensors } from './safetensors.js';
