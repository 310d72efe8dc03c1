import { ArgumentError, DTypeError, F, ShapeError, type Tensor, tensor, ValueError, zeros } from '../../lib/index.js';
import { family, type Refusal, type Spec } from '../support/spec.js';

const x = zeros([2, 3]);
const labels = tensor([0, 1], { dtype: 'int64' });

type Loss = (input: Tensor, target: Tensor, options?: object) => Tensor;

/** What every loss of an input and a target refuses. */
const refusals = (name: string, loss: Loss): Refusal[] => [
  [() => loss(x, x, { reduction: 'max' }), ArgumentError, new RegExp(`^${name}: reduction must be .* got "max"`)],
  [() => loss(x, x, null as never), ArgumentError, new RegExp(`^${name}: options must be an object`)],
  [() => loss(labels, x), DTypeError, new RegExp(`^${name}: input must be floating-point, got int64`)],
  [() => loss(1 as never, x), ArgumentError, new RegExp(`^${name}: input must be a Tensor`)],
];

const two = (name: string, loss: Loss, ...more: Refusal[]): Spec => ({
  call: ([input, target], options) => loss(input, target, options),
  errors: [...refusals(name, loss), ...more],
});

const weightedErrors = { mse_loss: F.mseLoss, l1_loss: F.l1Loss, huber_loss: F.huberLoss };
const edges = (like: Tensor): Tensor => tensor([0, 1, 1, 0, 1], { dtype: like.dtype });

