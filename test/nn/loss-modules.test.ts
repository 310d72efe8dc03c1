import { nn, ones } from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

const five = () => ones([5]);

compareModules('nn_loss', {
  l1: () => new nn.L1Loss(),
  smoothL1: () => new nn.SmoothL1Loss({ beta: 0.3 }),
  huber: () => new nn.HuberLoss({ reduction: 'sum', delta: 0.7 }),
  nll: () => new nn.NLLLoss({ weight: five() }),
  'weighted crossEntropy': () => new nn.CrossEntropyLoss({ weight: five() }),
  bce: () => new nn.BCELoss({ weight: five() }),
  bceWithLogits: () => new nn.BCEWithLogitsLoss({ weight: five(), posWeight: five() }),
  'bceWithLogits plain': () => new nn.BCEWithLogitsLoss(),
  klDiv: () => new nn.KLDivLoss({ reduction: 'batchmean' }),
  poisson: () => new nn.PoissonNLLLoss({ full: true }),
  gaussian: () => new nn.GaussianNLLLoss({ full: true }),
  hinge: () => new nn.HingeEmbeddingLoss({ margin: 0.8 }),
  cosine: () => new nn.CosineEmbeddingLoss({ margin: 0.1 }),
  ranking: () => new nn.MarginRankingLoss({ margin: 0.1 }),
  softMargin: () => new nn.SoftMarginLoss(),
  multilabelSoft: () => new nn.MultiLabelSoftMarginLoss({ weight: five() }),
  multiMargin: () => new nn.MultiMarginLoss({ p: 2, margin: 0.7, weight: five() }),
  triplet: () => new nn.TripletMarginLoss({ margin: 0.9, swap: true }),
  tripletWithDistance: () =>
    new nn.TripletMarginWithDistanceLoss({ distanceFunction: (a, b) => a.sub(b).abs().sum(-1) }),
});
