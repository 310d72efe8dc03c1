// The rows of `npm run bench -- layers`: each layer forward, and forward with backward.
import type { Case } from './case.js';

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

/** Images lie channels last on both sides. */
const IMAGES: Readonly<Record<string, readonly [text: string, target: number]>> = {
  batchNorm: ['batchNorm in training, 32 x 64 x 56 x 56', 1.5],
  maxPool: ['maxPool2d 3x3, stride 2, 32 x 64 x 112 x 112', 1.5],
  'maxPool 2x2': ['maxPool2d 2x2, 32 x 64 x 56 x 56', 1.5],
  avgPool: ['avgPool2d 2x2, 32 x 64 x 56 x 56', 1.5],
  'global avgPool': ['adaptiveAvgPool2d to 1x1, 32 x 2048 x 7 x 7', 1.5],
  bilinear: ['interpolate bilinear by 2, 8 x 64 x 56 x 56', 1.2],
  pad: ['pad by 1, 32 x 64 x 56 x 56', 1.2],
};

/** Layers by the shapes of BERT-base, ResNet-50 and a vocabulary of 32000. */
export const LAYER_CASES: readonly Case[] = [
  ...Object.entries(LAYERS).map(([name, text]) => [name, text, 1.2] as const),
  ...Object.entries(IMAGES).map(([name, [text, target]]) => [name, text, target] as const),
].flatMap(([name, text, target]) => [
  { name, text, target },
  { name: `${name} backward`, text: `${text}, forward and backward`, target },
]);
