// The sequence models against the same models in PyTorch.
import { models, type nn } from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

compareModules('nn_sequence_models', {
  gpt: () =>
    new models.GPT({
      vocabSize: 7,
      nPositions: 6,
      nEmbd: 4,
      nLayer: 2,
      nHead: 2,
      nInner: 8,
      residPdrop: 0,
      embdPdrop: 0,
      attnPdrop: 0,
    }) as nn.AnyModule,
});
