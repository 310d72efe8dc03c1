// What torchmetrics' numbers do not show: soft targets, wrong labels and options, memory, use in the Trainer.
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  data,
  manualSeed,
  metrics,
  nn,
  optim,
  rand,
  randn,
  ShapeError,
  type Tensor,
  Trainer,
  tensor,
  ValueError,
  zeros,
} from '../../lib/index.js';
import type { Metric } from '../../lib/metrics/index.js';
import { liveTensors } from '../support/garbage.js';

const multiclass = { task: 'multiclass' } as const;
const labels = (...values: number[]): Tensor => tensor(values, { dtype: 'int64' });

describe('soft targets', () => {
  it('count as their largest class', async () => {
    const output = tensor([
      [3, 1, 0],
      [0, 1, 2],
      [1, 2, 0],
    ]);
    const soft = tensor([
      [0.9, 0.1, 0],
      [0.2, 0.5, 0.3],
      [0.1, 0.8, 0.1],
    ]);
    for (const make of [() => metrics.accuracy(), () => metrics.f1Score(multiclass), () => metrics.topKAccuracy(1)]) {
      const metric = make();
      metric.update(output, soft);
      expect(await metric.compute()).toBeCloseTo(2 / 3, 12);
    }
    const auc = metrics.rocAuc({ ...multiclass, average: 'none' });
    auc.update(output, soft);
    const hard = metrics.rocAuc({ ...multiclass, average: 'none' });
    hard.update(output, labels(0, 1, 1));
    expect(await auc.compute()).toEqual(await hard.compute());
  });

  it('of binary tasks must be 0 or 1, in any dtype', async () => {
    const metric = metrics.precision({ task: 'binary' });
    metric.update(tensor([0.9, 0.7, 0.2]), tensor([1, 0, 1]));
    expect(await metric.compute()).toBe(0.5);
    metric.update(tensor([0.9]), tensor([0.5]));
    await expect(metric.compute()).rejects.toThrow(/^precision: 1 label is not in \{0, 1\}; reset\(\) begins anew/);
  });
});

describe('labels out of range', () => {
  const made: [string, () => Metric<unknown>][] = [
    ['accuracy', () => metrics.accuracy()],
    ['recall', () => metrics.recall({ ...multiclass, average: 'macro' })],
    ['topKAccuracy', () => metrics.topKAccuracy(2)],
    ['rocAuc', () => metrics.rocAuc(multiclass)],
    ['averagePrecision', () => metrics.averagePrecision({ ...multiclass, thresholds: 9 })],
    ['calibrationError', () => metrics.calibrationError(multiclass)],
    ['diceScore', () => metrics.diceScore({ numClasses: 3 })],
    ['confusionMatrix', () => metrics.confusionMatrix(multiclass)],
  ];
  it.each(made)('reject compute of %s, until a reset', async (name, make) => {
    const metric = make();
    metric.update(rand([4, 3]), labels(0, 3, 1, -1));
    const wrong = metric.compute();
    await expect(wrong).rejects.toThrow(ValueError);
    await expect(wrong).rejects.toThrow(`${name}: 2 labels are not in [0, 3); reset() begins anew`);
    metric.reset();
    metric.update(rand([4, 3]), labels(0, 2, 1, 1));
    await metric.compute();
  });
  it('of predictions too', async () => {
    const metric = metrics.recall({ ...multiclass, numClasses: 3 });
    metric.update(labels(0, 3), labels(0, 1));
    await expect(metric.compute()).rejects.toThrow(/1 label is not in \[0, 3\)/);
  });
  it('are none where they are ignored', async () => {
    const metric = metrics.accuracy({ ignoreIndex: -1, name: 'known' });
    metric.update(tensor([[1, 0], [1, 0]]), labels(0, -1)); // biome-ignore format: a row per sample
    expect([await metric.compute(), metric.name]).toEqual([1, 'known']);
  });
});

