import { describe, expect, it } from 'vitest';
import { ArgumentError, manualSeed, nn, ShapeError, type Tensor, zeros } from '../../lib/index.js';

const { init } = nn;

const numbers = (t: Tensor): number[] => Array.from(t.dataSync(), Number);

function moments(values: readonly number[]) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  return { mean, std, low: Math.min(...values), high: Math.max(...values) };
}

/** Within five standard errors; with a fixed seed this never flickers. */
function expectUniform(t: Tensor, low: number, high: number): void {
  const values = numbers(t);
  const got = moments(values);
  const width = high - low;
  expect(got.low).toBeGreaterThanOrEqual(low);
  expect(got.high).toBeLessThanOrEqual(high);
  expect(got.low).toBeLessThan(low + (10 * width) / values.length);
  expect(got.high).toBeGreaterThan(high - (10 * width) / values.length);
  const std = width / Math.sqrt(12);
  expect(Math.abs(got.mean - (low + high) / 2)).toBeLessThan((5 * std) / Math.sqrt(values.length));
  expect(Math.abs(got.std / std - 1)).toBeLessThan(5 / Math.sqrt(values.length));
}

function expectNormal(t: Tensor, mean: number, std: number): void {
  const values = numbers(t);
  const got = moments(values);
  expect(Math.abs(got.mean - mean)).toBeLessThan((5 * std) / Math.sqrt(values.length));
  expect(Math.abs(got.std / std - 1)).toBeLessThan(5 / Math.sqrt(2 * values.length));
  const far = values.filter((v) => Math.abs(v - mean) > 2 * std).length / values.length;
  expect(Math.abs(far - 0.0455)).toBeLessThan(5 * Math.sqrt(0.0455 / values.length));
}

describe('fills', () => {
  it('uniform_, normal_, constant_, zeros_ and ones_ write in place and return their tensor', () => {
    manualSeed(5);
    for (const dtype of ['float32', 'float64'] as const) {
      const t = zeros([50, 60], { dtype });
      expect(init.uniform_(t)).toBe(t);
      expectUniform(t, 0, 1);
      expectUniform(init.uniform_(t, -3, -1), -3, -1);
      expectNormal(init.normal_(t), 0, 1);
      expectNormal(init.normal_(t, 4, 0.5), 4, 0.5);
      expect(new Set(numbers(init.constant_(t, 0.25)))).toEqual(new Set([0.25]));
      expect(new Set(numbers(init.zeros_(t)))).toEqual(new Set([0]));
      expect(new Set(numbers(init.ones_(t)))).toEqual(new Set([1]));
    }
  });

  it('write to parameters without recording it', () => {
    const { weight } = new nn.Linear(3, 4);
    init.ones_(weight);
    expect(weight.isLeaf && weight.requiresGrad).toBe(true);
    weight.sum().backward();
    expect(numbers(weight.grad as Tensor)).toEqual(Array(12).fill(1));
  });

  it('a change behind the back of backward is found', () => {
    const { weight } = new nn.Linear(3, 4);
    const loss = weight.square().sum();
    init.zeros_(weight);
    expect(() => loss.backward()).toThrow(/changed|modified/);
  });
});

