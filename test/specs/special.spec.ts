import * as nabla from '../../lib/index.js';
import { ArgumentError, DTypeError, ones, ShapeError, special, type Tensor, tensor, zeros } from '../../lib/index.js';
import { family, type Spec } from '../support/spec.js';

const ints = () => zeros([2], { dtype: 'int64' });

/** Functions of one tensor. */
function unary(functions: Record<string, (x: Tensor) => Tensor>): Record<string, Spec> {
  return Object.fromEntries(
    Object.entries(functions).map(([name, fn]) => [
      name,
      {
        call: ([x]) => fn(x),
        errors: [[() => fn(1 as never), ArgumentError, new RegExp(`^${name}: input must be a Tensor, got (1|number)`)]],
      },
    ]),
  );
}

/** Functions of two tensors. */
function pairs(functions: Record<string, (a: Tensor, b: Tensor) => Tensor>): Record<string, Spec> {
  return Object.fromEntries(
    Object.entries(functions).map(([name, fn]) => [
      name,
      {
        call: ([a, b]) => fn(a, b),
        errors: [
          [() => fn(zeros([2]), 'x' as never), ArgumentError, new RegExp(`^${name}: `)],
          [() => fn(fitting(name, [2]), fitting(name, [3])), ShapeError, /\[2\].*\[3\]/],
        ],
      },
    ]),
  );
}

const OF_INTEGERS = ['gcd', 'lcm', 'bitwiseLeftShift', 'bitwiseRightShift'];
const fitting = (name: string, shape: number[]): Tensor =>
  zeros(shape, { dtype: OF_INTEGERS.includes(name) ? 'int64' : 'float32' });

function refusing(spec: Spec, ...errors: Spec['errors']): Spec {
  return { ...spec, errors: [...spec.errors, ...errors] };
}

const { exp2, erfc, frac, erfinv, lgamma, digamma, i0, sinc, deg2rad, rad2deg } = nabla;
const { erfcx, ndtr, ndtri, logNdtr, i0e, i1, i1e, entr } = special;
const one = unary({
  ...{ exp2, erfc, frac, erfinv, lgamma, digamma, i0, sinc, deg2rad, rad2deg },
  ...{ erfcx, ndtr, ndtri, logNdtr, i0e, i1, i1e, entr },
});
const { fmax, fmin, copysign, hypot, logaddexp, logaddexp2, xlogy, heaviside, nextafter, gcd, lcm } = nabla;
const { bitwiseLeftShift, bitwiseRightShift, ldexp, floatPower } = nabla;
const { xlog1py, zeta, gammainc, gammaincc } = special;
const two = pairs({
  ...{ fmax, fmin, copysign, hypot, logaddexp, logaddexp2, xlogy, heaviside, nextafter, gcd, lcm },
  ...{ bitwiseLeftShift, bitwiseRightShift, ldexp, floatPower, xlog1py, zeta, gammainc, gammaincc },
});

const bools = () => tensor([true, false]);

