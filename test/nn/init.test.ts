import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  allclose,
  eye,
  Generator,
  manualSeed,
  nn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';

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

describe('given patterns', () => {
  it('eye_ keeps as many inputs as there are', () => {
    expect(init.eye_(zeros([2, 3]).add(7)).toArraySync()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
    expect(numbers(init.eye_(zeros([3, 1])))).toEqual([1, 0, 0]);
    expect(init.eye_(zeros([0, 2])).numel).toBe(0);
    expect(() => init.eye_(zeros([3]))).toThrow(ShapeError);
  });

  it('dirac_ makes convolutions that pass their input through', () => {
    const x = tensor(Array.from({ length: 36 }, (_, i) => i)).reshape([1, 4, 3, 3]);
    const conv = new nn.Conv2d(4, 4, 3, { padding: 1, bias: false });
    init.dirac_(conv.weight);
    expect(numbers(conv.forward(x))).toEqual(numbers(x));
    const grouped = new nn.Conv2d(4, 6, 1, { groups: 2, bias: false });
    init.dirac_(grouped.weight, 2);
    const rows = (grouped.forward(x).toArraySync() as number[][][][])[0].map((channel) => channel[0][0]);
    expect(rows).toEqual([0, 9, 0, 18, 27, 0]);
    expect(init.dirac_(zeros([2, 1, 4])).toArraySync()).toEqual([[[0, 0, 1, 0]], [[0, 0, 0, 0]]]);
    expect(numbers(init.dirac_(zeros([1, 1, 3, 2, 3])))[1 * 6 + 1 * 3 + 1]).toBe(1);
    expect(init.dirac_(zeros([2, 0, 3])).numel).toBe(0);
    expect(() => init.dirac_(zeros([2, 2]))).toThrow(ShapeError);
    expect(() => init.dirac_(zeros([3, 2, 1]), 2)).toThrow(/groups must divide the 3 output channels/);
  });

  it('orthogonal_: orthonormal rows or columns, scaled, of any weight', () => {
    manualSeed(11);
    for (const shape of [
      [6, 4],
      [4, 6],
      [5, 5],
      [8, 2, 3],
      [3, 4, 2, 2],
    ]) {
      const t = init.orthogonal_(zeros(shape, { dtype: 'float64' }), 3);
      const m = t.reshape([shape[0], t.numel / shape[0]]);
      const product = m.shape[0] > m.shape[1] ? m.mT.matmul(m) : m.matmul(m.mT);
      expect(allclose(product, eye(product.shape[0], { dtype: 'float64' }).mul(9), { atol: 1e-12 })).toBe(true);
    }
    const { weight } = new nn.Conv2d(2, 3, [2, 2]);
    const flat = init.orthogonal_(weight).detach().reshape([3, 8]);
    expect(allclose(flat.matmul(flat.mT), eye(3), { atol: 1e-6 })).toBe(true);
    expect(init.orthogonal_(zeros([2, 0])).numel).toBe(0);
    expect(() => init.orthogonal_(zeros([2]))).toThrow(ShapeError);
    expect(() => init.orthogonal_(zeros([2, 2]), null as never)).toThrow(ArgumentError);
  });

  it('orthogonal_ has no preferred direction', () => {
    manualSeed(12);
    const mean = zeros([2, 2]);
    for (let i = 0; i < 600; i++) mean.add_(init.orthogonal_(zeros([2, 2])));
    for (const sum of numbers(mean)) expect(Math.abs(sum)).toBeLessThan(5 * Math.sqrt(600 / 2));
  });

  it('sparse_ zeroes a part of every column', () => {
    manualSeed(13);
    const t = init.sparse_(zeros([30, 200]), 0.32, 2);
    const columns = t.mT.toArraySync() as number[][];
    for (const column of columns) expect(column.filter((x) => x === 0).length).toBe(10);
    expectNormal(tensor(columns.flat().filter((x) => x !== 0)), 0, 2);
    const rows = numbers(t.ne(0).sum(1));
    for (const kept of rows) expect(Math.abs(kept - (200 * 2) / 3)).toBeLessThan(5 * Math.sqrt((200 * 2) / 9));
    expect(numbers(init.sparse_(zeros([3, 2]), 1))).toEqual(Array(6).fill(0));
    expect(() => init.sparse_(zeros([3]), 0.5)).toThrow(ShapeError);
    expect(() => init.sparse_(zeros([3, 3]), 1.5)).toThrow(ArgumentError);
  });

  it('truncNormal_: the normal distribution within bounds', () => {
    manualSeed(14);
    // Mean and deviation of N(m, s²) within [a, b] from 1e6 Simpson steps.
    const expected = (mean: number, std: number, a: number, b: number) => {
      const n = 20000;
      let [w, s1, s2] = [0, 0, 0];
      for (let i = 0; i <= n; i++) {
        const x = a + ((b - a) * i) / n;
        const p = Math.exp(-(((x - mean) / std) ** 2) / 2) * (i === 0 || i === n ? 1 : i % 2 === 1 ? 4 : 2);
        w += p;
        s1 += p * x;
        s2 += p * x * x;
      }
      return { mean: s1 / w, std: Math.sqrt(s2 / w - (s1 / w) ** 2) };
    };
    for (const [mean, std, a, b] of [
      [0, 1, -2, 2],
      [1, 2, 0, 1.5],
      [0, 0.02, -2, 2],
      [0, 1, 5, 9],
      [3, 1, -9, -4],
    ]) {
      const t = init.truncNormal_(zeros([40, 100]), mean, std, a, b);
      const got = moments(numbers(t));
      const want = expected(mean, std, Math.max(a, mean - 12 * std), Math.min(b, mean + 12 * std));
      expect(got.low).toBeGreaterThanOrEqual(a);
      expect(got.high).toBeLessThanOrEqual(b);
      expect(Math.abs(got.mean - want.mean)).toBeLessThan((5 * want.std) / Math.sqrt(4000));
      expect(Math.abs(got.std / want.std - 1)).toBeLessThan(0.15);
      expect(new Set(numbers(t)).size).toBeGreaterThan(3900);
    }
    expect(new Set(numbers(init.truncNormal_(zeros([9]), 0, 1, 1, 1)))).toEqual(new Set([1]));
    expect(numbers(init.truncNormal_(zeros([100]), 0, 1, -Infinity, Infinity)).every(Number.isFinite)).toBe(true);
    expect(() => init.truncNormal_(zeros([3]), 0, 0)).toThrow(ArgumentError);
    expect(() => init.truncNormal_(zeros([3]), 0, 1, 2, 1)).toThrow(ArgumentError);
  });

  it('take a generator', () => {
    const t = zeros([4, 4]);
    const fills = [
      (generator: Generator) => init.truncNormal_(t, 0, 1, -2, 2, { generator }),
      (generator: Generator) => init.orthogonal_(t, 1, { generator }),
      (generator: Generator) => init.sparse_(t, 0.5, 1, { generator }),
      (generator: Generator) => init.kaimingNormal_(t, { generator }),
      (generator: Generator) => init.xavierUniform_(t, { generator }),
    ];
    for (const fill of fills) {
      const draw = (seed: number) => numbers(fill(new Generator().manualSeed(seed)));
      const first = draw(1);
      expect(draw(2)).not.toEqual(first);
      expect(draw(1)).toEqual(first);
    }
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