describe('wrong arguments', () => {
  const calls: [string, () => unknown, RegExp][] = [
    ['no options', () => metrics.precision(undefined as never), /^precision: options must be an object/],
    ['no task', () => metrics.recall({} as never), /^recall: task must be one of "binary", .* got undefined/],
    ['average', () => metrics.f1Score({ ...multiclass, average: 'mean' as never }), /average must be one of .* "mean"/],
    ['threshold', () => metrics.accuracy({ threshold: 2 }), /threshold must lie in \[0, 1\], got 2/],
    ['classes', () => metrics.accuracy({ numClasses: 1 }), /numClasses must be an integer >= 2, got 1/],
    ['ignoreIndex', () => metrics.accuracy({ ignoreIndex: 0.5 }), /ignoreIndex must be an integer, got 0.5/],
    ['name', () => metrics.accuracy({ name: '' }), /name must be a text/],
    ['beta', () => metrics.fBetaScore(0, multiclass), /beta must be more than 0, got 0/],
    ['k', () => metrics.topKAccuracy(0), /k must be an integer >= 1, got 0/],
    ['zeroDivision', () => metrics.recall({ ...multiclass, zeroDivision: 2 }), /zeroDivision must be one of 0, 1, NaN/],
    ['normalize', () => metrics.confusionMatrix({ ...multiclass, normalize: 'rows' as never }), /normalize must be/],
    ['kappa', () => metrics.cohenKappa({ task: 'multilabel' as never }), /task must be one of "binary", "multiclass"/],
    ['thresholds', () => metrics.rocCurve({ task: 'binary', thresholds: [0.5, 0.2] }), /in ascending order/],
    ['one threshold', () => metrics.rocAuc({ task: 'binary', thresholds: 1 }), /thresholds must be a number >= 2/],
    ['maxFpr', () => metrics.rocAuc({ ...multiclass, maxFpr: 0.5 }), /maxFpr .* for binary tasks/],
    ['bins', () => metrics.calibrationError({ ...multiclass, numBins: 0 }), /numBins must be an integer >= 1/],
    ['dice', () => metrics.diceScore({ numClasses: 3, includeBackground: 1 as never }), /includeBackground must be/],
    ['eps', () => metrics.meanAbsolutePercentageError({ eps: 0 }), /eps must be more than 0/],
    ['multioutput', () => metrics.r2Score({ multioutput: 'mean' as never }), /multioutput must be one of/],
    ['adjusted', () => metrics.r2Score({ adjusted: -1 }), /adjusted must be an integer >= 0/],
    ['label outputs', () => metrics.recall(multiclass).update(labels(1), labels(1)), /numClasses is needed/],
    ['no scores', () => metrics.rocAuc(multiclass).update(labels(1), labels(1)), /floating-point scores/],
  ];
  it.each(calls)('%s', (_, call, message) => {
    expect(call).toThrow(ArgumentError);
    expect(call).toThrow(message);
  });

  const shapes: [string, () => unknown, RegExp][] = [
    ['binary', () => metrics.recall({ task: 'binary' }).update(rand([3, 1]), labels(1, 0, 1)), /\[3, 1\] and \[3\]/],
    ['labels', () => metrics.recall({ task: 'multilabel' }).update(rand([3]), labels(1, 0, 1)), /\[N, L, \.\.\.\]/],
    ['classes', () => metrics.accuracy({ numClasses: 4 }).update(rand([1, 3]), labels(1)), /4 classes were announced/],
    ['top k', () => metrics.topKAccuracy(4).update(rand([1, 3]), labels(1)), /at least 4 classes are needed/],
    [
      'dice',
      () => metrics.diceScore({ numClasses: 3 }).update(rand([2, 4, 5]), zeros([2, 5])),
      /output \[N, 3, \.\.\.\]/,
    ],
    ['r2', () => metrics.r2Score().update(rand([2, 2, 2]), rand([2, 2, 2])), /\[N\] or \[N, D\]/],
    ['calibration', () => metrics.calibrationError(multiclass).update(rand([2]), labels(1, 1)), /\[2\] and \[2\]/],
  ];
  it.each(shapes)('shapes: %s', (_, call, message) => {
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(message);
  });

  it('another number of classes than before changes nothing', async () => {
    for (const metric of [metrics.accuracy(), metrics.rocAuc(multiclass), metrics.topKAccuracy(1)]) {
      metric.update(tensor([[1, 0], [0, 1], [0, 1]]), labels(0, 1, 0)); // biome-ignore format: a row per sample
      const before = await metric.compute();
      expect(() => metric.update(rand([1, 3]), labels(1))).toThrow(/2 classes before/);
      expect(await metric.compute()).toBe(before);
    }
  });
});

