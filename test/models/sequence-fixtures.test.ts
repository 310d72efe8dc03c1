// The sequence models against the same models in PyTorch.
import { models, type nn, type Tensor } from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

/** A model whose sources have these lengths. */
const withLengths = (model: models.RNNSeq2Seq, sourceLengths?: number[]): nn.AnyModule => {
  const { forward } = models.RNNSeq2Seq.prototype;
  model.forward = function (this: models.RNNSeq2Seq, source: Tensor, target: Tensor) {
    return forward.call(this, source, target, { sourceLengths });
  };
  return model as nn.AnyModule;
};

const rnn = (options: Partial<models.RNNSeq2SeqOptions>, lengths?: number[]) => () =>
  withLengths(
    new models.RNNSeq2Seq({ sourceVocabSize: 5, targetVocabSize: 6, embeddingDim: 3, hiddenSize: 4, ...options }),
    lengths,
  );

const transformer = (options: Partial<models.TransformerSeq2SeqOptions>) => () =>
  new models.TransformerSeq2Seq({
    sourceVocabSize: 5,
    targetVocabSize: 6,
    dModel: 4,
    nhead: 2,
    dimFeedforward: 8,
    dropout: 0,
    maxLen: 9,
    ...options,
  }) as nn.AnyModule;

const char = (options: Partial<models.CharRNNOptions>) => () =>
  new models.CharRNN({ vocabSize: 5, embeddingDim: 3, hiddenSize: 4, ...options }) as nn.AnyModule;

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
  'char lstm': char({ numLayers: 2 }),
  'char gru': char({ cell: 'gru' }),
  'seq2seq bahdanau': rnn({ numLayers: 2, attention: 'bahdanau' }, [4, 2, 3]),
  'seq2seq dot': rnn({ cell: 'gru', bidirectional: false, attention: 'dot' }),
  'seq2seq general': rnn({ numLayers: 2 }, [1, 4, 3]),
  'seq2seq concat': rnn({ cell: 'gru', attention: 'concat' }),
  'seq2seq transformer': transformer({ numEncoderLayers: 1, numDecoderLayers: 2, padToken: 0 }),
  'seq2seq transformer, norm first': transformer({ numEncoderLayers: 1, numDecoderLayers: 1, normFirst: true }),
});
