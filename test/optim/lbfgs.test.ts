import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  cat,
  type DType,
  matmul,
  memory,
  noGrad,
  ones,
  optim,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';
import { torchState, values } from './fixture.js';

interface Step {
  loss: number;
  funcEvals: number;
  nIter: number;
  params: number[][];
}
interface Fixture {
  saved: number;
  shapes: number[][];
  a: number[];
  b: number[];
  start: number[][];
  cases: { options: Partial<optim.LBFGSOptions>; steps: Step[]; state: Parameters<typeof torchState>[0] }[];
}
const fixture = JSON.parse(readFileSync(new URL('../fixtures/optim_lbfgs.json', import.meta.url), 'utf8')) as Fixture;

const leaves = (dtype: DType, data = fixture.start): Tensor[] =>
  data.map((x, i) => tensor(Float64Array.from(x), { shape: fixture.shapes[i], dtype }).requiresGrad_());

/** |A z - b|^2 / 2 + sum(z^4) / 10, with its gradients. */
function problem(params: Tensor[], optimizer: optim.LBFGS): () => Tensor {
  const { dtype } = params[0];
  const a = tensor(Float64Array.from(fixture.a), { shape: [14, 10], dtype });
  const b = tensor(Float64Array.from(fixture.b), { shape: [14], dtype });
  return () => {
    optimizer.zeroGrad();
    const z = cat(params.map((param) => param.reshape([-1])));
    const r = matmul(a, z).sub(b);
    const loss = r.mul(r).sum().div(2).add(z.mul(z).mul(z).mul(z).sum().div(10));
    loss.backward();
    return loss;
  };
}

function expectStep(optimizer: optim.LBFGS, params: Tensor[], loss: Tensor, want: Step): void {
  expect(Math.abs(loss.itemSync() - want.loss)).toBeLessThan(1e-9 * Math.max(1, want.loss));
  const own = optimizer.state.get(params[0]);
  expect([own?.funcEvals, own?.nIter]).toEqual([want.funcEvals, want.nIter]);
  params.forEach((param, i) => {
    const got = values(param);
    expect(got.length).toBe(want.params[i].length);
    got.forEach((x, k) => {
      expect(Math.abs(x - want.params[i][k])).toBeLessThan(1e-8);
    });
  });
}

describe('LBFGS equals PyTorch', () => {
  for (const { options, steps, state } of fixture.cases) {
    const title = JSON.stringify(options);
    it(`${title}, blocking`, () => {
      const params = leaves('float64');
      const optimizer = new optim.LBFGS(params, options);
      for (const want of steps) expectStep(optimizer, params, optimizer.step(problem(params, optimizer)), want);
    });
    it(`${title}, with an async closure`, async () => {
      const params = leaves('float64');
      const optimizer = new optim.LBFGS(params, options);
      const closure = problem(params, optimizer);
      for (const want of steps) expectStep(optimizer, params, await optimizer.step(async () => closure()), want);
    });
    it(`${title}, from its own state and from PyTorch's`, () => {
      const first = leaves('float64');
      const saved = new optim.LBFGS(first, options);
      for (let i = 0; i < fixture.saved; i++) saved.step(problem(first, saved));
      for (const from of [saved.stateDict(), torchState(state)]) {
        const params = first.map((param) => param.detach().clone().requiresGrad_());
        const optimizer = new optim.LBFGS(params);
        optimizer.loadStateDict(from);
        for (const want of steps.slice(fixture.saved)) {
          expectStep(optimizer, params, optimizer.step(problem(params, optimizer)), want);
        }
      }
    });
    it(`${title}, float32 and bfloat16 come near`, () => {
      for (const [dtype, near] of [
        ['float32', 1e-3],
        ['bfloat16', 0.2],
      ] as const) {
        const params = leaves(dtype);
        const optimizer = new optim.LBFGS(params, options);
        const losses = steps.map(() => optimizer.step(problem(params, optimizer)).itemSync());
        expect(Math.abs(losses[5] - steps[5].loss) / steps[5].loss).toBeLessThan(near);
      }
    });
  }
});