describe('gains and fans', () => {
  it('calculateGain is that of PyTorch', () => {
    expect(init.calculateGain('linear')).toBe(1);
    expect(init.calculateGain('conv2d')).toBe(1);
    expect(init.calculateGain('sigmoid')).toBe(1);
    expect(init.calculateGain('tanh')).toBe(5 / 3);
    expect(init.calculateGain('relu')).toBe(Math.sqrt(2));
    expect(init.calculateGain('leakyRelu')).toBeCloseTo(Math.sqrt(2 / 1.0001), 14);
    expect(init.calculateGain('leakyRelu', 1)).toBe(1);
    expect(init.calculateGain('selu')).toBe(0.75);
    expect(() => init.calculateGain('swish' as never)).toThrow(ArgumentError);
  });

  it('xavier: both fans, of matrices and of kernels', () => {
    manualSeed(6);
    expectUniform(init.xavierUniform_(zeros([30, 70])), -Math.sqrt(6 / 100), Math.sqrt(6 / 100));
    expectNormal(init.xavierNormal_(zeros([40, 60])), 0, Math.sqrt(2 / 100));
    // [O, I, kH, kW]: fanIn = I kH kW, fanOut = O kH kW.
    const bound = 2 * Math.sqrt(6 / (8 * 15 + 24 * 15));
    expectUniform(init.xavierUniform_(zeros([24, 8, 3, 5]), { gain: 2 }), -bound, bound);
    expectNormal(init.xavierNormal_(zeros([24, 8, 3, 5]), { gain: 3 }), 0, 3 * Math.sqrt(2 / (8 * 15 + 24 * 15)));
  });

  it('kaiming: one fan, and the gain of the nonlinearity', () => {
    manualSeed(7);
    expectNormal(init.kaimingNormal_(zeros([40, 60]), { nonlinearity: 'relu' }), 0, Math.sqrt(2 / 60));
    expectNormal(init.kaimingNormal_(zeros([40, 60]), { mode: 'fanOut' }), 0, Math.sqrt(2 / 40));
    expectNormal(init.kaimingNormal_(zeros([24, 8, 3, 5]), { a: 1 }), 0, Math.sqrt(1 / 120));
    const bound = Math.sqrt(3) * (5 / 3 / Math.sqrt(360));
    const options = { mode: 'fanOut', nonlinearity: 'tanh' } as const;
    expectUniform(init.kaimingUniform_(zeros([24, 8, 3, 5]), options), -bound, bound);
  });

  it('Linear and Conv2d start as in PyTorch: U(±1 / √fanIn) for weight and bias', () => {
    manualSeed(8);
    const linear = new nn.Linear(16, 2000);
    expectUniform(linear.weight, -0.25, 0.25);
    expectUniform(linear.bias as Tensor, -0.25, 0.25);
    const conv = new nn.Conv2d(8, 1200, [2, 4], { groups: 2 });
    const bound = 1 / Math.sqrt(4 * 8);
    expectUniform(conv.weight, -bound, bound);
    expectUniform(conv.bias as Tensor, -bound, bound);
    const before = numbers(conv.weight);
    conv.resetParameters();
    expect(numbers(conv.weight)).not.toEqual(before);
  });
});

describe('layout and seed', () => {
  it('convolution weights lie HWIO in memory and are OIHW to the user', () => {
    const { weight } = new nn.Conv2d(3, 5, [2, 4]);
    expect(weight.shape).toEqual([5, 3, 2, 4]);
    expect(weight.strides).toEqual([1, 5, 4 * 3 * 5, 3 * 5]);
    manualSeed(9);
    init.kaimingNormal_(weight);
    expect(weight.strides).toEqual([1, 5, 4 * 3 * 5, 3 * 5]);
    expect(new Set(numbers(weight)).size).toBeGreaterThan(115);
  });

  it('the same seed gives the same values', () => {
    const draw = (): number[] => {
      manualSeed(10);
      return numbers(init.xavierUniform_(new nn.Conv2d(3, 4, [2, 5]).weight));
    };
    const first = draw();
    expect(draw()).toEqual(first);
  });
});

describe('wrong arguments', () => {
  it('fans need two axes', () => {
    for (const fill of [init.xavierUniform_, init.xavierNormal_, init.kaimingUniform_, init.kaimingNormal_]) {
      expect(() => fill(zeros([3]))).toThrow(ShapeError);
      expect(() => fill(undefined as never)).toThrow(ArgumentError);
      expect(() => fill(zeros([3, 3]), null as never)).toThrow(ArgumentError);
    }
  });

  it('names, ranges and tensors are checked', () => {
    const t = zeros([2, 2]);
    expect(() => init.kaimingNormal_(t, { mode: 'fan_in' as never })).toThrow(/mode must be fanIn or fanOut/);
    expect(() => init.kaimingNormal_(t, { nonlinearity: 'gelu' as never })).toThrow(ArgumentError);
    expect(() => init.uniform_(t, 2, 1)).toThrow(ArgumentError);
    expect(() => init.normal_(t, 0, -1)).toThrow(ArgumentError);
    expect(() => init.constant_(t, 'a' as never)).toThrow(ArgumentError);
    expect(() => init.zeros_([1] as never)).toThrow(ArgumentError);
  });
});
