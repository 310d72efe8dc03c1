import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  allclose,
  DTypeError,
  eye,
  linalg,
  manualSeed,
  memory,
  nn,
  noGrad,
  optim,
  randn,
  ShapeError,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';

const { parametrizations: P, parametrize } = nn.utils;
const { cached, isParametrized, registerParametrization, removeParametrizations } = parametrize;

const numbers = (t: Tensor): number[] => Array.from(t.dataSync(), Number);

class Double extends nn.Module {
  calls = 0;

  forward(x: Tensor): Tensor {
    this.calls++;
    return x.mul(2);
  }

  rightInverse(y: Tensor): Tensor {
    return y.mul(0.5);
  }
}

class Abs extends nn.Module {
  forward(x: Tensor): Tensor {
    return x.abs();
  }
}

describe('registerParametrization', () => {
  it('keeps the parameter object, and the value where there is a rightInverse', () => {
    const layer = new nn.Linear(2, 3);
    const { weight } = layer;
    const before = numbers(weight);
    expect(registerParametrization(layer, 'weight', new Double())).toBe(layer);
    expect(layer.parametrizations?.weight.original).toBe(weight);
    expect(numbers(layer.weight)).toEqual(before);
    expect(numbers(weight)).toEqual(before.map((x) => x / 2));
    expect(layer).toBeInstanceOf(nn.Linear);
    expect(layer.constructor.name).toBe('ParametrizedLinear');
    expect(parametrize.typeBeforeParametrizations(layer)).toBe(nn.Linear);
  });

  it('trains the original, with the optimizer that had the parameter before', () => {
    const layer = new nn.Linear(2, 1, { bias: false });
    const optimizer = new optim.SGD(layer.parameters(), { lr: 0.5 });
    registerParametrization(layer, 'weight', new Double());
    nn.init.ones_(layer.parametrizations?.weight.original as Tensor);
    layer
      .forward(tensor([[1, -3]]))
      .sum()
      .backward();
    optimizer.step();
    expect(numbers(layer.weight)).toEqual([0, 8]);
  });

  it('gives each of several originals memory of its own', () => {
    class Sum extends nn.Module<[Tensor, Tensor]> {
      forward(x: Tensor, y: Tensor): Tensor {
        return x.add(y);
      }

      rightInverse(z: Tensor): Tensor[] {
        return [z.view([2, 2]), z.view([2, 2])];
      }
    }
    const layer = registerParametrization(new nn.Linear(2, 2), 'weight', new Sum());
    const [a, b] = layer.parametrizations?.weight.originals() ?? [];
    const before = numbers(b);
    a.detach().fill_(0);
    expect(numbers(b)).toEqual(before);
    expect([a.requiresGrad && a.isLeaf, b instanceof nn.Parameter]).toEqual([true, true]);
  });

  it('sets the mode of what it registers', () => {
    const layer = new nn.Linear(2, 3).eval();
    registerParametrization(layer, 'weight', new Double());
    expect(layer.modules().map((module) => module.training)).toEqual(Array(4).fill(false));
    layer.train();
    expect(layer.parametrizations?.weight.at(0)?.training).toBe(true);
  });

  it('takes an assignment through every rightInverse', () => {
    const layer = new nn.Linear(2, 2);
    registerParametrization(layer, 'weight', new Double());
    registerParametrization(layer, 'weight', new Double());
    Reflect.set(
      layer,
      'weight',
      tensor([
        [4, 8],
        [12, 16],
      ]),
    );
    expect(numbers(layer.parametrizations?.weight.original as Tensor)).toEqual([1, 2, 3, 4]);
    expect(numbers(layer.weight)).toEqual([4, 8, 12, 16]);
    registerParametrization(layer, 'bias', new Abs());
    expect(() => Reflect.set(layer, 'bias', zeros([2]))).toThrow(/Abs has no rightInverse/);
    expect(() => layer.parametrizations?.weight.rightInverse(3 as never)).toThrow(ArgumentError);
  });

  it('refuses what changes shape or dtype, unless it is unsafe', () => {
    class Flat extends nn.Module {
      forward(x: Tensor): Tensor {
        return x.flatten();
      }
    }
    class Wide extends nn.Module {
      forward(x: Tensor): Tensor {
        return x.to('float64');
      }
    }
    const layer = new nn.Linear(2, 3);
    expect(() => registerParametrization(layer, 'weight', new Flat())).toThrow(ShapeError);
    expect(() => registerParametrization(layer, 'weight', new Wide())).toThrow(DTypeError);
    expect(() => registerParametrization(layer, 'weights', new Flat())).toThrow(
      /Linear has no parameter or buffer "weights"/,
    );
    expect(() => registerParametrization(layer, 'inFeatures', new Flat())).toThrow(ArgumentError);
    expect(() => registerParametrization(layer, 'weight', {} as never)).toThrow(/parametrization must be a Module/);
    expect(() => registerParametrization({} as never, 'weight', new Flat())).toThrow(/module must be a Module/);
    const lazy = new nn.LazyLinear(3);
    expect(() => P.weightNorm(lazy)).toThrow(/shape of a lazy parameter is not known yet/);
    expect(() => registerParametrization(lazy, 'weight', new Abs())).toThrow(/the shape of weight is not known yet/);
    expect(() => nn.utils.prune.l1Unstructured(lazy, 'weight', 1)).toThrow(
      /shape of a lazy parameter is not known yet/,
    );
    lazy.forward(zeros([1, 2]));
    expect(P.weightNorm(lazy).constructor.name).toBe('ParametrizedLinear');
    expect(isParametrized(layer)).toBe(false);
    registerParametrization(layer, 'weight', new Double());
    expect(() => registerParametrization(layer, 'weight', new Flat())).toThrow(/the parametrization changes the shape/);
    registerParametrization(layer, 'weight', new Flat(), { unsafe: true });
    expect(layer.weight.shape).toEqual([6]);
    expect([isParametrized(layer), isParametrized(layer, 'weight'), isParametrized(layer, 'bias')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('runs fused in Sequential, converts and is counted', () => {
    const layer = P.weightNorm(new nn.Linear(3, 4));
    const x = randn([2, 3]);
    expect(numbers(new nn.Sequential(layer, new nn.ReLU()).forward(x))).toEqual(numbers(layer.forward(x).relu()));
    expect(layer.double().weight.dtype).toBe('float64');
    expect(layer.summary().parameters).toBe(4 + 4 + 12);
  });

  it('frees what it computes with the scope', () => {
    const layer = P.spectralNorm(P.weightNorm(new nn.Linear(3, 4)), 'weight');
    const x = randn([2, 3]);
    layer.zeroGrad();
    const before = memory().tensors;
    noGrad(() => layer.forward(x).sum().itemSync());
    expect(memory().tensors).toBe(before);
  });
});

describe('copies', () => {
  it('of parametrized modules are independent', () => {
    manualSeed(8);
    const { prune } = nn.utils;
    for (const make of [P.weightNorm, P.spectralNorm, P.orthogonal, nn.utils.weightNorm, nn.utils.spectralNorm]) {
      const layer = make(new nn.Linear(3, 3) as nn.AnyModule as nn.Linear).eval() as nn.Linear;
      const copy = layer.clone();
      const before = numbers(layer.weight);
      expect(numbers(copy.weight)).toEqual(before);
      expect(Object.keys(copy.stateDict())).toEqual(Object.keys(layer.stateDict()));
      for (const p of copy.parameters())
        p.detach()
          .mul_(p.ndim === 2 && p.shape[1] === 1 ? 2 : 3)
          .add_(1);
      expect(numbers(copy.weight)).not.toEqual(before);
      expect(numbers(layer.weight)).toEqual(before);
    }
    const layer = prune.l1Unstructured(new nn.Linear(3, 3), 'weight', 3);
    const copy = prune.l1Unstructured(layer.clone(), 'weight', 2);
    const zerosOf = (module: nn.Linear): number => numbers(module.weight).filter((x) => x === 0).length;
    expect([zerosOf(layer), zerosOf(copy)]).toEqual([3, 5]);
    prune.remove(copy, 'weight');
    expect([prune.isPruned(copy), prune.isPruned(layer)]).toEqual([false, true]);
    const parametrized = P.weightNorm(new nn.Linear(3, 3));
    removeParametrizations(parametrized.clone(), 'weight');
    expect(isParametrized(parametrized, 'weight')).toBe(true);
    expect(parametrized.weight.shape).toEqual([3, 3]);
  });
});

describe('state dicts', () => {
  it('weightNorm loads files with the older names', () => {
    manualSeed(9);
    const old = new nn.Sequential(nn.utils.weightNorm(new nn.Linear(3, 4)), new nn.Tanh());
    const state = old.stateDict();
    expect(Object.keys(state)).toEqual(['0.bias', '0.weight_g', '0.weight_v']);
    const net = new nn.Sequential(P.weightNorm(new nn.Linear(3, 4)), new nn.Tanh());
    net.loadStateDict(state);
    const x = randn([2, 3]);
    expect(numbers(net.forward(x))).toEqual(numbers(old.forward(x)));
    expect(Object.keys(state)).toEqual(['0.bias', '0.weight_g', '0.weight_v']);
    const copy = net.clone();
    copy.loadStateDict(state);
    expect(() => net.loadStateDict({ ...state, '0.weight_g': zeros([3, 1]) })).toThrow(/wrong shapes/);
    delete state['0.weight_g'];
    expect(() => net.loadStateDict(state)).toThrow(/missing keys: 0.parametrizations.weight.original0/);
  });

  it('are taken over as they are with assign', () => {
    const [a, b] = [P.spectralNorm(new nn.Linear(3, 4)).eval(), P.spectralNorm(new nn.Linear(3, 4)).eval()];
    b.loadStateDict(a.stateDict(), { assign: true });
    expect(numbers(b.weight)).toEqual(numbers(a.weight));
    a.parametrizations?.weight.original.detach().mul_(2).add_(1);
    expect(numbers(b.weight)).toEqual(numbers(a.weight));
  });
});

describe('transferParametrizationsAndParams', () => {
  it('shares parametrizations and originals', () => {
    const from = P.weightNorm(registerParametrization(new nn.Linear(3, 3), 'bias', new Double()));
    const to = new nn.Linear(3, 3);
    expect(parametrize.transferParametrizationsAndParams(from, to, 'weight')).toBe(to);
    expect([isParametrized(to, 'weight'), isParametrized(to, 'bias')]).toEqual([true, false]);
    parametrize.transferParametrizationsAndParams(from, new nn.Tanh());
    const other = parametrize.transferParametrizationsAndParams(from, new nn.Tanh()) as nn.AnyModule;
    expect(Object.keys(other.stateDict())).toEqual([...Object.keys(from.stateDict())]);
    expect(numbers(to.weight)).toEqual(numbers(from.weight));
    expect(to.parametrizations?.weight.originals()).toEqual(from.parametrizations?.weight.originals());
    parametrize.transferParametrizationsAndParams(new nn.Linear(2, 2), to);
    expect(() => parametrize.transferParametrizationsAndParams({} as never, to)).toThrow(ArgumentError);
  });
});

describe('removeParametrizations', () => {
  it('leaves the value, in the same object', () => {
    const layer = new nn.Linear(2, 3);
    const { weight } = layer;
    registerParametrization(layer, 'weight', new Abs());
    registerParametrization(layer, 'bias', new Double());
    const value = numbers(layer.weight);
    expect(removeParametrizations(layer, 'weight')).toBe(layer);
    expect(layer.weight).toBe(weight);
    expect(numbers(layer.weight)).toEqual(value);
    expect(isParametrized(layer)).toBe(true);
    removeParametrizations(layer, 'bias', { leaveParametrized: false });
    expect(isParametrized(layer)).toBe(false);
    expect(Object.getPrototypeOf(layer)).toBe(nn.Linear.prototype);
    expect(Object.keys(layer.stateDict()).sort()).toEqual(['bias', 'weight']);
    expect(String(layer)).toBe('Linear(in_features=2, out_features=3, bias=True)');
  });

  it('leaves the original where it is told so', () => {
    const layer = new nn.Linear(2, 3);
    const before = numbers(layer.weight);
    registerParametrization(layer, 'weight', new Abs());
    removeParametrizations(layer, 'weight', { leaveParametrized: false });
    expect(numbers(layer.weight)).toEqual(before);
  });

  it('makes one parameter of several originals, and a buffer of a buffer', () => {
    const layer = P.weightNorm(new nn.Linear(2, 3));
    const value = numbers(layer.weight);
    expect(() => removeParametrizations(layer, 'weight', { leaveParametrized: false })).toThrow(ArgumentError);
    removeParametrizations(layer, 'weight');
    expect(layer.weight).toBeInstanceOf(nn.Parameter);
    expect(layer.weight.requiresGrad && layer.weight.isLeaf).toBe(true);
    expect(numbers(layer.weight)).toEqual(value);
    expect(() => removeParametrizations(layer, 'weight')).toThrow(/has no parametrization of "weight"/);
    const norm = registerParametrization(new nn.BatchNorm1d(3), 'runningVar', new Double());
    expect([...norm.namedBuffers()].map(([name]) => name)).toContain('parametrizations.running_var.original');
    removeParametrizations(norm, 'runningVar');
    expect([...norm.namedBuffers()].map(([name]) => name)).toContain('running_var');
    expect(numbers(norm.runningVar as Tensor)).toEqual([1, 1, 1]);
  });
});

describe('cached', () => {
  it('computes each tensor once, also in async code and beside code without', async () => {
    const layer = new nn.Linear(2, 2);
    const double = new Double();
    registerParametrization(layer, 'weight', double);
    const x = randn([1, 2]);
    double.calls = 0;
    const twice = () => layer.forward(layer.forward(x));
    twice();
    expect(double.calls).toBe(2);
    const y = cached(twice);
    expect(double.calls).toBe(3);
    y.sum().backward();
    expect(layer.parametrizations?.weight.original.grad).not.toBe(null);
    double.calls = 0;
    const run = cached(async () => {
      twice();
      await Promise.resolve();
      return cached(twice);
    });
    twice();
    await run;
    expect(double.calls).toBe(3);
    twice();
    expect(double.calls).toBe(5);
  });

  it('keeps a value alive in the scopes inside, and frees it with the one outside', () => {
    const layer = P.weightNorm(new nn.Linear(2, 2));
    const before = memory().tensors;
    noGrad(() =>
      cached(() => {
        const first = scope(() => layer.weight.sum().itemSync());
        expect(layer.weight.isDisposed).toBe(false);
        expect(layer.weight.sum().itemSync()).toBe(first);
      }),
    );
    expect(memory().tensors).toBe(before);
  });
});

describe('spectralNorm', () => {
  it('converges to the largest singular value, in training mode only', () => {
    manualSeed(2);
    const layer = P.spectralNorm(new nn.Linear(6, 5));
    for (let i = 0; i < 200; i++) layer.forward(zeros([1, 6]));
    expect(linalg.matrixNorm(layer.weight, 2).itemSync()).toBeCloseTo(1, 5);
    const state = () => layer.buffers().map(numbers);
    layer.eval();
    const before = state();
    layer.forward(zeros([1, 6]));
    expect(state()).toEqual(before);
    layer.train().forward(zeros([1, 6]));
    expect(() => P.spectralNorm(new nn.Linear(2, 2), 'weight', { nPowerIterations: 0 })).toThrow(ArgumentError);
    expect(() => P.spectralNorm(new nn.Linear(2, 2), 'weight', { dim: 2 })).toThrow(ShapeError);
  });

  it('two forward passes before one backward', () => {
    const layer = P.spectralNorm(new nn.Linear(3, 1));
    layer
      .forward(randn([2, 3]))
      .mean()
      .sub(layer.forward(randn([2, 3])).mean())
      .backward();
    expect(layer.parametrizations?.weight.original.grad?.shape).toEqual([1, 3]);
  });
});

describe('orthogonal', () => {
  const defect = (w: Tensor): number => {
    const [m, n] = w.shape.slice(-2);
    const product = m >= n ? w.mT.matmul(w) : w.matmul(w.mT);
    return product
      .sub(eye(Math.min(m, n), { dtype: w.dtype }))
      .abs()
      .max()
      .itemSync();
  };

  it('starts at a weight that is orthogonal already', () => {
    const layer = new nn.Linear(4, 6, { dtype: 'float64' });
    nn.init.orthogonal_(layer.weight);
    const before = layer.weight.detach().clone();
    for (const options of [{}, { orthogonalMap: 'householder', useTrivialization: false }] as const) {
      P.orthogonal(layer, 'weight', options);
      expect(allclose(layer.weight, before, { atol: 1e-12 })).toBe(true);
      removeParametrizations(layer, 'weight');
    }
  });

  it('stays orthogonal in training, and takes assignments', () => {
    manualSeed(6);
    for (const orthogonalMap of ['matrixExp', 'cayley', 'householder'] as const) {
      for (const [i, o] of [
        [4, 4],
        [3, 5],
        [5, 3],
      ]) {
        const layer = P.orthogonal(new nn.Linear(i, o), 'weight', { orthogonalMap });
        const optimizer = new optim.SGD(layer.parameters(), { lr: 0.1 });
        const before = numbers(layer.weight);
        layer
          .forward(randn([8, i]))
          .square()
          .sum()
          .backward();
        layer
          .forward(randn([8, i]))
          .exp()
          .sum()
          .backward();
        optimizer.step();
        expect(defect(layer.weight)).toBeLessThan(1e-5);
        expect(numbers(layer.weight)).not.toEqual(before);
        const value = nn.init.orthogonal_(zeros([o, i]));
        layer.parametrizations?.weight.rightInverse(value);
        expect(allclose(layer.weight, value, { atol: 1e-5 })).toBe(true);
      }
    }
  });

  it('batches of matrices, and reflections of matrices with zero columns', () => {
    class Batch extends nn.Module {
      weight = new nn.Parameter(randn([2, 3, 4, 3]));
      forward(x: Tensor): Tensor {
        return x.matmul(this.weight);
      }
    }
    expect(defect(P.orthogonal(new Batch()).weight)).toBeLessThan(1e-5);
    const plain = { orthogonalMap: 'householder', useTrivialization: false } as const;
    expect(defect(P.orthogonal(new Batch(), 'weight', plain).weight)).toBeLessThan(1e-5);
    const layer = new nn.Linear(3, 3);
    nn.init.eye_(layer.weight);
    P.orthogonal(layer, 'weight', plain);
    expect(allclose(layer.weight, eye(3), { rtol: 0, atol: 0 })).toBe(true);
  });

  it('refuses what it cannot do', () => {
    expect(() => P.orthogonal(new nn.Linear(2, 2), 'bias')).toThrow(ShapeError);
    expect(() => P.orthogonal(new nn.Linear(2, 2), 'weight', { orthogonalMap: 'qr' as never })).toThrow(
      /must be one of/,
    );
    const layer = P.orthogonal(new nn.Linear(2, 2), 'weight', { orthogonalMap: 'cayley', useTrivialization: false });
    expect(() => layer.parametrizations?.weight.rightInverse(zeros([2, 2]))).toThrow(/_Orthogonal has no rightInverse/);
    const other = P.orthogonal(new nn.Linear(2, 2));
    expect(() => other.parametrizations?.weight.rightInverse(zeros([3, 2]))).toThrow(ShapeError);
    for (const make of [P.weightNorm, P.spectralNorm, P.orthogonal]) {
      expect(() => make(new nn.Linear(2, 2), 'weights')).toThrow(/Linear has no tensor "weights"/);
      expect(() => make({} as never)).toThrow(/module must be a Module/);
    }
  });
});

describe('the older functions', () => {
  it('give back a parameter', () => {
    const layer = nn.utils.weightNorm(new nn.Linear(2, 3));
    expect(Object.keys(layer.stateDict())).toEqual(['bias', 'weight_g', 'weight_v']);
    expect(() => Reflect.set(layer, 'weight', zeros([3, 2]))).toThrow(ArgumentError);
    const value = numbers(layer.weight);
    nn.utils.removeWeightNorm(layer);
    expect(layer.weight).toBeInstanceOf(nn.Parameter);
    expect(numbers(layer.weight)).toEqual(value);
    nn.utils.spectralNorm(layer);
    expect(Object.keys(layer.stateDict())).toEqual(['bias', 'weight_orig', 'weight_u', 'weight_v']);
    expect(() => nn.utils.removeWeightNorm(layer)).toThrow(/"weight" has no weightNorm/);
    nn.utils.removeSpectralNorm(layer);
    expect(Object.keys(layer.stateDict())).toEqual(['bias', 'weight']);
    expect(layer.training).toBe(true);
    expect(() => nn.utils.spectralNorm(layer, 'weights')).toThrow(ArgumentError);
  });
});

describe('skipInit', () => {
  it('draws no numbers', () => {
    const draw = (make: () => unknown): number => {
      manualSeed(1);
      make();
      return randn([1]).itemSync();
    };
    const none = draw(() => 0);
    expect(draw(() => new nn.Linear(3, 2))).not.toBe(none);
    expect(draw(() => nn.utils.skipInit(nn.Linear, 3, 2, { bias: false }))).toBe(none);
    const conv = nn.utils.skipInit(nn.Conv2d, 2, 4, 3);
    expect(conv.weight.shape).toEqual([4, 2, 3, 3]);
    expect(nn.init.ones_(conv.weight).sum().itemSync()).toBe(72);
    expect(() => nn.utils.skipInit(class {} as never)).toThrow(ArgumentError);
    expect(() => nn.utils.skipInit(nn.Linear, -1, 2)).toThrow(ArgumentError);
    expect(draw(() => new nn.Linear(3, 2))).not.toBe(none);
  });
});
