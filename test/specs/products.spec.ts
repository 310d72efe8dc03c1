import {
  ArgumentError,
  addbmm,
  addmm,
  addmv,
  addr,
  type CdistMode,
  cdist,
  chainMatmul,
  cross,
  DTypeError,
  dist,
  einsum,
  F,
  ger,
  inner,
  kron,
  linalg,
  ShapeError,
  type Tensor,
  tensordot,
  trace,
  vander,
  vdot,
  zeros,
} from '../../lib/index.js';
import { family, type Refusal } from '../support/spec.js';

type Factors = { beta: number; alpha: number };
const bools = (shape: number[]): Tensor => zeros(shape, { dtype: 'bool' });
const double = (shape: number[]): Tensor => zeros(shape, { dtype: 'float64' });

const einsumErrors: readonly Refusal[] = [
  [() => einsum('ij,jk', zeros([2, 3])), ArgumentError, /^einsum: 2 terms for 1 operands in "ij,jk"/],
  [() => einsum('i', zeros([2, 3])), ShapeError, /^einsum: term "i" does not name the 2 axes of operand 0/],
  [() => einsum('ijk...', zeros([2, 3])), ShapeError, /^einsum: term "ijk..." does not name the 2 axes/],
  [() => einsum('ij->ik', zeros([2, 3])), ArgumentError, /^einsum: output letter k is in no term/],
  [() => einsum('ij->ii', zeros([2, 3])), ArgumentError, /^einsum: a letter appears twice in the output/],
  [() => einsum('i->i->i', zeros([2])), ArgumentError, /^einsum: more than one arrow/],
  [() => einsum('i1', zeros([2, 2])), ArgumentError, /^einsum: "1" is no letter/],
  [() => einsum('ii', zeros([2, 3])), ShapeError, /^einsum: letter i has sizes 2 and 3 in ii/],
  [() => einsum('ij,jk', zeros([2, 3]), zeros([4, 2])), ShapeError, /^einsum: letter j has sizes 3 and 4/],
  [() => einsum('...,...', zeros([2]), zeros([3])), ShapeError, /^einsum: the ellipsis has sizes 2 and 3/],
  [() => einsum('i,i', zeros([2]), double([2])), DTypeError, /^einsum: the operands need one dtype/],
  [() => einsum(3 as unknown as string, zeros([2])), ArgumentError, /^einsum: the equation must be a string/],
  [() => einsum('i'), ArgumentError, /^einsum: at least one operand/],
];

