import { ArgumentError, DTypeError, F, ShapeError, type Tensor, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

type Sizes = number | number[];
type Args = {
  kernel: Sizes;
  stride?: Sizes;
  padding?: Sizes;
  dilation?: Sizes;
  ceil_mode?: boolean;
  count_include_pad?: boolean;
  divisor_override?: number;
  output_size?: Sizes | null;
  output_ratio?: number[];
  p?: number | string;
  size?: number | (number | null)[];
};

/** The options of a call, in the names of nabla. */
const optionsOf = ({ stride, padding, dilation, ...args }: Args) =>
  ({
    stride,
    padding,
    dilation,
    ceilMode: args.ceil_mode,
    countIncludePad: args.count_include_pad,
    divisorOverride: args.divisor_override,
    outputSize: args.output_size,
    outputRatio: args.output_ratio,
  }) as never;

type Results = Tensor | readonly Tensor[];
type Call = (inputs: readonly Tensor[], args: Args) => Results;

const maxPool =
  (pool: (x: Tensor, kernel: never, options: never) => Results): Call =>
  ([x], args) =>
    pool(x, args.kernel as never, { ...(optionsOf(args) as object), returnIndices: true } as never);
const avgPool =
  (pool: (x: Tensor, kernel: never, options: never) => Tensor): Call =>
  ([x], args) =>
    pool(x, args.kernel as never, optionsOf(args));
const lpPool =
  (pool: (x: Tensor, p: number, kernel: never, options: never) => Tensor): Call =>
  ([x], args) =>
    pool(x, Number(args.p), args.kernel as never, optionsOf(args));
const adaptive =
  (pool: (x: Tensor, size: never, options: never) => Results): Call =>
  ([x], { size }) =>
    pool(x, size as never, { returnIndices: true } as never);
const fractional =
  (pool: (x: Tensor, kernel: never, options: never) => Results): Call =>
  ([x, samples], args) => {
    const options = { ...(optionsOf(args) as object), returnIndices: true, _randomSamples: samples };
    return pool(x, args.kernel as never, options as never);
  };
const unpool =
  (pool: (x: Tensor, indices: Tensor, kernel: never, options: never) => Tensor): Call =>
  ([x, indices], args) =>
    pool(x, indices, args.kernel as never, optionsOf(args));

const image = () => zeros([2, 3, 5, 6]);
const volume = () => zeros([2, 3, 5, 6, 4]);
const places = () => zeros([2, 3, 5, 6], { dtype: 'int64' });

family('pool', {
  maxPool1d: {
    call: maxPool(F.maxPool1d),
    errors: [
      [() => F.maxPool1d(zeros([2, 3, 5]), 6), ShapeError, /^maxPool1d: a window of 6 does not fit into an input of 5/],
      [() => F.maxPool1d(zeros([5]), 2), ShapeError, /input must be \[N, C, L\] or \[C, L\], got \[5\]/],
      [() => F.maxPool1d(image(), 2), ShapeError, /got \[2, 3, 5, 6\]/],
      [() => F.maxPool1d(zeros([2, 3, 5]), [2, 2] as never), ArgumentError, /kernelSize must be .* got \[2, 2\]/],
    ],
  },
  maxPool2d: {
    call: maxPool(F.maxPool2d),
    covers: ['maxPool', 'maxPoolBackward', 'maxPoolIndices'],
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
  maxPool3d: {
    call: maxPool(F.maxPool3d),
    errors: [
      [() => F.maxPool3d(zeros([5, 6, 7]), 2), ShapeError, /input must be \[N, C, D, H, W\] or .* got \[5, 6, 7\]/],
      [() => F.maxPool3d(volume(), [2, 2] as never), ArgumentError, /kernelSize must be .*\[depth, height, width\]/],
      [() => F.maxPool3d(volume(), 5), ShapeError, /a window of 5 x 5 x 5 does not fit into an input of 5 x 6 x 4/],
    ],
  },
  avgPool1d: {
    call: avgPool(F.avgPool1d),
    errors: [
      [() => F.avgPool1d(zeros([2, 3, 5]), 2, { padding: 2 }), ArgumentError, /padding 2 is more than half/],
      [() => F.avgPool1d(zeros([2, 0, 5]), 2), ShapeError, /^avgPool1d: only the batch may be empty/],
    ],
  },
  avgPool2d: {
    call: avgPool(F.avgPool2d),
    covers: ['avgPool', 'avgPoolBackward'],
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
  avgPool3d: {
    call: avgPool(F.avgPool3d),
    errors: [[() => F.avgPool3d(volume(), 2, { divisorOverride: 0 }), ArgumentError, /^avgPool3d: divisorOverride/]],
  },
  lpPool1d: {
    call: lpPool(F.lpPool1d),
    errors: [
      [() => F.lpPool1d(zeros([2, 3, 5]), 0, 2), ArgumentError, /^lpPool1d: normType must be .* got 0/],
      [() => F.lpPool1d(zeros([2, 3, 5]), 2, 6), ShapeError, /^lpPool1d: a window of 6 does not fit/],
    ],
  },
  lpPool2d: {
    call: lpPool(F.lpPool2d),
    errors: [
      [() => F.lpPool2d(image(), '2' as never, 2), ArgumentError, /normType must be .* got "2"/],
      [() => F.lpPool2d(image(), 2, 0), ArgumentError, /kernelSize must be .* got 0/],
    ],
  },
  lpPool3d: {
    call: lpPool(F.lpPool3d),
    errors: [[() => F.lpPool3d(zeros([2, 3]), 2, 2), ShapeError, /^lpPool3d: input must be/]],
  },
  adaptiveMaxPool1d: {
    call: adaptive(F.adaptiveMaxPool1d),
    errors: [[() => F.adaptiveMaxPool1d(zeros([2, 3, 5]), -1), ArgumentError, /outputSize must be .* got -1/]],
  },
  adaptiveMaxPool2d: {
    call: adaptive(F.adaptiveMaxPool2d),
    errors: [
      [() => F.adaptiveMaxPool2d(image(), [1, 2, 3] as never), ArgumentError, /outputSize must be .*\[1, 2, 3\]/],
      [() => F.adaptiveMaxPool2d(zeros([2, 3, 0, 6]), 1), ShapeError, /only the batch may be empty/],
      [() => F.adaptiveMaxPool2d(image(), 1, { returnIndices: 1 as never }), ArgumentError, /returnIndices must be/],
    ],
  },
  adaptiveMaxPool3d: {
    call: adaptive(F.adaptiveMaxPool3d),
    errors: [[() => F.adaptiveMaxPool3d(volume(), 'x' as never), ArgumentError, /outputSize must be .* got "x"/]],
  },
  adaptiveAvgPool1d: {
    call: adaptive(F.adaptiveAvgPool1d),
    errors: [[() => F.adaptiveAvgPool1d(zeros([5]), 1), ShapeError, /^adaptiveAvgPool1d: input must be/]],
  },
  adaptiveAvgPool2d: {
    call: adaptive(F.adaptiveAvgPool2d),
    errors: [
      [() => F.adaptiveAvgPool2d(image(), null as never), ArgumentError, /outputSize must be .* got null/],
      [() => F.adaptiveAvgPool2d(places(), 1), DTypeError, /got int64/],
    ],
  },
  adaptiveAvgPool3d: {
    call: adaptive(F.adaptiveAvgPool3d),
    errors: [[() => F.adaptiveAvgPool3d(volume(), [1, 2] as never), ArgumentError, /outputSize must be/]],
  },
  fractionalMaxPool2d: {
    call: fractional(F.fractionalMaxPool2d),
    covers: ['fractionalMaxPool'],
    errors: [
      [() => F.fractionalMaxPool2d(image(), 2, {}), ArgumentError, /one of outputSize and outputRatio is needed/],
      [
        () => F.fractionalMaxPool2d(image(), 3, { outputSize: [2, 5] }),
        ShapeError,
        /^fractionalMaxPool2d: 2 x 5 windows of 3 x 3 do not fit into an input of 5 x 6$/,
      ],
      [() => F.fractionalMaxPool2d(image(), 2, { outputRatio: 1.5 }), ArgumentError, /outputRatio must be .* got 1.5/],
      [
        () => F.fractionalMaxPool2d(image(), 2, { outputSize: 2, _randomSamples: zeros([2, 3, 3]) }),
        ShapeError,
        /_randomSamples must be \[2, 3, 2\], got \[2, 3, 3\]/,
      ],
      [
        () => F.fractionalMaxPool2d(image(), 2, { outputSize: 2, _randomSamples: places() }),
        DTypeError,
        /_randomSamples is int64, input float32/,
      ],
    ],
  },
  fractionalMaxPool3d: {
    call: fractional(F.fractionalMaxPool3d),
    errors: [[() => F.fractionalMaxPool3d(image(), 2, { outputSize: 9 }), ShapeError, /do not fit into an input/]],
  },
  maxUnpool1d: {
    call: unpool(F.maxUnpool1d),
    errors: [[() => F.maxUnpool1d(image(), places(), 2), ShapeError, /^maxUnpool1d: input must be/]],
  },
  maxUnpool2d: {
    call: unpool(F.maxUnpool2d),
    errors: [
      [() => F.maxUnpool2d(image(), places().narrow(0, 0, 1), 2), ShapeError, /indices \[1, 3, 5, 6\] must have/],
      [() => F.maxUnpool2d(image(), image(), 2), DTypeError, /index must be int64 or int32, got float32/],
      [
        () => F.maxUnpool2d(image(), places(), 2, { outputSize: [8, 12] }),
        ArgumentError,
        /outputSize \[8, 12\] must lie within a stride of 2 around 10 along axis 0/,
      ],
      [
        () => F.maxUnpool2d(image(), places(), 2, { outputSize: [8] }),
        ArgumentError,
        /outputSize must be .* got \[8\]/,
      ],
    ],
  },
  maxUnpool3d: {
    call: unpool(F.maxUnpool3d),
    errors: [[() => F.maxUnpool3d(volume(), places(), 2), ShapeError, /must have the shape of the input/]],
  },
});