describe('LBFGS', () => {
  it('finds the valley of Rosenbrock', async () => {
    const x = tensor([-1.5, 2], { dtype: 'float64' }).requiresGrad_();
    const optimizer = new optim.LBFGS([x], { lineSearchFn: 'strong_wolfe', maxIter: 100 });
    const loss = (): Tensor => {
      optimizer.zeroGrad();
      const [a, b] = [x.select(0, 0), x.select(0, 1)];
      const value = b.sub(a.mul(a)).square().mul(100).add(a.sub(1).square());
      value.backward();
      return value;
    };
    await optimizer.step(async () => loss());
    for (const value of values(x)) expect(value).toBeCloseTo(1, 5);
  });
  it('a parameter without a gradient does not move; nothing moves at a minimum', () => {
    const [x, y] = [ones([3]), ones([2])].map((t) => t.requiresGrad_());
    const optimizer = new optim.LBFGS([x, y]);
    const closure = (): Tensor => {
      optimizer.zeroGrad();
      const loss = x.mul(x).sum();
      loss.backward();
      return loss;
    };
    optimizer.step(closure);
    expect(values(y)).toEqual([1, 1]);
    expect(Math.max(...values(x).map(Math.abs))).toBeLessThan(1e-6);
    noGrad(() => x.zero_());
    expect(optimizer.step(closure).itemSync()).toBe(0);
    expect(values(x)).toEqual([0, 0, 0]);
  });
  it('keeps its memory level', () => {
    const params = leaves('float64');
    const optimizer = new optim.LBFGS(params, { lineSearchFn: 'strong_wolfe', maxIter: 3, historySize: 2, lr: 0.1 });
    let before = 0;
    for (let i = 0; i < 30; i++) {
      noGrad(() => {
        params[0].add_(0.5);
        optimizer.step(problem(params, optimizer));
      });
      if (i === 10) before = memory().tensors;
    }
    expect(memory().tensors).toBeLessThanOrEqual(before);
  });
  it('puts the parameters back when the closure throws in the line search', () => {
    const params = leaves('float64');
    const optimizer = new optim.LBFGS(params, { lineSearchFn: 'strong_wolfe' });
    const closure = problem(params, optimizer);
    let calls = 0;
    const failing = (): Tensor => {
      if (++calls === 2) throw new RangeError('no more data');
      return closure();
    };
    expect(() => optimizer.step(failing)).toThrow(RangeError);
    expect(params.map(values)).toEqual(fixture.start);
  });
  it('refuses what it cannot do', async () => {
    const p = (): Tensor => zeros([2]).requiresGrad_();
    const optimizer = new optim.LBFGS([p()]);
    const bad: [() => unknown, RegExp][] = [
      [() => optimizer.step(), /^LBFGS: step needs a closure/],
      [() => optimizer.step(() => 3 as never), /closure must return a loss of one element, got 3/],
      [() => optimizer.step(() => ones([2])), /closure must return a loss/],
      [() => optimizer.addParamGroup({ params: p() }), /doesn't support per-parameter options/],
      [() => new optim.LBFGS([{ params: p() }, { params: p() }]), /doesn't support per-parameter options/],
      [() => new optim.LBFGS([p()], { lineSearchFn: 'x' as never }), /only 'strong_wolfe' is supported/],
      [() => new optim.LBFGS([p()], { historySize: 0 }), /historySize must be an integer of at least 1/],
      [() => new optim.LBFGS([p()], { lr: -1 }), /Invalid learning rate: -1/],
    ];
    for (const [call, message] of bad) {
      expect(call).toThrow(ArgumentError);
      expect(call).toThrow(message);
    }
    await expect(optimizer.step(async () => 3)).rejects.toThrow(/closure must return a loss/);
  });
});
