// Averages of weights, Lookahead, groups without decay, the search for a learning rate.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArgumentError, manualSeed, memory, nn, ones, optim, type Tensor, tensor, zeros } from '../../lib/index.js';
import { values } from './fixture.js';

type State = Record<string, unknown>;
interface Fixture {
  start: State;
  batches: number[][][];
  cases: { name: string; first: State; last: State; updated: State }[];
}
const fixture = JSON.parse(readFileSync(new URL('../fixtures/swa.json', import.meta.url), 'utf8')) as Fixture;
const { AveragedModel, getEmaAvgFn, getEmaMultiAvgFn, getSwaAvgFn, updateBn } = optim.swaUtils;

const OPTIONS: Record<string, optim.swaUtils.AveragedModelOptions> = {
  swa: {},
  swaSingle: { avgFn: getSwaAvgFn() },
  ema: { multiAvgFn: getEmaMultiAvgFn(0.9) },
  emaSingle: { avgFn: getEmaAvgFn(0.9) },
  emaBuffers: { multiAvgFn: getEmaMultiAvgFn(0.75), useBuffers: true },
};

const network = (): nn.Sequential =>
  new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4), new nn.Linear(4, 2)).double();

function started(): nn.Sequential {
  const model = network();
  const state = Object.entries(fixture.start).map(([key, value]) => [
    key,
    tensor(value as number[], { dtype: key.endsWith('tracked') ? 'int64' : 'float64' }),
  ]);
  model.loadStateDict(Object.fromEntries(state) as Record<string, Tensor>);
  return model;
}

function expectState(model: nn.Module, want: State): void {
  const got = model.stateDict();
  expect(Object.keys(got).sort()).toEqual(Object.keys(want).sort());
  for (const [key, value] of Object.entries(want)) {
    const numbers = [value].flat(3) as number[];
    const own = values(got[key]);
    expect(own.length).toBe(numbers.length);
    own.forEach((x, i) => {
      if (!(Math.abs(x - numbers[i]) <= 1e-12 * Math.max(1, Math.abs(numbers[i]))))
        throw new Error(`${key}[${i}]: ${x}, PyTorch has ${numbers[i]}`);
    });
  }
}

const batches = (): Tensor[] => fixture.batches.map((x) => tensor(x, { dtype: 'float64' }));

function trainStep(model: nn.Sequential, optimizer: { zeroGrad(): void; step(): void }, x: Tensor): void {
  optimizer.zeroGrad();
  model.forward(x).square().mean().backward();
  optimizer.step();
}

describe('AveragedModel equals PyTorch', () => {
  for (const { name, first, last, updated } of fixture.cases) {
    it(name, async () => {
      const model = started();
      const average = new AveragedModel(model, OPTIONS[name]);
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.125 });
      batches().forEach((x, i) => {
        trainStep(model, optimizer, x);
        average.updateParameters(model);
        if (i === 0) expectState(average, first);
      });
      expectState(average, last);
      const norms = average.module.children().filter((child) => child instanceof nn.BatchNorm1d);
      average.eval();
      await updateBn(
        batches().map((x) => [x, null]),
        average,
      );
      expectState(average, updated);
      expect([average.training, norms.map((norm) => norm.momentum)]).toEqual([false, [0.1]]);
      expect(values(average.forward(batches()[0]))).toEqual(values(average.module.forward(batches()[0])));
    });
    it(`${name} goes on from its state`, () => {
      const model = started();
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.125 });
      let average = new AveragedModel(model, OPTIONS[name]);
      batches().forEach((x, i) => {
        trainStep(model, optimizer, x);
        average.updateParameters(model);
        if (i !== 2) return;
        const next = new AveragedModel(network(), OPTIONS[name]);
        next.loadStateDict(average.stateDict());
        average = next;
      });
      expectState(average, last);
    });
  }
  it('the model and its average share nothing; float32 and bfloat16 work', () => {
    for (const dtype of ['float32', 'bfloat16'] as const) {
      const model = new nn.Linear(2, 2).to(dtype);
      const average = new AveragedModel(model, { multiAvgFn: getEmaMultiAvgFn(0.5) });
      average.updateParameters(model);
      for (const p of model.parameters()) p.detach().fill_(1);
      const before = values(average.module.weight);
      average.updateParameters(model);
      values(average.module.weight).forEach((x, i) => {
        expect(x).toBeCloseTo((before[i] + 1) / 2, dtype === 'float32' ? 6 : 2);
      });
      expect(average.nAveraged.itemSync()).toBe(2);
    }
  });
  it('refuses what it cannot do', async () => {
    const model = new nn.Linear(2, 2);
    const bad: [() => unknown, RegExp][] = [
      [() => new AveragedModel(3 as never), /^AveragedModel: a Module is needed, got 3/],
      [
        () => new AveragedModel(model, { avgFn: getSwaAvgFn(), multiAvgFn: getEmaMultiAvgFn() }),
        /Only one of avgFn and multiAvgFn/,
      ],
      [() => new AveragedModel(model, { avgFn: 3 as never }), /must be functions, got 3/],
      [() => getEmaMultiAvgFn(1.5), /decay must be a number in \[0, 1\], got 1.5/],
      [() => getEmaAvgFn(Number.NaN), /decay must be a number in \[0, 1\], got NaN/],
      [() => new AveragedModel(model).updateParameters(new nn.Linear(2, 3)), /shape \[3, 2\], its average \[2, 2\]/],
      [() => new AveragedModel(model).updateParameters(new nn.Linear(2, 2, { bias: false })), /has 1 tensors/],
    ];
    for (const [call, message] of bad) expect(call).toThrow(message);
    await expect(updateBn(3 as never, model)).rejects.toThrow(/batches are needed, got 3/);
    await expect(updateBn([3] as never, new nn.BatchNorm1d(2))).rejects.toThrow(/a batch must be a Tensor/);
  });
  it('updateBn takes async batches, and leaves models without batch norm alone', async () => {
    const norm = new nn.BatchNorm1d(1, { momentum: 0.5 });
    async function* late(): AsyncGenerator<Tensor> {
      yield tensor([[1], [3]]);
      yield tensor([[5], [7]]);
    }
    await updateBn(late(), norm);
    expect([norm.runningMean?.itemSync(), norm.momentum, norm.numBatchesTracked?.itemSync()]).toEqual([4, 0.5, 2]);
    await updateBn(late(), new nn.Linear(1, 1));
  });
});

