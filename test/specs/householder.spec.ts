import { DTypeError, linalg, ShapeError, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

const product = linalg.householderProduct;

family('householder', {
  'linalg.householderProduct': {
    call: ([a, tau]) => product(a, tau),
    notNarrow: 'PyTorch has it in float32 and float64 only',
    errors: [
      [() => product(zeros([2, 3]), zeros([2])), ShapeError, /M >= N and tau .* got \[2, 3\] and \[2\]/],
      [() => product(zeros([3, 2]), zeros([3])), ShapeError, /K <= N/],
      [() => product(zeros([4, 3, 2]), zeros([2])), ShapeError, /got \[4, 3, 2\] and \[2\]/],
      [() => product(zeros([3, 2], { dtype: 'int64' }), zeros([2])), DTypeError, /float32 or float64/],
      [() => product(zeros([3, 2]), zeros([2], { dtype: 'float64' })), DTypeError, /tau is float64/],
    ],
  },
});
