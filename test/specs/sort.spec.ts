import {
  ArgumentError,
  argsort,
  bincount,
  DTypeError,
  type Extremum,
  type Interpolation,
  msort,
  ShapeError,
  type Tensor,
  tensor,
  type Unique,
  ValueError,
  zeros,
} from '../../lib/index.js';
import { family, type Spec } from '../support/spec.js';

const pair = ({ values, indices }: Extremum): Tensor[] => [values, indices];
const range = (name: 'sort') =>
  [() => zeros([2])[name](1), ShapeError, new RegExp(`^${name}: dim 1 is out of range`)] as const;
const rank = (name: 'median' | 'nanmedian' | 'mode'): Spec => ({
  call: ([x], { dim, keepdim }: { dim: number; keepdim: boolean }) => pair(x[name as 'mode'](dim, { keepdim })),
  errors: [
    range(name as 'sort'),
    [() => zeros([2, 0])[name as 'mode'](1), ShapeError, new RegExp(`^${name}: nothing to choose from`)],
  ],
});
const whole = (name: 'median' | 'nanmedian'): Spec => ({
  call: ([x]) => x[name](),
  errors: [
    [() => zeros([0], { dtype: 'int64' })[name](), ShapeError, /nothing to choose from/],
    [() => zeros([2], { dtype: 'bool' })[name](), DTypeError, /does not take bool/],
  ],
});
const quantiles = (name: 'quantile' | 'nanquantile'): Spec => ({
  call: (
    [x, q],
    { dim, keepdim, interpolation }: { dim: number | null; keepdim: boolean; interpolation?: Interpolation },
  ) => x[name](q, dim, { keepdim, interpolation }),
  errors: [
    [() => zeros([2])[name](1.5), ArgumentError, /q must be between 0 and 1/],
    [() => zeros([2], { dtype: 'int64' })[name](0.5), DTypeError, /a floating-point tensor is needed/],
    [() => zeros([2])[name](zeros([1, 1])), ShapeError, /q must have at most one axis/],
    [() => zeros([2])[name](zeros([1], { dtype: 'float64' })), DTypeError, /q is float64, input float32/],
    [() => zeros([0])[name](0.5), ShapeError, /has no elements/],
    [() => zeros([2])[name](0.5, 0, { interpolation: 'best' as never }), ArgumentError, /interpolation must be one of/],
  ],
});
const all = ({ values, inverse, counts }: Unique): Tensor[] => [values, inverse as Tensor, counts as Tensor];
const distinct = (name: 'unique' | 'uniqueConsecutive'): Spec => ({
  call: ([x], { dim }: { dim: number | null }) => all(x[name]({ dim, returnInverse: true, returnCounts: true })),
  errors: [
    [() => zeros([2])[name]({ dim: 1 }), ShapeError, /dim 1 is out of range/],
    [() => zeros([2])[name](null as never), ArgumentError, /options must be an object/],
  ],
});

family('sort', {
  sort: {
    call: ([x], { dim, descending }: { dim: number; descending: boolean }) => pair(x.sort(dim, { descending })),
    errors: [range('sort')],
  },
  argsort: {
    call: ([x], { dim, descending }: { dim: number; descending: boolean }) => argsort(x, dim, { descending }),
    errors: [range('argsort' as 'sort')],
  },
  msort: { call: ([x]) => msort(x), errors: [[() => msort(1 as never), ArgumentError, /input must be a Tensor/]] },
  topk: {
    call: ([x], { k, dim, largest }: { k: number; dim: number; largest: boolean }) => pair(x.topk(k, dim, { largest })),
    errors: [
      [() => zeros([2]).topk(1, 1), ShapeError, /^topk: dim 1 is out of range/],
      [() => zeros([2]).topk(3), ShapeError, /^topk: 3 elements are wanted along dim 0 of \[2\]/],
      [() => zeros([2]).topk(-1), ArgumentError, /^topk: k must be an integer >= 0/],
    ],
  },
  kthvalue: {
    call: ([x], { k, dim, keepdim }: { k: number; dim: number; keepdim: boolean }) =>
      pair(x.kthvalue(k, dim, { keepdim })),
    errors: [
      [() => zeros([2]).kthvalue(3), ShapeError, /^kthvalue: k 3 is out of range/],
      [() => zeros([2]).kthvalue(0.5), ArgumentError, /^kthvalue: k must be an integer/],
    ],
  },
  median: rank('median'),
  nanmedian: rank('nanmedian'),
  medianAll: whole('median'),
  nanmedianAll: whole('nanmedian'),
  mode: rank('mode'),
  quantile: quantiles('quantile'),
  nanquantile: quantiles('nanquantile'),
  unique: distinct('unique'),
  uniqueConsecutive: distinct('uniqueConsecutive'),
  bincount: {
    notNarrow: 'sums of weights are float64',
    call: ([x, weights], { minlength }: { minlength?: number }) => bincount(x, weights ?? null, { minlength }),
    errors: [
      [() => bincount(zeros([2])), DTypeError, /^bincount: integers are needed/],
      [() => bincount(zeros([2, 2], { dtype: 'int64' })), ShapeError, /^bincount: one axis is needed/],
      [() => bincount(zeros([2], { dtype: 'int64' }), zeros([3])), ShapeError, /^bincount: weights \[3\]/],
      [() => bincount(tensor([-1], { dtype: 'int64' })), ValueError, /^bincount: values must not be negative, got -1/],
      [() => bincount(zeros([2], { dtype: 'int64' }), null, { minlength: -1 }), ArgumentError, /minlength must be/],
    ],
  },
});
