import { nn } from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

compareModules('nn_distance', {
  bilinear: () => new nn.Bilinear(3, 4, 2),
  'bilinear without bias': () => new nn.Bilinear(2, 2, 3, { bias: false }),
  cosineSimilarity: () => new nn.CosineSimilarity({ dim: -1, eps: 1e-6 }),
  pairwiseDistance: () => new nn.PairwiseDistance({ p: 3, keepdim: true }),
});
