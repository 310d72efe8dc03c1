import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArgumentError, ones, optim, zeros } from '../../lib/index.js';

interface Case {
  name: string;
  args: unknown[];
  options: Record<string, unknown>;
}
interface Fixture {
  saved: number;
  metrics: number[];
  cases: {
    case: Case;
    optimizer: 'SGD' | 'Adam';
    rates: [number, number][][];
    state: { scheduler: optim.lrScheduler.SchedulerState; optimizer: { param_groups: Record<string, unknown>[] } };
  }[];
}
type Optimizer = optim.SGD | optim.Adam;

// Python writes Infinity into its JSON.
const text = readFileSync(new URL('../fixtures/lr_scheduler.json', import.meta.url), 'utf8');
const fixture = JSON.parse(text.replace(/-?\bInfinity\b/g, 'null')) as Fixture;
const { lrScheduler } = optim;

// As in test/fixtures/make_lr_fixtures.py.
const FUNCTIONS: Record<string, (x: number) => number> = { decay: (epoch) => 0.95 ** epoch, wave: (x) => 1 / (1 + x) };

function makeOptimizer(kind: 'SGD' | 'Adam'): Optimizer {
  const groups = [{ params: [zeros([1])] }, { params: [zeros([1])], lr: 0.1 }];
  return kind === 'SGD' ? new optim.SGD(groups, { lr: 0.5, momentum: 0.85 }) : new optim.Adam(groups, { lr: 0.5 });
}

function build(optimizer: Optimizer, { name, args, options }: Case): optim.lrScheduler.LRScheduler {
  const named = (x: unknown): unknown => (typeof x === 'string' && FUNCTIONS[x] ? FUNCTIONS[x] : x);
  const given = Object.fromEntries(Object.entries(options).map(([key, value]) => [key, named(value)]));
  if (name === 'ChainedScheduler') {
    return new lrScheduler.ChainedScheduler((args[0] as Case[]).map((child) => build(optimizer, child)));
  }
  if (name === 'SequentialLR') {
    const children = (args[0] as Case[]).map((child) => build(optimizer, child));
    return new lrScheduler.SequentialLR(optimizer, children, args[1] as number[]);
  }
  type Constructor = new (optimizer: Optimizer, ...rest: unknown[]) => optim.lrScheduler.LRScheduler;
  const constructors = { ...lrScheduler, SWALR: optim.swaUtils.SWALR } as unknown as Record<string, Constructor>;
  return new constructors[name](optimizer, ...args.map(named), given);
}

const ratesOf = (optimizer: Optimizer): number[][] =>
  optimizer.paramGroups.map((group) => [group.lr, 'betas' in group ? group.betas[0] : group.momentum]);

function expectRates(optimizer: Optimizer, want: number[][], step: number): void {
  const got = ratesOf(optimizer);
  expect(got.length).toBe(want.length);
  want.forEach((values, i) => {
    values.forEach((value, k) => {
      const near = Math.abs(got[i][k] - value) <= 1e-12 * Math.max(Math.abs(value), 1e-3);
      if (!near) throw new Error(`step ${step}, group ${i}: ${got[i][k]}, PyTorch has ${value}`);
    });
  });
}

function advance(scheduler: optim.lrScheduler.LRScheduler, step: number): void {
  if (scheduler instanceof lrScheduler.ReduceLROnPlateau) scheduler.step(fixture.metrics[step]);
  else scheduler.step();
}

describe('rates equal those of PyTorch', () => {
  for (const { case: wanted, optimizer: kind, rates, state } of fixture.cases) {
    const title = `${wanted.name} ${JSON.stringify([wanted.args, wanted.options])} ${kind}`;
    it(title, () => {
      const optimizer = makeOptimizer(kind);
      const scheduler = build(optimizer, wanted);
      expectRates(optimizer, rates[0], 0);
      for (let step = 1; step < rates.length; step++) {
        advance(scheduler, step - 1);
        expectRates(optimizer, rates[step], step);
        expect(scheduler.getLastLr()).toEqual(optimizer.paramGroups.map((group) => group.lr));
      }
    });
    it(`${title}: goes on from its own state and from PyTorch's`, () => {
      const first = makeOptimizer(kind);
      const saved = build(first, wanted);
      for (let step = 0; step < fixture.saved; step++) advance(saved, step);
      const own = JSON.parse(JSON.stringify({ scheduler: saved.stateDict(), optimizer: first.stateDict() }));
      for (const from of [own, state]) {
        const optimizer = makeOptimizer(kind);
        const scheduler = build(optimizer, wanted);
        scheduler.loadStateDict(from.scheduler);
        optimizer.loadStateDict(from.optimizer);
        for (let step = fixture.saved + 1; step < rates.length; step++) {
          advance(scheduler, step - 1);
          expectRates(optimizer, rates[step], step);
        }
      }
    });
  }
});

