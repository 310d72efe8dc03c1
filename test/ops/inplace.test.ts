// Ops that write to their first operand: values, what they refuse, and that the tape notices them.
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  AutogradError,
  DTypeError,
  noGrad,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';

const start = () =>
  tensor([
    [1, -2, 3],
    [4, 5, -6],
  ]);

describe('in place', () => {
  const cases: [string, (x: Tensor) => Tensor, number[][]][] = [
    [
      'add_ number',
      (x) => x.add_(1),
      [
        [2, -1, 4],
        [5, 6, -5],
      ],
    ],
    [
      'add_ alpha',
      (x) => x.add_(tensor([1, 2, 3]), { alpha: -2 }),
      [
        [-1, -6, -3],
        [2, 1, -12],
      ],
    ],
    [
      'sub_',
      (x) => x.sub_(tensor([[1], [2]])),
      [
        [0, -3, 2],
        [2, 3, -8],
      ],
    ],
    [
      'sub_ number alpha',
      (x) => x.sub_(2, { alpha: 0.5 }),
      [
        [0, -3, 2],
        [3, 4, -7],
      ],
    ],
    [
      'mul_',
      (x) => x.mul_(tensor([1, 0, 2])),
      [
        [1, -0, 6],
        [4, 0, -12],
      ],
    ],
    [
      'div_',
      (x) => x.div_(2),
      [
        [0.5, -1, 1.5],
        [2, 2.5, -3],
      ],
    ],
    [
      'clamp_',
      (x) => x.clamp_(-1, 4),
      [
        [1, -1, 3],
        [4, 4, -1],
      ],
    ],
    [
      'clamp_ one bound',
      (x) => x.clamp_(null, 2),
      [
        [1, -2, 2],
        [2, 2, -6],
      ],
    ],
    [
      'neg_',
      (x) => x.neg_(),
      [
        [-1, 2, -3],
        [-4, -5, 6],
      ],
    ],
    [
      'relu_',
      (x) => x.relu_(),
      [
        [1, 0, 3],
        [4, 5, 0],
      ],
    ],
    [
      'fill_',
      (x) => x.fill_(7),
      [
        [7, 7, 7],
        [7, 7, 7],
      ],
    ],
    [
      'zero_',
      (x) => x.zero_(),
      [
        [0, 0, 0],
        [0, 0, 0],
      ],
    ],
  ];
  it.each(cases)('%s writes to the same memory', (_name, run, expected) => {
    const x = start();
    const view = x.transpose(0, 1);
    expect(run(x)).toBe(x);
    expect(x.toArraySync()).toEqual(expected);
    expect(view.toArraySync()).toEqual([0, 1, 2].map((j) => [expected[0][j], expected[1][j]]));
  });

  it('writes through views', () => {
    const x = start();
    x.transpose(0, 1).add_(tensor([10, 20]));
    expect(x.toArraySync()).toEqual([
      [11, 8, 13],
      [24, 25, 14],
    ]);
    x.slice(1, 0, null, 2).zero_();
    expect(x.toArraySync()).toEqual([
      [0, 8, 0],
      [0, 25, 0],
    ]);
  });

  it('reads an operand that shares its memory as it was before', () => {
    const x = tensor(
      Float32Array.from({ length: 90000 }, (_, i) => i),
      { shape: [300, 300] },
    );
    const expected = x.add(x.transpose(0, 1)).toArraySync();
    expect(x.add_(x.transpose(0, 1)).toArraySync()).toEqual(expected);
  });

  it('converts the other operand to its dtype', () => {
    const x = tensor([1, 2], { dtype: 'float64' });
    expect(x.add_(tensor([1n, 2n])).dtype).toBe('float64');
    expect(x.toArraySync()).toEqual([2, 4]);
    const n = tensor([3, 4], { dtype: 'int32' });
    expect(n.mul_(tensor([2, 3], { dtype: 'uint8' })).toArraySync()).toEqual([6, 12]);
  });

  it('refuses a result of another shape or dtype', () => {
    expect(() => zeros([3]).add_(zeros([2, 3]))).toThrow(ShapeError);
    expect(() => zeros([2], { dtype: 'int64' }).add_(0.5)).toThrow(DTypeError);
    expect(() => zeros([2], { dtype: 'int64' }).div_(2)).toThrow(DTypeError);
    expect(() => zeros([2], { dtype: 'int64' }).exp_()).toThrow(DTypeError);
    expect(() => zeros([2]).add_('1' as never)).toThrow(ArgumentError);
    expect(() => zeros([2]).fill_('1' as never)).toThrow(ArgumentError);
    expect(() => zeros([1, 3]).expand([2, 3]).add_(1)).toThrow(/share memory/);
  });

  it('refuses a leaf that requires gradients', () => {
    const leaf = zeros([2], { requiresGrad: true });
    expect(() => leaf.add_(1)).toThrow(AutogradError);
    noGrad(() => leaf.add_(1));
    expect(leaf.toArraySync()).toEqual([1, 1]);
  });

  it('is noticed by a backward pass that needs the old values', () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const factor = tensor([3, 4]);
    const y = x.mul(factor).sum();
    factor.add_(1);
    expect(() => y.backward()).toThrow(/changed in place|modified/);
  });
});
