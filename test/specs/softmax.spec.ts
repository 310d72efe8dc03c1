import { ArgumentError, DTypeError, F, logSoftmax, ShapeError, softmax, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

family('softmax', {
  softmax: {
    call: ([x], { dim }: { dim: number }) => x.softmax(dim),
    covers: ['softmaxBackward'],
    errors: [
      [() => softmax(zeros([2, 3]), 2), ShapeError, /^softmax: dim 2 is out of range for a tensor of 2 dimensions/],
      [() => softmax(zeros([2]), 0.5), ArgumentError, /^softmax: dim must be an integer, got 0.5/],
      [() => softmax(zeros([2], { dtype: 'int64' }), 0), DTypeError, /got int64; pass a dtype/],
      [() => softmax(zeros([2]), 0, { dtype: 'bool' }), DTypeError, /got bool/],
    ],
  },
  logSoftmax: {
    call: ([x], { dim }: { dim: number }) => logSoftmax(x, dim),
    errors: [
      [() => logSoftmax(zeros([2, 3]), -3), ShapeError, /^logSoftmax: dim -3 is out of range/],
      [() => logSoftmax(zeros([2], { dtype: 'uint8' }), 0), DTypeError, /^logSoftmax: .*got uint8/],
      [() => logSoftmax(zeros([2]), 0, null as never), ArgumentError, /^logSoftmax: options must be an object/],
    ],
  },
  softmin: {
    call: ([x], { dim }: { dim: number }) => F.softmin(x, dim),
    errors: [
      [() => F.softmin(zeros([2, 3]), 2), ShapeError, /^softmin: dim 2 is out of range/],
      [() => F.softmin(zeros([2], { dtype: 'int32' }), 0), DTypeError, /^softmin: .*got int32; pass a dtype/],
    ],
  },
});
