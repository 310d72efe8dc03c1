import { ArgumentError, DTypeError, F, ShapeError, type Tensor, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

type Args = {
  training: boolean;
  affine: boolean;
  running: boolean;
  momentum?: number;
  eps?: number;
};

const v = (size: number) => zeros([size]);
const norm = (x: Tensor, ...vectors: (Tensor | null)[]) =>
  F.batchNorm(x, vectors[0] ?? null, vectors[1] ?? null, vectors[2], vectors[3], { training: true });

family('norm', {
  batchNorm: {
    call: ([x, ...others], { affine, running, ...options }: Args) => {
      const [weight, bias] = affine ? others.splice(0, 2) : [null, null];
      if (!running) return F.batchNorm(x, null, null, weight, bias, options);
      // The op changes its running statistics; the runner's inputs must stay as they are.
      const [mean, variance] = others.map((t) => t.detach().clone());
      return [F.batchNorm(x, mean, variance, weight, bias, options), mean, variance];
    },
    covers: ['batchNormBackward'],
    errors: [
      [
        () => norm(zeros([2, 3, 4, 4]), v(4), v(3)),
        ShapeError,
        /^batchNorm: runningMean has shape \[4\], an input of 3 channels needs \[3\] \(input \[2, 3, 4, 4\]\)$/,
      ],
      [() => norm(zeros([2, 3]), v(3), v(2)), ShapeError, /runningVar has shape \[2\]/],
      [() => norm(zeros([2, 3]), null, null, zeros([3, 1])), ShapeError, /weight has shape \[3, 1\]/],
      [() => norm(zeros([2, 3]), null, null, v(3), v(5)), ShapeError, /bias has shape \[5\]/],
      [() => norm(zeros([3])), ShapeError, /input must be \[N, C, \.\.\.\], got \[3\]/],
      [() => norm(zeros([1, 3, 1, 1])), ShapeError, /training needs more than 1 value per channel, got \[1, 3, 1, 1\]/],
      [() => F.batchNorm(zeros([2, 3]), null, v(3)), ArgumentError, /runningMean and runningVar are needed/],
      [() => norm(zeros([2, 3], { dtype: 'int32' })), DTypeError, /got int32/],
      [
        () => norm(zeros([2, 3]), null, null, zeros([3], { dtype: 'float64' })),
        DTypeError,
        /input is float32, weight is float64/,
      ],
      [
        () => F.batchNorm(zeros([2, 3]), v(3), v(3), null, null, { eps: '1' as never }),
        ArgumentError,
        /eps must be a number, got "1"/,
      ],
      [
        () => F.batchNorm(zeros([2, 3]), v(3), v(3), null, null, { momentum: null as never }),
        ArgumentError,
        /momentum must be a number, got null/,
      ],
      [
        () => F.batchNorm(zeros([2, 3]), v(3), v(3), null, null, { training: 1 as never }),
        ArgumentError,
        /training must be a boolean, got 1/,
      ],
    ],
  },
});
