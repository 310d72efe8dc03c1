// Special functions and the rest of the elementwise ones, by slow and simple methods.
import { isFloat, mapped, type RefDType, resultType, zipped } from './array.js';
import type { TensorArg } from './draw.js';
import { family } from './entry.js';
import { binary, erf, floatResult, roundEven, unary } from './pointwise.js';

const entry = family('special');

/** By the continued fraction from 1 on. */
function erfc(x: number): number {
  if (!(x >= 1)) return 1 - erf(x);
  if (x === Infinity) return 0;
  let tail = 0;
  for (let k = 300; k > 0; k--) tail = k / 2 / (x + tail);
  return Math.exp(-x * x) / ((x + tail) * Math.sqrt(Math.PI));
}

/** Where an increasing function takes a value. */
function solve(fn: (y: number) => number, x: number, low: number, high: number): number {
  let [a, b] = [low, high];
  for (let i = 0; i < 200 && a < b; i++) {
    const middle = (a + b) / 2;
    if (fn(middle) < x) a = middle;
    else b = middle;
  }
  return (a + b) / 2;
}

/** A function of x + n far up, carried down to x by `step`. */
function shifted(x: number, far: (x: number) => number, step: (x: number) => number): number {
  if (x === -Infinity) return Number.NaN;
  let sum = 0;
  let y = x;
  for (; y < 60; y++) sum += step(y);
  return far(y) + sum;
}

const lgamma = (x: number): number =>
  x === 1 || x === 2
    ? 0
    : Math.abs(x) === Infinity
      ? Infinity
      : shifted(
          x,
          (y) =>
            (y - 0.5) * Math.log(y) -
            y +
            Math.log(2 * Math.PI) / 2 +
            1 / (12 * y) -
            1 / (360 * y ** 3) +
            1 / (1260 * y ** 5),
          (y) => -Math.log(y),
        );

const digamma = (x: number): number =>
  shifted(
    x,
    (y) => Math.log(y) - 1 / (2 * y) - 1 / (12 * y * y) + 1 / (120 * y ** 4) - 1 / (252 * y ** 6),
    (y) => -1 / y,
  );

/** The sum of (q + k) ** -s. */
const zeta = (s: number, q: number): number =>
  shifted(
    q,
    (y) =>
      y ** (1 - s) / (s - 1) + y ** -s / 2 + (s * y ** (-s - 1)) / 12 - (s * (s + 1) * (s + 2) * y ** (-s - 3)) / 720,
    (y) => y ** -s,
  );

/** The modified Bessel function by its power series. */
function bessel(order: number, x: number): number {
  if (!Number.isFinite(x)) return Number.NaN;
  let term = order === 0 ? 1 : x / 2;
  let sum = term;
  for (let k = 1; Math.abs(term) > Math.abs(sum) * 1e-18; k++) {
    term *= (x * x) / 4 / (k * (k + order));
    sum += term;
  }
  return sum;
}

/** The lower incomplete gamma function by its series. */
function gammainc(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let k = 1; term > sum * 1e-18; k++) {
    term *= x / (a + k);
    sum += term;
  }
  return sum * Math.exp(a * Math.log(x) - x - lgamma(a));
}

const scaledAt = (x: number, f: number): number => (Number.isFinite(x) ? f * Math.exp(-Math.abs(x)) : x ? 0 : x);

const quantile = (p: number): number => {
  if (p === 0 || p === 1) return p === 0 ? -Infinity : Infinity;
  return p > 0 && p < 1 ? solve((y) => 0.5 + erf(y * Math.SQRT1_2) / 2, p, -9, 9) : Number.NaN;
};

unary('exp2', (x) => 2 ** x, { low: -6, high: 6 });
unary('erfc', erfc, { ulps: 64 });
unary('frac', (x) => x - Math.trunc(x), { dtypes: 'float' });
unary('erfinv', (x) => (x === 0 ? x : Number.isNaN(x) || Math.abs(x) > 1 ? Number.NaN : solve(erf, x, -6, 6)), {
  dtypes: 'float',
  low: -0.9,
  high: 0.9,
  ulps: 64,
});
// The reference subtracts two numbers of about 185.
unary('lgamma', lgamma, { low: 3, high: 20, ulps: 400 });
unary('digamma', digamma, { low: 2, high: 20, ulps: 64 });
unary('i0', (x) => bessel(0, x), { ulps: 32 });
unary('sinc', (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)), {
  dtypes: 'float',
  low: 0.1,
  high: 0.9,
  ulps: 64,
});
unary('deg2rad', (x) => (x * Math.PI) / 180, { covers: ['mulScalar'] });
unary('rad2deg', (x) => (x * 180) / Math.PI, { covers: ['mulScalar'] });
unary('special.erfcx', (x) => (Math.abs(x) === Infinity ? (x > 0 ? 0 : x * x) : Math.exp(x * x) * erfc(x)), {
  dtypes: 'float',
  low: 0,
  high: 3,
  ulps: 128,
});
unary('special.ndtr', (x) => erfc(-x * Math.SQRT1_2) / 2, { low: 0, high: 3, ulps: 64 });
unary('special.ndtri', (p) => quantile(p), {
  dtypes: 'float',
  low: 0.6,
  high: 0.9,
  ulps: 256,
});
unary('special.logNdtr', (x) => Math.log(erfc(-x * Math.SQRT1_2) / 2), { low: -3, high: 0, ulps: 128 });
unary('special.i0e', (x) => scaledAt(x, bessel(0, x)), { ulps: 64 });
unary('special.i1', (x) => bessel(1, x), { ulps: 64 });
unary('special.i1e', (x) => scaledAt(x, bessel(1, x)), { ulps: 64 });
unary('special.entr', (x) => (x > 0 ? -x * Math.log(x) : x === 0 ? 0 : Number.isNaN(x) ? x : -Infinity), {
  low: 0.1,
  high: 0.9,
  ulps: 16,
});

