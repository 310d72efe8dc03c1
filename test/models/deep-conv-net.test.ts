// DeepConvNet against PyTorch in float64: the gradient of every parameter. Dropout is off.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArgumentError, type DType, F, manualSeed, models, ShapeError, tensor, zeros } from '../../lib/index.js';

interface Gradient {
  shape: number[];
  norm: number;
  largest: number;
  values: number[];
  sums: number[];
}

interface Fixture {
  parameters: number;
  text: string;
  loss: number;
  output: number[];
  gradients: Record<string, Gradient>;
}

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/deep_conv_net.json', import.meta.url), 'utf8'),
) as Fixture & { batchNorm: Fixture };
const BATCH = 8;

/** The formula of test/fixtures/make_deep_conv_net_fixture.py. */
function hashed(count: number, stream: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    let h = (Math.imul(i + 1, 0x9e3779b1) + Math.imul(stream, 0x85ebca77)) >>> 0;
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) >>> 0;
    h = Math.imul(h ^ (h >>> 12), 0x297a2d39) >>> 0;
    h = (h ^ (h >>> 15)) >>> 0;
    return (h >>> 10) / 2 ** 21 - 1;
  });
}

function step(dtype: DType, batchNorm: boolean) {
  const model = models.deepConvNet({ dropout: 0, batchNorm }).to(dtype);
  for (const [stream, p] of model.parameters().entries()) {
    const fanIn = p.ndim > 1 ? p.numel / p.shape[0] : 2 ** 12;
    const scale = 2 ** Math.round(Math.log2(Math.sqrt(6 / fanIn)));
    const values = hashed(p.numel, stream).map((v) => v * scale);
    p.detach().copy_(tensor(values, { shape: p.shape, dtype }));
  }
  const images = tensor(hashed(BATCH * 28 * 28, 100).map(Math.abs), { shape: [BATCH, 1, 28, 28], dtype });
  const labels = tensor(
    Array.from({ length: BATCH }, (_, i) => (i * 3) % 10),
    { dtype: 'int64' },
  );
  const output = model.forward(images);
  const loss = F.crossEntropy(output, labels);
  loss.backward();
  return { model, output, loss };
}

/** Elements by the largest one, sums by the norm: that of a sum with random signs of all errors. */
function checkGradient(got: Float64Array, want: Gradient, relative: number): void {
  const { norm, largest, values, sums } = want;
  const at = (i: number): number => Math.floor((i * got.length) / values.length);
  const worst = Math.max(...values.map((value, i) => Math.abs(got[at(i)] - value)));
  expect(worst / largest).toBeLessThanOrEqual(relative);
  for (const [k, sum] of sums.entries()) {
    const signs = hashed(got.length, 200 + k);
    const total = got.reduce((acc, value, i) => acc + (signs[i] < 0 ? -value : value), 0);
    expect(Math.abs(total - sum) / norm).toBeLessThanOrEqual(2 * relative);
  }
}

describe('gradients equal PyTorch float64', () => {
  it.each([
    ['float64', false, 1e-12],
    ['float32', false, 1e-5],
    ['float64', true, 1e-11],
  ] as const)('%s, batch norm %s, to %d', (dtype, batchNorm, relative) => {
    const { model, output, loss } = step(dtype, batchNorm);
    const wanted = batchNorm ? fixture.batchNorm : fixture;
    expect(Math.abs(loss.itemSync() - wanted.loss) / wanted.loss).toBeLessThanOrEqual(relative);
    const scale = Math.max(...wanted.output.map(Math.abs));
    output.dataSync().forEach((value, i) => {
      expect(Math.abs(Number(value) - wanted.output[i]) / scale).toBeLessThanOrEqual(relative);
    });
    const named = [...model.namedParameters()];
    expect(named.map(([name]) => name)).toEqual(Object.keys(wanted.gradients));
    expect(named.length).toBe(batchNorm ? 24 : 16);
    for (const [name, p] of named) {
      expect(p.grad?.shape, name).toEqual(wanted.gradients[name].shape);
      const got = Float64Array.from(p.grad?.dataSync() ?? [], Number);
      // A bias before a batch normalization has no effect: nothing but rounding.
      if (wanted.gradients[name].norm < 1e-14) expect(Math.hypot(...got), name).toBeLessThan(1e-14);
      else checkGradient(got, wanted.gradients[name], relative);
    }
  });
});

describe('deepConvNet', () => {
  it('has 123,552 parameters and prints as in PyTorch', () => {
    const model = models.deepConvNet();
    expect(model.parameters().reduce((sum, p) => sum + p.numel, 0)).toBe(123_552);
    expect(fixture.parameters).toBe(123_552);
    expect(String(model)).toBe(fixture.text);
    const normalized = models.deepConvNet({ batchNorm: true });
    expect(normalized.parameters().reduce((sum, p) => sum + p.numel, 0)).toBe(fixture.batchNorm.parameters);
    expect(String(normalized)).toBe(fixture.batchNorm.text);
  });

  it('starts with He initialisation: weights N(0, 2 / fanIn), biases 0', () => {
    manualSeed(1);
    const model = models.deepConvNet();
    for (const [name, p] of model.namedParameters()) {
      const values = Float64Array.from(p.dataSync(), Number);
      const square = values.reduce((sum, v) => sum + v * v, 0) / values.length;
      if (name.endsWith('bias')) expect(square).toBe(0);
      // The mean of n squares spreads by sqrt(2 / n) of itself.
      else expect(Math.abs((square * p.numel) / p.shape[0] / 2 - 1)).toBeLessThan(5 * Math.sqrt(2 / p.numel));
    }
  });

  it('takes other images and classes', () => {
    for (const [imageSize, inChannels, numClasses] of [
      [28, 1, 10],
      [32, 3, 7],
      [8, 1, 10],
      [6, 2, 1],
      [9, 1, 2],
    ]) {
      const model = models.deepConvNet({ imageSize, inChannels, numClasses });
      expect(model.forward(zeros([2, inChannels, imageSize, imageSize])).shape).toEqual([2, numClasses]);
    }
  });

  it('refuses wrong options and inputs', () => {
    expect(() => models.deepConvNet({ numClasses: 0 })).toThrow(ArgumentError);
    expect(() => models.deepConvNet({ inChannels: 1.5 })).toThrow(ArgumentError);
    expect(() => models.deepConvNet({ imageSize: 5 })).toThrow(/imageSize must be an integer >= 6, got 5/);
    expect(() => models.deepConvNet({ dropout: 2 })).toThrow(/p must lie in \[0, 1\], got 2/);
    expect(() => models.deepConvNet(null as never)).toThrow(ArgumentError);
    expect(() => models.deepConvNet().forward(zeros([2, 3, 28, 28]))).toThrow(ShapeError);
    expect(() => models.deepConvNet().forward(zeros([2, 1, 40, 40]))).toThrow(ShapeError);
  });
});
