import { describe, expect, it } from 'vitest';
import { ArgumentError, F, nn, ShapeError, tensor, zeros } from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

compareModules('nn_linear_cross_entropy', {
  linearCrossEntropy: () => new nn.LinearCrossEntropyLoss(5, 3),
  'linearCrossEntropy of one': () =>
    new nn.LinearCrossEntropyLoss(5, 3, { bias: true, reduction: 'sum', labelSmoothing: 0.25 }),
  'linearCrossEntropy weighted': () =>
    new nn.LinearCrossEntropyLoss(5, 3, { bias: true, weight: tensor([0.5, 2, 1]), ignoreIndex: 1 }),
  'linearCrossEntropy of places': () =>
    new nn.LinearCrossEntropyLoss(5, 3, { outFeatures: [2, 2], bias: true, reduction: 'none' }),
  'linearCrossEntropy of probabilities': () => new nn.LinearCrossEntropyLoss(5, 3, { outFeatures: [2] }),
});

describe('linearCrossEntropy', () => {
  const [x, w, t] = [zeros([4, 5]), zeros([3, 5]), zeros([4], { dtype: 'int64' })];
  it('refuses what does not fit', () => {
    expect(() => F.linearCrossEntropy(zeros([4, 2, 5]), w, t)).toThrow(
      /input must be \[N, I\] or \[I\], got \[4, 2, 5\]/,
    );
    expect(() => F.linearCrossEntropy(x, zeros([3, 4]), t)).toThrow(/\[4, 5\] and linearWeight \[3, 4\] differ/);
    expect(() => F.linearCrossEntropy(x, w, t, { linearBias: zeros([4]) })).toThrow(/linearBias must be \[3\]/);
    expect(() => F.linearCrossEntropy(zeros([5]), zeros([3, 2, 5]), t)).toThrow(ShapeError);
    expect(() => F.linearCrossEntropy(x, w, zeros([4, 3]), { ignoreIndex: 1 })).toThrow(ArgumentError);
    expect(() => new nn.LinearCrossEntropyLoss(5, 3, { weight: zeros([2]) })).toThrow(/3 classes need \[3\]/);
  });
});
