import { ArgumentError, DTypeError, F, ones, ShapeError, type Tensor, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

const x = zeros([2, 3, 4]);
const run = (options: object): Tensor => F.scaledDotProductAttention(x, x, x, options);
const square = ones([3, 3], { dtype: 'bool' });

type Options = { mask?: boolean; isCausal?: boolean; scale?: number; enableGqa?: boolean };

family('attention', {
  scaledDotProductAttention: {
    call: ([query, key, value, attnMask], { mask, ...options }: Options) =>
      F.scaledDotProductAttention(query, key, value, mask ? { attnMask, ...options } : options),
    covers: ['scaledDotProductAttentionBackward'],
    errors: [
      [
        () => F.scaledDotProductAttention(x, zeros([2, 3, 5]), x),
        ShapeError,
        /query \[2, 3, 4\] and key \[2, 3, 5\] differ in their last axis/,
      ],
      [
        () => F.scaledDotProductAttention(x, zeros([2, 5, 4]), x),
        ShapeError,
        /key \[2, 5, 4\] and value \[2, 3, 4\] differ in length/,
      ],
      [() => F.scaledDotProductAttention(zeros([4]), x, x), ShapeError, /query \[4\] needs at least two axes/],
      [() => F.scaledDotProductAttention(x, zeros([3, 3, 4]), x), ShapeError, /\[2\] and \[3\] do not broadcast/],
      [() => F.scaledDotProductAttention(x, zeros([1, 3, 4]), zeros([5, 3, 4])), ShapeError, /do not broadcast/],
      [
        () => F.scaledDotProductAttention(x, zeros([2, 3, 4], { dtype: 'float64' }), x),
        DTypeError,
        /query is float32, key is float64/,
      ],
      [
        () => F.scaledDotProductAttention(square, square, square),
        DTypeError,
        /a floating-point dtype is needed, got bool/,
      ],
      [() => F.scaledDotProductAttention(x, 1 as never, x), ArgumentError, /key must be a Tensor, got 1/],
      [() => run({ attnMask: zeros([3]) }), ShapeError, /attnMask \[3\] does not broadcast to \[2, 3, 3\]/],
      [() => run({ attnMask: zeros([1, 2, 3, 3]) }), ShapeError, /attnMask \[1, 2, 3, 3\] does not broadcast/],
      [() => run({ attnMask: zeros([2, 3]) }), ShapeError, /\[2, 3\] and \[2, 3, 3\] do not broadcast/],
      [
        () => run({ attnMask: zeros([3, 3], { dtype: 'float64' }) }),
        DTypeError,
        /attnMask must be bool, float32 or float32 as query is, got float64/,
      ],
      [() => run({ attnMask: zeros([3, 3], { dtype: 'uint8' }) }), DTypeError, /got uint8/],
      [() => run({ attnMask: square, isCausal: true }), ArgumentError, /cannot be given together with isCausal/],
      [() => run({ dropoutP: 1.5 }), ArgumentError, /has to be between 0 and 1, but got 1.5/],
      [() => run({ scale: '1' }), ArgumentError, /scale must be a number, got "1"/],
      [() => run({ isCausal: 1 }), ArgumentError, /isCausal must be a boolean, got 1/],
      [
        () => F.scaledDotProductAttention(zeros([5, 3, 4]), x, x, { enableGqa: true }),
        ShapeError,
        /2 heads of key do not divide 5 of query/,
      ],
      [
        () => F.scaledDotProductAttention(zeros([3, 4]), x, x, { enableGqa: true }),
        ShapeError,
        /query \[3, 4\] has no axis of heads/,
      ],
    ],
  },
});
