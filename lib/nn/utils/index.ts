// torch.nn.utils.

export {
  type ClipGradNormOptions,
  clipGradNorm_,
  clipGradValue_,
  getTotalNorm,
  type Parameters,
} from './clip-grad.js';
export { parametersToVector, vectorToParameters } from './vector.js';