describe('Lookahead', () => {
  it('moves the slow weights every k steps, by the paper', () => {
    const fast = tensor([1, -2], { dtype: 'float64' }).requiresGrad_();
    const optimizer = new optim.Lookahead(new optim.SGD([fast], { lr: 0.5, momentum: 0.5 }), { k: 3, alpha: 0.25 });
    let [slow, plain, buffer] = [
      [1, -2],
      [1, -2],
      [0, 0],
    ];
    for (let step = 1; step <= 10; step++) {
      fast.grad = fast.detach().mul(0.5);
      optimizer.step();
      buffer = buffer.map((m, i) => (step === 1 ? 0 : 0.5 * m) + 0.5 * plain[i]);
      plain = plain.map((p, i) => p - 0.5 * buffer[i]);
      if (step % 3 === 0) {
        slow = slow.map((s, i) => s + 0.25 * (plain[i] - s));
        plain = slow;
      }
      values(fast).forEach((x, i) => {
        expect(x).toBeCloseTo(plain[i], 13);
      });
    }
  });
  it('goes on from its state, with a schedule on it', () => {
    const make = (w: Tensor): optim.Lookahead<optim.AdamOptions> =>
      new optim.Lookahead(new optim.Adam([w], { lr: 0.1 }), { k: 4 });
    const step = (w: Tensor, o: optim.Lookahead<optim.AdamOptions>): void => {
      w.grad = w.detach().mul(2);
      o.step();
    };
    const w = tensor([1, 2, 3]).requiresGrad_();
    const o = make(w);
    const scheduler = new optim.lrScheduler.ExponentialLR(o, 0.9);
    for (let i = 0; i < 6; i++) {
      step(w, o);
      scheduler.step();
    }
    expect(o.paramGroups[0].lr).toBeCloseTo(0.1 * 0.9 ** 6, 12);
    const v = w.detach().clone().requiresGrad_();
    const p = make(v);
    p.loadStateDict(o.stateDict());
    p.loadStateDict(p.stateDict());
    for (let i = 0; i < 7; i++) {
      step(w, o);
      step(v, p);
    }
    expect(values(v)).toEqual(values(w));
    const good = p.stateDict();
    for (const bad of [
      { ...good, slow: { 3: ones([3]) } },
      { ...good, slow: { 0: ones([2]) } },
      { ...good, steps: -1 },
    ]) {
      expect(() => p.loadStateDict(bad)).toThrow(ArgumentError);
    }
  });
  it('takes closures, and checks its options', async () => {
    const w = ones([1]).requiresGrad_();
    const o = new optim.Lookahead(new optim.SGD([w], { lr: 0.5 }), { k: 1, alpha: 0.5 });
    const closure = (): number => {
      w.grad = ones([1]).keep();
      return 7;
    };
    expect([o.step(closure), await o.step(async () => closure()), w.itemSync()]).toEqual([7, 7, 0.5]);
    o.zeroGrad();
    expect(w.grad).toBe(null);
    const sgd = new optim.SGD([w]);
    expect(() => new optim.Lookahead(sgd, { k: 0 })).toThrow(/k must be an integer of at least 1/);
    expect(() => new optim.Lookahead(sgd, { alpha: 2 })).toThrow(/alpha must be a number in \[0, 1\], got 2/);
    expect(() => new optim.Lookahead({} as never)).toThrow(/an optimizer is needed/);
  });
});

