import { ArgumentError, type DType, DTypeError, ShapeError, zeros } from '../../lib/index.js';
import { family, type Spec } from '../support/spec.js';

type Axes = { dim: number | number[] | null; keepdim: boolean };

const range = (name: string) =>
  [() => zeros([2])[name as 'sum'](1), ShapeError, new RegExp(`^${name}: dim 1 is out of range`)] as const;
const twice = (name: string) =>
  [() => zeros([2, 2])[name as 'sum']([0, -2]), ShapeError, new RegExp(`^${name}: a dim appears twice`)] as const;
const noAxis = (name: string) =>
  [() => zeros([2])[name as 'sum']('0' as never), ArgumentError, new RegExp(`^${name}: dim must be`)] as const;
const empty = (name: string) =>
  [() => zeros([0, 3])[name as 'amax'](0), ShapeError, new RegExp(`^${name}: nothing to choose from`)] as const;

const over = (name: 'sum' | 'mean' | 'prod' | 'amax' | 'amin' | 'any' | 'all', ...errors: Spec['errors']): Spec => ({
  call: ([x], { dim, keepdim }: Axes) => x[name](dim, { keepdim }),
  errors: [range(name), twice(name), noAxis(name), ...errors],
});
const along = (name: 'max' | 'min'): Spec => ({
  call: ([x], { dim, keepdim }: { dim: number; keepdim: boolean }) => {
    const { values, indices } = x[name](dim, { keepdim });
    return [values, indices];
  },
  errors: [range(name), empty(name), [() => zeros([2])[name]('0' as never), ArgumentError, /dim must be an integer/]],
});
const position = (name: 'argmax' | 'argmin'): Spec => ({
  call: ([x], { dim, keepdim }: { dim: number | null; keepdim: boolean }) => x[name](dim, { keepdim }),
  errors: [range(name), empty(name), [() => zeros([0])[name](), ShapeError, /nothing to choose from/]],
});
const needsFloat = (name: string) =>
  [
    () => zeros([2], { dtype: 'int64' })[name as 'mean'](),
    DTypeError,
    new RegExp(`^${name}: a floating-point tensor`),
  ] as const;
const spread = (name: 'var' | 'std'): Spec => ({
  call: ([x], { dim, correction }: { dim: number | number[] | null; correction: number }) =>
    x[name](dim, { correction }),
  errors: [
    range(name),
    noAxis(name),
    needsFloat(name),
    [() => zeros([2])[name](0, { correction: '1' as never }), ArgumentError, /correction must be a number/],
  ],
});
const ofAll = (name: 'max' | 'min'): Spec => ({
  call: ([x]) => x[name](),
  errors: [[() => zeros([0])[name](), ShapeError, /nothing to choose from/]],
});

family('reduce', {
  sum: over('sum', [() => zeros([2]).sum(0, null as never), ArgumentError, /^sum: options must be an object/]),
  sumAs: {
    call: ([x], { dtype }: { dtype: DType }) => x.sum(null, { dtype }),
    errors: [[() => zeros([2]).sum(0, { dtype: 'half' as never }), ArgumentError, /^sum: unknown dtype "half"/]],
  },
  mean: over('mean', needsFloat('mean')),
  prod: over('prod'),
  amax: over('amax', empty('amax')),
  amin: over('amin', empty('amin')),
  any: over('any'),
  all: over('all'),
  max: along('max'),
  min: along('min'),
  maxAll: ofAll('max'),
  minAll: ofAll('min'),
  argmax: position('argmax'),
  argmin: position('argmin'),
  var: spread('var'),
  std: spread('std'),
  norm: {
    call: ([x], { p, dim }: { p: number | string; dim: number | null }) => x.norm(Number(p), dim),
    errors: [needsFloat('norm'), [() => zeros([2]).norm('2' as never), ArgumentError, /^norm: p must be a number/]],
  },
});
