import { ArgumentError, DTypeError, F, ShapeError, tensor, ValueError, zeros } from '../../lib/index.js';
import type { Json } from '../support/fixture.js';
import { family } from '../support/spec.js';

const index = (data: number[] | number[][]) => tensor(data, { dtype: 'int64' });
const table = zeros([3, 2]);

type Args = {
  options: Json;
  offsets: boolean;
  factors: boolean;
};

family('embedding_bag', {
  embeddingBag: {
    call: ([weight, input, ...rest], { options, offsets, factors }: Args) =>
      F.embeddingBag(input, weight, offsets ? rest[0] : null, {
        ...(options as F.EmbeddingBagOptions),
        perSampleWeights: factors ? rest[rest.length - 1] : null,
      }),
    covers: ['embeddingBagBackward', 'embeddingBagFactors'],
    errors: [
      [() => F.embeddingBag(index([0]), zeros([3])), ShapeError, /^embeddingBag: weight must be a matrix, got \[3\]/],
      [() => F.embeddingBag(zeros([1, 1]), table), DTypeError, /^embeddingBag: index must be int64 or int32/],
      [() => F.embeddingBag(index([0]), table), ArgumentError, /^embeddingBag: a 1-d input needs offsets/],
      [() => F.embeddingBag(index([[0]]), table, index([0])), ArgumentError, /offsets must be left out/],
      [
        () => F.embeddingBag(index([0]), table, index([])),
        ShapeError,
        /offsets \[0\] do not give the bags of 1 indices/,
      ],
      [() => F.embeddingBag(index([[0]]), table, null, { mode: 'min' as never }), ArgumentError, /mode must be/],
      [
        () => F.embeddingBag(index([[0]]), table, null, { paddingIdx: 3 }),
        ArgumentError,
        /^embeddingBag: paddingIdx 3/,
      ],
      [
        () => F.embeddingBag(index([[0]]), table, null, { mode: 'max', scaleGradByFreq: true }),
        ArgumentError,
        /scaleGradByFreq does not go with mode 'max'/,
      ],
      [
        () => F.embeddingBag(index([[0]]), table, null, { perSampleWeights: zeros([1, 1]) }),
        ArgumentError,
        /perSampleWeights go with mode 'sum', not 'mean'/,
      ],
      [
        () => F.embeddingBag(index([[0]]), table, null, { mode: 'sum', perSampleWeights: zeros([1]) }),
        ShapeError,
        /perSampleWeights \[1\] must have the shape of input \[1, 1\]/,
      ],
      [
        () => F.embeddingBag(index([[3]]), table).dataSync(),
        ValueError,
        /index 3 is out of range for axis 0 of size 3/,
      ],
      [() => F.embeddingBag(index([0, 1]), table, index([1])).dataSync(), ValueError, /offset 1 of bag 0 is wrong/],
      [
        () => F.embeddingBag(index([0, 1]), table, index([0, 2, 1])).dataSync(),
        ValueError,
        /offset 1 of bag 2 is wrong/,
      ],
    ],
  },
});
