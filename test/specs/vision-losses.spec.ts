import { ArgumentError, DTypeError, ShapeError, vision, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

const { completeBoxIouLoss, diceLoss, distanceBoxIouLoss, generalizedBoxIouLoss, sigmoidFocalLoss } = vision.ops;

family('vision_losses', {
  sigmoidFocalLoss: {
    call: ([x, target], options: vision.ops.FocalLossOptions) => sigmoidFocalLoss(x, target, options),
    errors: [
      [() => sigmoidFocalLoss(zeros([2]), zeros([3])), ShapeError, /input has shape \[2\], target \[3\]/],
      [() => sigmoidFocalLoss(zeros([2]), zeros([2]), { alpha: 2 }), ArgumentError, /alpha must be in \[0, 1\]/],
      [() => sigmoidFocalLoss(zeros([2]), zeros([2], { dtype: 'int64' })), DTypeError, /target must be floating-point/],
    ],
  },
  generalizedBoxIouLoss: {
    call: ([a, b], options: vision.ops.BoxLossOptions) => generalizedBoxIouLoss(a, b, options),
    errors: [
      [() => generalizedBoxIouLoss(zeros([2, 3]), zeros([2, 3])), ShapeError, /boxes must be \[\.\.\., 4\]/],
      [() => generalizedBoxIouLoss(zeros([2, 4]), zeros([1, 4])), ShapeError, /boxes2 \[1, 4\]/],
    ],
  },
  distanceBoxIouLoss: {
    call: ([a, b], options: vision.ops.BoxLossOptions) => distanceBoxIouLoss(a, b, options),
    errors: [
      [() => distanceBoxIouLoss(zeros([]), zeros([])), ShapeError, /boxes must be \[\.\.\., 4\]/],
      [() => distanceBoxIouLoss(zeros([4]), zeros([4]), { reduction: 'x' as never }), ArgumentError, /reduction must/],
    ],
  },
  completeBoxIouLoss: {
    call: ([a, b], options: vision.ops.BoxLossOptions) => completeBoxIouLoss(a, b, options),
    errors: [[() => completeBoxIouLoss(zeros([2, 4]), zeros([4])), ShapeError, /boxes2 \[4\]/]],
  },
  diceLoss: {
    call: ([x, target], options: vision.ops.DiceLossOptions) => diceLoss(x, target, options),
    errors: [
      [() => diceLoss(zeros([]), zeros([])), ShapeError, /a batch \[N, \.\.\.\] is needed/],
      [() => diceLoss(zeros([2]), zeros([2]), { smooth: Number.NaN }), ArgumentError, /smooth must be a finite number/],
    ],
  },
});
