import {
  ArgumentError,
  atLeast3d,
  broadcastTensors,
  DTypeError,
  repeatInterleave,
  ShapeError,
  tensor,
  zeros,
} from '../../lib/index.js';
import { family } from '../support/spec.js';

family('axes', {
  unflatten: {
    call: ([x], { dim, sizes }: { dim: number; sizes: number[] }) => x.unflatten(dim, sizes),
    errors: [
      [() => zeros([2, 3]).unflatten(1, [2, 2]), ShapeError, /^unflatten: \[3\] \(3 elements\) cannot become \[2, 2\]/],
      [() => zeros([]).unflatten(0, [1]), ShapeError, /^unflatten: a 0-d tensor/],
      [() => zeros([2]).unflatten(0, []), ArgumentError, /^unflatten: sizes must be a non-empty array/],
    ],
  },
  ravel: {
    call: ([x]) => x.ravel(),
    errors: [
      [
        () =>
          zeros([2, 3])
            .t()
            .viewAs(zeros([6])),
        ShapeError,
        /^view: strides \[1, 3\] do not allow/,
      ],
    ],
  },
  movedim: {
    call: ([x], { source, destination }: { source: number | number[]; destination: number | number[] }) =>
      x.movedim(source, destination),
    errors: [
      [() => zeros([2, 3]).movedim([0], [0, 1]), ShapeError, /^movedim: source \[0\] and destination \[0, 1\]/],
      [() => zeros([2, 3]).moveaxis([0, 0], [0, 1]), ShapeError, /^movedim: .* distinct axes/],
      [() => zeros([2, 3]).movedim('0' as never, 1), ArgumentError, /^movedim: axes must be a number or an array/],
    ],
  },
  T: {
    call: ([x]) => x.T,
    errors: [[() => zeros([2, 3, 4]).t(), ShapeError, /^t: at most 2 dimensions/]],
  },
  mT: {
    call: ([x]) => x.mT,
    errors: [[() => zeros([2]).mT, ShapeError, /^mT: at least 2 dimensions, got \[2\]/]],
  },
  broadcastTensors: {
    call: (tensors) => broadcastTensors(tensors),
    errors: [[() => broadcastTensors([zeros([2]), zeros([3])]), ShapeError, /^broadcastTensors: \[2\] and \[3\]/]],
  },
  atLeast3d: {
    call: ([x]) => atLeast3d(x),
    errors: [[() => atLeast3d(3 as never), ArgumentError, /^atLeast3d: input must be a Tensor/]],
  },
  repeat: {
    call: ([x], { repeats }: { repeats: number[] }) => x.repeat(repeats),
    errors: [
      [() => zeros([2, 3]).repeat([2]), ShapeError, /^repeat: 1 repeats for \[2, 3\]/],
      [() => zeros([2]).repeat([-1]), ArgumentError, /^repeat: repeats must be an array of integers >= 0/],
      [() => zeros([2]).repeat([1, 1, 1, 1, 1, 1, 1, 1, 2]), ShapeError, /^repeat: at most 8 dimensions/],
    ],
  },
  tile: {
    call: ([x], { repeats }: { repeats: number[] }) => x.tile(repeats),
    errors: [[() => zeros([2]).tile(2 as never), ArgumentError, /^tile: repeats must be an array/]],
  },
  repeatInterleave: {
    call: ([x, counts], { count, dim }: { count: number; dim: number | null }) =>
      repeatInterleave(x, counts ?? count, dim),
    errors: [
      [() => zeros([3]).repeatInterleave(-1), ArgumentError, /^repeatInterleave: repeats must be an integer >= 0/],
      [() => zeros([3]).repeatInterleave(tensor([1, 2])), DTypeError, /must be int64 or int32, got float32/],
      [() => zeros([3]).repeatInterleave(tensor([1n, 2n])), ShapeError, /repeats must have 1 or 3 elements, got \[2\]/],
      [() => zeros([2]).repeatInterleave(tensor([1n, -2n])), ArgumentError, /repeats must not be negative/],
      [
        () => zeros([2]).repeatInterleave(tensor([1n, 2n]), 0, { outputSize: 4 }),
        ArgumentError,
        /outputSize is 4, the repeats add up to 3/,
      ],
    ],
  },
  windows: {
    covers: ['windowsBackward'],
    call: ([x], { dim, size, step }: { dim: number; size: number; step: number }) => x.unfold(dim, size, step),
    errors: [
      [() => zeros([3]).unfold(0, 4, 1), ShapeError, /^unfold: size 4 is larger than the 3 elements of dim 0/],
      [() => zeros([3]).unfold(0, 1, 0), ArgumentError, /^unfold: step must be an integer >= 1/],
    ],
  },
  tensorSplit: {
    call: ([x], { how, dim }: { how: number | number[]; dim: number }) => x.tensorSplit(how, dim),
    errors: [
      [() => zeros([3]).tensorSplit(0), ArgumentError, /^tensorSplit: the number of parts must be/],
      [() => zeros([]).tensorSplit(1), ShapeError, /^tensorSplit: at least 1 dimension, got \[\]/],
    ],
  },
  hsplit: {
    call: ([x], { how }: { how: number | number[] }) => x.hsplit(how),
    errors: [[() => zeros([2, 3]).hsplit(2), ShapeError, /^hsplit: dim 1 of \[2, 3\] does not divide into 2 equal/]],
  },
  vsplit: {
    call: ([x], { how }: { how: number | number[] }) => x.vsplit(how),
    errors: [[() => zeros([4]).vsplit(2), ShapeError, /^vsplit: at least 2 dimensions, got \[4\]/]],
  },
  dsplit: {
    call: ([x], { how }: { how: number | number[] }) => x.dsplit(how),
    errors: [[() => zeros([4, 2]).dsplit(2), ShapeError, /^dsplit: at least 3 dimensions/]],
  },
});
