import { describe, expect, it } from 'vitest';
import { data, F, manualSeed, nn, noGrad, optim, selection, type Tensor, Trainer, tensor } from '../../lib/index.js';

const { adaBoost, AdditiveModel, averageStateDicts, bagging, biasVariance, Ensemble, gradientBoosting, MemberError } =
  selection;

/** Answers with rows of a table: x holds the row numbers. */
class Table extends nn.Module {
  constructor(private readonly rows: number[][]) {
    super();
  }

  forward(x: Tensor): Tensor {
    return tensor(this.rows).indexSelect(0, x.reshape([-1]).to('int64'));
  }
}

const numbers = (n: number): Tensor =>
  tensor(
    Float32Array.from({ length: n }, (_, i) => i),
    { shape: [n, 1] },
  );
const oneHot = (labels: number[], classes: number): number[][] =>
  labels.map((label) => Array.from({ length: classes }, (_, k) => (k === label ? 4 : 0)));
const classes = (labels: number[]): Tensor => tensor(BigInt64Array.from(labels, BigInt));
const read = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);

/** A small network that separates two half moons. */
const network: selection.Learner = async (x, y, { weights, seed }) => {
  manualSeed(seed);
  const model = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 2));
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });
  for (let step = 0; step < 60; step++) {
    const losses = F.crossEntropy(model.forward(x), y, { reduction: 'none' });
    optimizer.zeroGrad();
    (weights === null ? losses : losses.mul(weights)).mean().backward();
    optimizer.step();
  }
  return model;
};

function moons(count: number, seed: number): { x: Tensor; y: Tensor; labels: number[] } {
  const random = new data.Philox(seed);
  const labels = Array.from({ length: count }, (_, i) => i % 2);
  const noise = (): number => 0.3 * (random.nextUint32() / 2 ** 32 - 0.5);
  const points = labels.map((label) => {
    const angle = (Math.PI * random.nextUint32()) / 2 ** 32;
    const [a, b] = [Math.cos(angle), Math.sin(angle)];
    return [(label ? 1 - a : a) + noise(), (label ? 0.5 - b : b) + noise()];
  });
  return { x: tensor(points), y: classes(labels), labels };
}

const accuracyOf = async (model: nn.Module, x: Tensor, labels: number[]): Promise<number> => {
  const chosen = await read(noGrad(() => model.eval().forward(x).argmax(1)));
  return chosen.filter((label, i) => label === labels[i]).length / labels.length;
};

describe('Ensemble', () => {
  const members = () => [
    new Table([
      [2, 0],
      [0, 1],
    ]),
    new Table([
      [0, 1],
      [0, 3],
    ]),
    new Table([
      [0, 1],
      [5, 0],
    ]),
  ];
  const x = numbers(2);

  it('takes means, probabilities or votes, weighted', async () => {
    expect(await read(new Ensemble(members()).forward(x))).toEqual(
      [2 / 3, 2 / 3, 5 / 3, 4 / 3].map((value) => expect.closeTo(value, 5)),
    );
    const votes = await read(new Ensemble(members(), { combine: 'hard' }).forward(x));
    expect(votes).toEqual([1 / 3, 2 / 3, 1 / 3, 2 / 3].map((value) => expect.closeTo(value, 6)));
    const weighted = new Ensemble(members(), { combine: 'hard', weights: [3, 1, 1] });
    expect(await read(weighted.forward(x))).toEqual([0.6, 0.4, 0.2, 0.8].map((value) => expect.closeTo(value, 6)));
    const soft = await read(new Ensemble(members(), { combine: 'soft' }).forward(x));
    const share = (a: number, b: number) => Math.exp(a) / (Math.exp(a) + Math.exp(b));
    expect(soft[0]).toBeCloseTo((share(2, 0) + 2 * share(0, 1)) / 3, 6);
    expect(soft[2] + soft[3]).toBeCloseTo(1, 6);
  });

  it('keeps members and weights in its state', async () => {
    const make = () => new Ensemble([new nn.Linear(2, 3), new nn.Linear(2, 3)], { combine: 'soft', weights: [1, 3] });
    const [one, other] = [make(), new Ensemble([new nn.Linear(2, 3), new nn.Linear(2, 3)], { combine: 'soft' })];
    expect(Object.keys(one.stateDict())).toContain('members.1.weight');
    other.loadStateDict(one.stateDict());
    const input = tensor([[0.5, -1]]);
    const wanted = await read(one.forward(input));
    expect(await read(other.forward(input))).toEqual(wanted);
    expect(await read(one.clone().forward(input))).toEqual(wanted);
  });

  it('refuses what is no ensemble', () => {
    expect(() => new Ensemble([])).toThrow(/members must be a list of modules/);
    expect(() => new Ensemble([3 as never])).toThrow(/member 0 must be a Module/);
    expect(() => new Ensemble([new nn.Linear(1, 1)], { weights: [1, 2] })).toThrow(/1 weights >= 0 are needed/);
  });

  it('averages state dicts', async () => {
    const states = [1, 2, 6].map((value) => ({ w: tensor([value, -value]), n: classes([value]) }));
    const mean = averageStateDicts(states);
    expect(await read(mean.w)).toEqual([3, -3]);
    expect(await read(mean.n)).toEqual([6]);
    expect(() => averageStateDicts([{ a: tensor([1]) }, { b: tensor([1]) }])).toThrow(
      /state 1 and state 0 differ in a/,
    );
  });
});

