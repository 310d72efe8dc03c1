import {
  ArgumentError,
  blockDiag,
  cartesianProd,
  columnStack,
  combinations,
  diag,
  diagEmbed,
  diagflat,
  dstack,
  F,
  flip,
  fliplr,
  flipud,
  hstack,
  meshgrid,
  roll,
  rot90,
  ShapeError,
  vstack,
  zeros,
} from '../../lib/index.js';
import type { PadMode } from '../../lib/ops/shape/pad.js';
import { family } from '../support/spec.js';

type Diagonal = { offset: number; dim1: number; dim2: number };

family('arrange', {
  flip: {
    call: ([x], { dims }: { dims: number[] }) => flip(x, dims),
    errors: [
      [() => flip(zeros([2, 3]), [0, 0]), ShapeError, /^flip: a dim appears twice in \[0, 0\]/],
      [() => flip(zeros([2]), '0' as never), ArgumentError, /^flip: dims must be an axis or an array/],
    ],
  },
  fliplr: {
    call: ([x]) => fliplr(x),
    errors: [[() => fliplr(zeros([3])), ShapeError, /^fliplr: at least 2 dimensions/]],
  },
  flipud: {
    call: ([x]) => flipud(x),
    errors: [[() => flipud(zeros([])), ShapeError, /^flipud: at least 1 dimension/]],
  },
  roll: {
    call: ([x], { shifts, dims }: { shifts: number[]; dims: number[] | null }) => roll(x, shifts, dims ?? undefined),
    errors: [
      [() => roll(zeros([2, 3]), 1, [0, 1]), ShapeError, /^roll: 1 shifts for 2 dims/],
      [() => roll(zeros([2, 3]), [1, 2]), ShapeError, /^roll: 2 shifts need as many dims, got none/],
      [() => roll(zeros([2, 3]), 1, 5), ShapeError, /^roll: dim 5 is out of range/],
      [() => roll(zeros([2, 3]), 1.5, 0), ArgumentError, /^roll: shifts must be an integer/],
    ],
  },
  rot90: {
    call: ([x], { k, dims }: { k: number; dims: number[] }) => rot90(x, k, dims),
    errors: [
      [() => rot90(zeros([3])), ShapeError, /^rot90: at least 2 dimensions/],
      [() => rot90(zeros([3, 2]), 1, [0, 0]), ShapeError, /^rot90: a dim appears twice/],
    ],
  },
  pad: {
    covers: ['padEdges', 'padEdgesBackward'],
    call: ([x], { sizes, mode, value }: { sizes: number[]; mode: PadMode; value: number }) =>
      F.pad(x, sizes, { mode, value }),
    errors: [
      [() => F.pad(zeros([2]), [1]), ArgumentError, /^pad: sizes must be pairs of integers/],
      [() => F.pad(zeros([2]), [1, 1, 1, 1]), ShapeError, /^pad: 4 sizes for the axes of \[2\]/],
      [() => F.pad(zeros([2, 3]), [-4, 0]), ShapeError, /^pad: -4 and 0 take more than the 3 elements of dim 1/],
      [() => F.pad(zeros([2, 3]), [1, 3], { mode: 'reflect' }), ShapeError, /^pad: reflect cannot add 3 to dim 1/],
      [() => F.pad(zeros([2, 3]), [4, 0], { mode: 'circular' }), ShapeError, /^pad: circular cannot add 4 to dim 1/],
      [() => F.pad(zeros([2, 0]), [1, 0], { mode: 'replicate' }), ShapeError, /^pad: replicate cannot add 1 to dim 1/],
      [() => F.pad(zeros([3]), [1, 1], { mode: 'replicate' }), ShapeError, /^pad: replicate takes 2 sizes for 2 or 3/],
      [() => F.pad(zeros([2, 3]), [1, 1], { mode: 'zero' as never }), ArgumentError, /^pad: mode must be 'constant'/],
      [
        () => F.pad(zeros([2, 3]), [1, 1], { mode: 'reflect', value: 1 }),
        ArgumentError,
        /^pad: reflect takes no value/,
      ],
    ],
  },
  diagonal: {
    call: ([x], { offset, dim1, dim2 }: Diagonal) => x.diagonal(offset, { dim1, dim2 }),
    errors: [
      [() => zeros([2]).diagonal(), ShapeError, /^diagonal: at least 2 dimensions/],
      [() => zeros([2, 2]).diagonal(0, { dim1: 1 }), ShapeError, /^diagonal: dim1 and dim2 are both 1/],
    ],
  },
  diagEmbed: {
    call: ([x], { offset, dim1, dim2 }: Diagonal) => diagEmbed(x, offset, { dim1, dim2 }),
    errors: [
      [() => diagEmbed(zeros([])), ShapeError, /^diagEmbed: a 0-d tensor/],
      [() => diagEmbed(zeros([2]), 0.5), ArgumentError, /^diagEmbed: offset must be an integer/],
    ],
  },
  diag: {
    call: ([x], { offset }: { offset: number }) => diag(x, offset),
    errors: [[() => diag(zeros([1, 2, 3])), ShapeError, /^diag: a vector or a matrix is needed, got \[1, 2, 3\]/]],
  },
  diagflat: {
    call: ([x], { offset }: { offset: number }) => diagflat(x, offset),
    errors: [[() => diagflat(null as never), ArgumentError, /^diagflat: input must be a Tensor/]],
  },
  diagonalScatter: {
    covers: ['viewScatter'],
    call: ([x, src], { offset, dim1, dim2 }: Diagonal) => x.diagonalScatter(src, offset, { dim1, dim2 }),
    errors: [
      [
        () => zeros([3, 3]).diagonalScatter(zeros([2])),
        ShapeError,
        /^diagonalScatter: src has shape \[2\], the part it replaces \[3\]/,
      ],
    ],
  },
  selectScatter: {
    call: ([x, src], { dim, index }: { dim: number; index: number }) => x.selectScatter(src, dim, index),
    errors: [[() => zeros([3]).selectScatter(zeros([1]), 0, 1), ShapeError, /^selectScatter: src has shape \[1\]/]],
  },
  sliceScatter: {
    call: ([x, src], a: { dim: number; start: number | null; end: number | null; step: number }) =>
      x.sliceScatter(src, a.dim, a.start, a.end, a.step),
    errors: [[() => zeros([3]).sliceScatter(zeros([3]), 0, 1), ShapeError, /^sliceScatter: .* replaces \[2\]/]],
  },
  hstack: {
    call: (tensors) => hstack(tensors),
    errors: [[() => hstack([]), ArgumentError, /^hstack: at least one Tensor/]],
  },
  vstack: {
    call: (tensors) => vstack(tensors),
    errors: [[() => vstack([zeros([2]), zeros([3])]), ShapeError, /^cat: sizes must match/]],
  },
  dstack: {
    call: (tensors) => dstack(tensors),
    errors: [[() => dstack(zeros([2]) as never), ArgumentError, /^dstack: an array of Tensors is needed/]],
  },
  columnStack: {
    call: (tensors) => columnStack(tensors),
    errors: [[() => columnStack([zeros([2]), zeros([3])]), ShapeError, /^cat: sizes must match/]],
  },
  blockDiag: {
    call: (tensors) => blockDiag(tensors),
    errors: [[() => blockDiag([zeros([1, 1, 1])]), ShapeError, /^blockDiag: at most 2 dimensions, got \[1, 1, 1\]/]],
  },
  meshgrid: {
    call: (tensors, { indexing }: { indexing: 'ij' | 'xy' }) => meshgrid(tensors, { indexing }),
    errors: [
      [() => meshgrid([zeros([2, 2])]), ShapeError, /^meshgrid: vectors are needed, got \[2, 2\]/],
      [() => meshgrid([zeros([2])], { indexing: 'yx' as never }), ArgumentError, /^meshgrid: indexing must be/],
      [() => meshgrid([zeros([2]), zeros([2], { dtype: 'int64' })]), ArgumentError, /^meshgrid: tensors of one dtype/],
    ],
  },
  cartesianProd: {
    call: (tensors) => cartesianProd(tensors),
    errors: [[() => cartesianProd([zeros([])]), ShapeError, /^cartesianProd: vectors are needed/]],
  },
  combinations: {
    call: ([x], { r, withReplacement }: { r: number; withReplacement: boolean }) =>
      combinations(x, r, { withReplacement }),
    errors: [
      [() => combinations(zeros([2, 2])), ShapeError, /^combinations: a vector is needed/],
      [() => combinations(zeros([2]), -1), ArgumentError, /^combinations: r must be an integer >= 0/],
    ],
  },
});