family('special', {
  ...one,
  ...two,
  frac: refusing(one.frac, [() => frac(ints()), DTypeError, /^frac: takes floating-point tensors, got int64/]),
  hypot: refusing(two.hypot, [() => hypot(ints(), ints()), DTypeError, /^hypot: takes floating-point/]),
  gcd: refusing(two.gcd, [() => gcd(zeros([2]), zeros([2])), DTypeError, /^gcd: takes integers, got float32/]),
  lcm: refusing(two.lcm, [() => lcm(bools(), bools()), DTypeError, /^lcm: takes integers, got bool/]),
  heaviside: refusing(two.heaviside, [
    () => heaviside(zeros([2]), ints()),
    DTypeError,
    /^heaviside: input is float32, values are int64/,
  ]),
  sincAtZero: {
    call: ([x]) => x.sinc(),
    errors: [[() => sinc(null as never), ArgumentError, /^sinc: input must be a Tensor, got null/]],
  },
  polygamma: {
    call: ([x], { n }: { n: number }) => nabla.polygamma(n, x),
    errors: [
      [() => nabla.polygamma(-1, ones([2])), ArgumentError, /^polygamma: n must be a whole number from 0 on, got -1/],
      [() => ones([2]).polygamma(0.5), ArgumentError, /^polygamma: n must be .* got 0.5/],
    ],
  },
  logit: {
    call: ([x], options: { eps?: number }) => nabla.logit(x, options),
    errors: [[() => nabla.logit(ones([2]), { eps: 'x' as never }), ArgumentError, /^logit: eps must be a number/]],
  },
  multigammaln: {
    call: ([x], { p }: { p: number }) => special.multigammaln(x, p),
    errors: [[() => special.multigammaln(ones([2]), 0), ArgumentError, /^multigammaln: p must be .* got 0/]],
  },
  roundDecimals: {
    call: ([x], { decimals }: { decimals: number }) => x.round({ decimals }),
    errors: [
      [() => ints().round({ decimals: 1 }), DTypeError, /^round: takes floating-point tensors/],
      [() => ones([1]).round({ decimals: 0.5 }), ArgumentError, /^round: decimals must be a whole number/],
    ],
  },
  rsub: {
    call: ([a, b], options: { alpha: number }) => nabla.rsub(a, b, options),
    errors: [[() => nabla.rsub(bools(), bools()), DTypeError, /^sub: does not take bool/]],
  },
  lerp: {
    call: ([a, b, weight]) => nabla.lerp(a, b, weight),
    errors: [
      [() => nabla.lerp(ints(), ints(), 0.5), DTypeError, /^lerp: takes floating-point/],
      [
        () => nabla.lerp(zeros([2]), zeros([2], { dtype: 'float64' }), 0.5),
        DTypeError,
        /^lerp: input is float32, end is float64/,
      ],
    ],
  },
  lerpScalar: {
    call: ([a, b], { weight }: { weight: number }) => a.lerp(b, weight),
    errors: [[() => zeros([2]).lerp(zeros([3]), 1), ShapeError, /^lerp: .*\[2\].*\[3\]/]],
  },
  addcmul: {
    call: ([a, b, c], options: { value?: number }) => a.addcmul(b, c, options),
    errors: [
      [() => bools().addcmul(bools(), bools()), DTypeError, /^addcmul: does not take bool/],
      [() => ints().addcmul(ints(), ints(), { value: 0.5 }), DTypeError, /^addcmul: value 0.5 does not fit int64/],
    ],
  },
  addcdiv: {
    call: ([a, b, c], options: { value?: number }) => a.addcdiv(b, c, options),
    errors: [
      [() => zeros([2]).addcdiv(ints(), ints()), DTypeError, /^addcdiv: takes floating-point tensors, got int64/],
    ],
  },
  nanToNum: {
    call: ([x], options: { nan?: number; posinf?: number; neginf?: number }) => nabla.nanToNum(x, options),
    errors: [[() => nabla.nanToNum(ones([2]), { nan: 'x' as never }), ArgumentError, /^nanToNum: replacements must/]],
  },
  frexp: {
    call: ([x]) => Object.values(nabla.frexp(x)),
    errors: [[() => nabla.frexp(ints()), DTypeError, /^frexp: takes floating-point tensors, got int64/]],
  },
  signOfBool: {
    call: ([x]) => nabla.sgn(x),
    errors: [[() => nabla.sgn(1 as never), ArgumentError, /^sgn: input must be a Tensor/]],
  },
  ...unary({ isposinf: nabla.isposinf, isneginf: nabla.isneginf, signbit: nabla.signbit }),
  isclose: {
    call: ([a, b], options: { rtol?: number; atol?: number; equalNan?: boolean }) => nabla.isclose(a, b, options),
    errors: [
      [() => nabla.isclose(zeros([2]), ints()), DTypeError, /^isclose: input is float32, other is int64/],
      [() => nabla.isclose(zeros([2]), zeros([2]), { rtol: -1 }), ArgumentError, /^isclose: rtol must be 0 or more/],
    ],
  },
  clampMin: {
    call: ([x], { bound }: { bound: number }) => x.clampMin(bound),
    errors: [[() => bools().clampMin(1), DTypeError, /^clamp: does not take bool/]],
  },
  clampMax: {
    call: ([x], { bound }: { bound: number }) => nabla.clampMax(x, bound),
    errors: [
      [() => nabla.clampMax(ones([2]), 'x' as never), ArgumentError, /^clamp: max must be a number or a Tensor/],
    ],
  },
});
