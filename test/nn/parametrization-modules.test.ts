import { exp, nn, type Tensor } from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

const { parametrizations: P, parametrize, prune } = nn.utils;
const { registerParametrization } = parametrize;

class Symmetric extends nn.Module {
  forward(x: Tensor): Tensor {
    return x.triu().add(x.triu(1).mT);
  }

  rightInverse(a: Tensor): Tensor {
    return a.triu();
  }
}

class Exponential extends nn.Module {
  forward(x: Tensor): Tensor {
    return exp(x);
  }
}

class RankOne extends nn.Module<[Tensor, Tensor]> {
  forward(x: Tensor, y: Tensor): Tensor {
    return x.unsqueeze(-1).matmul(y.unsqueeze(-2));
  }

  rightInverse(z: Tensor): Tensor[] {
    return [z.select(1, 0), z.select(0, 0)];
  }
}

class TwoUses extends nn.Module {
  first = P.weightNorm(new nn.Linear(4, 4));
  last = P.spectralNorm(new nn.Linear(4, 3));

  forward(x: Tensor): Tensor {
    return this.last.forward(this.first.forward(this.first.forward(x).tanh()).tanh());
  }
}

const linear = (inputs: number, outputs: number) => new nn.Linear(inputs, outputs);
const symmetric = () => registerParametrization(linear(4, 4), 'weight', new Symmetric());

const orthogonal = Object.fromEntries(
  (['matrixExp', 'cayley', 'householder'] as const).flatMap((orthogonalMap) => [
    [`orthogonal ${orthogonalMap} square`, () => P.orthogonal(linear(4, 4), 'weight', { orthogonalMap })],
    [`orthogonal ${orthogonalMap} tall`, () => P.orthogonal(linear(4, 6), 'weight', { orthogonalMap })],
    [`orthogonal ${orthogonalMap} wide`, () => P.orthogonal(linear(4, 3), 'weight', { orthogonalMap })],
    [
      `orthogonal ${orthogonalMap} plain`,
      () => P.orthogonal(linear(4, 6), 'weight', { orthogonalMap, useTrivialization: false }),
    ],
  ]),
);

compareModules('nn_parametrization', {
  weightNorm: () => P.weightNorm(linear(4, 3)),
  'weightNorm of columns': () => P.weightNorm(new nn.Linear(4, 3, { bias: false }), 'weight', { dim: 1 }),
  'weightNorm of everything': () => P.weightNorm(linear(4, 3), 'weight', { dim: null }),
  'weightNorm of a convolution': () => P.weightNorm(new nn.Conv2d(4, 3, 3)),
  'weightNorm of a bias': () => P.weightNorm(linear(4, 3), 'bias'),
  spectralNorm: () => P.spectralNorm(linear(4, 3)),
  'spectralNorm of a convolution': () =>
    P.spectralNorm(new nn.Conv2d(4, 3, [2, 3]), 'weight', { nPowerIterations: 3, eps: 1e-3, dim: 1 }),
  'spectralNorm of a transposed convolution': () => P.spectralNorm(new nn.ConvTranspose2d(4, 3, 2)),
  'spectralNorm of a bias': () => P.spectralNorm(linear(4, 3), 'bias'),
  ...orthogonal,
  'orthogonal of a convolution': () => P.orthogonal(new nn.Conv2d(4, 3, [2, 3])),
  symmetric,
  'two on one tensor': () => registerParametrization(symmetric(), 'weight', new Exponential()),
  'two originals': () => registerParametrization(linear(4, 3), 'weight', new RankOne()),
  'weight and bias': () => P.weightNorm(P.spectralNorm(linear(4, 3)), 'bias'),
  'a buffer': () => registerParametrization(new nn.BatchNorm1d(4), 'runningVar', new Exponential()),
  model: () => new TwoUses(),
  pruned: () => prune.l1Unstructured(linear(4, 3), 'weight', 0.4),
  'pruned twice': () =>
    prune.lnStructured(prune.randomUnstructured(new nn.Conv2d(4, 6, 3), 'weight', 20), 'weight', 0.5, 2, 0),
  'pruned weight and bias': () => prune.l1Unstructured(prune.identity(linear(4, 3), 'weight'), 'bias', 1),
  'old weightNorm': () => nn.utils.weightNorm(new nn.Conv2d(4, 3, 3)),
  'old weightNorm of everything': () => nn.utils.weightNorm(linear(4, 3), 'weight', { dim: null }),
  'old spectralNorm': () => nn.utils.spectralNorm(linear(4, 3), 'weight', { nPowerIterations: 2 }),
});
