// Lazy modules: what they become, and what they say before.
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  AutogradError,
  manualSeed,
  nn,
  ones,
  optim,
  rand,
  ShapeError,
  type Tensor,
  zeros,
} from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

/** The module after its first input. */
function after<M extends nn.AnyModule>(module: M, shape: readonly number[]): M {
  (module as nn.AnyModule as nn.Module).forward(rand(shape));
  for (const norm of [module, ...module.children()]) if (norm instanceof nn.BatchNorm1d) norm.resetRunningStats();
  return module;
}

compareModules('nn_lazy', {
  lazyLinear: () => after(new nn.LazyLinear(3), [2, 5]),
  'lazyLinear without bias': () => after(new nn.LazyLinear(2, { bias: false }), [3]),
  lazyBatchNorm1d: () => after(new nn.LazyBatchNorm1d({ eps: 1e-3 }), [4, 3]),
  lazyBatchNorm2d: () => after(new nn.LazyBatchNorm2d({ affine: false }), [2, 3, 2, 2]),
  lazyBatchNorm3d: () => after(new nn.LazyBatchNorm3d({ bias: false, momentum: null }), [2, 3, 2, 2, 1]),
  lazyInstanceNorm1d: () => after(new nn.LazyInstanceNorm1d(), [2, 3, 4]),
  lazyInstanceNorm2d: () => after(new nn.LazyInstanceNorm2d({ trackRunningStats: false }), [2, 3, 2, 3]),
  lazyInstanceNorm3d: () => after(new nn.LazyInstanceNorm3d({ affine: false }), [2, 3, 2, 2, 2]),
  lazyConv1d: () => after(new nn.LazyConv1d(2, 3, { padding: 1 }), [2, 3, 5]),
  lazyConv2d: () => after(new nn.LazyConv2d(4, [1, 3], { groups: 2, bias: false }), [2, 6, 3, 4]),
  lazyConv3d: () => after(new nn.LazyConv3d(2, 2), [3, 2, 3, 2]),
  lazyConvTranspose1d: () => after(new nn.LazyConvTranspose1d(2, 3, { stride: 2 }), [3, 4]),
  lazyConvTranspose2d: () => after(new nn.LazyConvTranspose2d(4, 2, { groups: 2 }), [2, 6, 2, 3]),
  lazyConvTranspose3d: () => after(new nn.LazyConvTranspose3d(1, 2, { outputPadding: 1, stride: 2 }), [1, 2, 2, 2, 1]),
});

const numbers = (t: Tensor): number[] => Array.from(t.detach().dataSync(), Number);

