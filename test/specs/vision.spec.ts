import { ArgumentError, DTypeError, F, ShapeError, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

const image = () => zeros([1, 2, 3, 4]);
const points = () => zeros([1, 2, 2, 2]);

family('vision', {
  interpolate: {
    call: ([x], options: F.InterpolateOptions) => F.interpolate(x, options),
    errors: [
      [() => F.interpolate(image(), {}), ArgumentError, /^interpolate: one of size and scaleFactor is needed/],
      [() => F.interpolate(image(), { size: 3, scaleFactor: 2 }), ArgumentError, /only one of size and scaleFactor/],
      [() => F.interpolate(image(), { size: [3] }), ShapeError, /size has 1 entries for the 2 axes/],
      [() => F.interpolate(image(), { size: 2.5 }), ArgumentError, /size must be integers/],
      [() => F.interpolate(image(), { size: 0 }), ShapeError, /the output's sizes must be above 0/],
      [() => F.interpolate(zeros([1, 0, 3, 4]), { size: 2 }), ShapeError, /only the batch may be empty/],
      [
        () => F.interpolate(image(), { size: 2, recomputeScaleFactor: true }),
        ArgumentError,
        /has no meaning with a size/,
      ],
      [() => F.interpolate(image(), { size: 2, alignCorners: false }), ArgumentError, /alignCorners has no meaning/],
      [() => F.interpolate(image(), { size: 2, mode: 'linear' }), ShapeError, /mode 'linear' needs 3 axes/],
      [() => F.interpolate(image(), { size: 2, mode: 'cubic' as never }), ArgumentError, /mode must be one of/],
      [() => F.interpolate(image(), { size: 2, antialias: true }), ArgumentError, /antialias has no meaning/],
      [() => F.interpolate(image(), { size: 2, mode: 'lanczos' }), ArgumentError, /'lanczos' needs antialias/],
      [() => F.interpolate(zeros([2, 3]), { size: 2 }), ShapeError, /\[N, C, W\]/],
      [() => F.interpolate(zeros([1, 1, 3], { dtype: 'int32' }), { size: 2 }), DTypeError, /does not take int32/],
    ],
  },
  gridSample: {
    covers: ['gridSampleBackward'],
    call: ([x, grid], options: F.GridSampleOptions) => F.gridSample(x, grid, options),
    errors: [
      [() => F.gridSample(image(), zeros([2, 2, 2, 2])), ShapeError, /grid must be \[1, ..., 2\]/],
      [() => F.gridSample(image(), zeros([1, 2, 2, 3])), ShapeError, /grid must be \[1, ..., 2\]/],
      [() => F.gridSample(image(), zeros([1, 2, 2, 2, 3])), ShapeError, /are needed, got \[1, 2, 3, 4\]/],
      [() => F.gridSample(zeros([1, 2, 0, 4]), points()), ShapeError, /the image is empty/],
      [() => F.gridSample(image(), points().to('float64')), DTypeError, /one floating-point dtype/],
      [() => F.gridSample(image(), points(), { mode: 'linear' as never }), ArgumentError, /mode must be one of/],
      [() => F.gridSample(image(), points(), { paddingMode: 'x' as never }), ArgumentError, /paddingMode must be/],
      [
        () => F.gridSample(zeros([1, 1, 2, 2, 2]), zeros([1, 1, 1, 1, 3]), { mode: 'bicubic' }),
        ArgumentError,
        /bicubic takes images only/,
      ],
    ],
  },
  affineGrid: {
    call: ([theta], { size, alignCorners }: { size: number[]; alignCorners: boolean }) =>
      F.affineGrid(theta, size, { alignCorners }),
    errors: [
      [() => F.affineGrid(zeros([1, 2, 3]), [2, 1, 2, 2]), ShapeError, /theta must be \[2, 2, 3\]/],
      [() => F.affineGrid(zeros([1, 2, 3]), [1, 2, 2]), ShapeError, /size must be 4 or 5 numbers/],
      [() => F.affineGrid(zeros([1, 2, 3]), [1, 1, 0, 2]), ShapeError, /size must be 4 or 5 numbers above 0/],
      [() => F.affineGrid(zeros([1, 2, 3], { dtype: 'int64' }), [1, 1, 2, 2]), DTypeError, /theta must be floating/],
    ],
  },
  pixelShuffle: {
    call: ([x], { factor }: { factor: number }) => F.pixelShuffle(x, factor),
    errors: [
      [() => F.pixelShuffle(zeros([1, 6, 2, 2]), 2), ShapeError, /C a multiple of 4/],
      [() => F.pixelShuffle(zeros([4, 4]), 2), ShapeError, /got \[4, 4\]/],
      [() => F.pixelShuffle(zeros([4, 4, 4]), 0), ArgumentError, /upscaleFactor must be an integer >= 1/],
    ],
  },
  pixelUnshuffle: {
    call: ([x], { factor }: { factor: number }) => F.pixelUnshuffle(x, factor),
    errors: [
      [() => F.pixelUnshuffle(zeros([1, 6, 2, 3]), 2), ShapeError, /H and W multiples of 2/],
      [() => F.pixelUnshuffle(zeros([4, 4, 4]), 1.5), ArgumentError, /downscaleFactor must be an integer >= 1/],
    ],
  },
  channelShuffle: {
    call: ([x], { groups }: { groups: number }) => F.channelShuffle(x, groups),
    errors: [
      [() => F.channelShuffle(zeros([1, 6, 2, 3]), 4), ShapeError, /C a multiple of 4/],
      [() => F.channelShuffle(zeros([6, 2]), 2), ShapeError, /\[N, C, \.\.\.\]/],
    ],
  },
});
