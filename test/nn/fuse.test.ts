import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArgumentError, manualSeed, nn, randn, type Tensor, tensor } from '../../lib/index.js';
import { difference, type Values } from '../support/compare.js';

const { fuseConvBnEval, fuseConvBnWeights, fuseLinearBnEval } = nn.utils;

interface Case {
  name: string;
  layer: Record<string, Values>;
  norm: Record<string, Values>;
  weight: Values;
  bias: Values;
}
const path = new URL('../fixtures/fuse.json', import.meta.url);
const cases = JSON.parse(readFileSync(path, 'utf8')) as Case[];
const one = (name: string): Case => cases.find((each) => each.name === name) as Case;

const asTensor = ({ shape, data, dtype }: Values): Tensor => tensor(data, { dtype: dtype as 'float64' }).reshape(shape);
const asState = (values: Record<string, Values>): nn.StateDict =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, asTensor(value)]));
const valuesOf = (x: Tensor): Values => ({
  dtype: x.dtype,
  shape: [...x.shape],
  data: Array.from(x.dataSync(), Number),
});
const double = { dtype: 'float64' } as const;
const expectEqual = (got: Tensor | null, want: Values): void => {
  expect(difference(valuesOf(got as Tensor), want, { length: 4, ulps: 8 }, 4)).toBeUndefined();
};

describe('folded batch normalization is that of PyTorch', () => {
  const layers: Record<string, () => [nn.Conv2d | nn.Linear, nn.BatchNorm2d | nn.BatchNorm1d, number[]]> = {
    conv: () => [new nn.Conv2d(3, 4, 2, double), new nn.BatchNorm2d(4, double), [2, 3, 5, 5]],
    'conv without bias': () => [
      new nn.Conv2d(4, 6, [1, 2], { groups: 2, bias: false, ...double }),
      new nn.BatchNorm2d(6, { eps: 0.1, ...double }),
      [2, 4, 5, 5],
    ],
    'conv and plain norm': () => [
      new nn.Conv2d(3, 4, 1, double),
      new nn.BatchNorm2d(4, { affine: false, ...double }),
      [2, 3, 5, 5],
    ],
    linear: () => [new nn.Linear(3, 4, double), new nn.BatchNorm1d(4, double), [5, 3]],
    'linear without bias': () => [
      new nn.Linear(3, 4, { bias: false, ...double }),
      new nn.BatchNorm1d(4, double),
      [5, 3],
    ],
  };
  it.each(Object.keys(layers))('%s', (name) => {
    manualSeed(1);
    const { layer: state, norm: normState, weight, bias } = one(name);
    const [layer, norm, shape] = layers[name]();
    layer.loadStateDict(asState(state));
    norm.loadStateDict(asState(normState));
    layer.eval();
    norm.eval();
    const fused = layer instanceof nn.Linear ? fuseLinearBnEval(layer, norm) : fuseConvBnEval(layer, norm);
    expectEqual(fused.weight, weight);
    expectEqual(fused.bias, bias);
    expect(fused).not.toBe(layer);
    expect(Object.keys(fused.stateDict())).toEqual(['weight', 'bias']);
    expect(valuesOf(layer.weight).data).toEqual(state.weight.data);
    expect(fused.weight.strides).toEqual(layer.weight.strides);
    const x = randn(shape, double);
    const want = norm.forward(layer.forward(x) as Tensor);
    expect(difference(valuesOf(fused.forward(x)), valuesOf(want), { length: 40, ulps: 16 }, 4)).toBeUndefined();
    const chain = new nn.Sequential(fused, new nn.ReLU());
    expect(difference(valuesOf(chain.forward(x)), valuesOf(want.relu()), { length: 40, ulps: 16 }, 4)).toBeUndefined();
  });

  it('transposed weights, and one feature for all outputs', () => {
    const { layer, norm, weight, bias } = one('transposed');
    const state = asState({ ...layer, ...Object.fromEntries(Object.entries(norm).map(([k, v]) => [`bn_${k}`, v])) });
    const { bn_running_mean: mean, bn_running_var: variance, bn_weight: scale, bn_bias: shift } = state;
    const fused = fuseConvBnWeights(state.weight, state.bias, mean, variance, 1e-5, scale, shift, { transpose: true });
    expectEqual(fused[0], weight);
    expectEqual(fused[1], bias);
    const conv = new nn.ConvTranspose2d(3, 4, 2, double).eval();
    conv.loadStateDict(asState(layer));
    const after = new nn.BatchNorm2d(4, double).eval();
    after.loadStateDict(asState(norm));
    const whole = fuseConvBnEval(conv, after, { transpose: true });
    const x = randn([2, 3, 4, 5], double);
    const want = valuesOf(after.forward(conv.forward(x)));
    expect(difference(valuesOf(whole.forward(x)), want, { length: 40, ulps: 16 }, 4)).toBeUndefined();
    const single = one('linear and one feature');
    const linear = new nn.Linear(3, 4, double);
    linear.loadStateDict(asState(single.layer));
    const bn = new nn.BatchNorm1d(1, double);
    bn.loadStateDict(asState(single.norm));
    const result = fuseLinearBnEval(linear.eval(), bn.eval());
    expectEqual(result.weight, single.weight);
    expectEqual(result.bias, single.bias);
  });
});

it('refuses what cannot be folded', () => {
  const [conv, norm] = [new nn.Conv2d(2, 3, 1), new nn.BatchNorm2d(3)];
  expect(() => fuseConvBnEval(conv, norm)).toThrow(/evaluation mode/);
  expect(() => fuseConvBnEval(conv.eval(), new nn.BatchNorm2d(3, { trackRunningStats: false }).eval())).toThrow(
    /no running statistics/,
  );
  expect(() => fuseConvBnEval(conv, {} as never)).toThrow(ArgumentError);
  expect(() => fuseLinearBnEval(new nn.Linear(2, 4).eval(), new nn.BatchNorm1d(3).eval())).toThrow(
    /4 outputs, .* 3 features/,
  );
  expect(() => fuseConvBnWeights(null as never, null, conv.weight, conv.weight, 0, null, null)).toThrow(ArgumentError);
});

it('requires gradients where the layer does', () => {
  const conv = new nn.Conv2d(2, 3, 1).requiresGrad_(false).eval();
  const fused = fuseConvBnEval(conv, new nn.BatchNorm2d(3).eval());
  expect([fused.weight.requiresGrad, fused.bias?.requiresGrad]).toEqual([false, false]);
  const trained = fuseConvBnEval(new nn.Conv2d(2, 3, 1).eval(), new nn.BatchNorm2d(3).eval());
  expect([trained.weight.requiresGrad && trained.weight.isLeaf, trained.bias?.requiresGrad]).toEqual([true, true]);
});
