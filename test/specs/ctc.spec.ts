import { ArgumentError, DTypeError, F, logSoftmax, ShapeError, tensor, ValueError, zeros } from '../../lib/index.js';
import type { Json } from '../support/fixture.js';
import { family } from '../support/spec.js';

const x = zeros([4, 2, 3]);
const labels = tensor(
  [
    [1, 2],
    [1, 1],
  ],
  { dtype: 'int64' },
);

type Args = {
  inputLengths: number[];
  targetLengths: number[];
  options: Json;
  logits: boolean;
};

family('ctc', {
  ctcLoss: {
    call: ([input, targets], { inputLengths, targetLengths, options, logits }: Args) =>
      F.ctcLoss(
        logits ? logSoftmax(input, -1) : input,
        targets,
        inputLengths,
        targetLengths,
        options as F.CtcLossOptions,
      ),
    covers: ['ctcLossBackward'],
    noSecondDerivative: 'the gradient is one kernel, as in PyTorch',
    errors: [
      [() => F.ctcLoss(zeros([4]), labels, [4], [2]), ShapeError, /^ctcLoss: logProbs must be \[T, N, C\] or \[T, C\]/],
      [() => F.ctcLoss(zeros([0, 2, 3]), labels, [0, 0], [2, 2]), ShapeError, /^ctcLoss: logProbs must not be empty/],
      [
        () => F.ctcLoss(x, labels, [4], [2, 2]),
        ShapeError,
        /^ctcLoss: inputLengths has shape \[1\], a batch of 2 needs/,
      ],
      [() => F.ctcLoss(x, labels, [4, 4], zeros([2])), DTypeError, /targetLengths must hold integers, got float32/],
      [() => F.ctcLoss(x, labels, [4, 1.5], [2, 2]), ArgumentError, /inputLengths must hold integers, got 1.5/],
      [() => F.ctcLoss(x, labels.narrow(0, 0, 1), [4, 4], [2, 2]), ShapeError, /differ in the size of the batch/],
      [
        () => F.ctcLoss(x, labels, [4, 4], [2, 2], { blank: 3 }),
        ArgumentError,
        /blank must be a class in \[0, 3\), got 3/,
      ],
      [() => F.ctcLoss(x, labels, [5, 4], [2, 2]).itemSync(), ValueError, /input length 5 is out of range \[0, 4\]/],
      [() => F.ctcLoss(x, labels, [4, 4], [2, 3]).itemSync(), ValueError, /target length 3 is out of range \[0, 2\]/],
      [() => F.ctcLoss(x, labels, [4, 4], [-1, 2]).itemSync(), ValueError, /target length -1 is out of range/],
      [
        () => F.ctcLoss(x, labels.add(2), [4, 4], [2, 2]).itemSync(),
        ValueError,
        /target class 3 is out of range \[0, 3\)/,
      ],
      [() => F.ctcLoss(x, labels.flatten(), [4, 4], [2, 1]).itemSync(), ValueError, /add up to 3, there are 4 targets/],
    ],
  },
});
