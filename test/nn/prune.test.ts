import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArgumentError, manualSeed, nn, ShapeError, type Tensor, tensor, zeros } from '../../lib/index.js';

const { prune } = nn.utils;

interface Values {
  shape: number[];
  data: number[];
}
const path = new URL('../fixtures/prune.json', import.meta.url);
const fixture = JSON.parse(readFileSync(path, 'utf8')) as {
  single: { name: string; weight: Values; masks: Values[] }[];
  global: { weights: Values[]; masks: Values[][]; scores: Values };
};
const asTensor = ({ shape, data }: Values): Tensor => tensor(data, { dtype: 'float64' }).reshape(shape);

class Holder extends nn.Module {
  readonly weight: nn.Parameter;
  declare weightOrig: nn.Parameter;
  declare weightMask: Tensor;

  constructor(values: Values) {
    super();
    this.weight = new nn.Parameter(asTensor(values));
  }

  forward(x: Tensor): Tensor {
    return x.mul(this.weight);
  }
}

const one = (name: string): (typeof fixture.single)[number] => {
  const found = fixture.single.find((each) => each.name === name);
  if (!found) throw new Error(`no fixture ${name}`);
  return found;
};
const numbers = (t: Tensor): number[] => Array.from(t.dataSync(), Number);

type Step = (module: Holder) => unknown;
const l1 =
  (amount: number, importanceScores?: Tensor): Step =>
  (m) =>
    prune.l1Unstructured(m, 'weight', amount, { importanceScores });
const ln =
  (amount: number, n: number | 'fro' | 'nuc', dim: number): Step =>
  (m) =>
    prune.lnStructured(m, 'weight', amount, n, dim);
const eye = (): Tensor => tensor(Array.from({ length: 5 }, (_, i) => [0, 1, 2, 3].map((j) => Number(i === j))));

describe('masks are those of PyTorch', () => {
  const steps: Record<string, () => Step[]> = {
    'l1 number': () => [l1(7)],
    'l1 nothing and everything': () => [l1(0), l1(6)],
    'l1 halves': () => [l1(0.25), l1(0.5), l1(0.5)],
    'l1 scores': () => [l1(0.3, asTensor(one('scores').weight)), l1(0.3, asTensor(one('scores').weight))],
    'ln rows': () => [ln(2, 1, 0), ln(1, 2, 0)],
    'ln columns': () => [ln(0.5, Infinity, -1), ln(1, -Infinity, 1)],
    'ln channels': () => [ln(2, 3, 1), ln(1, 0, 0)],
    'ln nuclear': () => [ln(1, 'nuc', 0), ln(1, 'fro', 1)],
    mixed: () => [l1(0.3), ln(2, 2, 0), l1(3), (m) => prune.customFromMask(m, 'weight', eye()), ln(1, 1, 1), l1(0.5)],
    scores: () => [],
  };
  it('every fixture has its steps', () => {
    expect(fixture.single.map(({ name }) => name)).toEqual(Object.keys(steps));
  });
  it.each(fixture.single)('$name', ({ name, weight, masks }) => {
    const module = new Holder(weight);
    for (const [i, step] of steps[name]().entries()) {
      step(module);
      expect(numbers(module.weightMask), `step ${i}`).toEqual(masks[i].data);
      const product = weight.data.map((w, k) => w * masks[i].data[k]);
      expect(numbers(module.weight)).toEqual(product);
    }
  });

  it('of several parameters together', () => {
    const modules = fixture.global.weights.map((values) => new Holder(values));
    const places = modules.map((module) => [module, 'weight'] as const);
    const scores = [asTensor(fixture.global.scores), undefined];
    for (const [i, options] of [{ amount: 0.3 }, { amount: 5 }, { amount: 0.5, importanceScores: scores }].entries()) {
      prune.globalUnstructured(places, prune.L1Unstructured, options);
      expect(modules.map((module) => numbers(module.weightMask))).toEqual(
        fixture.global.masks[i].map(({ data }) => data),
      );
    }
  });
});

describe('random pruning', () => {
  it('removes as many elements or slices as it is told, of those that are left', () => {
    manualSeed(3);
    const layer = prune.randomUnstructured(new nn.Linear(20, 10), 'weight', 0.4);
    const ones = (): number => numbers(layer.weight).filter((x) => x !== 0).length;
    expect(ones()).toBe(120);
    prune.randomUnstructured(layer, 'weight', 20);
    expect(ones()).toBe(100);
    const rows = prune.randomStructured(new nn.Linear(20, 10), 'weight', 3, 0);
    const left = (rows.weight.toArraySync() as number[][]).map((row) => row.some((x) => x !== 0));
    expect(left.filter(Boolean).length).toBe(7);
    prune.randomStructured(rows, 'weight', 0.5, 0);
    const after = (rows.weight.toArraySync() as number[][]).map((row) => row.some((x) => x !== 0));
    expect(after.filter(Boolean).length).toBe(3);
    expect(after.every((kept, i) => left[i] || !kept)).toBe(true);
  });

  it('chooses every element about equally often', () => {
    manualSeed(4);
    const counts = zeros([3, 4]);
    for (let i = 0; i < 400; i++) counts.add_(new prune.RandomUnstructured(3).prune(counts.mul(0).add(1)));
    for (const count of numbers(counts)) expect(Math.abs(count - 300)).toBeLessThan(5 * Math.sqrt(400 * 0.75 * 0.25));
  });
});

