// The rows of `npm run bench -- layers`: each layer forward, and forward with backward.
import type { Case } from './ops.js';

const LAYERS: Readonly<Record<string, string>> = {
  softmax: 'softmax of rows, 96 x 128 x 128',
  logSoftmax: 'logSoftmax of rows, 1024 x 32000',
  crossEntropy: 'crossEntropy, 4096 x 32000',
  layerNorm: 'layerNorm, 2048 x 768',
  rmsNorm: 'rmsNorm, 2048 x 768',
  groupNorm: 'groupNorm in 32 groups, 32 x 256 x 56 x 56',
  gelu: 'gelu, 16 x 128 x 3072',
  'gelu tanh': 'gelu by tanh, 16 x 128 x 3072',
  silu: 'silu, 16 x 128 x 3072',
  mish: 'mish, 16 x 128 x 3072',
  embedding: 'embedding 32000 x 768, 16 x 128 tokens',
  embeddingBag: 'embeddingBag (mean) 32000 x 128, 2048 bags of 32',
  'ctc 30': 'ctcLoss, 200 frames, 32 samples of 50 labels, 30 classes',
  'ctc 32000': 'ctcLoss, the same with 32000 classes',
};

/** Layers by the shapes of BERT-base, ResNet-50 and a vocabulary of 32000. */
export const LAYER_CASES: readonly Case[] = Object.entries(LAYERS).flatMap(([name, text]) => [
  { name, text, target: 1.2 },
  { name: `${name} backward`, text: `${text}, forward and backward`, target: 1.2 },
]);