describe('bagging', () => {
  it('trains on resamples, and its out-of-bag score is about the test score', { timeout: 120_000 }, async () => {
    const { x, y, labels } = moons(120, 1);
    const { ensemble, bags, outOfBagScore, outOfBagCount } = await bagging(network, x, y, { members: 6, seed: 2 });
    // A resample leaves 37 % out, six of them hardly any sample in all.
    expect(new Set(bags[0]).size / 120).toBeCloseTo(0.632, 1);
    expect(outOfBagCount).toBeGreaterThan(105);
    const test = moons(400, 9);
    const tested = await accuracyOf(ensemble, test.x, test.labels);
    expect(tested).toBeGreaterThan(0.93);
    expect(Math.abs(outOfBagScore - tested)).toBeLessThan(0.06);
    expect(labels).toHaveLength(120);
  });

  it('scores numbers by R², each sample by members that have not seen it', async () => {
    const y = tensor([0, 1, 2, 3, 4, 5]);
    const bagsOf: number[][] = [];
    const learner: selection.Learner = async (x) => {
      bagsOf.push(await read(x));
      return new Table([0, 1, 2, 3, 4, 5].map((value) => [value + bagsOf.length]));
    };
    const options = { members: 2, task: 'regression' as const, seed: 1, maxSamples: 0.5, replace: false };
    const { outOfBagScore, bags } = await bagging(learner, numbers(6), y, options);
    expect(bags.map((bag) => [...bag])).toEqual(bagsOf);
    const errors = [0, 1, 2, 3, 4, 5].flatMap((i) => {
      const unseen = [1, 2].filter((member) => !bagsOf[member - 1].includes(i));
      return unseen.length === 0 ? [] : [{ i, off: unseen.reduce((a, b) => a + b, 0) / unseen.length }];
    });
    const mean = errors.reduce((sum, { i }) => sum + i, 0) / errors.length;
    const spread = errors.reduce((sum, { i }) => sum + (i - mean) ** 2, 0);
    expect(outOfBagScore).toBeCloseTo(1 - errors.reduce((sum, { off }) => sum + off ** 2, 0) / spread, 6);
  });

  it('names the member that fails', async () => {
    const { x, y } = moons(20, 1);
    const failing: selection.Learner = (_, __, { member }) => {
      if (member === 1) throw new RangeError('no luck');
      return new nn.Linear(2, 2);
    };
    const error = await bagging(failing, x, y, { members: 3 }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(MemberError);
    expect(error).toMatchObject({ member: 1, message: 'bagging: member 1: no luck' });
    await expect(bagging(network, x, tensor([1, 2]))).rejects.toThrow(/as many rows/);
    await expect(bagging(network, x, x)).rejects.toThrow(/y must be class numbers/);
  });
});

describe('adaBoost', () => {
  it('has the weights of SAMME', async () => {
    // Three classes, six samples; what the members choose is given. By hand, as scikit-learn does: member 0 errs on two
    // of six, error 1/3, alpha log(2) + log(2); then these two weigh 4/(4 + 2 * 4) each.
    const truth = [0, 1, 2, 0, 1, 2];
    const chosen = [
      [0, 1, 2, 0, 2, 1],
      [0, 1, 2, 1, 1, 2],
    ];
    const given: number[][] = [];
    const learner: selection.Learner = async (_, __, { member, weights }) => {
      given.push(await read(weights as Tensor));
      return new Table(oneHot(chosen[member], 3));
    };
    const { errors, alphas, ensemble } = await adaBoost(learner, numbers(6), classes(truth), { rounds: 2 });
    expect(given[0]).toEqual([1, 1, 1, 1, 1, 1]);
    expect(errors[0]).toBeCloseTo(1 / 3, 12);
    expect(alphas[0]).toBeCloseTo(2 * Math.log(2), 12);
    given[1].forEach((w, i) => {
      expect(w).toBeCloseTo(6 * (i < 4 ? 1 / 12 : 4 / 12), 6);
    });
    expect(errors[1]).toBeCloseTo(1 / 12, 12);
    expect(alphas[1]).toBeCloseTo(Math.log(11) + Math.log(2), 12);
    // The second one has more to say.
    expect(await read(ensemble.forward(numbers(6)).argmax(1))).toEqual(chosen[1]);
  });

  it('makes weak members strong', { timeout: 120_000 }, async () => {
    const { x, y, labels } = moons(120, 3);
    const linear: selection.Learner = async (ownX, ownY, { weights, seed }) => {
      manualSeed(seed);
      const model = new nn.Sequential(new nn.Linear(2, 1), new nn.Tanh(), new nn.Linear(1, 2));
      const optimizer = new optim.Adam(model.parameters(), { lr: 0.1 });
      for (let step = 0; step < 50; step++) {
        optimizer.zeroGrad();
        const losses = F.crossEntropy(model.forward(ownX), ownY, { reduction: 'none' });
        losses
          .mul(weights as Tensor)
          .mean()
          .backward();
        optimizer.step();
      }
      return model;
    };
    const { ensemble, errors } = await adaBoost(linear, x, y, { rounds: 12, seed: 1 });
    const one = await accuracyOf(ensemble.members.items[0], x, labels);
    expect(one).toBeCloseTo(1 - errors[0], 6);
    expect(await accuracyOf(ensemble, x, labels)).toBeGreaterThan(one + 0.02);
  });

  it('ends at a perfect member, and refuses one that guesses', async () => {
    const perfect: selection.Learner = () => new Table(oneHot([0, 1, 0, 1], 2));
    expect((await adaBoost(perfect, numbers(4), classes([0, 1, 0, 1]))).alphas).toEqual([1]);
    await expect(adaBoost(perfect, numbers(4), classes([0, 1, 1, 0]))).rejects.toThrow(/no better than guessing/);
  });
});

describe('gradientBoosting', () => {
  /** Answers with its targets, so that every step is known. */
  const exact: selection.Learner = async (_, y) => {
    const values = await read(y);
    const width = values.length / y.shape[0];
    return new Table(Array.from({ length: y.shape[0] }, (_unused, i) => values.slice(i * width, (i + 1) * width)));
  };

  it('goes down the squared error by its rate', async () => {
    const { losses, model } = await gradientBoosting(exact, numbers(3), tensor([1, 2, 6]), {
      rounds: 3,
      learningRate: 0.5,
    });
    // Residuals -2, -1, 3 halve each time: (4 + 1 + 9) / 6, and a quarter of it behind each round.
    [14 / 6, 14 / 24, 14 / 96, 14 / 384].forEach((loss, i) => {
      expect(losses[i]).toBeCloseTo(loss, 5);
    });
    expect(model).toBeInstanceOf(AdditiveModel);
    const values = await read(model.forward(numbers(3)));
    [3 - 2 * 0.875, 3 - 0.875, 3 + 3 * 0.875].forEach((value, i) => {
      expect(values[i]).toBeCloseTo(value, 5);
    });
  });

  it('starts from the shares of the classes, and follows the gradient of the log loss', async () => {
    const { losses, model } = await gradientBoosting(exact, numbers(4), classes([0, 0, 0, 1]), {
      rounds: 1,
      learningRate: 1,
      loss: 'logLoss',
    });
    expect(losses[0]).toBeCloseTo(-(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25)), 5);
    const values = await read(model.forward(numbers(4)));
    [Math.log(0.75) + 0.25, Math.log(0.25) - 0.25].forEach((value, i) => {
      expect(values[i]).toBeCloseTo(value, 5);
    });
  });

  it('takes any loss, and a part of the samples', async () => {
    const sizes: number[] = [];
    const learner: selection.Learner = (x, y) => {
      sizes.push(x.shape[0]);
      expect(y.shape).toEqual([x.shape[0]]);
      return new Table([[1], [1], [1], [1]]);
    };
    const loss: selection.SummedLoss = (out, target) => out.sub(target).abs().sum();
    const { losses } = await gradientBoosting(learner, numbers(4), tensor([1, 1, 1, 1]), {
      loss,
      rounds: 2,
      learningRate: 0.25,
      subsample: 0.5,
    });
    expect(losses).toEqual([1, 0.75, 0.5]);
    expect(sizes).toEqual([2, 2]);
    await expect(
      gradientBoosting(
        () =>
          new Table([
            [1, 2],
            [1, 2],
          ]),
        numbers(2),
        tensor([1, 2]),
      ),
    ).rejects.toThrow(/member 0: gradientBoosting: outputs \[2, 2\] do not fit residuals \[2\]/);
  });
});