describe('a pruned module', () => {
  it('trains the original, and masks its gradient', () => {
    const module = new Holder({ shape: [4], data: [3, -1, 2, 0.5] });
    const { weight } = module;
    prune.l1Unstructured(module, 'weight', 2);
    expect(module.weightOrig).toBe(weight);
    expect(Object.keys(module.stateDict())).toEqual(['weight_orig', 'weight_mask']);
    expect(module.parameters()).toEqual([weight]);
    module
      .forward(tensor([1, 2, 3, 4], { dtype: 'float64' }))
      .sum()
      .backward();
    expect(numbers(weight.grad as Tensor)).toEqual([1, 0, 3, 0]);
    weight.detach().fill_(7);
    expect(numbers(module.weight)).toEqual([7, 0, 7, 0]);
  });

  it('is a plain one again after remove, with the zeros', () => {
    const net = new nn.Sequential(new nn.Linear(2, 2), new nn.ReLU());
    const layer = net.layers[0] as nn.Linear;
    const { weight } = layer;
    expect(prune.isPruned(net)).toBe(false);
    prune.l1Unstructured(layer, 'weight', 2);
    prune.l1Unstructured(layer, 'bias', 1);
    expect(prune.isPruned(net)).toBe(true);
    const pruned = numbers(layer.weight);
    prune.remove(layer, 'weight');
    expect(layer.weight).toBe(weight);
    expect(numbers(layer.weight)).toEqual(pruned);
    expect(Object.keys(layer.stateDict())).toEqual(['bias_orig', 'weight', 'bias_mask']);
    prune.remove(layer, 'bias');
    expect(prune.isPruned(net)).toBe(false);
    expect(Object.getPrototypeOf(layer)).toBe(nn.Linear.prototype);
    expect(() => prune.remove(layer, 'bias')).toThrow(ArgumentError);
  });

  it('runs fused in Sequential', () => {
    const layer = prune.l1Unstructured(new nn.Linear(3, 4), 'weight', 0.5);
    const x = tensor([[1, -2, 3]]);
    expect(numbers(new nn.Sequential(layer, new nn.ReLU()).forward(x))).toEqual(numbers(layer.forward(x).relu()));
  });

  it('keeps the rules in order', () => {
    const layer = new nn.Linear(3, 4);
    const first = prune.L1Unstructured.apply(layer, 'weight', 2);
    expect(first).toBeInstanceOf(prune.L1Unstructured);
    const both = prune.RandomStructured.apply(layer, 'weight', 1, 0) as InstanceType<typeof prune.PruningContainer>;
    expect([...both].map((method) => method.constructor.name)).toEqual(['L1Unstructured', 'RandomStructured']);
    expect([both.length, both.at(-1)?.dim]).toEqual([2, 0]);
  });

  it('takes rules of users', () => {
    class EveryOther extends prune.BasePruningMethod {
      readonly pruningType = 'unstructured';

      computeMask(t: Tensor, defaultMask: Tensor): Tensor {
        const mask = defaultMask.clone().reshape([-1]);
        mask.index([{ step: 2 }]).fill_(0);
        return mask.reshape(t.shape);
      }
    }
    const module = new Holder({ shape: [5], data: [1, 2, 3, 4, 5] });
    EveryOther.apply(module, 'weight');
    expect(numbers(module.weight)).toEqual([0, 2, 0, 4, 0]);
    EveryOther.apply(module, 'weight');
    expect(numbers(module.weight)).toEqual([0, 0, 0, 4, 0]);
    expect(numbers(new EveryOther().prune(tensor([1, 2, 3])))).toEqual([0, 2, 0]);
  });
});

it('refuses what it cannot prune', () => {
  const layer = new nn.Linear(2, 3);
  expect(() => prune.l1Unstructured(layer, 'weights', 1)).toThrow(/Linear has no parameter "weights"/);
  expect(() => prune.l1Unstructured({} as never, 'weight', 1)).toThrow(/module must be a Module/);
  expect(() => prune.l1Unstructured(layer, 'weight', 7)).toThrow(/amount 7 is more than the 6/);
  for (const amount of [-1, 1.5, -0.5, NaN, '1' as never]) {
    expect(() => prune.randomUnstructured(layer, 'weight', amount)).toThrow(ArgumentError);
  }
  expect(() => prune.lnStructured(layer, 'bias', 1, 2, 0)).toThrow(ShapeError);
  expect(() => prune.lnStructured(layer, 'weight', 1, 2, 2)).toThrow(ShapeError);
  expect(() => prune.customFromMask(layer, 'weight', zeros([3]))).toThrow(ShapeError);
  expect(() => prune.l1Unstructured(layer, 'weight', 1, { importanceScores: zeros([3]) })).toThrow(ShapeError);
  expect(() => new prune.PruningContainer(3 as never)).toThrow(ArgumentError);
  expect(() => prune.globalUnstructured([], prune.L1Unstructured, { amount: 1 })).toThrow(ArgumentError);
  expect(() => prune.globalUnstructured([[layer, 'weight']], prune.RandomStructured, { amount: 1 })).toThrow(
    /RandomStructured is structured/,
  );
  expect(Object.keys(layer.stateDict())).toEqual(['weight', 'bias']);
  prune.l1Unstructured(layer, 'weight', 1);
  expect(() => Reflect.set(layer, 'weight', zeros([3, 2]))).toThrow(/weight is pruned/);
});
