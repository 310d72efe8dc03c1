import { nn } from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

compareModules('nn_norm', {
  layerNorm: () => new nn.LayerNorm(4),
  'layerNorm of two axes': () => new nn.LayerNorm([3, 4], { bias: false, eps: 1e-3 }),
  'layerNorm plain': () => new nn.LayerNorm(4, { elementwiseAffine: false }),
  rmsNorm: () => new nn.RMSNorm(4),
  'rmsNorm with eps': () => new nn.RMSNorm([3, 4], { eps: 1e-6, elementwiseAffine: false }),
  groupNorm: () => new nn.GroupNorm(2, 4),
  'groupNorm plain': () => new nn.GroupNorm(4, 4, { affine: false, eps: 1e-3 }),
  instanceNorm1d: () => new nn.InstanceNorm1d(3),
  instanceNorm2d: () => new nn.InstanceNorm2d(4, { affine: true }),
  'instanceNorm2d tracked': () => new nn.InstanceNorm2d(4, { trackRunningStats: true, momentum: 0.3 }),
  instanceNorm3d: () => new nn.InstanceNorm3d(4, { affine: true, trackRunningStats: true }),
  localResponseNorm: () => new nn.LocalResponseNorm(3),
  'localResponseNorm strong': () => new nn.LocalResponseNorm(2, { alpha: 0.5, beta: 0.6, k: 2 }),
  batchNorm3d: () => new nn.BatchNorm3d(4),
});
