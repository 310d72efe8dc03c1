/**
 * PyTorch's `torch.optim.swa_utils`: averages of weights.
 * @packageDocumentation
 */
export { AveragedModel, type AveragedModelOptions, updateBn } from './averaged-model.js';
export {
  type AvgFn,
  getEmaAvgFn,
  getEmaMultiAvgFn,
  getSwaAvgFn,
  getSwaMultiAvgFn,
  type MultiAvgFn,
} from './averaging.js';
export { SWALR, type SWALROptions } from './swa-lr.js';
