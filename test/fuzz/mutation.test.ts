// The fuzzer itself: it finds ops that are wrong in the ways ops go wrong, makes the call small, and repeats it.
import { describe, expect, it } from 'vitest';
import '../reference/index.js';
import { add, mul, neg, Tensor } from '../../lib/index.js';
import { viewOf } from '../../lib/tensor/tensor.js';
import { count } from '../reference/array.js';
import { tensorsOf } from '../reference/draw.js';
import { type Api, type Entry, entries } from '../reference/entry.js';
import { generator } from '../reference/numbers.js';
import { api } from './call.js';
import { problemOf } from './check.js';
import { callFrom, lineOf } from './line.js';
import { type Failure, seeds, trialOf, tryOnce } from './run.js';

type Fn = (...args: unknown[]) => unknown;

/** Every export as it is, but for one. */
const breaking =
  (name: string, broken: (real: Fn) => Fn): Api =>
  (wanted) =>
    wanted === name ? broken(api(name)) : api(wanted);

function firstFailure(name: string, find: Api, calls: number): Failure | undefined {
  const entry = entries.get(name) as Entry;
  const next = generator(5);
  const seedOf = seeds(5);
  for (let i = 0; i < calls; i++) {
    const failure = tryOnce(trialOf(entry, next), seedOf(), find);
    if (failure) return failure;
  }
  return undefined;
}

/** As if strides did not exist: the first elements of the memory, row by row. */
function withoutStrides(x: unknown): unknown {
  if (!(x instanceof Tensor) || x.numel === 0 || x.strides.some((stride, i) => stride === 0 && x.shape[i] > 1))
    return x;
  const strides = x.shape.map((_, i) => x.shape.slice(i + 1).reduce((product, size) => product * size, 1));
  return viewOf(x, x.shape, strides);
}

const asTensor = (x: unknown): Tensor => x as Tensor;

/** Changes the last element of a result. */
const spoiled = (x: Tensor): Tensor => {
  if (x.numel === 0 || !x.dtype.startsWith('float')) return x;
  const last = x
    .detach()
    .contiguous()
    .reshape([x.numel])
    .narrow(0, x.numel - 1, 1);
  last.add_(1);
  return x;
};

const MUTANTS: readonly [what: string, entry: string, broken: (real: Fn) => Fn][] = [
  ['a wrong sign', 'sub', (real) => (a, b) => (b instanceof Tensor ? real(b, a) : real(a, b))],
  ['a constant off by one part in ten thousand', 'exp', (real) => (x) => mul(asTensor(real(x)), 1.0001)],
  ['the last element', 'tanh', (real) => (x) => spoiled(asTensor(real(x)))],
  ['strides that are ignored', 'abs', (real) => (x) => real(withoutStrides(x))],
  ['a dtype', 'neg', (real) => (x) => asTensor(real(x)).to('float64')],
  ['a lost axis', 'square', (real) => (x) => asTensor(real(x)).squeeze()],
  ['a lost gradient', 'sin', (real) => (x) => asTensor(real(x)).detach()],
  [
    'a wrong second derivative',
    'cosh',
    (real) => (x) => {
      const moved = asTensor(x).sub(asTensor(x).detach());
      return moved.dtype.startsWith('float') ? add(asTensor(real(x)), mul(moved, moved)) : real(x);
    },
  ],
  ['a wrong gradient', 'cos', (real) => (x) => add(asTensor(real(x)), asTensor(x)).sub(asTensor(x).detach())],
  [
    'an input that is changed',
    'sigmoid',
    (real) => (x) => {
      const out = asTensor(real(x));
      const own = asTensor(x);
      if (own.dtype === 'float32' && own.numel > 0 && !own.strides.includes(0)) own.detach().zero_();
      return out;
    },
  ],
  [
    'NaN that is lost',
    'maximum',
    (real) => (a, b) =>
      asTensor(real(a, b))
        .clamp(-1e30, 1e30)
        .where(asTensor(a).eq(asTensor(a)), 0),
  ],
  ['an option that is ignored', 'add#alpha', (real) => (a, b) => real(a, b)],
  [
    'a branch for numbers',
    'mul',
    (real) => (a, b) => (typeof b === 'number' && b > 1 ? neg(asTensor(real(a, b))) : real(a, b)),
  ],
];

describe('the differential fuzzer finds', () => {
  for (const [what, name, broken] of MUTANTS) {
    it(`${what} (${name})`, () => {
      const find = breaking(name.split('#')[0], broken);
      const failure = firstFailure(name, find, 300);
      expect(failure, 'nothing was found').toBeDefined();
      const call = (failure as Failure).call;
      const elements = tensorsOf(call.args).reduce((sum, { shape }) => sum + count(shape), 0);
      expect(elements, `not made small: ${lineOf(call)}`).toBeLessThanOrEqual(12);
      const again = callFrom(lineOf(call));
      expect(problemOf(again, find), lineOf(call)).toBe((failure as Failure).problem);
      expect(problemOf(again), `fails without the mistake: ${lineOf(call)}`).toBeUndefined();
    });
  }
  it('nothing in ops as they are', () => {
    for (const name of ['add', 'exp', 'where', 'clamp']) expect(firstFailure(name, api, 100)).toBeUndefined();
  });
});
