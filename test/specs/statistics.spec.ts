import {
  ArgumentError,
  bucketize,
  corrcoef,
  cov,
  cumulativeTrapezoid,
  DTypeError,
  diff,
  renorm,
  ShapeError,
  searchsorted,
  stdMean,
  type Tensor,
  trapezoid,
  varMean,
  zeros,
} from '../../lib/index.js';
import { family, type Spec } from '../support/spec.js';

type Axes = { dim: number | number[] | null; keepdim?: boolean; correction?: number };
const whole = zeros([2], { dtype: 'int64' });
const withoutNan = (name: 'nansum' | 'nanmean', ...errors: Spec['errors']): Spec => ({
  call: ([x], { dim }: Axes) => x[name](dim),
  errors: [[() => zeros([2])[name](1), ShapeError, /dim 1 is out of range/], ...errors],
});
const integral = (fn: typeof trapezoid): Spec => ({
  call: ([y, x], { dim, dx }: { dim: number; dx?: number }) => fn(y, dim, { x, dx }),
  errors: [
    [() => fn(zeros([2]), 1), ShapeError, /dim 1 is out of range/],
    [() => fn(zeros([2]), 0, { dx: '1' as never }), ArgumentError, /dx must be a number/],
  ],
});

family('statistics', {
  logsumexp: {
    call: ([x], { dim, keepdim }: Axes) => x.logsumexp(dim, { keepdim }),
    errors: [[() => zeros([2]).logsumexp(1), ShapeError, /dim 1 is out of range/]],
  },
  nansum: withoutNan('nansum'),
  nanmean: withoutNan('nanmean', [() => whole.nanmean(), DTypeError, /a floating-point tensor is needed/]),
  countNonzero: {
    call: ([x], { dim }: Axes) => x.countNonzero(dim),
    errors: [[() => zeros([2]).countNonzero(1), ShapeError, /dim 1 is out of range/]],
  },
  varMean: {
    call: ([x], { dim, ...options }: Axes): Tensor[] => {
      const found = varMean(x, dim, options);
      return [found.var, found.mean];
    },
    errors: [[() => varMean(whole), DTypeError, /a floating-point tensor is needed/]],
  },
  stdMean: {
    call: ([x], { dim, ...options }: Axes): Tensor[] => {
      const found = stdMean(x, dim, options);
      return [found.std, found.mean];
    },
    errors: [[() => stdMean(whole), DTypeError, /a floating-point tensor is needed/]],
  },
  aminmax: {
    call: ([x], { dim }: { dim: number | null }) => {
      const { min, max } = x.aminmax({ dim });
      return [min, max];
    },
    errors: [[() => zeros([0]).aminmax(), ShapeError, /nothing to choose from/]],
  },
  renorm: {
    call: ([x], { p, dim, maxnorm }: { p: number; dim: number; maxnorm: number }) => renorm(x, p, dim, maxnorm),
    errors: [
      [() => renorm(zeros([2]), 2, 0, 1), ShapeError, /at least two axes/],
      [() => renorm(zeros([2, 2]), 2, 2, 1), ShapeError, /dim 2 is out of range/],
      [() => renorm(zeros([2, 2]), -1, 0, 1), ArgumentError, /p must be a number > 0/],
    ],
  },
  cov: {
    call: ([x, w], { f, a, correction }: { f?: boolean; a?: boolean; correction?: number }) =>
      cov(x, { correction, fweights: f ? w : null, aweights: a ? w : null }),
    errors: [
      [() => cov(zeros([2, 2, 2])), ShapeError, /at most two axes/],
      [() => cov(zeros([2, 3]), { fweights: whole }), ShapeError, /fweights \[2\] for 3 observations/],
      [() => cov(zeros([3, 2]), { aweights: whole }), DTypeError, /aweights cannot be int64/],
    ],
  },
  corrcoef: {
    call: ([x]) => corrcoef(x),
    errors: [[() => corrcoef(zeros([1, 1, 1])), ShapeError, /at most two axes/]],
  },
  searchsorted: {
    call: ([row, v], options: { right?: boolean; outInt32?: boolean }) => searchsorted(row, v, options),
    errors: [
      [() => searchsorted(zeros([2, 3]), zeros([3, 3])), ShapeError, /differ before the last axis/],
      [() => searchsorted(zeros([]), zeros([3])), ShapeError, /needs an axis/],
      [() => searchsorted(zeros([2]), 1, { side: 'up' as never }), ArgumentError, /side must be/],
      [() => searchsorted(zeros([2]), 1, { sorter: zeros([2]) }), ShapeError, /sorter must be int64/],
    ],
  },
  bucketize: {
    call: ([x, boundaries], options: { right?: boolean }) => bucketize(x, boundaries, options),
    errors: [[() => bucketize(1, zeros([2, 2])), ShapeError, /boundaries need one axis/]],
  },
  diff: {
    call: ([x, part], { n, dim, prepend }: { n: number; dim: number; prepend?: boolean }) =>
      diff(x, dim, { n, prepend: prepend ? part : null }),
    errors: [
      [() => diff(zeros([])), ShapeError, /at least one axis/],
      [() => diff(zeros([2]), 0, { n: -1 }), ArgumentError, /n must be an integer >= 0/],
    ],
  },
  trapezoid: integral(trapezoid),
  cumulativeTrapezoid: integral(cumulativeTrapezoid),
});
