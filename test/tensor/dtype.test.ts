// Result types, limits and conversions against PyTorch: test/fixtures/make_promotion_fixture.py.
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import {
  canCast,
  type DType,
  DTypeError,
  finfo,
  full,
  getDefaultDType,
  iinfo,
  promoteTypes,
  rand,
  resultType,
  ShapeError,
  setDefaultDType,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';

interface Fixture {
  promote: [DType, DType, DType][];
  results: [DType, number, DType, number, DType][];
  numbers: [DType, DType, number | boolean, DType][];
  casts: [DType, DType, boolean][];
  limits: Record<string, Record<string, number | string>>;
}

const fixture = JSON.parse(readFileSync(new URL('../fixtures/promotion.json', import.meta.url), 'utf8')) as Fixture;
const values = (t: Tensor): number[] => Array.from(t.dataSync(), Number);
/** There is no int16 here. */
const ours = (dtype: string): string => (dtype === 'int16' ? 'int32' : dtype);
const ones = (ndim: number, dtype: DType): Tensor => full(Array(ndim).fill(1), 1, { dtype });

afterEach(() => setDefaultDType('float32'));

describe('result types', () => {
  it('of all pairs of dtypes', () => {
    expect(fixture.promote.length).toBe(81);
    for (const [a, b, want] of fixture.promote) expect([a, b, promoteTypes(a, b)]).toEqual([a, b, ours(want)]);
  });
  it('of tensors with and without axes, as add gives them', () => {
    expect(fixture.results.length).toBe(324);
    for (const [a, m, b, n, want] of fixture.results) {
      const [x, y] = [ones(m, a), ones(n, b)];
      expect([a, m, b, n, resultType(x, y), x.add(y).dtype]).toEqual([a, m, b, n, ours(want), ours(want)]);
    }
  });
  it('of tensors and numbers, for every default dtype', () => {
    for (const [byDefault, dtype, value, want] of fixture.numbers) {
      setDefaultDType(byDefault);
      const x = zeros([1], { dtype });
      expect([byDefault, dtype, value, resultType(x, value)]).toEqual([byDefault, dtype, value, want]);
      expect(resultType(value, x)).toBe(want);
      if (typeof value === 'number') expect(x.add(value).dtype).toBe(want);
    }
  });
  it('of casts', () => {
    for (const [a, b, want] of fixture.casts) expect([a, b, canCast(a, b)]).toEqual([a, b, want]);
  });
  it('refuse what is no dtype', () => {
    expect(() => promoteTypes('float32', 'float99' as DType)).toThrow(/^promoteTypes: unknown dtype/);
    expect(() => resultType(null as never, 1)).toThrow(/^resultType: /);
    expect(() => canCast(1 as never, 'bool')).toThrow(/^canCast: unknown dtype/);
  });
});

describe('limits', () => {
  it('are those of PyTorch', () => {
    for (const [dtype, want] of Object.entries(fixture.limits)) {
      if ('eps' in want) {
        const { bits, eps, max, min, tiny, smallestNormal, resolution } = finfo(dtype as DType);
        expect({ bits, eps, max, min, tiny, smallest_normal: smallestNormal, resolution }).toEqual(want);
      } else {
        const { bits, max, min } = iinfo(dtype as DType);
        expect({ bits, max: String(max), min: String(min) }).toEqual(want);
      }
    }
    expect(() => finfo('int8')).toThrow(DTypeError);
    expect(() => iinfo('float16')).toThrow(DTypeError);
    expect(() => iinfo('bool')).toThrow(DTypeError);
  });
});

describe('the default dtype', () => {
  it('may be narrow', () => {
    setDefaultDType('bfloat16');
    expect(getDefaultDType()).toBe('bfloat16');
    expect([tensor([1.5]).dtype, zeros([2]).dtype, rand([2]).dtype]).toEqual(['bfloat16', 'bfloat16', 'bfloat16']);
    expect(String(tensor([1.5]))).toBe('tensor([1.5000])');
    expect(tensor([1n]).add(0.5).dtype).toBe('bfloat16');
    expect(tensor([4n]).sqrt().dtype).toBe('bfloat16');
    expect(() => setDefaultDType('int64')).toThrow(DTypeError);
  });
});

describe('conversions', () => {
  it('have PyTorch’s names', () => {
    const x = tensor([1.7, -2.2, 0]);
    const made = [x.half(), x.bfloat16(), x.double(), x.int(), x.long(), x.char(), x.byte(), x.bool(), x.float()];
    expect(made.map((t) => t.dtype)).toEqual('float16 bfloat16 float64 int32 int64 int8 uint8 bool float32'.split(' '));
    expect(x.float()).toBe(x);
    expect(values(x.char())).toEqual([1, -2, 0]);
    expect(values(x.byte())).toEqual([1, 254, 0]);
    expect(x.typeAs(tensor([1n])).dtype).toBe('int64');
    expect(x.to(tensor([1n])).dtype).toBe('int64');
    expect(x.to('float32')).toBe(x);
    expect(x.to('float32', { copy: true })).not.toBe(x);
    expect([x.half().elementSize(), x.half().isFloatingPoint(), x.char().isFloatingPoint()]).toEqual([2, true, false]);
    expect(() => x.typeAs(1 as never)).toThrow(/^typeAs: /);
    expect(() => x.to('float32', { copy: 1 as never })).toThrow(/^to: copy must be a boolean/);
  });
  it('of int8 read and write Int8Array', async () => {
    const x = tensor(Int8Array.from([-128, 127, 5]));
    expect([x.dtype, await x.data()]).toEqual(['int8', Int8Array.from([-128, 127, 5])]);
    expect(values(x.add(1))).toEqual([-127, -128, 6]);
    expect(x.sum().dtype).toBe('int64');
    expect(values(x.max())).toEqual([127]);
    expect(values(x.neg())).toEqual([-128, -127, -5]);
  });
});

describe('view of a dtype (viewDType)', () => {
  it('shows the same bytes', () => {
    const x = tensor([1, -2], { dtype: 'bfloat16' });
    const bytes = x.view('uint8');
    expect([bytes.shape, values(bytes)]).toEqual([[4], [0x80, 0x3f, 0x00, 0xc0]]);
    const bits = new Uint16Array((bytes.dataSync() as Uint8Array).buffer);
    expect([...bits]).toEqual([0x3f80, 0xc000]);
    expect(values(tensor([1, 2]).view('int32'))).toEqual([0x3f800000, 0x40000000]);
    expect(values(x.view('float16').view('bfloat16'))).toEqual([1, -2]);
  });
  it('shares memory and scales the last axis', () => {
    const x = zeros([3, 4], { dtype: 'uint8' });
    const wide = x.view('int32');
    expect(wide.shape).toEqual([3, 1]);
    wide.select(0, 1).fill_(0x01020304);
    expect(values(x)).toEqual([0, 0, 0, 0, 4, 3, 2, 1, 0, 0, 0, 0]);
    const rows = zeros([4, 6], { dtype: 'float16' }).slice(0, 1, 4, 2);
    expect([rows.view('uint8').shape, rows.view('uint8').strides]).toEqual([
      [2, 12],
      [24, 1],
    ]);
    expect(rows.view('float32').shape).toEqual([2, 3]);
    const later = tensor([1, 2, 3, 4], { dtype: 'float32' }).slice(0, 2).view('uint8').slice(0, 4).view('float32');
    expect(values(later)).toEqual([4]);
  });
  it('refuses what cannot be seen so', () => {
    const x = zeros([3, 3], { dtype: 'uint8' });
    expect(() => x.view('int32')).toThrow(ShapeError);
    expect(() => x.view('int32')).toThrow(/^view: uint8 \[3, 3\] as int32: the last size 3 is not a multiple of 4/);
    expect(() => zeros([], { dtype: 'uint8' }).view('int32')).toThrow(/0-d/);
    expect(() => zeros([4, 4]).t().view('uint8')).toThrow(/stride is 4/);
    expect(() => zeros([9], { dtype: 'uint8' }).slice(0, 1).view('int64')).toThrow(/the position 1 is not a multiple/);
    expect(() => zeros([2]).view('float99' as DType)).toThrow(/unknown dtype/);
  });
  it('has no gradient', () => {
    expect(tensor([1, 2], { requiresGrad: true }).view('float32').requiresGrad).toBe(false);
  });
});