describe('a lazy module', () => {
  it('prints as in PyTorch before its first input', () => {
    expect([
      String(new nn.LazyLinear(3)),
      String(new nn.LazyBatchNorm2d()),
      String(new nn.LazyInstanceNorm1d()),
      String(new nn.LazyLinear(3).weight),
    ]).toEqual([
      'LazyLinear(in_features=0, out_features=3, bias=True)',
      'LazyBatchNorm2d(0, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)',
      'LazyInstanceNorm1d(0, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)',
      '<UninitializedParameter>',
    ]);
  });

  it('is an ordinary one after it, with the same parameters as objects', () => {
    const model = new nn.Sequential(
      new nn.LazyLinear(4),
      new nn.LazyBatchNorm1d(),
      new nn.ReLU(),
      new nn.LazyLinear(1),
    );
    const parameters = model.parameters();
    expect(parameters.every((p) => p instanceof nn.UninitializedParameter && p.requiresGrad)).toBe(true);
    expect(() => new optim.SGD(parameters, { lr: 0.1 })).toThrow(ArgumentError);
    model
      .forward(rand([3, 2]))
      .sum()
      .backward();
    expect(model.children().map((m) => Object.getPrototypeOf(m))).toEqual(
      [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear].map((type) => type.prototype),
    );
    expect(model.parameters()).toEqual(parameters);
    expect(parameters.every((p) => !(p instanceof nn.UninitializedParameter))).toBe(true);
    expect(Object.entries(model.stateDict()).map(([key, x]) => [key, ...x.shape])).toEqual([
      ['0.weight', 4, 2],
      ['0.bias', 4],
      ['1.weight', 4],
      ['1.bias', 4],
      ['1.running_mean', 4],
      ['1.running_var', 4],
      ['1.num_batches_tracked'],
      ['3.weight', 1, 4],
      ['3.bias', 1],
    ]);
    const before = numbers(parameters[0]);
    new optim.SGD(parameters, { lr: 0.1 }).step();
    expect(numbers(parameters[0])).not.toEqual(before);
    expect(() => model.forward(rand([3, 5]))).toThrow(ShapeError);
  });

  it('starts with the values of the ordinary one', () => {
    manualSeed(5);
    const plain = new nn.Linear(3, 2);
    manualSeed(5);
    const lazy = new nn.LazyLinear(2);
    lazy.forward(zeros([1, 3]));
    expect(numbers(lazy.weight)).toEqual(numbers(plain.weight));
    const norm = new nn.LazyBatchNorm1d({ affine: true });
    norm.eval().forward(zeros([2, 2]));
    expect([norm.weight, norm.bias, norm.runningMean, norm.runningVar].map((x) => numbers(x as Tensor))).toEqual([
      [1, 1],
      [0, 0],
      [0, 0],
      [1, 1],
    ]);
  });

  it('refuses use before it knows its shapes, and says what to do', () => {
    const lazy = new nn.LazyLinear(2);
    for (const use of [
      () => lazy.weight.shape.length,
      () => lazy.weight.numel,
      () => lazy.weight.add(1),
      () => ones([2]).mul(lazy.weight),
      () => nn.init.zeros_(lazy.weight),
      () => lazy.weight.dataSync(),
      () => new nn.Linear(1, 2).loadStateDict(lazy.stateDict()),
    ]) {
      expect(use).toThrow(ArgumentError);
      expect(use).toThrow(/the shape of a lazy parameter is not known yet; run its module once, or load a state dict/);
    }
    expect(() => lazy.forward(zeros([]))).toThrow(ShapeError);
    expect(() => lazy.forward(3 as never)).toThrow(ArgumentError);
    expect(() => new nn.LazyBatchNorm2d().forward(zeros([2, 2]))).toThrow(/^LazyBatchNorm2d: .*\[2, 2\]/);
    expect(lazy.hasUninitializedParams()).toBe(true);
    expect(lazy.summary().parameters).toBe(0);
  });

  it('is converted before it has shapes', () => {
    const lazy = new nn.LazyBatchNorm1d().to('float64');
    expect(lazy.forward(rand([2, 3], { dtype: 'float64' })).dtype).toBe('float64');
    expect(lazy.buffers().map((b) => b.dtype)).toEqual(['float64', 'float64', 'int64']);
    expect(new nn.LazyLinear(1, { dtype: 'float64' }).weight.dtype).toBe('float64');
  });

  it('takes its shapes from a state dict, whether known or not', () => {
    const [lazy, norm] = [new nn.LazyLinear(2), new nn.LazyBatchNorm1d()];
    lazy.loadStateDict(new nn.LazyLinear(2).stateDict());
    expect(lazy.hasUninitializedParams()).toBe(true);
    const state = new nn.Linear(3, 2).stateDict();
    lazy.loadStateDict(state);
    expect(lazy.hasUninitializedParams()).toBe(false);
    expect(String(lazy)).toBe('LazyLinear(in_features=0, out_features=2, bias=True)');
    expect(numbers(lazy.weight)).toEqual(numbers(state.weight));
    lazy.forward(zeros([1, 3]));
    expect(numbers(lazy.weight)).toEqual(numbers(state.weight));
    expect(String(lazy)).toBe('Linear(in_features=3, out_features=2, bias=True)');
    const trained = new nn.BatchNorm1d(2);
    trained.forward(rand([4, 2]));
    norm.loadStateDict(trained.stateDict());
    norm.eval().forward(zeros([1, 2]));
    expect(numbers(norm.runningMean as Tensor)).toEqual(numbers(trained.runningMean as Tensor));
    expect(() => new nn.LazyLinear(2).loadStateDict({ weight: zeros([2, 3]) })).toThrow(/missing keys: bias/);
  });

  it('is copied, keeps its hooks and stays of a class of the user', () => {
    const lazy = new nn.LazyLinear(2);
    let calls = 0;
    const handle = lazy.registerForwardHook(() => {
      calls++;
    });
    const copy = lazy.clone();
    expect(copy.weight).toBeInstanceOf(nn.UninitializedParameter);
    for (let i = 0; i < 2; i++) lazy.forward(zeros([1, 3]));
    handle.remove();
    expect(lazy.forward(zeros([1, 3])).shape).toEqual([1, 2]);
    expect([calls, lazy.constructor.name]).toEqual([2, 'Linear']);
    expect(copy.hasUninitializedParams()).toBe(true);
    expect(copy.forward(zeros([1, 7])).shape).toEqual([1, 2]);
    class Scaled extends nn.LazyLinear {
      override forward(x: Tensor): Tensor {
        return super.forward(x).mul(2);
      }
    }
    const scaled = new Scaled(1, { bias: false });
    expect(scaled.forward(ones([1, 1])).itemSync()).toBeCloseTo(2 * scaled.weight.detach().itemSync());
    expect(scaled).toBeInstanceOf(Scaled);
  });

  it('of a convolution takes its channels, and its weight lies as that of an ordinary one', () => {
    const [lazy, plain] = [new nn.LazyConv2d(4, [1, 3]), new nn.Conv2d(3, 4, [1, 3])];
    const model = new nn.Sequential(lazy, new nn.ReLU());
    expect(String(lazy)).toBe('LazyConv2d(0, 4, kernel_size=(1, 3), stride=(1, 1))');
    expect(model.forward(rand([3, 2, 4])).shape).toEqual([4, 2, 2]);
    expect([lazy.weight.shape, lazy.weight.strides]).toEqual([plain.weight.shape, plain.weight.strides]);
    expect(Object.getPrototypeOf(lazy)).toBe(nn.Conv2d.prototype);
    lazy.loadStateDict(plain.stateDict());
    const x = rand([1, 3, 2, 4]);
    expect(numbers(model.forward(x))).toEqual(numbers(plain.forward(x).relu()));
    const loaded = new nn.LazyConvTranspose1d(4, 2, { groups: 2 });
    loaded.loadStateDict(new nn.ConvTranspose1d(6, 4, 2, { groups: 2 }).stateDict());
    expect(loaded.forward(rand([1, 6, 3]), [4]).shape).toEqual([1, 4, 4]);
    expect(loaded.inChannels).toBe(6);
    expect(() => new nn.LazyConv2d(4, 3, { groups: 2 }).forward(rand([1, 3, 5, 5]))).toThrow(/groups 2 must divide/);
    expect(() => new nn.LazyConv2d(4, 3).forward(rand([5, 5]))).toThrow(/^LazyConv2d: .*\[5, 5\]/);
  });

  it('is made of parameters that anybody can use', () => {
    const parameter = new nn.UninitializedParameter(false, { dtype: 'float64' });
    parameter.materialize([2, 3]);
    expect([parameter.constructor, parameter.shape, parameter.dtype, parameter.requiresGrad]).toEqual([
      nn.Parameter,
      [2, 3],
      'float64',
      false,
    ]);
    const buffer = new nn.UninitializedBuffer({ persistent: false });
    buffer.materialize([2], 'int32');
    expect([buffer.constructor, buffer.dtype, buffer.persistent]).toEqual([nn.Buffer, 'int32', false]);
    expect(() => new nn.UninitializedParameter(true, { dtype: 'int64' })).toThrow(AutogradError);
    expect(() => new nn.UninitializedBuffer().materialize([-1])).toThrow(ShapeError);
  });
});
