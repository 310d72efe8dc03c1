import { ArgumentError, add, mul, ShapeError, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

family('arithmetic', {
  add: {
    call: ([a, b]) => add(a, b),
    errors: [
      [() => add(zeros([2, 3]), zeros([4])), ShapeError, /^add: \[2, 3\] and \[4\] do not broadcast: 3 and 4 at dim 1/],
      [() => zeros([2]).add('1' as never), ArgumentError, /^add: other must be a Tensor, got "1"/],
    ],
  },
  addScalar: {
    call: ([a], { value }: { value: number }) => a.add(value),
    errors: [[() => add(null as never, 1), ArgumentError, /^add: input must be a Tensor, got null/]],
  },
  mul: {
    call: ([a, b]) => mul(a, b),
    errors: [[() => mul(zeros([2, 3]), zeros([2, 2])), ShapeError, /^mul: \[2, 3\] and \[2, 2\] do not broadcast/]],
  },
  mulScalar: {
    call: ([a], { value }: { value: number }) => a.mul(value),
    errors: [[() => zeros([2]).mul({} as never), ArgumentError, /^mul: other must be a Tensor/]],
  },
});
