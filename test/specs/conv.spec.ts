import { ArgumentError, type Conv2dOptions, conv2d, DTypeError, ShapeError, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

const image = () => zeros([2, 4, 5, 5]);
const weight = (...shape: number[]) => zeros(shape);

family('conv', {
  conv2d: {
    call: ([x, w, bias], options: Conv2dOptions) => conv2d(x, w, bias, options),
    covers: ['conv2dBackwardInput', 'conv2dBackwardWeight'],
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
});
