import {
  ArgumentError,
  DTypeError,
  logspace,
  ShapeError,
  tril,
  trilIndices,
  triu,
  triuIndices,
  zeros,
} from '../../lib/index.js';
import { family } from '../support/spec.js';

type Place = { rows: number; columns: number; offset: number };

family('triangle', {
  tril: {
    call: ([x], { diagonal }: { diagonal?: number }) => tril(x, diagonal),
    errors: [
      [() => tril(zeros([3])), ShapeError, /^tril: at least 2 dimensions are needed, got \[3\]/],
      [() => tril(zeros([3, 3]), 0.5), ArgumentError, /^tril: diagonal must be an integer, got 0.5/],
      [() => zeros([3]).tril_(), ShapeError, /^tril: at least 2/],
    ],
  },
  triu: {
    call: ([x], { diagonal }: { diagonal?: number }) => x.triu(diagonal),
    errors: [[() => triu(zeros([])), ShapeError, /^triu: at least 2 dimensions are needed, got \[\]/]],
  },
  trilIndices: {
    call: (_, { rows, columns, offset }: Place) => trilIndices(rows, columns, offset),
    errors: [
      [() => trilIndices(-1, 3), ShapeError, /^trilIndices: /],
      [() => trilIndices(2, 3, 0, { dtype: 'float32' }), DTypeError, /^trilIndices: indices are int64 or int32/],
    ],
  },
  triuIndices: {
    call: (_, { rows, columns, offset }: Place) => triuIndices(rows, columns, offset),
    errors: [[() => triuIndices(2, 3, 0.5), ArgumentError, /^triuIndices: offset must be an integer/]],
  },
  logspace: {
    call: (_, { a }: { a: [number, number, number, number] }) =>
      logspace(a[0], a[1], a[2], { base: a[3], dtype: 'float64' }),
    errors: [
      [() => logspace(0, 1, -1), ShapeError, /^logspace: /],
      [() => logspace(0, Number.NaN, 3), ArgumentError, /^logspace: end must be a finite number/],
    ],
  },
});
