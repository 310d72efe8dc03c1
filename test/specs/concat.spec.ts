import { ArgumentError, cat, ShapeError, stack, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

family('concat', {
  cat: {
    call: (tensors, { dim }: { dim: number }) => cat(tensors, dim),
    errors: [
      [() => cat([]), ArgumentError, /^cat: at least one Tensor is needed/],
      [() => cat(zeros([2]) as never), ArgumentError, /^cat: an array of Tensors is needed/],
      [() => cat([zeros([2]), null as never]), ArgumentError, /^cat: tensors\[1\] must be a Tensor, got null/],
      [
        () => cat([zeros([2, 3]), zeros([2, 4])]),
        ShapeError,
        /^cat: sizes must match except at dim 0: \[2, 3\] and \[2, 4\]/,
      ],
      [() => cat([zeros([2]), zeros([2, 1])]), ShapeError, /^cat: sizes must match/],
      [() => cat([zeros([2])], 1), ShapeError, /^cat: dim 1 is out of range/],
      [() => cat([zeros([])]), ShapeError, /^cat: 0-d tensors cannot be joined/],
    ],
  },
  stack: {
    call: (tensors, { dim }: { dim: number }) => stack(tensors, dim),
    errors: [
      [() => stack([zeros([2]), zeros([3])]), ShapeError, /^stack: sizes must match .*\[2\] and \[3\]/],
      [() => stack([zeros([2])], 2), ShapeError, /^stack: dim 2 is out of range/],
      [() => stack([zeros([1, 1, 1, 1, 1, 1, 1, 1])]), ShapeError, /^stack: at most 8 dimensions/],
    ],
  },
  split: {
    call: ([x], { sizes, dim }: { sizes: number | number[]; dim: number }) => x.split(sizes, dim),
    errors: [
      [
        () => zeros([5]).split([2, 2]),
        ArgumentError,
        /^split: sizes must be integers >= 0 that add up to 5, got \[2, 2\]/,
      ],
      [() => zeros([5]).split(0), ArgumentError, /^split: the size must be an integer >= 1, got 0/],
      [() => zeros([]).split(1), ShapeError, /^split: a 0-d tensor/],
    ],
  },
  chunk: {
    call: ([x], { chunks, dim }: { chunks: number; dim: number }) => x.chunk(chunks, dim),
    errors: [[() => zeros([5]).chunk(0), ArgumentError, /^chunk: chunks must be an integer >= 1, got 0/]],
  },
  unbind: {
    call: ([x], { dim }: { dim: number }) => x.unbind(dim),
    errors: [[() => zeros([]).unbind(), ShapeError, /^unbind: a 0-d tensor/]],
  },
});
