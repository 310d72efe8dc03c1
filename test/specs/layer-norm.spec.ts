import { ArgumentError, DTypeError, F, ShapeError, type Tensor, zeros } from '../../lib/index.js';
import { family, type Refusal } from '../support/spec.js';

const x = zeros([2, 4, 3]);
const wide = zeros([3], { dtype: 'float64' });
const whole = zeros([2, 4, 3], { dtype: 'int64' });

/** A call on each input that no normalization takes. */
const refusals = (name: string, run: (input: Tensor, options?: object) => Tensor): Refusal[] => [
  [() => run(whole), DTypeError, new RegExp(`^${name}: input must be floating-point, got int64`)],
  [() => run(1 as never), ArgumentError, new RegExp(`^${name}: input must be a Tensor, got 1`)],
  [() => run(x, { eps: '1' }), ArgumentError, new RegExp(`^${name}: eps must be a number, got "1"`)],
];

type Affine = 'both' | 'bias' | 'none';
type InstanceArgs = { kind: string; useInputStats?: boolean; momentum?: number; eps?: number };

family('layer_norm', {
  layerNorm: {
    call: ([input, weight, bias], { shape, eps }: { shape: number[]; eps?: number }) =>
      F.layerNorm(input, shape, weight, bias, { eps }),
    covers: ['layerNormBackward'],
    errors: [
      ...refusals('layerNorm', (input, options) => F.layerNorm(input, 3, null, null, options)),
      [() => F.layerNorm(x, 4), ShapeError, /^layerNorm: input \[2, 4, 3\] does not end in normalizedShape \[4\]/],
      [() => F.layerNorm(x, [1, 2, 4, 3]), ShapeError, /normalizedShape \[1, 2, 4, 3\]/],
      [() => F.layerNorm(x, []), ArgumentError, /normalizedShape must be a size or an array of sizes/],
      [() => F.layerNorm(x, 3, zeros([4])), ShapeError, /^layerNorm: weight has shape \[4\], \[3\] is needed/],
      [() => F.layerNorm(x, 3, null, wide), DTypeError, /^layerNorm: input is float32, bias is float64/],
    ],
  },
  rmsNorm: {
    call: ([input, weight], { shape, eps }: { shape: number[]; eps?: number }) =>
      F.rmsNorm(input, shape, weight, { eps }),
    errors: [
      ...refusals('rmsNorm', (input, options) => F.rmsNorm(input, 3, null, options)),
      [() => F.rmsNorm(x, 5), ShapeError, /^rmsNorm: input \[2, 4, 3\] does not end in normalizedShape \[5\]/],
      [() => F.rmsNorm(x, 3, wide), DTypeError, /^rmsNorm: input is float32, weight is float64/],
    ],
  },
  groupNorm: {
    call: ([input, ...rest], { groups, affine }: { groups: number; affine: Affine }) => {
      const [weight, bias] = affine === 'bias' ? [null, rest[0]] : rest;
      return F.groupNorm(input, groups, weight, bias);
    },
    covers: ['groupNormBackward'],
    errors: [
      ...refusals('groupNorm', (input, options) => F.groupNorm(input, 2, null, null, options)),
      [() => F.groupNorm(x, 3), ShapeError, /^groupNorm: 4 channels do not divide into 3 groups \(input \[2, 4, 3\]\)/],
      [() => F.groupNorm(x, 0), ArgumentError, /^groupNorm: numGroups must be an integer >= 1, got 0/],
      [() => F.groupNorm(zeros([4]), 2), ShapeError, /^groupNorm: input must be \[N, C, \.\.\.\], got \[4\]/],
      [() => F.groupNorm(x, 2, zeros([3])), ShapeError, /weight has shape \[3\], an input of 4 channels needs \[4\]/],
    ],
  },
  instanceNorm: {
    call: ([input, a, b], { kind, ...options }: InstanceArgs) => {
      if (kind === 'plain') return F.instanceNorm(input, null, null, null, null, options);
      if (kind === 'affine') return F.instanceNorm(input, null, null, a, b, options);
      // The op changes its running statistics; the runner's inputs must stay as they are.
      const [mean, variance] = [a.detach().clone(), b.detach().clone()];
      return [F.instanceNorm(input, mean, variance, null, null, options), mean, variance];
    },
    errors: [
      ...refusals('instanceNorm', (input, options) => F.instanceNorm(input, null, null, null, null, options)),
      [
        () => F.instanceNorm(zeros([2, 3])),
        ShapeError,
        /^instanceNorm: input must be \[N, C, L, \.\.\.\], got \[2, 3\]/,
      ],
      [() => F.instanceNorm(zeros([2, 3, 1])), ShapeError, /more than 1 value per channel is needed, got \[2, 3, 1\]/],
      [() => F.instanceNorm(x, zeros([3])), ShapeError, /runningMean has shape \[3\]/],
    ],
  },
  localResponseNorm: {
    call: ([input], { size, ...options }: { size: number; alpha?: number; beta?: number; k?: number }) =>
      F.localResponseNorm(input, size, options),
    errors: [
      [() => F.localResponseNorm(whole, 2), DTypeError, /^localResponseNorm: input must be floating-point/],
      [() => F.localResponseNorm(x, 0), ArgumentError, /size must be an integer >= 1, got 0/],
      [() => F.localResponseNorm(zeros([2, 3]), 2), ShapeError, /input must be \[N, C, L, \.\.\.\], got \[2, 3\]/],
    ],
  },
  normalize: {
    call: ([input], options) => F.normalize(input, options),
    errors: [
      ...refusals('normalize', (input, options) => F.normalize(input, options)),
      [() => F.normalize(zeros([3])), ShapeError, /dim 1 is out of range/],
    ],
  },
});
