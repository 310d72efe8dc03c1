import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  AutogradError,
  F,
  manualSeed,
  nn,
  noGrad,
  randn,
  ShapeError,
  type Tensor,
  tensor,
} from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

const inplace = true;
const behind = (module: nn.Module) => () => new nn.Sequential(new nn.Linear(3, 4), module);

compareModules('nn_inplace', {
  relu: behind(new nn.ReLU({ inplace })),
  relu6: behind(new nn.ReLU6({ inplace })),
  leakyRelu: behind(new nn.LeakyReLU(0.2, { inplace })),
  rrelu: behind(new nn.RReLU(1 / 8, 1 / 3, { inplace })),
  elu: behind(new nn.ELU(2, { inplace })),
  selu: behind(new nn.SELU({ inplace })),
  celu: behind(new nn.CELU(1, { inplace })),
  silu: behind(new nn.SiLU({ inplace })),
  mish: behind(new nn.Mish({ inplace })),
  hardswish: behind(new nn.Hardswish({ inplace })),
  hardtanh: behind(new nn.Hardtanh(-2, 2.5, { inplace })),
  threshold: behind(new nn.Threshold(0.1, 20, { inplace })),
  dropout: behind(new nn.Dropout(0.2, { inplace })),
  dropout1d: behind(new nn.Dropout1d(0.5, { inplace })),
  dropout2d: behind(new nn.Dropout2d(0.5, { inplace })),
  dropout3d: behind(new nn.Dropout3d(0.5, { inplace })),
  alphaDropout: behind(new nn.AlphaDropout(0.5, { inplace })),
  featureAlphaDropout: behind(new nn.FeatureAlphaDropout(0.5, { inplace })),
});

const numbers = (t: Tensor): number[] => Array.from(t.dataSync(), Number);

type Call = (x: Tensor, options?: { inplace?: boolean; training?: boolean }) => Tensor;
const calls: Record<string, Call> = {
  relu: F.relu,
  relu6: F.relu6,
  leakyRelu: (x, options) => F.leakyRelu(x, 0.3, options),
  elu: (x, options) => F.elu(x, 2, options),
  selu: F.selu,
  celu: (x, options) => F.celu(x, 2, options),
  silu: F.silu,
  mish: F.mish,
  hardswish: F.hardswish,
  hardsigmoid: F.hardsigmoid,
  hardtanh: (x, options) => F.hardtanh(x, -0.5, 0.5, options),
  threshold: (x, options) => F.threshold(x, 0.1, 3, options),
  rrelu: (x, options) => F.rrelu(x, 0.1, 0.4, { training: true, ...options }),
  dropout: (x, options) => F.dropout(x, 0.4, options),
  dropout1d: (x, options) => F.dropout1d(x, 0.4, options),
  dropout2d: (x, options) => F.dropout2d(x, 0.4, options),
  alphaDropout: (x, options) => F.alphaDropout(x, 0.4, { training: true, ...options }),
  featureAlphaDropout: (x, options) => F.featureAlphaDropout(x, 0.4, { training: true, ...options }),
};