entry('logit', {
  ulps: 64,
  draw: (d): [TensorArg, { eps?: number }] => [
    d.tensor(d.shape(), { dtype: d.dtype('float'), low: 0.55, high: 0.95 }),
    { eps: d.maybe(() => 0.013) },
  ],
  reference: (x, { eps }) =>
    mapped(x, (v) => {
      const p = eps === undefined ? v : Math.min(Math.max(v, eps), 1 - eps);
      return Math.log(p / (1 - p));
    }),
});

entry('polygamma', {
  method: false,
  inPlace: false,
  ulps: 128,
  draw: (d): [number, TensorArg] => [d.int(1, 4), d.tensor(d.shape(), { dtype: d.dtype('float'), low: 0.5, high: 9 })],
  reference: (n, x) => {
    let factorial = n % 2 === 0 ? -1 : 1;
    for (let k = 2; k <= n; k++) factorial *= k;
    return mapped(x, (v) => factorial * zeta(n + 1, v));
  },
});

const plainMax = (a: number, b: number): number => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b));
binary('fmax', plainMax, {}, false);
binary('fmin', (a, b) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.min(a, b)), {}, false);
binary('hypot', Math.hypot, { dtypes: 'float', low: 0.5 }, false);
binary(
  'copysign',
  (a, b) => (b < 0 || Object.is(b, -0) ? -Math.abs(a) : Math.abs(a)),
  { low: 0.5, result: floatResult },
  false,
);
const finiteSum = (a: number, b: number, add: (x: number) => number): number => {
  if (Number.isNaN(a + b) && (Number.isNaN(a) || Number.isNaN(b))) return Number.NaN;
  const high = Math.max(a, b);
  return Number.isFinite(high) ? high + add(-Math.abs(a - b)) : high;
};
binary('logaddexp', (a, b) => finiteSum(a, b, (x) => Math.log1p(Math.exp(x))), { dtypes: 'float', length: 1 }, false);
binary(
  'logaddexp2',
  (a, b) => finiteSum(a, b, (x) => Math.log1p(2 ** x) / Math.LN2),
  { dtypes: 'float', length: 1 },
  false,
);
const timesLog = (a: number, b: number, log: (x: number) => number): number =>
  Number.isNaN(b) ? b : a === 0 ? 0 : a * log(b);
binary('xlogy', (a, b) => timesLog(a, b, Math.log), { low: 1.5, high: 4, result: floatResult, ulps: 32 }, false);
binary(
  'special.xlog1py',
  (a, b) => timesLog(a, b, Math.log1p),
  { low: 0.5, high: 4, result: floatResult, ulps: 32 },
  false,
);
binary(
  'heaviside',
  (a, b) => (a === 0 ? b : a > 0 ? 1 : 0),
  { differentiable: false, mixed: false, dtypes: 'numeric' },
  false,
);

const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b));
binary('gcd', gcd, { dtypes: 'integer', differentiable: false }, false);
binary(
  'lcm',
  (a, b) => (a === 0 || b === 0 ? 0 : Math.abs(a * b) / gcd(a, b)),
  { dtypes: 'integer', differentiable: false },
  false,
);
binary(
  'bitwiseLeftShift',
  (a, b) => a * 2 ** b,
  {
    dtypes: 'integer',
    low: 0,
    high: 4,
    mixed: false,
    differentiable: false,
  },
  false,
);
binary(
  'bitwiseRightShift',
  (a, b) => Math.floor(a / 2 ** b),
  {
    dtypes: 'integer',
    low: 0,
    high: 4,
    mixed: false,
    differentiable: false,
  },
  false,
);
binary('ldexp', (a, b) => a * 2 ** b, { dtypes: 'float', covers: ['mul', 'exp2'], mixed: false, ulps: 8 }, false);

for (const [name, upper] of [
  ['special.gammainc', false],
  ['special.gammaincc', true],
] as const) {
  entry(name, {
    ulps: 1024,
    draw: (d): [TensorArg, TensorArg] => {
      const [left, right] = d.pair();
      const dtype = d.dtype('wide');
      return [
        d.tensor(left, { dtype, low: 1, high: 4, grad: false }),
        d.tensor(right, { dtype, low: 0.5, high: upper ? 3 : 9 }),
      ];
    },
    length: 1,
    reference: (a, x) => zipped(resultType(a, x), (p, v) => (upper ? 1 - gammainc(p, v) : gammainc(p, v)), a, x),
  });
}

