import { ArgumentError, clamp, DTypeError, ShapeError, tensor, where, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

const yes = () => tensor([true, false]);

family('choose', {
  where: {
    call: ([c, a, b]) => where(c, a, b),
    errors: [
      [() => where(zeros([2]), zeros([2]), zeros([2])), DTypeError, /^where: the condition must be bool, got float32/],
      [() => where(yes(), zeros([3]), zeros([2])), ShapeError, /^where: \[3\] and \[2\] do not broadcast/],
      [() => where(yes(), zeros([2]), null as never), ArgumentError, /^where: other must be a Tensor, got null/],
    ],
  },
  whereNumber: {
    call: ([c, x], args: { input?: number; other?: number }) =>
      args.input === undefined ? x.where(c, args.other ?? Number.NaN) : where(c, args.input, x),
    errors: [[() => where(1 as never, 1, 2), ArgumentError, /^where: condition must be a Tensor/]],
  },
  clamp: {
    call: ([x], { min, max }: { min: number | null; max: number | null }) => clamp(x, min, max),
    errors: [
      [() => zeros([2]).clamp(), ArgumentError, /^clamp: at least one of min and max is needed/],
      [() => zeros([2]).clamp('0' as never), ArgumentError, /^clamp: min must be a number or a Tensor/],
      [() => yes().clamp(0), DTypeError, /^clamp: does not take bool/],
    ],
  },
  clampTensors: {
    call: ([x, min, max]) => clamp(x, min, max),
    errors: [[() => clamp(zeros([2]), zeros([3])), ShapeError, /do not broadcast/]],
  },
});