describe('schedules', () => {
  it('go on from lastEpoch where the groups know their first rates', () => {
    const optimizer = makeOptimizer('SGD');
    expect(() => new lrScheduler.StepLR(optimizer, 2, { lastEpoch: 3 })).toThrow(/initialLr is not specified/);
    const first = new lrScheduler.ExponentialLR(optimizer, 0.5);
    for (let i = 0; i < 3; i++) first.step();
    const second = new lrScheduler.ExponentialLR(optimizer, 0.5, { lastEpoch: 2 });
    expect(ratesOf(optimizer)[0][0]).toBe(0.0625);
    second.step();
    expect(second.getLastLr()).toEqual([0.03125, 0.00625]);
  });
  it('warm restarts may be set to a fraction', () => {
    const optimizer = makeOptimizer('SGD');
    const scheduler = new lrScheduler.CosineAnnealingWarmRestarts(optimizer, 4, { tMult: 2 });
    scheduler.step(2);
    expect(optimizer.paramGroups[0].lr).toBeCloseTo(0.25, 12);
    scheduler.step(8); // the middle of the second run, of eight
    expect(optimizer.paramGroups[0].lr).toBeCloseTo(0.25, 12);
    scheduler.step(4.5);
    expect([scheduler.lastEpoch, optimizer.paramGroups[0].lr]).toEqual([
      4,
      expect.closeTo(0.25 * (1 + Math.cos(Math.PI / 16)), 12),
    ]);
  });
  it('warm up, then follow another one', () => {
    const optimizer = new optim.SGD([zeros([1])], { lr: 1 });
    const after = new lrScheduler.ExponentialLR(optimizer, 0.5);
    const scheduler = lrScheduler.warmup(optimizer, 4, after, { startFactor: 0.25 });
    const rates = [optimizer.paramGroups[0].lr];
    for (let i = 0; i < 6; i++) {
      scheduler.step();
      rates.push(optimizer.paramGroups[0].lr);
    }
    [0.25, 0.4375, 0.625, 0.8125, 1, 0.5, 0.25].forEach((rate, i) => {
      expect(rates[i]).toBeCloseTo(rate, 12);
    });
    const alone = lrScheduler.warmup(new optim.SGD([zeros([1])], { lr: 1 }), 2, null, { startFactor: 0.5 });
    for (let i = 0; i < 5; i++) alone.step();
    expect(alone.getLastLr()).toEqual([1]);
  });
  it('change what the next step of the optimizer does', () => {
    const w = zeros([1]).requiresGrad_();
    const optimizer = new optim.SGD([w], { lr: 1 });
    const scheduler = new lrScheduler.StepLR(optimizer, 1, { gamma: 0.5 });
    for (let i = 0; i < 3; i++) {
      w.grad = ones([1]);
      optimizer.step();
      scheduler.step();
    }
    expect(w.itemSync()).toBe(-1.75);
  });
  it('may be written by users', () => {
    class Halving extends lrScheduler.LRScheduler {
      times = 3;
      constructor(optimizer: optim.lrScheduler.ScheduledOptimizer) {
        super(optimizer);
        this.start();
      }
      getLr(): number[] {
        return this.baseLrs.map((lr) => lr / 2 ** Math.min(this.lastEpoch, this.times));
      }
    }
    const optimizer = new optim.SGD([zeros([1])], { lr: 8 });
    const scheduler = new Halving(optimizer);
    for (let i = 0; i < 5; i++) scheduler.step();
    expect(scheduler.getLastLr()).toEqual([1]);
    expect(scheduler.stateDict()).toEqual({ baseLrs: [8], lastEpoch: 5, stepCount: 6, lastLr: [1], times: 3 });
  });
});