family('products', {
  einsum: {
    call: (inputs, { equation }: { equation: string }) => einsum(equation, ...inputs),
    errors: einsumErrors,
  },
  tensordot: {
    call: ([a, b], { dims }: { dims: number | [number[], number[]] }) => tensordot(a, b, dims),
    errors: [
      [
        () => tensordot(zeros([2, 3]), zeros([2, 3]), 1),
        ShapeError,
        /^tensordot: axis 1 of \[2, 3\] and 0 of \[2, 3\]/,
      ],
      [() => tensordot(zeros([2]), zeros([2]), 2), ArgumentError, /^tensordot: dims must be from 0 to 1, got 2/],
      [() => tensordot(zeros([2]), zeros([2]), [[0], []]), ArgumentError, /^tensordot: dims must be a number or two/],
    ],
  },
  kron: {
    call: ([a, b]) => kron(a, b),
    errors: [[() => kron(zeros([1, 1, 1, 1, 1]), zeros([2])), ShapeError, /^kron: at most 4 axes, got 5/]],
  },
  trace: {
    call: ([x]) => x.trace(),
    errors: [
      [() => trace(zeros([3])), ShapeError, /^trace: a matrix is needed, got \[3\]/],
      [() => trace(bools([2, 2])), DTypeError, /^trace: does not take bool/],
    ],
  },
  inner: {
    call: ([a, b]) => a.inner(b),
    errors: [[() => inner(zeros([2, 3]), zeros([2])), ShapeError, /^inner: the last sizes 3 and 2 differ/]],
  },
  vdot: {
    call: ([a, b]) => vdot(a, b),
    errors: [[() => vdot(zeros([2, 3]), zeros([2])), ShapeError, /^vdot: 1-d tensors are needed/]],
  },
  ger: {
    call: ([a, b]) => ger(a, b),
    errors: [[() => ger(zeros([2, 3]), zeros([2])), ShapeError, /^outer: tensors of 1 and 1 axes/]],
  },
  addmv: {
    call: ([c, a, b], factors: Factors) => addmv(c, a, b, factors),
    errors: [
      [() => addmv(zeros([2]), zeros([3, 2]), zeros([2])), ShapeError, /^addmv: \[2\] and \[3\] do not broadcast/],
      [() => addmv(zeros([4, 3]), zeros([3, 2]), zeros([2])), ShapeError, /input \[4, 3\] does not broadcast to \[3\]/],
      [() => addmv(double([3]), zeros([3, 2]), zeros([2])), DTypeError, /^addmv: one dtype is needed/],
      [
        () => addmv(zeros([3]), zeros([3, 2]), zeros([2]), { beta: '1' as unknown as number }),
        ArgumentError,
        /^addmv: beta and alpha are numbers/,
      ],
    ],
  },
  addr: {
    call: ([c, a, b], factors: Factors) => addr(c, a, b, factors),
    errors: [[() => addr(zeros([5]), zeros([3]), zeros([2])), ShapeError, /^addr: \[5\] and \[3, 2\] do not/]],
  },
  addbmm: {
    call: ([c, a, b], factors: Factors) => addbmm(c, a, b, factors),
    errors: [
      [() => addbmm(zeros([1]), zeros([2, 3, 4]), zeros([1, 4, 3])), ShapeError, /^addbmm: batches of one size/],
      [() => addbmm(zeros([1]), zeros([2, 3, 4]), zeros([2, 3, 3])), ShapeError, /^addbmm: inner sizes 4 and 3 differ/],
    ],
  },
  integerAddmm: {
    call: ([c, a, b], factors: Factors) => addmm(c, a, b, factors),
    errors: [
      [
        () => {
          const x = zeros([2, 2], { dtype: 'int32' });
          return addmm(x, x, x, { beta: 0.5 });
        },
        ArgumentError,
        /^addmm: beta and alpha must be integers for int32/,
      ],
    ],
  },
  'linalg.multiDot': {
    call: (inputs) => linalg.multiDot(inputs),
    errors: [
      [() => linalg.multiDot([zeros([2])]), ArgumentError, /^linalg.multiDot: an array of at least two tensors/],
      [() => linalg.multiDot([zeros([2, 3]), zeros([2, 3])]), ShapeError, /\[2, 3\] and \[2, 3\] do not fit/],
      [
        () => linalg.multiDot([zeros([2, 3]), zeros([3]), zeros([3, 2])]),
        ShapeError,
        /^linalg.multiDot: tensor 1 must be a matrix/,
      ],
    ],
  },
  chainMatmul: {
    call: (inputs) => chainMatmul(...inputs),
    errors: [
      [() => chainMatmul(), ArgumentError, /^chainMatmul: at least one matrix/],
      [() => chainMatmul(zeros([2])), ShapeError, /^chainMatmul: matrix 0 has shape \[2\]/],
    ],
  },
  'linalg.vecdot': {
    call: ([a, b], { dim }: { dim: number }) => linalg.vecdot(a, b, dim),
    errors: [
      [() => linalg.vecdot(zeros([3]), double([3])), DTypeError, /^linalg.vecdot: both operands/],
      [() => linalg.vecdot(zeros([3]), zeros([2])), ShapeError, /^linalg.vecdot: \[3\] and \[2\] do not/],
    ],
  },
  'linalg.cross': {
    call: ([a, b], { dim }: { dim: number }) => linalg.cross(a, b, dim),
    errors: [
      [() => linalg.cross(zeros([2, 4]), zeros([2, 4])), ShapeError, /^linalg.cross: axis 1 must have size 3/],
      [() => linalg.cross(zeros([2, 3]), zeros([3])), ShapeError, /^linalg.cross: .* differ in rank/],
    ],
  },
  cross: {
    call: ([a, b], { dim }: { dim?: number }) => cross(a, b, dim),
    errors: [[() => cross(zeros([2, 4]), zeros([2, 4])), ShapeError, /^cross: no axis of \[2, 4\] has size 3/]],
  },
  'linalg.matrixPower': {
    call: ([x], { n }: { n: number }) => linalg.matrixPower(x, n),
    notNarrow: 'negative powers need an inverse, which PyTorch has in float32 and float64 only',
    errors: [
      [() => linalg.matrixPower(zeros([2, 3]), 2), ShapeError, /^linalg.matrixPower: square matrices/],
      [() => linalg.matrixPower(zeros([2, 2]), 0.5), ArgumentError, /^linalg.matrixPower: n must be an integer/],
    ],
  },
  'linalg.vander': {
    call: ([x], { columns }: { columns?: number }) => linalg.vander(x, columns),
    errors: [[() => linalg.vander(zeros([])), ShapeError, /^linalg.vander: at least one axis/]],
  },
  vander: {
    call: ([x], { columns, increasing }: { columns?: number; increasing?: boolean }) =>
      vander(x, columns, { increasing }),
    errors: [[() => vander(zeros([2, 2])), ShapeError, /^vander: a vector is needed/]],
  },
  cdistEuclidean: {
    call: ([a, b], { computeMode }: { computeMode: CdistMode }) => cdist(a, b, 2, { computeMode }),
    errors: [[() => cdist(zeros([2, 3]), zeros([2, 4])), ShapeError, /^cdist: matrices with rows of one length/]],
  },
  cdist: {
    call: ([a, b], { p }: { p: number | string }) => cdist(a, b, Number(p)),
    notNarrow: 'PyTorch has it in float32 and float64 only',
    errors: [
      [() => cdist(zeros([2, 3]), zeros([2, 3]), -1), ArgumentError, /^cdist: p must be >= 0, got -1/],
      [() => cdist(zeros([2, 3]), double([2, 3])), DTypeError, /^cdist: both operands/],
      [
        () => cdist(zeros([2, 3]), zeros([2, 3]), 2, { computeMode: 'mm' as CdistMode }),
        ArgumentError,
        /^cdist: computeMode must be one of/,
      ],
    ],
  },
  pdist: {
    call: ([x], { p }: { p: number | string }) => F.pdist(x, Number(p)),
    notNarrow: 'PyTorch has it in float32 and float64 only',
    errors: [
      [() => F.pdist(zeros([2, 3, 4])), ShapeError, /^pdist: input must be \[N, M\], got \[2, 3, 4\]/],
      [() => F.pdist(zeros([2, 3]), -1), ArgumentError, /^pdist: p must be >= 0, got -1/],
    ],
  },
  dist: {
    call: ([a, b], { p }: { p: number }) => dist(a, b, p),
    errors: [[() => dist(bools([2]), zeros([2])), DTypeError, /^dist: input must be floating point/]],
  },
  'F.pairwiseDistance': {
    call: ([a, b], options: { p?: number; eps?: number; keepdim?: boolean }) => F.pairwiseDistance(a, b, options),
    errors: [
      [() => F.pairwiseDistance(zeros([2, 3]), zeros([4])), ShapeError, /do not broadcast/],
      [() => F.pairwiseDistance(bools([2]), zeros([2])), DTypeError, /^pairwiseDistance: x1 must be floating/],
    ],
  },
  'F.cosineSimilarity': {
    call: ([a, b], options: { dim?: number; eps?: number }) => F.cosineSimilarity(a, b, options),
    errors: [
      [() => F.cosineSimilarity(zeros([2, 3]), zeros([4])), ShapeError, /^cosineSimilarity: .* do not broadcast/],
      [() => F.cosineSimilarity(zeros([3]), zeros([3])), ShapeError, /^cosineSimilarity: dim 1 is out of range/],
    ],
  },
  'F.bilinear': {
    call: ([x1, x2, weight, bias]) => F.bilinear(x1, x2, weight, bias),
    errors: [
      [() => F.bilinear(zeros([2, 3]), zeros([2, 4]), zeros([5, 3])), ShapeError, /^bilinear: weight must be/],
      [() => F.bilinear(zeros([2, 3]), zeros([3, 4]), zeros([5, 3, 4])), ShapeError, /^bilinear: inputs .* do not fit/],
      [() => F.bilinear(zeros([3]), zeros([4]), zeros([5, 3, 4]), zeros([4])), ShapeError, /^bilinear: bias must be/],
      [() => F.bilinear(zeros([3]), double([4]), zeros([5, 3, 4])), DTypeError, /^bilinear: one dtype is needed/],
    ],
  },
  'linalg.diagonal': {
    call: ([x], { offset, ...dims }: { offset: number; dim1?: number; dim2?: number }) =>
      linalg.diagonal(x, offset, dims),
    errors: [[() => linalg.diagonal(zeros([3])), ShapeError, /^diagonal: at least 2 dim/]],
  },
});
