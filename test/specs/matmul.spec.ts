import {
  addmm,
  baddbmm,
  bmm,
  DTypeError,
  dot,
  F,
  matmul,
  mm,
  mv,
  outer,
  ShapeError,
  type Tensor,
  zeros,
} from '../../lib/index.js';
import { linearRelu } from '../../lib/ops/layers/linear.js';
import { family } from '../support/spec.js';

type Factors = { beta: number; alpha: number };
const addProduct = ([c, a, b]: readonly Tensor[], factors: Factors): Tensor =>
  a.ndim === 2 ? addmm(c, a, b, factors) : baddbmm(c, a, b, factors);

family('matmul', {
  matmul: {
    call: ([a, b]) => matmul(a, b),
    errors: [
      [
        () => matmul(zeros([2, 3]), zeros([2, 4])),
        ShapeError,
        /^matmul: inner sizes 3 and 2 differ \(input \[2, 3\], other \[2, 4\]\)/,
      ],
      [
        () => matmul(zeros([2, 3, 4]), zeros([5, 4, 3])),
        ShapeError,
        /^matmul: batch sizes 2 and 5 do not broadcast \(input \[2, 3, 4\], other \[5, 4, 3\]\)/,
      ],
      [() => matmul(zeros([]), zeros([2])), ShapeError, /^matmul: both operands need at least one axis/],
      [
        () => matmul(zeros([2, 2]), zeros([2, 2], { dtype: 'float64' })),
        DTypeError,
        /^matmul: both operands need the same dtype, got float32 and float64/,
      ],
      [
        () => matmul(zeros([2, 2], { dtype: 'bool' }), zeros([2, 2], { dtype: 'bool' })),
        DTypeError,
        /^matmul: .* got bool/,
      ],
    ],
  },
  mm: {
    call: ([a, b]) => mm(a, b),
    errors: [[() => mm(zeros([2, 3, 4]), zeros([4, 5])), ShapeError, /^mm: tensors of 2 and 2 axes are needed/]],
  },
  bmm: {
    call: ([a, b]) => a.bmm(b),
    errors: [
      [() => bmm(zeros([2, 3, 4]), zeros([1, 4, 5])), ShapeError, /^bmm: batch sizes 2 and 1 differ/],
      [() => bmm(zeros([3, 4]), zeros([4, 5])), ShapeError, /^bmm: tensors of 3 and 3 axes are needed/],
    ],
  },
  mv: {
    call: ([a, b]) => a.mv(b),
    errors: [[() => mv(zeros([3, 4]), zeros([3])), ShapeError, /^mv: inner sizes 4 and 3 differ/]],
  },
  dot: {
    call: ([a, b]) => a.dot(b),
    errors: [[() => dot(zeros([3]), zeros([4])), ShapeError, /^dot: inner sizes 3 and 4 differ/]],
  },
  outer: {
    call: ([a, b]) => outer(a, b),
    errors: [[() => outer(zeros([3, 1]), zeros([4])), ShapeError, /^outer: tensors of 1 and 1 axes are needed/]],
  },
  addProduct: {
    call: addProduct,
    errors: [
      [
        () => addmm(zeros([5]), zeros([2, 3]), zeros([3, 4])),
        ShapeError,
        /^addmm: \[5\] and \[2, 4\] do not broadcast/,
      ],
      [() => addmm(zeros([4]), zeros([2, 3]), zeros([4, 4])), ShapeError, /^addmm: the matrices cannot be multiplied/],
      [() => addmm(zeros([7, 2, 4]), zeros([2, 3]), zeros([3, 4])), ShapeError, /does not broadcast to \[2, 4\]/],
      [
        () => addmm(zeros([4], { dtype: 'float64' }), zeros([2, 3]), zeros([3, 4])),
        DTypeError,
        /^addmm: .* got float64 and float32/,
      ],
    ],
  },
  linear: {
    call: ([x, weight, bias]) => F.linear(x, weight, bias),
    errors: [
      [
        () => F.linear(zeros([2, 3]), zeros([5, 4])),
        ShapeError,
        /^linear: input \[2, 3\] needs 4 features for weight \[5, 4\]/,
      ],
      [() => F.linear(zeros([2, 4]), zeros([5, 4]), zeros([4])), ShapeError, /^linear: bias must be \[5\]/],
      [() => F.linear(zeros([2, 4]), zeros([4])), ShapeError, /^linear: weight must be \[O, I\], got \[4\]/],
      [
        () => F.linear(zeros([2, 4]), zeros([5, 4], { dtype: 'float64' })),
        DTypeError,
        /^linear: input is float32, weight is float64/,
      ],
    ],
  },
  linearRelu: {
    call: ([x, weight, bias]) => linearRelu(x, weight, bias),
    errors: [[() => linearRelu(zeros([2, 3]), zeros([5, 4])), ShapeError, /^linear: input \[2, 3\] needs 4 features/]],
  },
});
