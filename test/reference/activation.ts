// Activation functions of nn.functional, from their formulas.
import { Arr, at, axisOf, build, mapped, zipped } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';
import { erf } from './pointwise.js';

const entry = family('activation');

/** Functions with the option `inplace`, behind their numbers. */
const IN_PLACE: ReadonlySet<string> = new Set([
  'leakyRelu',
  'elu',
  'celu',
  'selu',
  'silu',
  'mish',
  'hardtanh',
  'relu6',
  'hardswish',
  'hardsigmoid',
  'relu',
]);

/** A function of the input and drawn numbers. Kinks lie on integers, halves and zero, where no input of a gradient run is. */
function activation(
  name: string,
  fn: (x: number, ...params: number[]) => number,
  params: (d: Draw) => readonly number[] = () => [],
  ulps = 16,
): void {
  entry(`F.${name}`, {
    draw: (d): [TensorArg, ...number[]] => [
      d.tensor(d.shape(), { low: -6, high: 6, values: d.anyValues() }),
      ...(d.chance(0.7) ? params(d) : []),
    ],
    reference: (x, ...values) => mapped(x, (v) => fn(v, ...values)),
    length: 1,
    ulps,
  });
  if (!IN_PLACE.has(name)) return;
  entry(`F.${name}#inplace`, {
    covers: [],
    draw: (d): [TensorArg, ...number[]] => [
      d.tensor(d.shape(), { low: -6, high: 6, values: d.anyValues() }),
      ...params(d),
    ],
    call: (api, x, ...values) => api(`F.${name}`)(api('clone')(x), ...values, { inplace: true }),
    reference: (x, ...values) => mapped(x, (v) => fn(v, ...values)),
    length: 1,
    ulps,
  });
}

const half = (d: Draw, low: number, high: number): number => d.int(low * 2, high * 2) / 2;
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softplus = (x: number): number => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0);
const cut = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);
const elu = (x: number, alpha = 1): number => (x > 0 ? x : alpha * Math.expm1(x));

activation(
  'leakyRelu',
  (x, slope = 0.01) => (x > 0 ? x : slope * x),
  (d) => [d.number(-1, 1)],
);
activation('elu', elu, (d) => [d.number(0.5, 2)]);
activation(
  'celu',
  (x, alpha = 1) => (x > 0 ? x : alpha * Math.expm1(x / alpha)),
  (d) => [d.number(0.5, 2)],
);
activation('selu', (x) => 1.0507009873554805 * elu(x, 1.6732632423543772));
activation('silu', (x) => (x === -Infinity ? NaN : x * sigmoid(x)));
activation('mish', (x) => x * Math.tanh(softplus(x)));
activation('softsign', (x) => x / (1 + Math.abs(x)));
activation('tanhshrink', (x) => x - Math.tanh(x));
activation(
  'hardtanh',
  (x, low = -1, high = 1) => cut(x, low, high),
  (d) => [half(d, -3, -1), half(d, 0, 2)],
);
activation('relu', (x) => Math.max(x, 0));
activation('relu6', (x) => cut(x, 0, 6));
activation('hardswish', (x) => (x * cut(x + 3, 0, 6)) / 6);
activation('hardsigmoid', (x) => cut(x + 3, 0, 6) / 6);
activation(
  'softshrink',
  (x, reach = 0.5) => (Number.isNaN(x) ? x : Math.sign(x) * Math.max(Math.abs(x) - reach, 0)),
  (d) => [half(d, 0, 2)],
);
activation(
  'hardshrink',
  (x, reach = 0.5) => (Math.abs(x) <= reach ? 0 : x),
  (d) => [half(d, 0, 2)],
);
activation('logSigmoid', (x) => -softplus(-x));

entry('F.threshold', {
  draw: (d): [TensorArg, number, number] => [
    d.tensor(d.shape(), { values: d.anyValues() }),
    half(d, -2, 2),
    d.number(-4, 4),
  ],
  reference: (x, bound, value) => mapped(x, (v) => (v <= bound ? value : v)),
  ulps: 4,
});

entry('F.gelu', {
  covers: ['gelu', 'geluTanh', 'activationBackward'],
  draw: (d): [TensorArg, { approximate: 'none' | 'tanh' } | undefined] => [
    d.tensor(d.shape(), { low: -6, high: 6, values: d.anyValues() }),
    d.maybe(() => ({ approximate: d.pick(['none', 'tanh']) })),
  ],
  reference: (x, options) =>
    mapped(x, (v) =>
      options?.approximate === 'tanh'
        ? 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)))
        : 0.5 * v * (1 + erf(v / Math.SQRT2)),
    ),
  length: 1,
  ulps: 16,
});

entry('F.prelu', {
  covers: [],
  draw: (d): [TensorArg, TensorArg] => {
    const shape = d.shape({ min: 0, max: 5 });
    const dtype = d.dtype('float');
    const channels = shape.length >= 2 && d.chance(0.6) ? shape[1] : 1;
    return [d.tensor(shape, { dtype, values: d.anyValues() }), d.tensor([channels], { dtype, low: 0.1, high: 0.6 })];
  },
  reference: (x, weight) => {
    const slopes = new Arr(
      x.shape.map((_, axis) => (axis === 1 ? weight.data.length : 1)),
      x.dtype,
      weight.data,
    );
    return zipped(x.dtype, (v, slope) => (v > 0 ? v : slope * v), x, slopes);
  },
  length: 150,
});

entry('F.glu', {
  covers: [],
  draw: (d): [TensorArg, number] => {
    const shape = d.shape({ min: 1 });
    const dim = d.dim(shape.length);
    const axis = axisOf(dim, shape.length);
    return [d.tensor(shape.map((size, i) => (i === axis ? size * 2 : size))), dim];
  },
  reference: (x, dim) => {
    const axis = axisOf(dim, x.ndim);
    const size = x.shape[axis] / 2;
    const shape = x.shape.map((n, i) => (i === axis ? size : n));
    return build(shape, x.dtype, (index) => {
      const gate = index.map((i, k) => (k === axis ? i + size : i));
      return at(x, index) * sigmoid(at(x, gate));
    });
  },
  length: 2,
  ulps: 16,
});
