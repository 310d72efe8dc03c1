import {
  ArgumentError,
  DTypeError,
  F,
  type IndexEntry,
  indexAdd,
  indexSelect,
  nonzero,
  type ScatterReduction,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';
import type { EmbeddingOptions } from '../../lib/ops/indexing/embedding.js';
import type { Json } from '../support/fixture.js';
import { family } from '../support/spec.js';

const index = (data: number[] | number[][]) => tensor(data, { dtype: 'int64' });

/** `{ t: n }` in a fixture stands for the n-th index tensor. */
const entriesOf = (entries: Json[], tensors: Tensor[]): IndexEntry[] =>
  entries.map((entry) =>
    typeof entry === 'object' && entry !== null && 't' in entry ? tensors[entry.t as number] : (entry as IndexEntry),
  );

family('indexing', {
  gather: {
    call: ([x, i], { dim }: { dim: number }) => x.gather(dim, i),
    errors: [
      [() => zeros([2, 3]).gather(2, index([[0]])), ShapeError, /^gather: dim 2 is out of range/],
      [() => zeros([2, 3]).gather(0, index([0])), ShapeError, /^gather: index \[1\] must have as many dimensions/],
      [() => zeros([2, 1]).gather(0, index([[0, 0]])), ShapeError, /^gather: index \[1, 2\] is larger .* at dim 1/],
      [() => zeros([2]).gather(0, zeros([1])), DTypeError, /^gather: index must be int64 or int32, got float32/],
      [() => zeros([2]).gather(0, [0] as never), ArgumentError, /^gather: index must be a Tensor/],
    ],
  },
  scatterAdd: {
    call: ([x, i, s], { dim }: { dim: number }) => x.scatterAdd(dim, i, s),
    errors: [
      [() => zeros([2]).scatterAdd(0, index([0, 1]), zeros([1])), ShapeError, /index \[2\] is larger than src \[1\]/],
      [
        () => zeros([2]).scatterAdd(0, index([0]), zeros([1], { dtype: 'float64' })),
        DTypeError,
        /^scatterAdd: src is float64, input float32/,
      ],
      [() => zeros([2, 2]).scatterAdd(0, index([0]), zeros([1])), ShapeError, /^scatterAdd: index \[1\] must have/],
    ],
  },
  indexSelect: {
    call: ([x, i], { dim }: { dim: number }) => indexSelect(x, dim, i),
    errors: [
      [() => indexSelect(zeros([2]), 1, index([0])), ShapeError, /^indexSelect: dim 1 is out of range/],
      [() => indexSelect(zeros([2]), 0, index([[0]])), ShapeError, /^indexSelect: index must have at most one/],
      [() => indexSelect(zeros([]), 0, index([0, 0])), ShapeError, /^indexSelect: a 0-d input takes one index/],
    ],
  },
  indexAdd: {
    call: ([x, i, s], { dim, alpha }: { dim: number; alpha: number }) => indexAdd(x, dim, i, s, { alpha }),
    errors: [
      [
        () => indexAdd(zeros([2, 3]), 0, index([0]), zeros([1, 2])),
        ShapeError,
        /^indexAdd: source has shape \[1, 2\]; 1 indices into \[2, 3\] need \[1, 3\]/,
      ],
      [() => indexAdd(zeros([2]), 0, index([0]), zeros([1]), { alpha: '1' as never }), ArgumentError, /alpha must be/],
      [
        () => indexAdd(zeros([2], { dtype: 'int64' }), 0, index([0]), index([1]), { alpha: 0.5 }),
        DTypeError,
        /^indexAdd: alpha 0.5 does not fit int64/,
      ],
    ],
  },
  scatter: {
    call: ([x, i, s], { dim, value, reduce }: { dim: number; value: number; reduce: 'add' | null }) =>
      x.scatter(dim, i, s ?? value, { reduce: reduce ?? undefined }),
    errors: [
      [
        () => zeros([2]).scatter(0, index([0]), 1, { reduce: 'amax' as never }),
        ArgumentError,
        /^scatter: reduce must be/,
      ],
      [
        () => zeros([2]).scatter(0, index([0]), null as never),
        ArgumentError,
        /^scatter: src must be a Tensor, got null/,
      ],
      [
        () => zeros([2, 2]).scatter(0, index([[0, 0, 0]]), 1),
        ShapeError,
        /^scatter: index \[1, 3\] is larger than input/,
      ],
    ],
  },
  scatterReduce: {
    call: ([x, i, s], a: { dim: number; reduce: ScatterReduction; includeSelf: boolean }) =>
      x.scatterReduce(a.dim, i, s, a.reduce, { includeSelf: a.includeSelf }),
    errors: [
      [
        () => zeros([2]).scatterReduce(0, index([0]), zeros([1]), 'add' as never),
        ArgumentError,
        /^scatterReduce: reduce must be 'sum'/,
      ],
      [() => zeros([2]).scatterReduce(0, index([0, 1]), zeros([1]), 'sum'), ShapeError, /is larger than src \[1\]/],
    ],
  },
  indexReduce: {
    call: ([x, i, s], a: { dim: number; reduce: 'prod'; includeSelf: boolean }) =>
      x.indexReduce(a.dim, i, s, a.reduce, { includeSelf: a.includeSelf }),
    errors: [
      [
        () => zeros([2]).indexReduce(0, index([0]), zeros([2]), 'mean'),
        ShapeError,
        /^indexReduce: source has shape \[2\]/,
      ],
      [
        () => zeros([2]).indexReduce(0, index([0]), zeros([1]), 'sum' as never),
        ArgumentError,
        /^indexReduce: reduce 'sum' is indexAdd/,
      ],
    ],
  },
  takeAlongDim: {
    call: ([x, i], { dim }: { dim: number | null }) => x.takeAlongDim(i, dim),
    errors: [
      [() => zeros([2, 3]).takeAlongDim(index([0]), 1), ShapeError, /^takeAlongDim: index \[1\] must have as many/],
      [() => zeros([2, 3]).takeAlongDim(index([[0], [0], [0]]), 1), ShapeError, /^takeAlongDim: .* do not broadcast/],
    ],
  },
  indexCopy: {
    call: ([x, i, s], { dim }: { dim: number }) => x.indexCopy(dim, i, s),
    errors: [
      [() => zeros([3]).indexCopy(0, index([0]), zeros([2])), ShapeError, /^indexCopy: source has shape \[2\]/],
      [() => zeros([3]).indexCopy(0, index([0]), index([2])), DTypeError, /^indexCopy: source is int64, input float32/],
    ],
  },
  indexFill: {
    call: ([x, i, v], { dim, value }: { dim: number; value: number }) => x.indexFill(dim, i, v ?? value),
    errors: [
      [() => zeros([3]).indexFill(0, index([0]), zeros([1])), ShapeError, /^indexFill: value must be 0-d, got \[1\]/],
      [() => zeros([3]).indexFill(0, index([0]), '1' as never), ArgumentError, /^indexFill: value must be a number or/],
    ],
  },
  take: {
    call: ([x, i]) => x.take(i),
    errors: [[() => zeros([3]).take(zeros([1])), DTypeError, /^take: index must be int64 or int32, got float32/]],
  },
  put: {
    call: ([x, i, s], { accumulate }: { accumulate: boolean }) => x.put(i, s, { accumulate }),
    errors: [
      [() => zeros([3]).put(index([0, 1]), zeros([1])), ShapeError, /^put: 1 elements for 2 indices/],
      [() => zeros([3]).put(index([0]), index([1])), DTypeError, /^put: source is int64, input float32/],
    ],
  },
  index: {
    call: ([x, ...tensors], { entries }: { entries: Json[] }) => x.index(entriesOf(entries, tensors)),
    errors: [
      [() => zeros([2, 3]).index([0, 0, 0]), ShapeError, /^index: 3 indices for 2 axes of \[2, 3\]/],
      [() => zeros([2, 3]).index([null, 3]), ShapeError, /^index: index 3 is out of range for axis 1 of size 3/],
      [() => zeros([2]).index(['...', '...']), ArgumentError, /^index: only one '...' is possible/],
      [() => zeros([2]).index([zeros([1])]), DTypeError, /^index: an index must be int64, int32 or bool, got float32/],
      [
        () => zeros([2]).index([[true, false, true]]),
        ShapeError,
        /^index: the mask \[3\] at axis 0 does not match \[2\]/,
      ],
      [
        () =>
          zeros([2, 2]).index([
            [0, 1],
            [0, 1, 1],
          ]),
        ShapeError,
        /^index: \[2\] and \[3\] do not broadcast/,
      ],
      [() => zeros([2]).index(['x' as never]), ArgumentError, /^index: "x" is not an index/],
      [() => zeros([2]).index(0 as never), ArgumentError, /^index: an array of indices is needed, got 0/],
    ],
  },
  indexPut: {
    call: ([x, v, ...tensors], { entries, accumulate }: { entries: Json[]; accumulate: boolean }) =>
      x.indexPut(entriesOf(entries, tensors), v, { accumulate }),
    errors: [
      [
        () => zeros([2, 3]).indexPut([[0, 1]], zeros([2])),
        ShapeError,
        /^indexPut_: the value \[2\] does not broadcast|^indexPut_: \[2\] and \[2, 3\] do not broadcast/,
      ],
      [() => zeros([2]).indexPut([0], '1' as never), ArgumentError, /^indexPut_: value must be a Tensor/],
    ],
  },
  nonzero: {
    call: ([x], { asTuple }: { asTuple: boolean }) => x.nonzero({ asTuple }),
    errors: [[() => nonzero([1] as never), ArgumentError, /^nonzero: input must be a Tensor/]],
  },
  maskedSelect: {
    call: ([x, m]) => x.maskedSelect(m),
    errors: [
      [() => zeros([2]).maskedSelect(index([0, 1])), DTypeError, /^maskedSelect: the mask must be bool, got int64/],
      [() => zeros([2]).maskedSelect(zeros([3]).eq(0)), ShapeError, /^maskedSelect: \[2\] and \[3\] do not broadcast/],
    ],
  },
  maskedFill: {
    call: ([x, m, v], { value }: { value: number }) => x.maskedFill(m, v ?? value),
    errors: [
      [() => zeros([2]).maskedFill(zeros([2]), 1), DTypeError, /^maskedFill: the mask must be bool, got float32/],
      [() => zeros([2]).maskedFill(zeros([2]).eq(0), zeros([1])), ShapeError, /^maskedFill: value must be 0-d/],
    ],
  },
  maskedScatter: {
    call: ([x, m, s]) => x.maskedScatter(m, s),
    errors: [
      [
        () => zeros([2]).maskedScatter(zeros([2]).eq(0), zeros([1])),
        ShapeError,
        /^maskedScatter: the mask is true 2 times, source has 1 elements/,
      ],
      [() => zeros([2]).maskedScatter(zeros([2]).eq(0), index([1, 2])), DTypeError, /^maskedScatter: source is int64/],
    ],
  },
  embedding: {
    call: ([w, i], { options }: { options: Json }) => F.embedding(i, w, options as EmbeddingOptions),
    errors: [
      [() => F.embedding(index([0]), zeros([3])), ShapeError, /^embedding: weight must be a matrix, got \[3\]/],
      [() => F.embedding(zeros([1]), zeros([3, 2])), DTypeError, /^embedding: index must be int64 or int32/],
      [
        () => F.embedding(index([0]), zeros([3, 2]), { paddingIdx: 3 }),
        ArgumentError,
        /^embedding: paddingIdx 3 is not/,
      ],
    ],
  },
  oneHot: {
    call: ([x], { numClasses }: { numClasses: number }) => F.oneHot(x, numClasses),
    errors: [
      [() => F.oneHot(zeros([2]), 3), DTypeError, /^oneHot: class numbers must be int64 or int32, got float32/],
      [() => F.oneHot(index([0]), 0), ArgumentError, /^oneHot: numClasses must be -1 or an integer >= 1, got 0/],
      [() => F.oneHot(zeros([0], { dtype: 'int64' })), ArgumentError, /^oneHot: numClasses is needed for an empty/],
    ],
  },
});
