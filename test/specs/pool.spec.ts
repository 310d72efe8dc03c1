import { ArgumentError, DTypeError, F, ShapeError, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

type Pair = number | [number, number];
type Args = {
  kernel: Pair;
  stride?: Pair;
  padding?: Pair;
  dilation?: Pair;
  ceil_mode?: boolean;
  count_include_pad?: boolean;
  divisor_override?: number;
};

const image = () => zeros([2, 3, 5, 6]);

family('pool', {
  maxPool2d: {
    call: ([x], { kernel, ceil_mode: ceilMode, ...rest }: Args) =>
      F.maxPool2d(x, kernel, { ...rest, ceilMode, returnIndices: true }),
    covers: ['maxPool2dBackward', 'maxPoolIndices'],
    errors: [
      [
        () => F.maxPool2d(image(), 6),
        ShapeError,
        /^maxPool2d: a window of 6 x 6 does not fit into an input of 5 x 6 \(padding \[0, 0\], dilation \[1, 1\]\)$/,
      ],
      [() => F.maxPool2d(image(), 3, { dilation: 3 }), ShapeError, /does not fit/],
      [() => F.maxPool2d(zeros([5, 6]), 2), ShapeError, /input must be .* got \[5, 6\]/],
      [() => F.maxPool2d(zeros([2, 0, 5, 6]), 2), ShapeError, /only the batch may be empty, got \[2, 0, 5, 6\]/],
      [() => F.maxPool2d(image(), 2, { padding: 2 }), ArgumentError, /padding 2 is more than half of the window's 2/],
      [() => F.maxPool2d(image(), 0), ArgumentError, /kernelSize must be .* got 0/],
      [() => F.maxPool2d(image(), [2, 2, 2] as never), ArgumentError, /kernelSize must be .* got \[2, 2, 2\]/],
      [() => F.maxPool2d(image(), 2 ** 20), ArgumentError, /a window of 1048576 x 1048576 is too large/],
      [() => F.maxPool2d(image(), 2, { stride: 0 }), ArgumentError, /stride must be .* got 0/],
      [() => F.maxPool2d(image(), 2, { dilation: 0 }), ArgumentError, /dilation must be .* got 0/],
      [() => F.maxPool2d(image(), 2, { ceilMode: 1 as never }), ArgumentError, /ceilMode must be a boolean, got 1/],
      [() => F.maxPool2d(image(), 2, { returnIndices: 'yes' as never }), ArgumentError, /returnIndices .* got "yes"/],
      [() => F.maxPool2d(image(), 2, null as never), ArgumentError, /options must be an object/],
      [() => F.maxPool2d(zeros([1, 1, 4, 4], { dtype: 'int64' }), 2), DTypeError, /got int64/],
    ],
  },
  avgPool2d: {
    call: ([x], { kernel, ceil_mode: ceilMode, count_include_pad, divisor_override, ...rest }: Args) =>
      F.avgPool2d(x, kernel, {
        ...rest,
        ceilMode,
        countIncludePad: count_include_pad,
        divisorOverride: divisor_override,
      }),
    covers: ['avgPool2dBackward'],
    errors: [
      [() => F.avgPool2d(image(), [2, 7]), ShapeError, /a window of 2 x 7 does not fit into an input of 5 x 6/],
      [() => F.avgPool2d(zeros([5]), 2), ShapeError, /input must be .* got \[5\]/],
      [() => F.avgPool2d(image(), 2, { divisorOverride: 0 }), ArgumentError, /divisorOverride must be .* got 0/],
      [() => F.avgPool2d(image(), 2, { divisorOverride: 1.5 }), ArgumentError, /divisorOverride must be .* got 1.5/],
      [() => F.avgPool2d(image(), 3, { padding: 2 }), ArgumentError, /padding 2 is more than half of the window's 3/],
      [() => F.avgPool2d(image(), 3, { countIncludePad: 0 as never }), ArgumentError, /countIncludePad must be/],
      [() => F.avgPool2d(zeros([1, 1, 4, 4], { dtype: 'uint8' }), 2), DTypeError, /got uint8/],
    ],
  },
});