describe.each(Object.entries(calls))('%s in place', (_, call) => {
  const drawn = (x: Tensor, options: { inplace?: boolean }): Tensor => {
    manualSeed(5);
    return call(x, options);
  };

  it('has the values and gradients of the other, and changes the input', () => {
    for (const dtype of ['float32', 'float64', 'bfloat16'] as const) {
      const leaf = () => randn([3, 5, 4], { dtype: 'float32' }).to(dtype).requiresGrad_();
      manualSeed(1);
      const a = leaf();
      manualSeed(1);
      const b = leaf();
      const want = drawn(a.mul(2), {});
      const x = b.mul(2);
      const got = drawn(x, { inplace });
      expect(got).toBe(x);
      expect(numbers(got)).toEqual(numbers(want));
      want.sum().backward();
      got.sum().backward();
      expect(numbers(b.grad as Tensor)).toEqual(numbers(a.grad as Tensor));
    }
  });

  it('writes to the memory of views', () => {
    manualSeed(2);
    const base = randn([4, 6, 5]);
    const before = numbers(base.clone().fill_(7));
    const part = base.narrow(2, 1, 3).transpose(0, 1);
    const want = drawn(part.clone(), {});
    noGrad(() => {
      drawn(part, { inplace });
    });
    expect(numbers(part)).toEqual(numbers(want));
    const rest = base.clone();
    rest.narrow(2, 1, 3).fill_(7);
    const untouched = numbers(rest).filter((x) => x !== 7).length;
    expect(untouched).toBe(before.length - part.numel);
  });

  it('refuses a leaf that requires a gradient', () => {
    expect(() => call(randn([2, 3, 4], { requiresGrad: true }), { inplace })).toThrow(AutogradError);
  });
});

describe('the functions with an underscore', () => {
  it('do the same', () => {
    const x = (): Tensor => tensor([-2, -0.25, 0.5, 3]);
    const pairs: [Tensor, Tensor][] = [
      [F.relu_(x()), F.relu(x())],
      [F.elu_(x(), 2), F.elu(x(), 2)],
      [F.celu_(x(), 2), F.celu(x(), 2)],
      [F.selu_(x()), F.selu(x())],
      [F.leakyRelu_(x(), 0.3), F.leakyRelu(x(), 0.3)],
      [F.hardtanh_(x(), -2, 2), F.hardtanh(x(), -2, 2)],
      [F.threshold_(x(), 0.1, 9), F.threshold(x(), 0.1, 9)],
      [F.rrelu_(x(), 0.2, 0.4), F.rrelu(x(), 0.2, 0.4)],
    ];
    for (const [got, want] of pairs) expect(numbers(got)).toEqual(numbers(want));
    const given = x();
    expect(F.elu_(given)).toBe(given);
    expect(() => F.elu_(tensor([1]).expand([3]))).toThrow(ShapeError);
    for (const fn of [F.relu, F.relu6, F.silu, F.selu, F.mish, F.hardswish, F.hardsigmoid]) {
      expect(() => fn(x(), null as never)).toThrow(ArgumentError);
    }
    expect(String(new nn.Hardsigmoid({ inplace: true }))).toBe('Hardsigmoid()');
    expect(() => new nn.ReLU(true as never)).toThrow(/ReLU: options must be an object, got true/);
  });

  it('a value that backward needs is not spoilt unnoticed', () => {
    const leaf = tensor([-1, 2], { requiresGrad: true });
    const y = leaf.exp();
    F.elu_(y);
    expect(() => y.sum().backward()).toThrow(AutogradError);
  });
});

describe('dropout in place', () => {
  it('returns the input as it is in evaluation', () => {
    const x = randn([3, 4]);
    expect(F.dropout(x, 0.5, { inplace, training: false })).toBe(x);
    expect(new nn.Dropout(0.5, { inplace }).eval().forward(x)).toBe(x);
  });

  it('takes inputs without a batch', () => {
    manualSeed(3);
    const x = randn([40, 6]).abs().add(1);
    expect(F.dropout1d(x, 0.5, { inplace })).toBe(x);
    const rows = x.toArraySync() as number[][];
    expect(rows.every((row) => row.every((v) => v === 0) || row.every((v) => v !== 0))).toBe(true);
    expect(rows.some((row) => row[0] === 0) && rows.some((row) => row[0] !== 0)).toBe(true);
    const volume = randn([30, 2, 2, 2]).abs().add(1);
    const dropped = numbers(F.dropout3d(volume, 0.5)).filter((v) => v === 0).length;
    expect(dropped % 8).toBe(0);
    expect(dropped).toBeGreaterThan(0);
    expect(() => F.dropout3d(randn([2, 3, 4]), 0.5)).toThrow(ShapeError);
  });
});
