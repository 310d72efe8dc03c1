import { ArgumentError, DTypeError, F, ShapeError, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

type Two = [number, number];
type Windows = { kernel: Two; dilation: Two; padding: Two; stride: Two };

family('unfold', {
  unfold: {
    call: ([x], { kernel, ...options }: Windows) => F.unfold(x, kernel, options),
    errors: [
      [() => F.unfold(zeros([2, 3]), 2), ShapeError, /^unfold: .*got \[2, 3\]/],
      [() => F.unfold(zeros([1, 1, 2, 5]), 3), ShapeError, /^unfold: the window spans 3, the padded height is 2/],
      [() => F.unfold(zeros([1, 1, 2, 5]), 0), ArgumentError, /^unfold: kernelSize must be an integer >= 1/],
      [() => F.unfold(zeros([1, 1, 5, 5], { dtype: 'int32' }), 2), DTypeError, /^unfold: .* got int32/],
    ],
  },
  fold: {
    call: ([x], { size, kernel, ...options }: Windows & { size: Two }) => F.fold(x, size, kernel, options),
    errors: [
      [() => F.fold(zeros([1, 5, 4]), 3, 2), ShapeError, /^fold: rows must be a multiple of 4 and columns 4/],
      [() => F.fold(zeros([1, 4, 5]), [3, 3], [2, 2]), ShapeError, /got \[1, 4, 5\]/],
      [() => F.fold(zeros([4]), 3, 2), ShapeError, /^fold: .*got \[4\]/],
      [() => F.fold(zeros([1, 4, 4]), 3, 2, { stride: 0 }), ArgumentError, /^fold: stride must be an integer >= 1/],
    ],
  },
});
