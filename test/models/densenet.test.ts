import { describe, expect, it } from 'vitest';
import {
  manualSeed,
  memory,
  models,
  rand,
  resetPeakMemory,
  scope,
  synchronizeSync,
  type Tensor,
} from '../../lib/index.js';
import { compareModels } from '../support/models.js';

compareModels('densenet');

describe('densenet', () => {
  const small = { numClasses: 2, blockConfig: [4, 4, 4, 4], growthRate: 8, numInitFeatures: 16 };

  it('gives the same gradients with less memory when it is memory efficient', () => {
    const run = (memoryEfficient: boolean): { grads: number[][]; peak: number } => {
      manualSeed(4);
      // What the joined channels take grows with the square of the layers in a block.
      const options = { ...small, blockConfig: [12, 2, 2, 2], dropRate: 0.2 };
      const model = models.densenet121({ ...options, memoryEfficient });
      const x = rand([4, 3, 64, 64]);
      synchronizeSync();
      resetPeakMemory();
      const before = memory().live;
      scope(() => model.forward(x).sum().backward());
      synchronizeSync();
      const peak = memory().peak - before;
      return { grads: model.parameters().map((p) => Array.from((p.grad as Tensor).dataSync(), Number)), peak };
    };
    const [plain, efficient] = [run(false), run(true)];
    expect(efficient.grads).toEqual(plain.grads);
    expect(efficient.peak).toBeLessThan(0.7 * plain.peak);
  });

  it("loads the older names of torchvision's files", () => {
    const model = models.densenet121(small);
    const old = Object.entries(model.stateDict()).flatMap(([key, value]): [string, Tensor][] =>
      key.endsWith('num_batches_tracked')
        ? []
        : [[key.replace(/(denselayer\d+\.(?:norm|conv))([12])/, '$1.$2'), value]],
    );
    expect(old.some(([key]) => key === 'features.denseblock1.denselayer1.norm.1.weight')).toBe(true);
    const twin = models.densenet121(small);
    twin.loadStateDict(Object.fromEntries(old));
    const x = rand([1, 3, 32, 32]);
    expect(twin.eval().forward(x).toArraySync()).toEqual(model.eval().forward(x).toArraySync());
  });
});
