import {
  ArgumentError,
  type Conv1dOptions,
  type Conv2dOptions,
  type Conv3dOptions,
  type ConvTbcOptions,
  type ConvTranspose1dOptions,
  type ConvTranspose2dOptions,
  type ConvTranspose3dOptions,
  conv1d,
  conv2d,
  conv3d,
  convTbc,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  DTypeError,
  ShapeError,
  zeros,
} from '../../lib/index.js';
import { family } from '../support/spec.js';

const image = () => zeros([2, 4, 5, 5]);
const weight = (...shape: number[]) => zeros(shape);

family('conv', {
  convolutionMaxPool: { testedBy: 'test/nn/fusion.test.ts' },
  conv2d: {
    call: ([x, w, bias], options: Conv2dOptions) => conv2d(x, w, bias, options),
    covers: ['convolution', 'convolutionTranspose', 'convolutionBackwardWeight'],
    errors: [
      [
        () => conv2d(zeros([100, 3, 28, 28]), weight(16, 1, 3, 3)),
        ShapeError,
        /^conv2d: input has 3 channels, weight expects 1 \(input \[100, 3, 28, 28\], weight \[16, 1, 3, 3\], groups 1\)$/,
      ],
      [() => conv2d(image(), weight(3, 2, 3, 3), null, { groups: 2 }), ShapeError, /3 output channels .* 2 groups/],
      [() => conv2d(image(), weight(3, 4, 3, 3), zeros([4])), ShapeError, /bias has shape \[4\], 3 output channels/],
      [() => conv2d(image(), weight(3, 4, 6, 3)), ShapeError, /a kernel of 6 x 3 does not fit into an input of 5 x 5/],
      [() => conv2d(image(), weight(3, 4, 3, 3), null, { dilation: 3 }), ShapeError, /a kernel of 7 x 7 does not fit/],
      [() => conv2d(image(), weight(3, 4, 0, 3)), ShapeError, /does not fit/],
      [() => conv2d(zeros([5, 5]), weight(3, 4, 3, 3)), ShapeError, /input must be .* got \[5, 5\]/],
      [() => conv2d(image(), weight(4, 3, 3)), ShapeError, /weight must be .* got \[4, 3, 3\]/],
      [
        () => conv2d(image(), weight(3, 4, 2, 2), null, { dilation: 1e8, padding: 1e8 }),
        ShapeError,
        /with its dilation is too large/,
      ],
      [() => conv2d(image(), weight(3, 4, 3, 3), null, { stride: 0 }), ArgumentError, /stride must be .* got 0/],
      [() => conv2d(image(), weight(3, 4, 3, 3), null, { padding: -1 }), ArgumentError, /padding must be .* got -1/],
      [() => conv2d(image(), weight(3, 4, 3, 3), null, { dilation: [1, 0] }), ArgumentError, /dilation must be/],
      [() => conv2d(image(), weight(3, 4, 3, 3), null, { stride: [1, 2, 3] as never }), ArgumentError, /\[1, 2, 3\]/],
      [() => conv2d(image(), weight(3, 4, 3, 3), null, { groups: 0 }), ArgumentError, /groups must be .* got 0/],
      [
        () => conv2d(image(), weight(3, 4, 3, 3), null, { padding: 'same', stride: 2 }),
        ArgumentError,
        /padding 'same' needs stride 1, got 2/,
      ],
      [() => conv2d(image(), weight(3, 4, 3, 3), null, { padding: 'full' as never }), ArgumentError, /got "full"/],
      [() => conv2d(zeros([1, 1, 3, 3], { dtype: 'int64' }), weight(1, 1, 1, 1)), DTypeError, /got int64/],
      [
        () => conv2d(image(), zeros([3, 4, 3, 3], { dtype: 'float64' })),
        DTypeError,
        /input is float32, weight is float64/,
      ],
    ],
  },
  conv1d: {
    call: ([x, w, bias], options: Conv1dOptions) => conv1d(x, w, bias, options),
    errors: [
      [() => conv1d(zeros([2, 3, 8]), weight(4, 2, 3)), ShapeError, /^conv1d: input has 3 channels, weight expects 2/],
      [() => conv1d(zeros([2, 3, 2]), weight(4, 3, 3)), ShapeError, /a kernel of 3 does not fit into an input of 2 /],
      [() => conv1d(zeros([2, 3, 4, 4]), weight(4, 3, 3)), ShapeError, /input must be \[N, C, L\] or \[C, L\]/],
      [() => conv1d(zeros([2, 3, 8]), weight(4, 3, 3, 1)), ShapeError, /weight must be \[O, C \/ groups, L\]/],
      [
        () => conv1d(zeros([2, 3, 8]), weight(4, 3, 3), null, { stride: [1, 2] as never }),
        ArgumentError,
        /or \[length\]/,
      ],
    ],
  },
  conv3d: {
    call: ([x, w, bias], options: Conv3dOptions) => conv3d(x, w, bias, options),
    errors: [
      [
        () => conv3d(zeros([1, 2, 3, 4, 5]), weight(2, 2, 4, 1, 1)),
        ShapeError,
        /^conv3d: a kernel of 4 x 1 x 1 does not fit into an input of 3 x 4 x 5/,
      ],
      [() => conv3d(zeros([4, 4, 4]), weight(2, 2, 1, 1, 1)), ShapeError, /input must be \[N, C, D, H, W\]/],
      [
        () => conv3d(zeros([2, 4, 4, 4]), weight(2, 2, 1, 1, 1), null, { padding: [1, 1] as never }),
        ArgumentError,
        /padding must be an integer >= 0 or \[depth, height, width\], got \[1, 1\]/,
      ],
    ],
  },
  convTranspose1d: {
    call: ([x, w, bias], options: ConvTranspose1dOptions) => convTranspose1d(x, w, bias, options),
    errors: [
      [() => convTranspose1d(zeros([2, 3, 8]), weight(4, 2, 3)), ShapeError, /input has 3 channels, weight expects 4/],
      [
        () => convTranspose1d(zeros([2, 4, 1]), weight(4, 2, 3), null, { padding: 2 }),
        ShapeError,
        /an output of -1 is not possible/,
      ],
      [() => convTranspose1d(zeros([2, 4, 0]), weight(4, 2, 3)), ShapeError, /an output of 2 is not possible/],
    ],
  },
  convTranspose2d: {
    call: ([x, w, bias], options: ConvTranspose2dOptions) => convTranspose2d(x, w, bias, options),
    errors: [
      [
        () => convTranspose2d(image(), weight(4, 3, 3, 3), null, { stride: [2, 1], outputPadding: [0, 1] }),
        ArgumentError,
        /^convTranspose2d: outputPadding must be smaller than stride or dilation, got \[0, 1\] with stride \[2, 1\] and dilation 1/,
      ],
      [
        () => convTranspose2d(image(), weight(4, 3, 3, 3), null, { outputPadding: -1 }),
        ArgumentError,
        /outputPadding must be/,
      ],
      [
        () => convTranspose2d(image(), weight(4, 3, 3, 3), null, { padding: 'same' as never }),
        ArgumentError,
        /padding must be an integer >= 0 .* got "same"/,
      ],
      [
        () => convTranspose2d(image(), weight(4, 3, 3, 3), null, { groups: 3 }),
        ShapeError,
        /4 input channels do not divide into 3 groups/,
      ],
      [
        () => convTranspose2d(image(), weight(4, 3, 3, 3), zeros([4])),
        ShapeError,
        /bias has shape \[4\], 3 output channels need \[3\]/,
      ],
      [() => convTranspose2d(image(), weight(4, 3, 3)), ShapeError, /weight must be \[C, O \/ groups, H, W\]/],
      [() => convTranspose2d(zeros([1, 1, 3, 3], { dtype: 'int64' }), weight(1, 1, 1, 1)), DTypeError, /got int64/],
    ],
  },
  convTranspose3d: {
    call: ([x, w, bias], options: ConvTranspose3dOptions) => convTranspose3d(x, w, bias, options),
    errors: [
      [
        () => convTranspose3d(zeros([2, 2, 2, 2, 2]), weight(2, 1, 2, 2, 2), null, { stride: 1e9, dilation: 1e9 }),
        ShapeError,
        /with its dilation is too large/,
      ],
    ],
  },
  convTbc: {
    call: ([x, w, bias], options: ConvTbcOptions) => convTbc(x, w, bias, options),
    errors: [
      [() => convTbc(zeros([5, 2, 3]), zeros([2, 3]), zeros([3])), ShapeError, /weight must be \[k, C, O\]/],
      [() => convTbc(zeros([5, 2, 3]), zeros([2, 3, 4]), null as never), ArgumentError, /bias must be a Tensor/],
    ],
  },
});