entry('special.zeta', {
  ulps: 256,
  draw: (d): [TensorArg, TensorArg] => {
    const [left, right] = d.pair();
    const dtype = d.dtype('wide');
    return [d.tensor(left, { dtype, low: 1.5, high: 5, grad: false }), d.tensor(right, { dtype, low: 0.5, high: 6 })];
  },
  reference: (s, q) => zipped(resultType(s, q), zeta, s, q),
});

entry('lerp', {
  covers: ['lerp', 'lerpScalar'],
  length: 2,
  out: true,
  draw: (d): [TensorArg, TensorArg, TensorArg | number] => {
    const [left, right] = d.pair();
    const dtype = d.dtype('float');
    const weight = d.chance(0.5) ? d.number(-1, 2) : d.tensor(right, { dtype, low: -1, high: 2 });
    return [d.tensor(left, { dtype }), d.tensor(right, { dtype }), weight];
  },
  reference: (a, b, weight) => {
    const mix = (x: number, y: number, w: number): number => x + w * (y - x);
    if (typeof weight === 'number') return zipped(a.dtype, (x, y) => mix(x, y, weight), a, b);
    return zipped(a.dtype, mix, a, b, weight);
  },
});

function product(name: string, fn: (b: number, c: number) => number, low: number): void {
  entry(name, {
    length: 2,
    range: 27,
    draw: (d): [TensorArg, TensorArg, TensorArg, { value?: number }] => {
      const [left, right] = d.pair();
      const dtype: RefDType = d.dtype(name === 'addcmul' ? 'numeric' : 'float');
      const value = d.maybe(() => (isFloat(dtype) ? d.number(-2, 2) : d.int(-2, 2)));
      const third = d.tensor(right, { dtype, low, high: 4 });
      return [d.tensor(left, { dtype }), d.tensor(right, { dtype }), third, { value }];
    },
    reference: (a, b, c, { value = 1 }) => zipped(resultType(a, b, c), (x, y, z) => x + value * fn(y, z), a, b, c),
  });
}
product('addcmul', (b, c) => b * c, 1);
product('addcdiv', (b, c) => b / c, 1);

entry('nanToNum', {
  draw: (d): [TensorArg, { nan?: number; posinf?: number; neginf?: number }] => [
    d.tensor(d.shape(), { dtype: d.dtype('wide'), values: d.gradient ? 'grid' : 'special' }),
    { nan: d.maybe(() => 2), posinf: 7, neginf: -8 },
  ],
  reference: (x, { nan = 0, posinf = 0, neginf = 0 }) =>
    mapped(x, (v) => (Number.isNaN(v) ? nan : v === Infinity ? posinf : v === -Infinity ? neginf : v)),
});

entry('round#decimals', {
  covers: ['round'],
  differentiable: false,
  draw: (d): [TensorArg, { decimals: number }] => [
    d.tensor(d.shape(), { dtype: 'float64', low: -90, high: 90 }),
    { decimals: d.int(-1, 2) },
  ],
  reference: (x, { decimals }) => mapped(x, (v) => roundEven(v * 10 ** decimals) / 10 ** decimals),
  length: 1,
});

entry('frexp', {
  draw: (d): [TensorArg] => [d.tensor(d.shape(), { dtype: d.dtype('wide'), low: 0.25, high: 99 })],
  differentiable: false,
  reference: (x) => {
    const exponent = (v: number): number => Math.floor(Math.log2(v)) + 1;
    return [mapped(x, (v) => v / 2 ** exponent(v)), mapped(x, exponent, 'int32')];
  },
});

for (const [name, fn] of Object.entries({
  isposinf: (x: number) => x === Infinity,
  isneginf: (x: number) => x === -Infinity,
  signbit: (x: number) => x < 0 || Object.is(x, -0),
})) {
  entry(name, {
    differentiable: false,
    out: true,
    draw: (d): [TensorArg] => [
      d.tensor(d.shape(), { dtype: d.dtype('all'), values: d.gradient ? 'grid' : 'special', low: -2, high: 2 }),
    ],
    reference: (x) => mapped(x, (v) => Number(fn(v)), 'bool'),
  });
}

entry('sgn', {
  covers: ['sign', 'signOfBool'],
  out: true,
  draw: (d): [TensorArg] => [d.tensor(d.shape(), { dtype: d.dtype('all'), values: d.anyValues() })],
  reference: (x) => mapped(x, (v) => (Number.isNaN(v) ? 0 : Math.sign(v))),
});

entry('nextafter', {
  ulps: 2,
  draw: (d): [TensorArg, TensorArg] => {
    const [left, right] = d.pair();
    return [
      d.tensor(left, { dtype: 'float64', low: 1, high: 1.9 }),
      d.tensor(right, { dtype: 'float64', grad: false }),
    ];
  },
  reference: (a, b) =>
    zipped('float64', (x, y) => (x === y ? x : x + (y > x ? 1 : x === 1 ? -0.5 : -1) * 2 ** -52), a, b),
});