family('losses', {
  l1Loss: two('l1Loss', F.l1Loss),
  smoothL1Loss: two('smoothL1Loss', F.smoothL1Loss, [
    () => F.smoothL1Loss(x, x, { beta: -1 }),
    ArgumentError,
    /^smoothL1Loss: beta must be 0 or more, got -1/,
  ]),
  huberLoss: two('huberLoss', F.huberLoss, [
    () => F.huberLoss(x, x, { delta: 0 }),
    ArgumentError,
    /^huberLoss: delta must be more than 0, got 0/,
  ]),
  weightedErrors: {
    call: ([input, target, weight], { name, reduction }: { name: string; reduction: F.Reduction }) =>
      weightedErrors[name as keyof typeof weightedErrors](input, target, { weight, reduction }),
    errors: [
      [() => F.mseLoss(x, x, { weight: 2 as never }), ArgumentError, /^mseLoss: weight must be a Tensor/],
      [() => F.l1Loss(x, x, { weight: zeros([5]) }), ShapeError, /\[5\]/],
    ],
  },
  klDiv: two('klDiv', F.klDiv),
  klDivBatch: {
    call: ([input, target]) => F.klDiv(input, target, { reduction: 'batchmean' }),
    errors: [[() => F.klDiv(x, zeros([4]), { reduction: 'batchmean' }), ShapeError, /\[4\]/]],
  },
  poissonNllLoss: two('poissonNllLoss', F.poissonNllLoss, [
    () => F.poissonNllLoss(x, x, { eps: NaN }),
    ArgumentError,
    /^poissonNllLoss: eps must be a finite number/,
  ]),
  gaussianNllLoss: {
    call: ([input, target, variance], options) => F.gaussianNllLoss(input, target, variance, options),
    errors: [
      ...refusals('gaussianNllLoss', (input, target, options) => F.gaussianNllLoss(input, target, 1, options)),
      [
        () => F.gaussianNllLoss(x, x, zeros([3])),
        ShapeError,
        /^gaussianNllLoss: variance \[3\] does not fit input \[2, 3\]/,
      ],
      [() => F.gaussianNllLoss(x, x, -1), ArgumentError, /^gaussianNllLoss: variance must be 0 or more, got -1/],
    ],
  },
  binaryCrossEntropy: two('binaryCrossEntropy', F.binaryCrossEntropy, [
    () => F.binaryCrossEntropy(x, zeros([3])),
    ShapeError,
    /^binaryCrossEntropy: input has shape \[2, 3\], target \[3\]/,
  ]),
  binaryCrossEntropyEdges: {
    call: ([input, weight]) => F.binaryCrossEntropy(input, edges(input), weight ? { weight } : { reduction: 'none' }),
    errors: [[() => F.binaryCrossEntropy(x, x, { weight: zeros([4]) }), ShapeError, /\[4\]/]],
  },
  binaryCrossEntropyWithLogits: two('binaryCrossEntropyWithLogits', F.binaryCrossEntropyWithLogits, [
    () => F.binaryCrossEntropyWithLogits(x, zeros([3])),
    ShapeError,
    /^binaryCrossEntropyWithLogits: input has shape \[2, 3\], target \[3\]/,
  ]),
  logitsWeights: {
    call: ([input, target, posWeight, weight], options) =>
      F.binaryCrossEntropyWithLogits(input, target, { posWeight, weight, ...options }),
    errors: [
      [
        () => F.binaryCrossEntropyWithLogits(x, x, { posWeight: labels }),
        DTypeError,
        /posWeight must be floating-point, got int64/,
      ],
    ],
  },
  softMarginLoss: two('softMarginLoss', F.softMarginLoss),
  multilabelSoftMarginLoss: two('multilabelSoftMarginLoss', F.multilabelSoftMarginLoss),
  hingeEmbeddingLoss: two('hingeEmbeddingLoss', F.hingeEmbeddingLoss, [
    () => F.hingeEmbeddingLoss(x, x, { margin: 'a' as never }),
    ArgumentError,
    /^hingeEmbeddingLoss: margin must be a finite number, got "a"/,
  ]),
  cosineEmbeddingLoss: {
    call: ([a, b, target], options) => F.cosineEmbeddingLoss(a, b, target, options),
    errors: [
      [
        () => F.cosineEmbeddingLoss(x, x, zeros([2, 3])),
        ShapeError,
        /^cosineEmbeddingLoss: input1 \[2, 3\] and target \[2, 3\]/,
      ],
      [() => F.cosineEmbeddingLoss(x, zeros([3]), zeros([2])), ShapeError, /input1 \[2, 3\], input2 \[3\]/],
    ],
  },
  marginRankingLoss: {
    call: ([a, b, target], options) => F.marginRankingLoss(a, b, target, options),
    errors: [
      [() => F.marginRankingLoss(x, x, zeros([3])), ShapeError, /input1 \[2, 3\], input2 \[2, 3\], target \[3\]/],
    ],
  },
  multiMarginLoss: {
    call: ([input, target, weight], options) => F.multiMarginLoss(input, target, { weight, ...options }),
    errors: [
      [() => F.multiMarginLoss(x, x), DTypeError, /^multiMarginLoss: target must hold class numbers .* got float32/],
      [
        () => F.multiMarginLoss(x, tensor([1, 2, 0], { dtype: 'int64' })),
        ShapeError,
        /input \[2, 3\] and target \[3\]/,
      ],
      [
        () => F.multiMarginLoss(x, labels, { p: 3 as never }),
        ArgumentError,
        /^multiMarginLoss: p must be 1 or 2, got 3/,
      ],
    ],
  },
  multilabelMarginLoss: {
    call: ([input, target], options) => F.multilabelMarginLoss(input, target, options),
    errors: [
      [() => F.multilabelMarginLoss(x, x), DTypeError, /^multilabelMarginLoss: target must hold class .* got float32/],
      [() => F.multilabelMarginLoss(x, labels), ShapeError, /input has shape \[2, 3\], target \[2\]/],
      [
        () => F.multilabelMarginLoss(zeros([2, 0]), zeros([2, 0], { dtype: 'int64' })),
        ShapeError,
        /^multilabelMarginLoss: \[N, C\] or \[C\] is needed, got \[2, 0\]/,
      ],
      [
        () => F.multilabelMarginLoss(zeros([1]), tensor([1], { dtype: 'int64' })).itemSync(),
        ValueError,
        /class 1 is out/,
      ],
    ],
  },
  tripletMarginLoss: {
    call: ([a, p, n], options) => F.tripletMarginLoss(a, p, n, options),
    errors: [
      [() => F.tripletMarginLoss(x, x, zeros([3])), ShapeError, /anchor \[2, 3\], positive \[2, 3\], negative \[3\]/],
      [() => F.tripletMarginLoss(x, x, x, { margin: 0 }), ArgumentError, /margin must be more than 0, got 0/],
    ],
  },
  tripletMarginWithDistanceLoss: {
    call: ([a, p, n], options) =>
      F.tripletMarginWithDistanceLoss(a, p, n, {
        distanceFunction: (u, v) => u.sub(v).square().mean(-1),
        ...options,
      }),
    errors: [
      [
        () => F.tripletMarginWithDistanceLoss(x, x, x, { margin: -1 }),
        ArgumentError,
        /margin must be more than 0, got -1/,
      ],
    ],
  },
});
