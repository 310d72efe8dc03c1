import { expect, it } from 'vitest';
import type { models, nn } from '../../lib/index.js';
import { compareModels, empty } from '../support/models.js';

compareModels('resnet_small');

// He et al. 2015, table 6.
it.each([
  ['resnet20', 0.27],
  ['resnet32', 0.46],
  ['resnet44', 0.66],
  ['resnet56', 0.85],
  ['resnet110', 1.73],
] as const)('%s has the %f million parameters of the paper', (name, millions) => {
  const model = empty(name);
  expect(model.parameters().reduce((sum, p) => sum + p.numel, 0) / 1e6).toBeCloseTo(millions, 2);
  model.dispose();
});

it.each(['20', '32', '44', '56'] as const)('plain%s has the layers and parameters of the residual network', (depth) => {
  const [plain, residual] = (['plain', 'resnet'] as const).map((kind) => empty(`${kind}${depth}` as models.ModelName));
  const sizes = (model: nn.AnyModule) => Object.values(model.stateDict()).map(({ shape }) => shape);
  expect(sizes(plain)).toEqual(sizes(residual));
  // Beside the first and the last, two in each of 3n blocks.
  const layers = [...plain.namedParameters()].filter(([, p]) => p.ndim > 1);
  expect(layers).toHaveLength(Number(depth));
  for (const model of [plain, residual]) model.dispose();
});