describe('memory', () => {
  const flat: (() => Metric<unknown>)[] = [
    () => metrics.confusionMatrix(multiclass),
    () => metrics.rocAuc({ ...multiclass, thresholds: 20 }),
    () => metrics.calibrationError(multiclass),
    () => metrics.diceScore({ numClasses: 5 }),
  ];
  it.each(flat)('stays flat (%#)', async (make) => {
    const metric = make();
    const [output, target] = [rand([64, 5]), zeros([64], { dtype: 'int64' })];
    metric.update(output, target);
    const tensors = liveTensors();
    for (let i = 0; i < 20; i++) metric.update(output, target);
    expect(liveTensors()).toBe(tensors);
    await metric.compute();
    expect(liveTensors()).toBe(tensors);
    metric.reset();
  });
  it('of exact curves is few tensors, and all scores count', async () => {
    manualSeed(1);
    const [exact, whole] = [metrics.averagePrecision({ task: 'binary' }), metrics.averagePrecision({ task: 'binary' })];
    const [scores, truth] = [rand([600]), rand([600]).gt(0.6).to('int64')];
    const tensors = liveTensors();
    for (let i = 0; i < 600; i += 4) exact.update(scores.slice(0, i, i + 4), truth.slice(0, i, i + 4));
    whole.update(scores, truth);
    expect(await exact.compute()).toBe(await whole.compute());
    expect(liveTensors() - tensors).toBeLessThan(2 * 11); // a pair of tensors per power of two
    exact.reset();
  });
});

it('r2 and explained variance keep their digits where the mean is large', async () => {
  const [r2, variance] = [metrics.r2Score(), metrics.explainedVariance()];
  for (const shift of [0, 1, 2, 3]) {
    const target = tensor([1e9 + shift, 1e9 - shift], { dtype: 'float64' });
    r2.update(target.add(0.5), target);
    variance.update(target.add(0.5), target);
  }
  expect(await r2.compute()).toBeCloseTo(1 - 2 / 28, 12);
  expect(await variance.compute()).toBe(1);
  const one = metrics.r2Score();
  one.update(tensor([1]), tensor([1]));
  await expect(one.compute()).rejects.toThrow(/at least 2 samples are needed, there was 1/);
});

it('the Trainer logs numbers; the others are read behind it', async () => {
  manualSeed(3);
  const model = new nn.Linear(4, 3);
  const confusion = metrics.confusionMatrix(multiclass);
  const trainer = new Trainer({
    model,
    loss: new nn.CrossEntropyLoss(),
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
    metrics: [
      metrics.f1Score({ ...multiclass, average: 'macro', name: 'macroF1' }),
      confusion,
      metrics.topKAccuracy(2),
    ],
  });
  const x = randn([12, 4]);
  const loader = new data.DataLoader(new data.TensorDataset(x, x.slice(1, 0, 3).argmax(1)), { batchSize: 5 });
  const { epochs } = await trainer.fit(loader, { progress: false });
  expect(Object.keys(epochs[0]).sort()).toEqual([
    'epoch',
    'loss',
    'macroF1',
    'samplesPerSecond',
    'seconds',
    'topKAccuracy',
  ]);
  const log = await trainer.evaluate(loader);
  expect(Object.keys(log)).toEqual(['loss', 'macroF1', 'topKAccuracy']);
  expect((await confusion.compute()).flat().reduce((a, b) => a + b, 0)).toBe(12);
});

it.each<[string, () => Metric<unknown>]>([
  ['confusionMatrix', () => metrics.confusionMatrix(multiclass)],
  ['topKAccuracy', () => metrics.topKAccuracy(2)],
  ['rocAuc', () => metrics.rocAuc(multiclass)],
  ['averagePrecision', () => metrics.averagePrecision({ ...multiclass, thresholds: 7 })],
  ['calibrationError', () => metrics.calibrationError(multiclass)],
  ['diceScore', () => metrics.diceScore({ numClasses: 5 })],
])('the state of %s goes on in another one', async (_, make) => {
  manualSeed(4);
  const batches = [9, 4].map((n) => [rand([n, 5]), rand([n, 5]).argmax(1)] as const);
  const [whole, first, second] = [make(), make(), make()];
  for (const [output, target] of batches) whole.update(output, target);
  first.update(...batches[0]);
  second.loadStateDict?.(first.stateDict?.() ?? {});
  second.update(...batches[1]);
  expect(await second.compute()).toEqual(await whole.compute());
});
