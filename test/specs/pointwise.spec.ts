import {
  ArgumentError,
  atan2,
  DTypeError,
  div,
  floorDivide,
  fmod,
  maximum,
  minimum,
  pow,
  remainder,
  ShapeError,
  sub,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';
import { family } from '../support/spec.js';

const bool = () => tensor([true, false]);
const apart = (op: (a: Tensor, b: Tensor) => unknown, name: string) =>
  [
    () => op(zeros([2, 3]), zeros([2])),
    ShapeError,
    new RegExp(`^${name}: \\[2, 3\\] and \\[2\\] do not broadcast`),
  ] as const;
const noTensor = (op: (a: Tensor, b: never) => unknown, name: string) =>
  [
    () => op(zeros([2]), 'x' as never),
    ArgumentError,
    new RegExp(`^${name}: (other|exponent) must be a Tensor`),
  ] as const;
type Value = { value: number };

family('pointwise', {
  sub: {
    call: ([a, b], { alpha }: { alpha?: number }) => sub(a, b, { alpha }),
    errors: [
      apart(sub, 'sub'),
      noTensor(sub, 'sub'),
      [() => sub(bool(), bool()), DTypeError, /^sub: does not take bool tensors/],
      [() => sub(zeros([2]), 1, { alpha: '1' as never }), ArgumentError, /^sub: alpha must be a number/],
      [() => sub(1, 2 as never), ArgumentError, /^sub: other must be a Tensor/],
    ],
  },
  scalarSub: {
    call: ([a], { value }: Value) => sub(value, a),
    errors: [[() => sub(1, bool()), DTypeError, /^sub: does not take bool/]],
  },
  subNumber: {
    call: ([a], { value }: Value) => a.sub(value),
    errors: [[() => sub(null as never, 1), ArgumentError, /^sub: input must be a Tensor, got null/]],
  },
  div: {
    call: ([a, b]) => div(a, b),
    errors: [
      apart(div, 'div'),
      noTensor(div, 'div'),
      [() => div(zeros([2]), 1, { roundingMode: 'up' as never }), ArgumentError, /^div: roundingMode must be/],
    ],
  },
  divScalar: {
    call: ([a], { value }: Value) => a.div(value),
    errors: [[() => zeros([2]).div(null as never), ArgumentError, /^div: other must be a Tensor, got null/]],
  },
  scalarDiv: {
    call: ([a], { value }: Value) => div(value, a),
    errors: [[() => div(1, 2), ArgumentError, /^div: other must be a Tensor/]],
  },
  floorDiv: {
    call: ([a, b]) => floorDivide(a, b),
    errors: [apart(floorDivide, 'div'), [() => floorDivide(bool(), bool()), DTypeError, /^div: does not take bool/]],
    covers: ['roundedDiv'],
  },
  truncDiv: {
    call: ([a, b]) => a.div(b, { roundingMode: 'trunc' }),
    errors: [[() => div(zeros([2]), 'x' as never, { roundingMode: 'trunc' }), ArgumentError, /^div: other must be/]],
  },
  remainder: {
    call: ([a, b]) => remainder(a, b),
    errors: [apart(remainder, 'remainder'), noTensor(remainder, 'remainder')],
  },
  remainderNumber: {
    call: ([a], { value }: Value) => a.remainder(value),
    errors: [[() => bool().remainder(bool()), DTypeError, /^remainder: does not take bool/]],
  },
  fmod: { call: ([a, b]) => fmod(a, b), errors: [apart(fmod, 'fmod'), noTensor(fmod, 'fmod')] },
  fmodNumber: {
    call: ([a], { value }: Value) => a.fmod(value),
    errors: [[() => bool().fmod(bool()), DTypeError, /^fmod: does not take bool/]],
  },
  pow: {
    call: ([a, b]) => pow(a, b),
    errors: [
      apart(pow, 'pow'),
      noTensor(pow, 'pow'),
      [() => pow(bool(), bool()), DTypeError, /^pow: does not take bool/],
    ],
  },
  powScalar: {
    call: ([a], { exponent }: { exponent: number }) => a.pow(exponent),
    errors: [
      [() => zeros([2], { dtype: 'int64' }).pow(-1), ArgumentError, /^pow: integers have no negative powers, got -1/],
    ],
  },
  scalarPow: {
    call: ([a], { base }: { base: number }) => pow(base, a),
    errors: [[() => pow(2, 3), ArgumentError, /^pow: exponent must be a Tensor/]],
  },
  maximum: { call: ([a, b]) => maximum(a, b), errors: [apart(maximum, 'maximum'), noTensor(maximum, 'maximum')] },
  minimum: { call: ([a, b]) => minimum(a, b), errors: [apart(minimum, 'minimum'), noTensor(minimum, 'minimum')] },
  atan2: { call: ([a, b]) => atan2(a, b), errors: [apart(atan2, 'atan2'), noTensor(atan2, 'atan2')] },
});
