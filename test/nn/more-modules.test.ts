import { nn } from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

compareModules('nn_more', {
  hardsigmoid: () => new nn.Hardsigmoid(),
  'instanceNorm without bias': () => new nn.InstanceNorm2d(4, { affine: true, bias: false }),
});
