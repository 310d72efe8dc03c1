import { ArgumentError, AutogradError, DTypeError, F, ones, ShapeError, tensor, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

type Args = {
  reduction?: F.Reduction;
  ignore_index?: number;
  label_smoothing?: number;
};

const classes = (data: number[]) => tensor(data, { dtype: 'int64' });

family('loss', {
  crossEntropy: {
    call: ([x, target, weight], { ignore_index: ignoreIndex, label_smoothing: labelSmoothing, reduction }: Args) =>
      F.crossEntropy(x, target, { weight, ignoreIndex, labelSmoothing, reduction }),
    covers: ['crossEntropyBackward'],
    errors: [
      [
        () => F.crossEntropy(zeros([3, 4]), classes([1, 2])),
        ShapeError,
        /^crossEntropy: input \[3, 4\] and target \[2\] do not go together: class indices \[3\] expected$/,
      ],
      [() => F.crossEntropy(zeros([]), classes([1])), ShapeError, /input \[\] and target \[1\]/],
      [() => F.crossEntropy(zeros([2, 3, 4]), zeros([2, 3], { dtype: 'int64' })), ShapeError, /indices \[2, 4\]/],
      [() => F.crossEntropy(zeros([2, 3]), zeros([2])), DTypeError, /class indices must be int64.* got float32/],
      [() => F.crossEntropy(zeros([2, 3]), zeros([2, 3], { dtype: 'int64' })), DTypeError, /class probabilities/],
      [() => F.crossEntropy(zeros([2, 3], { dtype: 'int32' }), classes([1, 2])), DTypeError, /input .* got int32/],
      [
        () => F.crossEntropy(zeros([2, 3]), classes([1, 2]), { weight: ones([4]) }),
        ShapeError,
        /weight has shape \[4\], 3 classes need \[3\] \(input \[2, 3\]\)/,
      ],
      [
        () => F.crossEntropy(zeros([2, 3]), classes([1, 2]), { weight: ones([3], { dtype: 'float64' }) }),
        DTypeError,
        /input is float32, weight is float64/,
      ],
      [
        () => F.crossEntropy(zeros([2, 3]), classes([1, 2]), { weight: ones([3], { requiresGrad: true }) }),
        AutogradError,
        /weight has no gradient/,
      ],
      [
        () => F.crossEntropy(zeros([2, 3]), classes([1, 2]), { reduction: 'average' as never }),
        ArgumentError,
        /reduction must be 'none', 'mean' or 'sum', got "average"/,
      ],
      [
        () => F.crossEntropy(zeros([2, 3]), classes([1, 2]), { labelSmoothing: 1.5 }),
        ArgumentError,
        /labelSmoothing must be in \[0, 1\], got 1.5/,
      ],
      [
        () => F.crossEntropy(zeros([2, 3]), classes([1, 2]), { ignoreIndex: 0.5 }),
        ArgumentError,
        /ignoreIndex must be an integer, got 0.5/,
      ],
      [() => F.crossEntropy(zeros([2, 3]), [1, 2] as never), ArgumentError, /target must be a Tensor/],
    ],
  },
  nllLoss: {
    call: ([x, target, weight], { ignore_index: ignoreIndex, reduction }: Args) =>
      F.nllLoss(x, target, { weight, ignoreIndex, reduction }),
    errors: [
      [() => F.nllLoss(zeros([3, 4]), classes([1, 2])), ShapeError, /^nllLoss: input \[3, 4\] and target \[2\]/],
      [() => F.nllLoss(zeros([2, 3]), zeros([2])), DTypeError, /^nllLoss: class indices must be .* got float32/],
      [() => F.nllLoss(zeros([2, 3]), classes([1, 2]), { weight: ones([2]) }), ShapeError, /weight has shape \[2\]/],
    ],
  },
  mseLoss: {
    call: ([x, target], { reduction }: Args) => F.mseLoss(x, target, { reduction }),
    errors: [
      [() => F.mseLoss(zeros([2, 3]), zeros([2, 4])), ShapeError, /\[2, 3\] and \[2, 4\] do not broadcast/],
      [() => F.mseLoss(zeros([2]), classes([1, 2])), DTypeError, /^mseLoss: target must be .* got int64/],
      [() => F.mseLoss(zeros([2]), zeros([2]), { reduction: 'max' as never }), ArgumentError, /reduction must be/],
    ],
  },
});
