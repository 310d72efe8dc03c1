// Against what PyTorch prints: test/fixtures/make_print_fixture.py.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { arange, type DType, type TensorData, tensor } from '../../lib/index.js';

type Encoded = number | boolean | string | Encoded[];

interface Fixture {
  cases: { data: Encoded; dtype: DType; text: string }[];
  ranges: { shape: number[]; divisor: number; text: string }[];
  requiresGrad: string;
}

const fixture = JSON.parse(readFileSync(new URL('../fixtures/print.json', import.meta.url), 'utf8')) as Fixture;

/** Infinities, NaN and -0 are strings in the file. */
function decode(value: Encoded): TensorData {
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value !== 'string') return value;
  return value === 'nan' ? Number.NaN : Number(value.replace('inf', 'Infinity'));
}

describe('toString', () => {
  for (const { data, dtype, text } of fixture.cases) {
    it(`prints ${JSON.stringify(data)} as ${dtype}`, () => {
      expect(String(tensor(decode(data), { dtype }))).toBe(text.replaceAll('torch.', ''));
    });
  }
  for (const { shape, divisor, text } of fixture.ranges) {
    it(`prints a range of shape [${shape}] over ${divisor}`, () => {
      const n = shape.reduce((a, b) => a * b, 1);
      expect(String(arange(n, { dtype: 'float32' }).reshape(shape).div(divisor))).toBe(text);
    });
  }
  it('shows where a tensor comes from', () => {
    const x = tensor([1, 2], { requiresGrad: true });
    expect(String(x)).toBe(fixture.requiresGrad);
    expect(String(x.mul(2))).toBe('tensor([2., 4.], grad_fn=<mulScalar>)');
    x.dispose();
    expect(String(x)).toBe('tensor(<disposed>, shape=[2])');
  });
});