describe('stacking', () => {
  it('teaches the last model only what members have not seen', async () => {
    const labels = [0, 1, 0, 1, 0, 1, 0, 1];
    const seen: number[][] = [];
    const memory: selection.Learner = async (x, y) => {
      const [known, own] = [await read(x), await read(y)];
      seen.push(known);
      return new Table(labels.map((_, i) => (known.includes(i) ? (own[known.indexOf(i)] ? [0, 9] : [9, 0]) : [0, 0])));
    };
    const splits = new selection.KFold(4);
    const final: selection.Learner = () => new nn.Linear(4, 2);
    const { model, features } = await selection.stacking([memory, memory], final, numbers(8), classes(labels), {
      splits,
    });
    expect(features.shape).toEqual([8, 4]);
    // Members that know nothing say one half.
    for (const value of await read(features)) expect(value).toBeCloseTo(0.5, 6);
    expect(seen.map((own) => own.length)).toEqual([6, 6, 6, 6, 8, 6, 6, 6, 6, 8]);
    expect(model.forward(numbers(8)).shape).toEqual([8, 2]);
  });

  it('refuses folds that leave samples out', async () => {
    const { x, y } = moons(20, 1);
    const splits = new selection.ShuffleSplit(2, { testSize: 0.3, seed: 1 });
    await expect(selection.stacking([network], network, x, y, { splits })).rejects.toThrow(
      /sample \d+ is (never|tested)/,
    );
    await expect(selection.stacking([], network, x, y)).rejects.toThrow(/learners must be a list/);
  });
});

