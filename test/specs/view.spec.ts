import {
  ArgumentError,
  AutogradError,
  DisposedError,
  type DType,
  ones,
  ShapeError,
  type Tensor,
  zeros,
} from '../../lib/index.js';
import { sumTo } from '../../lib/ops/shape/view.js';
import { family } from '../support/spec.js';

function disposed(shape: number[]): Tensor {
  const x = zeros(shape);
  x.dispose();
  return x;
}

family('view', {
  asStrided: { testedBy: 'test/autograd/strided.test.ts' },
  restride: { testedBy: 'test/autograd/strided.test.ts' },
  clearRegion: { testedBy: 'test/autograd/strided.test.ts' },
  overwrite: { testedBy: 'test/autograd/in-place.test.ts' },
  reshape: {
    call: ([x], { shape }: { shape: number[] }) => x.reshape(shape),
    errors: [
      [() => zeros([2, 3]).reshape([4]), ShapeError, /^reshape: \[2, 3\] \(6 elements\) cannot become \[4\]/],
      [() => zeros([2, 3]).reshape([-1, -1]), ShapeError, /^reshape: /],
      [() => zeros([2, 3]).reshape([-1, 4]), ShapeError, /^reshape: /],
      [() => zeros([2, 3]).reshape(6 as never), ArgumentError, /^reshape: shape must be an array/],
      [() => zeros([2, 3]).t().view([6]), ShapeError, /^view: strides .* do not allow shape \[6\]/],
    ],
  },
  permute: {
    call: ([x], { dims }: { dims: number[] }) => x.permute(dims),
    errors: [
      [() => zeros([2, 3]).permute([0, 0]), ShapeError, /^permute: /],
      [() => zeros([2, 3]).permute([0]), ShapeError, /^permute: /],
      [() => zeros([2, 3]).permute([0, 2]), ShapeError, /^permute: dim 2 is out of range/],
    ],
  },
  transpose: {
    call: ([x], { dim0, dim1 }: { dim0: number; dim1: number }) => x.transpose(dim0, dim1),
    errors: [[() => zeros([2, 3]).transpose(0, 2), ShapeError, /^transpose: dim 2 is out of range/]],
  },
  expand: {
    call: ([x], { shape }: { shape: number[] }) => x.expand(shape),
    errors: [
      [() => zeros([2, 3]).expand([4, 3]), ShapeError, /^expand: \[2, 3\] cannot become \[4, 3\]/],
      [() => zeros([2, 3]).expand([3]), ShapeError, /^expand: /],
    ],
  },
  sumTo: {
    call: ([x], { shape }: { shape: number[] }) => sumTo(x, shape),
    errors: [
      [() => sumTo(disposed([4, 3]), [1, 3]), DisposedError, /^sumTo: the tensor of shape \[4, 3\] was disposed/],
    ],
  },
  slice: {
    covers: ['sliceBackward'],
    call: ([x], a: { dim: number; start: number | null; end: number | null; step: number }) =>
      x.slice(a.dim, a.start, a.end, a.step),
    errors: [
      [() => zeros([3]).slice(1, 0), ShapeError, /^slice: dim 1 is out of range/],
      [() => zeros([3]).slice(0, 0, 3, 0), ArgumentError, /^slice: step must be >= 1, got 0/],
      [() => zeros([3]).slice(0, 0.5), ArgumentError, /^slice: positions must be integers, got 0.5/],
    ],
  },
  narrow: {
    call: ([x], a: { dim: number; start: number; length: number }) => x.narrow(a.dim, a.start, a.length),
    errors: [[() => zeros([3]).narrow(0, 2, 2), ShapeError, /^narrow: \[2, 2 \+ 2\) is outside dim 0 of \[3\]/]],
  },
  select: {
    call: ([x], { dim, index }: { dim: number; index: number }) => x.select(dim, index),
    errors: [[() => zeros([3]).select(0, 3), ShapeError, /^select: index 3 is outside dim 0 of \[3\]/]],
  },
  squeeze: {
    call: ([x], { dim }: { dim: number | null }) => x.squeeze(dim ?? undefined),
    errors: [[() => zeros([3]).squeeze(1), ShapeError, /^squeeze: dim 1 is out of range/]],
  },
  unsqueeze: {
    call: ([x], { dim }: { dim: number }) => x.unsqueeze(dim),
    errors: [[() => zeros([3]).unsqueeze(2), ShapeError, /^unsqueeze: dim 2 is out of range/]],
  },
  flatten: {
    call: ([x], { start, end }: { start: number; end: number }) => x.flatten(start, end),
    errors: [[() => zeros([2, 3]).flatten(1, 0), ShapeError, /^flatten: start 1 lies behind end 0/]],
  },
  copy: {
    call: ([x], { dtype }: { dtype: string }) => x.to(dtype as DType),
    errors: [[() => zeros([3]).to('float31' as never), ArgumentError, /^to: unknown dtype "float31"/]],
  },
  clone: {
    call: ([x]) => x.clone(),
    errors: [[() => ones([2], { dtype: 'int32' }).requiresGrad_(), AutogradError, /int32/]],
  },
});