describe('bad arguments', () => {
  const o = (): Optimizer => makeOptimizer('SGD');
  const plain = (): optim.Rprop => new optim.Rprop([zeros([1])]);
  const calls: [string, () => unknown, RegExp][] = [
    ['no optimizer', () => new lrScheduler.StepLR({} as never, 3), /^StepLR: an optimizer is needed/],
    ['lastEpoch', () => new lrScheduler.StepLR(o(), 3, { lastEpoch: -2 }), /lastEpoch must be an integer/],
    ['stepSize', () => new lrScheduler.StepLR(o(), 0), /stepSize must be an integer of at least 1/],
    ['gamma', () => new lrScheduler.ExponentialLR(o(), Number.NaN), /^ExponentialLR: gamma must be a finite number/],
    ['lambda', () => new lrScheduler.LambdaLR(o(), 3 as never), /./],
    ['lambdas', () => new lrScheduler.LambdaLR(o(), [() => 1]), /Expected 2 lrLambdas, but got 1/],
    ['lambda kind', () => new lrScheduler.MultiplicativeLR(o(), [() => 1, 2 as never]), /lrLambda must be a function/],
    ['milestone', () => new lrScheduler.MultiStepLR(o(), [1.5]), /a milestone must be an integer/],
    ['factor', () => new lrScheduler.ConstantLR(o(), { factor: 2 }), /expected to be between 0 and 1, got 2/],
    ['startFactor', () => new lrScheduler.LinearLR(o(), { startFactor: 0 }), /Starting multiplicative factor/],
    ['endFactor', () => new lrScheduler.LinearLR(o(), { endFactor: -1 }), /Ending multiplicative factor/],
    ['t0', () => new lrScheduler.CosineAnnealingWarmRestarts(o(), 1.5), /t0 must be an integer/],
    ['epoch', () => new lrScheduler.CosineAnnealingWarmRestarts(o(), 2).step(-1), /epoch must not be negative/],
    ['maxLr', () => new lrScheduler.CyclicLR(o(), 0.1, [1, 2, 3]), /maxLr has 3 values, the optimizer 2/],
    ['mode', () => new lrScheduler.CyclicLR(o(), 0.1, 1, { mode: 'x' as never }), /mode "x" is invalid/],
    ['momentum', () => new lrScheduler.CyclicLR(plain(), 0.1, 1), /must support momentum or beta1/],
    ['totalSteps', () => new lrScheduler.OneCycleLR(o(), 1, { epochs: 3 }), /either totalSteps OR/],
    ['pctStart', () => new lrScheduler.OneCycleLR(o(), 1, { totalSteps: 3, pctStart: 2 }), /pctStart must be/],
    [
      'anneal',
      () => new lrScheduler.OneCycleLR(o(), 1, { totalSteps: 3, annealStrategy: 'x' as never }),
      /must be one of/,
    ],
    ['plateau factor', () => new lrScheduler.ReduceLROnPlateau(o(), { factor: 1 }), /Factor should be < 1.0, got 1/],
    ['plateau mode', () => new lrScheduler.ReduceLROnPlateau(o(), { mode: 'x' as never }), /mode "x" is unknown/],
    ['plateau step', () => new lrScheduler.ReduceLROnPlateau(o()).step(), /step needs a number/],
    ['minLr', () => new lrScheduler.ReduceLROnPlateau(o(), { minLr: [1] }), /minLr has 1 values/],
    ['empty', () => new lrScheduler.SequentialLR(o(), [], []), /expects at least one scheduler/],
    ['chain of none', () => new lrScheduler.ChainedScheduler([]), /expects at least one scheduler/],
    ['swa', () => new optim.swaUtils.SWALR(o(), 1, { annealEpochs: -1 }), /annealEpochs must be an integer/],
  ];
  for (const [name, call, message] of calls) {
    it(name, () => {
      expect(call).toThrow(message);
      expect(call).toThrow(ArgumentError);
    });
  }
  it('schedules of other optimizers, of too many milestones, of none to read', () => {
    const [a, b] = [o(), o()];
    const step = new lrScheduler.StepLR(a, 3);
    expect(() => new lrScheduler.SequentialLR(b, [step], [])).toThrow(/index 0 belongs to another optimizer/);
    expect(() => new lrScheduler.SequentialLR(a, [step], [3])).toThrow(/one milestone less than schedulers/);
    expect(() => new lrScheduler.ChainedScheduler([new lrScheduler.ReduceLROnPlateau(a)])).toThrow(/needs a value/);
  });
  it('steps past the end, groups that came later', () => {
    const optimizer = o();
    const scheduler = new lrScheduler.OneCycleLR(optimizer, 1, { totalSteps: 2 });
    scheduler.step();
    scheduler.step();
    expect(() => scheduler.step()).toThrow(/Tried to step 3 times/);
    const decay = new lrScheduler.ExponentialLR(o(), 0.5);
    (decay.optimizer as optim.SGD).addParamGroup({ params: [zeros([1])] });
    decay.step(); // each group by its own rate
    const constant = new lrScheduler.LambdaLR(o(), () => 1);
    (constant.optimizer as optim.SGD).addParamGroup({ params: [zeros([1])] });
    expect(() => constant.step()).toThrow(/made for 2 parameter groups, the optimizer has 3 now/);
  });
  it('states that do not fit change nothing', () => {
    const scheduler = new lrScheduler.StepLR(o(), 3);
    const good = scheduler.stateDict();
    const { gamma: _gamma, ...less } = good;
    const bad: [unknown, RegExp][] = [
      [null, /options must be an object/],
      [less, /gamma is missing/],
      [{ ...good, gamma: 'x' }, /gamma is "x"/],
      [{ ...good, lastLr: 3 }, /lastLr is 3/],
      [{ ...good, other: 1 }, /other is no state of this schedule/],
    ];
    for (const [state, message] of bad) {
      expect(() => scheduler.loadStateDict(state as never)).toThrow(message);
      expect(scheduler.stateDict()).toEqual(good);
    }
    const optimizer = o();
    const children = [new lrScheduler.StepLR(optimizer, 2), new lrScheduler.ExponentialLR(optimizer, 0.5)];
    const chain = new lrScheduler.ChainedScheduler(children);
    const before = chain.stateDict();
    const half = { ...before, schedulers: [{ ...children[0].stateDict(), gamma: 7 }, {}] };
    expect(() => chain.loadStateDict(half)).toThrow(/baseLrs is missing/);
    expect(chain.stateDict()).toEqual(before);
  });
});
