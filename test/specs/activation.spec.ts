import { ArgumentError, DTypeError, F, ShapeError, type Tensor, tensor, zeros } from '../../lib/index.js';
import { family, type Refusal, type Spec } from '../support/spec.js';

const integers = tensor([1, 2], { dtype: 'int64' });

/** Calls that no activation takes. */
const refusals = (name: string, fn: (x: Tensor) => Tensor): Refusal[] => [
  [() => fn(1 as never), ArgumentError, new RegExp(`^${name}: input must be a Tensor, got 1`)],
  [() => fn(integers), DTypeError, new RegExp(`^${name}: input must be floating-point, got int64`)],
];

/** A function of the input alone. */
const plain = (name: string, fn: (x: Tensor) => Tensor): Spec => ({
  call: ([x]) => fn(x),
  errors: refusals(name, fn),
});

/** A function of the input and numbers, which stand in the sample in order. */
function numbers(name: string, fn: (x: Tensor, ...values: number[]) => Tensor, ...more: Refusal[]): Spec {
  return {
    call: ([x], args: Record<string, number>) => fn(x, ...Object.values(args)),
    errors: [
      ...refusals(name, (x) => fn(x, 1, 2)),
      [() => fn(zeros([2]), 'a' as never, 1), ArgumentError, new RegExp(`^${name}: .* must be a number, got "a"`)],
      ...more,
    ],
  };
}

const x = zeros([2, 3]);

family('activation', {
  leakyRelu: { ...numbers('leakyRelu', (input, slope) => F.leakyRelu(input, slope)), covers: ['activationBackward'] },
  elu: numbers('elu', (input, alpha) => F.elu(input, alpha)),
  selu: plain('selu', F.selu),
  celu: numbers('celu', (input, alpha) => F.celu(input, alpha), [
    () => F.celu(x, 0),
    ArgumentError,
    /^celu: alpha must not be 0/,
  ]),
  gelu: {
    call: ([input], options: F.GeluOptions) => F.gelu(input, options),
    errors: [
      ...refusals('gelu', F.gelu),
      [
        () => F.gelu(x, { approximate: 'erf' as never }),
        ArgumentError,
        /^gelu: approximate must be 'none' or 'tanh', got "erf"/,
      ],
    ],
    covers: ['geluTanh'],
  },
  silu: plain('silu', F.silu),
  mish: plain('mish', F.mish),
  softsign: plain('softsign', F.softsign),
  tanhshrink: plain('tanhshrink', F.tanhshrink),
  hardtanh: numbers('hardtanh', (input, low, high) => F.hardtanh(input, low, high), [
    () => F.hardtanh(x, 2, 1),
    ArgumentError,
    /^hardtanh: minVal 2 is larger than maxVal 1/,
  ]),
  relu6: plain('relu6', F.relu6),
  hardswish: plain('hardswish', F.hardswish),
  hardsigmoid: plain('hardsigmoid', F.hardsigmoid),
  softshrink: numbers('softshrink', F.softshrink, [
    () => F.softshrink(x, -1),
    ArgumentError,
    /^softshrink: lambd must be 0 or more, got -1/,
  ]),
  hardshrink: numbers('hardshrink', F.hardshrink),
  threshold: numbers('threshold', (input, bound, value) => F.threshold(input, bound, value)),
  logSigmoid: plain('logSigmoid', F.logSigmoid),
  prelu: {
    call: ([input, weight]) => F.prelu(input, weight),
    errors: [
      ...refusals('prelu', (input) => F.prelu(input, zeros([1]))),
      [() => F.prelu(x, zeros([2])), ShapeError, /^prelu: weight \[2\] must have 1 element or one per channel \(3\)/],
      [() => F.prelu(x, zeros([1], { dtype: 'float64' })), DTypeError, /^prelu: input is float32, weight is float64/],
    ],
  },
  glu: {
    call: ([input], { dim }: { dim: number }) => F.glu(input, dim),
    errors: [
      ...refusals('glu', F.glu),
      [() => F.glu(x), ShapeError, /^glu: dim 1 of \[2, 3\] must have an even size/],
      [() => F.glu(zeros([])), ShapeError, /^glu: a 0-d tensor/],
    ],
  },
});