it('takes snapshots where the rate has fallen to the bottom', async () => {
  const { x, y } = moons(40, 5);
  const model = new nn.Linear(2, 2);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  const loader = new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 10, seed: 1 });
  const snapshots = new selection.Snapshots(optimizer, { steps: 12, cycles: 3 });
  const rates: number[] = [];
  const spy = { onBeforeStep: () => void rates.push(optimizer.paramGroups[0].lr) };
  const trainer = new Trainer({ model, loss: new nn.CrossEntropyLoss(), optimizer, callbacks: [spy, snapshots] });
  await trainer.fit(loader as never, { epochs: 3, progress: false });
  // Equation 2 of Huang et al. with 4 steps in a cycle.
  const cycle = [0, 1, 2, 3].map((step) => 0.05 * (Math.cos((Math.PI * step) / 4) + 1));
  [...cycle, ...cycle, ...cycle].forEach((rate, i) => {
    expect(rates[i]).toBeCloseTo(rate, 12);
  });
  expect(snapshots.models).toHaveLength(3);
  expect(await read(snapshots.models[2].forward(x))).toEqual(await read(model.forward(x)));
  expect(await read(snapshots.models[1].forward(x))).not.toEqual(await read(model.forward(x)));
  expect(snapshots.ensemble(2).members.items).toHaveLength(2);
  expect(() => snapshots.ensemble(4)).toThrow(/there are 3 models, 4 were asked for/);
});

describe('biasVariance', () => {
  it('splits squared loss', () => {
    const { loss, bias, variance, netVariance } = biasVariance(
      [
        [1, 4],
        [3, 4],
      ],
      [0, 5],
    );
    // Sample 0: mean 2, bias 4, variance 1. Sample 1: bias 1, variance 0.
    expect([loss, bias, variance, netVariance]).toEqual([3, 2.5, 0.5, 0.5]);
  });

  it('splits 0/1 loss as Domingos does: variance helps where the main prediction is wrong', () => {
    const predictions = [
      [0, 1],
      [0, 1],
      [1, 0],
    ];
    const result = biasVariance(predictions, [0, 0], { loss: 'zeroOne' });
    expect(result.bias).toBe(0.5);
    expect(result.unbiasedVariance).toBeCloseTo(1 / 6, 12);
    expect(result.biasedVariance).toBeCloseTo(1 / 6, 12);
    expect(result.loss).toBeCloseTo(0.5 + 1 / 6 - 1 / 6, 12);
    expect(result.netVariance).toBeCloseTo(0, 12);
  });

  it('names what it cannot use', () => {
    expect(() => biasVariance([], [1])).toThrow(/at least one model/);
    expect(() => biasVariance([[1]], [1, 2])).toThrow(/model 0 has \[1\] predictions, there are 2 targets/);
    expect(() => biasVariance([[1, Number.NaN]], [1, 2])).toThrow(/model 0 predicts NaN for sample 1/);
  });
});
