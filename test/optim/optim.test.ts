import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  cat,
  DisposedError,
  gather,
  memory,
  nn,
  noGrad,
  ones,
  optim,
  ShapeError,
  scope,
  synchronize,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';
import { make, values } from './fixture.js';

describe('state dict', () => {
  it('numbers parameters through the groups and holds plain options', () => {
    const [a, b, c] = [ones([1]), ones([2]), ones([3])].map((x) => x.requiresGrad_());
    const o = new optim.Adam([{ params: [a], lr: 0.5 }, { params: [b, c] }], { lr: 0.25 });
    c.grad = ones([3]);
    o.step();
    const { state, paramGroups } = o.stateDict();
    expect(Object.keys(state)).toEqual(['2']);
    expect(Object.keys(state[2]).sort()).toEqual(['expAvg', 'expAvgSq', 'step']);
    expect(paramGroups.map((group) => [group.params, group.lr])).toEqual([
      [[0], 0.5],
      [[1, 2], 0.25],
    ]);
    expect(paramGroups[0].betas).toEqual([0.9, 0.999]);
  });
  it('refuses what does not fit and stays as it was', () => {
    const o = new optim.SGD([ones([2]).requiresGrad_()], { lr: 0.5, momentum: 0.9 });
    const good = o.stateDict();
    const [group] = good.paramGroups;
    const bad: [unknown, RegExp][] = [
      [null, /options must be an object/],
      [{ state: {} }, /`state` and `paramGroups`/],
      [{ ...good, paramGroups: [] }, /different number of parameter groups \(0, not 1\)/],
      [{ ...good, paramGroups: [{ ...group, params: [0, 1] }] }, /doesn't match the size of optimizer's group/],
      [{ ...good, paramGroups: [{ ...group, lr: -1 }] }, /Invalid learning rate: -1/],
      [{ ...good, state: { 3: {} } }, /state for parameter 3, which is in no group/],
      [{ ...good, state: { 0: { momentumBuffer: 'x' } } }, /momentumBuffer of parameter 0 must be a Tensor/],
    ];
    for (const [stateDict, message] of bad) {
      expect(() => o.loadStateDict(stateDict as never)).toThrow(ArgumentError);
      expect(() => o.loadStateDict(stateDict as never)).toThrow(message);
    }
    expect(o.paramGroups[0].lr).toBe(0.5);
    o.loadStateDict({ ...good, state: { 0: { momentumBuffer: ones([3]) } } });
    o.paramGroups[0].params[0].grad = ones([2]);
    expect(() => o.step()).toThrow(ShapeError);
  });
});

