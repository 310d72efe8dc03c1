// The nine workloads, as a user of PyTorch would write them, translated line by line; workloads.py has the originals.
import { chain, elementwise, product } from './arithmetic.js';
import type { Make } from './common.js';
import { deepConvNet, evaluation, perceptron, resNetInference, resNetTraining } from './images.js';
import { recurrent, transformer } from './sequences.js';

export const WORKLOADS: Readonly<Record<string, readonly [title: string, make: Make]>> = {
  W1: ['DeepConvNet training step, batch 100', deepConvNet],
  W2i1: ['ResNet-18 inference, batch 1', (size) => resNetInference(size, 1)],
  W2i8: ['ResNet-18 inference, batch 8', (size) => resNetInference(size, 8)],
  W2t: ['ResNet-18 training step, batch 8', resNetTraining],
  W3lf: ['LSTM forward, batch 64, 50 steps, 128 to 256', (size) => recurrent(size, 'LSTM', false)],
  W3lb: ['LSTM forward and backward', (size) => recurrent(size, 'LSTM', true)],
  W3gf: ['GRU forward, batch 64, 50 steps, 128 to 256', (size) => recurrent(size, 'GRU', false)],
  W3gb: ['GRU forward and backward', (size) => recurrent(size, 'GRU', true)],
  W4: ['matrix product, 1024 x 1024 x 1024', product],
  W5relu: ['relu of 16M floats', (size) => elementwise(size, 'relu')],
  W5add: ['add of 16M floats', (size) => elementwise(size, 'add')],
  W5exp: ['exp of 16M floats', (size) => elementwise(size, 'exp')],
  W6: ['MLP 784-512-512-10 training step, batch 128', perceptron],
  W7: ['1000 chained adds of 10 x 10, forward and backward', chain],
  W8f: [
    'transformer encoder layer forward, d 256, 8 heads, batch 16, 128 positions',
    (size) => transformer(size, false),
  ],
  W8: ['transformer encoder layer forward and backward', (size) => transformer(size, true)],
  W9: ['DeepConvNet over 10,000 images, batch 100', evaluation],
};
