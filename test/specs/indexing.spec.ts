import { ArgumentError, DTypeError, F, indexAdd, indexSelect, ShapeError, tensor, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

const index = (data: number[] | number[][]) => tensor(data, { dtype: 'int64' });

family('indexing', {
  gather: {
    call: ([x, i], { dim }: { dim: number }) => x.gather(dim, i),
    errors: [
      [() => zeros([2, 3]).gather(2, index([[0]])), ShapeError, /^gather: dim 2 is out of range/],
      [() => zeros([2, 3]).gather(0, index([0])), ShapeError, /^gather: index \[1\] must have as many dimensions/],
      [() => zeros([2, 1]).gather(0, index([[0, 0]])), ShapeError, /^gather: index \[1, 2\] is larger .* at dim 1/],
      [() => zeros([2]).gather(0, zeros([1])), DTypeError, /^gather: index must be int64 or int32, got float32/],
      [() => zeros([2]).gather(0, [0] as never), ArgumentError, /^gather: index must be a Tensor/],
    ],
  },
  scatterAdd: {
    call: ([x, i, s], { dim }: { dim: number }) => x.scatterAdd(dim, i, s),
    errors: [
      [() => zeros([2]).scatterAdd(0, index([0, 1]), zeros([1])), ShapeError, /index \[2\] is larger than src \[1\]/],
      [
        () => zeros([2]).scatterAdd(0, index([0]), zeros([1], { dtype: 'float64' })),
        DTypeError,
        /^scatterAdd: src is float64, input float32/,
      ],
      [() => zeros([2, 2]).scatterAdd(0, index([0]), zeros([1])), ShapeError, /^scatterAdd: index \[1\] must have/],
    ],
  },
  indexSelect: {
    call: ([x, i], { dim }: { dim: number }) => indexSelect(x, dim, i),
    errors: [
      [() => indexSelect(zeros([2]), 1, index([0])), ShapeError, /^indexSelect: dim 1 is out of range/],
      [() => indexSelect(zeros([2]), 0, index([[0]])), ShapeError, /^indexSelect: index must have at most one/],
      [() => indexSelect(zeros([]), 0, index([0, 0])), ShapeError, /^indexSelect: a 0-d input takes one index/],
    ],
  },
  indexAdd: {
    call: ([x, i, s], { dim, alpha }: { dim: number; alpha: number }) => indexAdd(x, dim, i, s, { alpha }),
    errors: [
      [
        () => indexAdd(zeros([2, 3]), 0, index([0]), zeros([1, 2])),
        ShapeError,
        /^indexAdd: source has shape \[1, 2\]; 1 indices into \[2, 3\] need \[1, 3\]/,
      ],
      [() => indexAdd(zeros([2]), 0, index([0]), zeros([1]), { alpha: '1' as never }), ArgumentError, /alpha must be/],
      [
        () => indexAdd(zeros([2], { dtype: 'int64' }), 0, index([0]), index([1]), { alpha: 0.5 }),
        DTypeError,
        /^indexAdd: alpha 0.5 does not fit int64/,
      ],
    ],
  },
  oneHot: {
    call: ([x], { numClasses }: { numClasses: number }) => F.oneHot(x, numClasses),
    errors: [
      [() => F.oneHot(zeros([2]), 3), DTypeError, /^oneHot: class numbers must be int64 or int32, got float32/],
      [() => F.oneHot(index([0]), 0), ArgumentError, /^oneHot: numClasses must be -1 or an integer >= 1, got 0/],
      [() => F.oneHot(zeros([0], { dtype: 'int64' })), ArgumentError, /^oneHot: numClasses is needed for an empty/],
    ],
  },
});