describe('parameters and options', () => {
  it('are checked as PyTorch checks them', () => {
    const p = () => ones([2]).requiresGrad_();
    const bad: [() => unknown, RegExp][] = [
      [() => new optim.SGD([]), /^SGD: optimizer got an empty parameter list/],
      [() => new optim.SGD(p() as never), /^SGD: params must be an iterable of Tensors/],
      [() => new optim.SGD([1] as never), /^SGD: optimizer can only optimize Tensors, but one of the params is 1/],
      [() => new optim.Adam([p().mul(2)]), /^Adam: can't optimize a non-leaf Tensor/],
      [() => new optim.Adam([ones([2], { dtype: 'int64' })]), /^Adam: parameters must be floating-point, got int64/],
      [() => new optim.SGD([p()], { lr: -0.1 }), /^SGD: Invalid learning rate: -0.1/],
      [() => new optim.SGD([p()], { lr: Number.NaN }), /^SGD: Invalid learning rate: NaN/],
      [() => new optim.SGD([p()], { momentum: -1 }), /^SGD: Invalid momentum value: -1/],
      [() => new optim.SGD([p()], { weightDecay: -1 }), /^SGD: Invalid weightDecay value: -1/],
      [() => new optim.SGD([p()], { nesterov: true }), /^SGD: Nesterov momentum requires a momentum and zero damp/],
      [() => new optim.SGD([p()], { maximize: 1 as never }), /^SGD: maximize must be a boolean, got 1/],
      [() => new optim.Adam([p()], { betas: [1, 0.9] }), /^Adam: Invalid beta parameter at index 0: 1/],
      [() => new optim.Adam([p()], { betas: 0.9 as never }), /^Adam: betas must be two numbers, got 0.9/],
      [() => new optim.AdamW([p()], { eps: -1 }), /^AdamW: Invalid epsilon value: -1/],
      [() => new optim.AdamW([p()], null as never), /^AdamW: options must be an object/],
    ];
    for (const [call, message] of bad) {
      expect(call).toThrow(ArgumentError);
      expect(call).toThrow(message);
    }
    const twice = p();
    expect(() => new optim.SGD([twice, twice])).toThrow(/some parameters appear more than once/);
    expect(() => new optim.SGD([{ params: [twice] }, { params: [twice] }])).toThrow(/more than once/);
  });
  it('a group keeps options of its own; changes count at the next step', () => {
    const [a, b] = [zeros([1]), zeros([1])].map((x) => x.requiresGrad_());
    const o = new optim.SGD([{ params: a, lr: 1 }, { params: [b] }], { lr: 0.5 });
    a.grad = ones([1]);
    b.grad = ones([1]);
    o.step();
    o.paramGroups[1].lr = 2;
    o.step();
    expect([a.itemSync(), b.itemSync()]).toEqual([-2, -2.5]);
    o.paramGroups[1].lr = -2;
    expect(() => o.step()).toThrow(/Invalid learning rate: -2/);
    const c = zeros([1]).requiresGrad_();
    o.addParamGroup({ params: [c], lr: 3 });
    expect(o.paramGroups[2].momentum).toBe(0);
  });
  it('parameters may come with their names', () => {
    const model = new nn.Linear(2, 1);
    const o = new optim.SGD(model.namedParameters());
    expect(o.paramGroups[0].params).toEqual([model.weight, model.bias]);
    expect(o.paramGroups[0].paramNames).toEqual(['weight', 'bias']);
    expect(o.stateDict().paramGroups[0].paramNames).toEqual(['weight', 'bias']);
    const other = (): Tensor => zeros([1]);
    expect(() => o.addParamGroup({ params: [other()] })).toThrow(/all param groups should be with names/);
    expect(() => new optim.SGD([['a', other()], other()])).toThrow(/all params of a group need names, or none/);
    o.addParamGroup({ params: [['more', other()]] });
    expect(o.paramGroups[1].paramNames).toEqual(['more']);
  });
  it('AdamW decays by 1e-2 where nothing else is asked for', () => {
    const p = ones([1]).requiresGrad_();
    expect(new optim.AdamW([p]).paramGroups[0].weightDecay).toBe(0.01);
    expect(new optim.AdamW([p], { weightDecay: undefined }).paramGroups[0].weightDecay).toBe(0.01);
    expect(new optim.Adam([p]).paramGroups[0].weightDecay).toBe(0);
  });
});

const ALL = [
  ...['SGD', 'Adam', 'AdamW', 'Adagrad', 'Adadelta', 'RMSprop', 'Adamax', 'NAdam', 'RAdam', 'Rprop', 'ASGD'],
  ...['Lion', 'LAMB', 'SparseAdam', 'Adafactor', 'Muon'],
];

describe('step and zeroGrad', () => {
  for (const name of ALL) {
    it(`${name}: bfloat16 and float16 parameters move as float32 ones, rounded`, () => {
      for (const [dtype, ulp] of [
        ['bfloat16', 2 ** -8],
        ['float16', 2 ** -11],
      ] as const) {
        const start = tensor([
          [1, -0.5, 0.25],
          [2, 0.75, -1.5],
        ]);
        const grad = tensor([
          [0.5, 1, -2],
          [-0.25, 1.5, 1],
        ]);
        const [wide, narrow] = [start.clone(), start.to(dtype)].map((x) => x.requiresGrad_());
        // One epsilon for both: Adafactor takes that of the dtype, and float16 knows no 1e-8.
        const options = name === 'Adafactor' ? { lr: 0.1, eps: [1e-3, 1e-3] } : { lr: 0.1 };
        for (const w of [wide, narrow]) {
          const o = make(name, [w], options);
          for (let i = 0; i < 2; i++) {
            w.grad = grad.to(w.dtype);
            o.step();
          }
        }
        const got = values(narrow.to('float32'));
        values(wide).forEach((x, i) => {
          // Two roundings of the parameter, and those of the states in the step.
          expect(Math.abs(got[i] - x)).toBeLessThan(2 * ulp * Math.abs(x) + 0.2 * 6 * ulp);
        });
        expect(narrow.dtype).toBe(dtype);
      }
    });
  }

  it('train: a closure is run with gradients and its loss comes back', async () => {
    const w = zeros([2]).requiresGrad_();
    const target = tensor([1, -2]);
    const o = new optim.SGD([w], { lr: 0.25 });
    const closure = (): Tensor => {
      o.zeroGrad();
      const d = w.add(target.mul(-1));
      const loss = d.mul(d).mul(0.5);
      loss.backward({ gradient: ones([2]) });
      return loss;
    };
    const first = noGrad(() => o.step(closure));
    expect(values(first)).toEqual([0.5, 2]);
    const late = await o.step(async () => closure());
    expect(values(late)[0]).toBeLessThan(0.5);
    expect(values(w)).toEqual([1 - 0.75 ** 2, -2 * (1 - 0.75 ** 2)]);
    expect(() => o.step(5 as never)).toThrow(/^step: closure must be a function/);
  });
  it('hooks run before and after, also for an async closure and LBFGS', async () => {
    const w = ones([1]).requiresGrad_();
    const closure = (): Tensor => {
      w.grad = ones([1]).keep();
      return ones([]);
    };
    for (const o of [new optim.SGD([w], { lr: 1 }), new optim.LBFGS([w], { maxIter: 1 })]) {
      const seen: string[] = [];
      const before = o.registerStepPreHook((own) => seen.push(`before ${own === o} ${w.itemSync()}`));
      o.registerStepPostHook(() => seen.push(`after ${w.itemSync()}`));
      noGrad(() => w.fill_(3));
      o.step(closure);
      await o.step(async () => closure());
      expect(seen).toEqual(['before true 3', 'after 2', 'before true 2', 'after 1']);
      before.remove();
      o.step(closure);
      expect(seen.slice(4)).toEqual(['after 0']);
      expect(() => o.registerStepPostHook(3 as never)).toThrow(/the hook must be a function, got 3/);
    }
  });
  it('zeroGrad frees gradients, or fills them', () => {
    const w = ones([1000]).requiresGrad_();
    const o = new optim.SGD([w]);
    const before = memory().live;
    scope(() => w.mul(3).backward({ gradient: ones([1000]) }));
    expect(memory().live).toBeGreaterThanOrEqual(before + 4000);
    const grad = w.grad as Tensor;
    o.zeroGrad({ setToNone: false });
    expect([w.grad === grad, values(grad)[0]]).toEqual([true, 0]);
    o.zeroGrad();
    // Seen by this test, so only dropped; one that nobody saw is freed.
    expect([w.grad, grad.isDisposed]).toEqual([null, false]);
    grad.dispose();
    scope(() => w.mul(3).backward({ gradient: ones([1000]) }));
    expect(memory().live).toBeGreaterThan(before);
    o.zeroGrad();
    expect(w.grad).toBe(null);
    o.zeroGrad();
    expect(memory().live).toBeLessThanOrEqual(before);
  });
  it('state outlives the scope of the step; the parameter counts as changed', () => {
    const w = ones([3]).requiresGrad_();
    const o = new optim.Adam([w]);
    for (let i = 0; i < 3; i++) {
      scope(() => {
        w.mul(2).backward({ gradient: ones([3]) });
        o.step();
        o.zeroGrad();
      });
    }
    expect(values(o.stateDict().state[0].expAvg as Tensor)[0]).toBeGreaterThan(0.5);
    const y = w.mul(w);
    w.grad = ones([3]);
    o.step();
    expect(() => y.backward({ gradient: ones([3]) })).toThrow(/changed in place/);
  });
  it('refuses gradients that do not fit', () => {
    const w = ones([3]).requiresGrad_();
    const o = new optim.SGD([w]);
    w.grad = ones([2]);
    expect(() => o.step()).toThrow(/^SGD: a gradient has shape \[2\], its parameter \[3\]/);
    w.grad = ones([3], { dtype: 'float64' });
    expect(() => o.step()).toThrow(/^SGD: a gradient is float64, its parameter float32/);
    w.grad = ones([3]);
    w.grad.dispose();
    expect(() => o.step()).toThrow(DisposedError);
  });
  for (const name of ALL) {
    it(`${name}: a failed gradient leaves all parameters and their state as they were`, async () => {
      const params = [ones([2, 3]), ones([3, 2])].map((x) => x.requiresGrad_());
      const o = make(name, params, name === 'SGD' ? { momentum: 0.5 } : {});
      const bad = gather(zeros([1]), 0, tensor([7], { dtype: 'int64' }));
      params[0].grad = ones([2, 3]);
      params[1].grad = bad.expand([3, 2]).clone();
      o.step();
      await expect(synchronize()).rejects.toThrow(/^gather: index 7 is out of range/);
      expect(params.map(values)).toEqual([Array(6).fill(1), Array(6).fill(1)]);
      const states = params.map((param) => Object.entries(o.state.get(param) ?? {}));
      for (const [key, state] of states.flat()) {
        const first = key === 'stepSize' ? 0.01 : 0;
        if (typeof state === 'object') for (const x of values(state as Tensor)) expect(x).toBeCloseTo(first, 8);
      }
      params[1].grad = ones([3, 2]);
      o.step();
      for (const x of params.flatMap(values)) expect(x).toBeLessThan(1);
    });
  }
  it('a failed gradient leaves parameters and state as they were', async () => {
    const w = ones([3]).requiresGrad_();
    const o = new optim.SGD([w], { lr: 1, momentum: 0.5 });
    w.grad = cat([zeros([2]), gather(zeros([1]), 0, tensor([7], { dtype: 'int64' }))]);
    o.step();
    await expect(synchronize()).rejects.toThrow(/^gather: index 7 is out of range/);
    expect(values(w)).toEqual([1, 1, 1]);
    w.grad = ones([3]);
    o.step();
    expect(values(w)).toEqual([0, 0, 0]);
  });
});