describe('decayGroups', () => {
  it('spares biases and normalizations', () => {
    const model = new nn.Sequential(
      new nn.Conv2d(1, 2, 3),
      new nn.BatchNorm2d(2),
      new nn.LayerNorm([4, 4]),
      new nn.Linear(3, 2),
    );
    const [conv, norm, layer, linear] = [...model.children()] as [nn.Conv2d, nn.BatchNorm2d, nn.LayerNorm, nn.Linear];
    const [decayed, plain] = optim.decayGroups(model, { weightDecay: 0.1 });
    expect([decayed.weightDecay, plain.weightDecay]).toEqual([0.1, 0]);
    expect(decayed.params).toEqual([conv.weight, linear.weight]);
    expect(new Set(plain.params)).toEqual(
      new Set([conv.bias, norm.weight, norm.bias, layer.weight, layer.bias, linear.bias]),
    );
    expect(optim.decayGroups(model, { exclude: ['3.weight'] })[0].params).toEqual([conv.weight]);
    expect(optim.decayGroups(model, { exclude: (name) => name.startsWith('0') })[0].params).toEqual([linear.weight]);
    const optimizer = new optim.AdamW(optim.decayGroups(model));
    expect(optimizer.paramGroups.map((group) => [group.weightDecay, group.params.length])).toEqual([
      [0.01, 2],
      [0, 6],
    ]);
  });
  it('refuses what it cannot do', () => {
    expect(() => optim.decayGroups(3 as never)).toThrow(/a Module is needed/);
    expect(() => optim.decayGroups(new nn.ReLU())).toThrow(/the model has no parameters/);
    expect(() => optim.decayGroups(new nn.Linear(1, 1), { weightDecay: -1 })).toThrow(/Invalid weightDecay value: -1/);
    expect(() => optim.decayGroups(new nn.Linear(1, 1), { exclude: 3 as never })).toThrow(/exclude must be names/);
  });
});

describe('findLr', () => {
  it('finds where the loss falls, and leaves all as it was', async () => {
    manualSeed(1);
    const model = new nn.Sequential(new nn.Linear(4, 8), new nn.BatchNorm1d(8), new nn.Linear(8, 1));
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.123, momentum: 0.9 });
    const x = tensor(
      Float32Array.from({ length: 64 }, (_, i) => Math.sin(i * i)),
      { shape: [16, 4] },
    );
    const y = x.sum(1, { keepdim: true }).mul(3);
    const evaluate = (): Tensor => {
      optimizer.zeroGrad();
      const loss = model.forward(x).sub(y).square().mean();
      loss.backward();
      return loss;
    };
    evaluate();
    optimizer.step();
    const before = Object.entries(model.stateDict()).map(([key, value]) => [key, values(value)]);
    const state = values(optimizer.state.get(model.parameters()[0])?.momentumBuffer as Tensor);
    const { tensors } = memory();
    const { rates, losses, suggestion } = await optim.findLr(optimizer, evaluate, { model, steps: 60, maxLr: 100 });
    expect(memory().tensors).toBeLessThanOrEqual(tensors);
    expect([rates.length, rates[0]]).toEqual([losses.length, 1e-7]);
    expect(rates.length).toBeLessThan(60); // it stopped where the loss rose
    expect(Math.min(...losses)).toBeLessThan(0.7 * losses[0]);
    expect(losses.at(-1)).toBeGreaterThan(4 * Math.min(...losses));
    expect(suggestion).toBeGreaterThan(1e-4);
    expect(suggestion).toBeLessThan(1);
    expect(optimizer.paramGroups[0].lr).toBe(0.123);
    expect(Object.entries(model.stateDict()).map(([key, value]) => [key, values(value)])).toEqual(before);
    expect(values(optimizer.state.get(model.parameters()[0])?.momentumBuffer as Tensor)).toEqual(state);
    const linear = await optim.findLr(optimizer, async () => evaluate(), {
      ...{ model, steps: 3, mode: 'linear', minLr: 0.1, maxLr: 0.3, stopFactor: null, smoothing: 0 },
    });
    linear.rates.forEach((rate, i) => {
      expect(rate).toBeCloseTo(0.1 * (i + 1), 12);
    });
  });
  it('refuses what it cannot do, and leaves all as it was', async () => {
    const w = zeros([1]).requiresGrad_();
    const optimizer = new optim.SGD([w], { lr: 0.5 });
    const loss = (): Tensor => ones([]);
    const bad: [optim.FindLrOptions, RegExp][] = [
      [{ minLr: 0 }, /minLr must be a number above 0, got 0/],
      [{ maxLr: 1e-9 }, /maxLr must be a number above minLr/],
      [{ steps: 1 }, /steps must be an integer of at least 2/],
      [{ mode: 'x' as never }, /mode must be/],
      [{ stopFactor: 1 }, /stopFactor must be/],
      [{ smoothing: 1 }, /smoothing must be/],
      [{ model: 3 as never }, /model must be a Module/],
    ];
    for (const [options, message] of bad) await expect(optim.findLr(optimizer, loss, options)).rejects.toThrow(message);
    await expect(optim.findLr(3 as never, loss)).rejects.toThrow(/an optimizer is needed/);
    await expect(optim.findLr(optimizer, 3 as never)).rejects.toThrow(ArgumentError);
    await expect(optim.findLr(optimizer, () => 3 as never)).rejects.toThrow(/loss of one element, got 3/);
    expect([optimizer.paramGroups[0].lr, w.itemSync()]).toEqual([0.5, 0]);
  });
});
