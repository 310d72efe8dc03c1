// Leak cases of the choice of models: splits, ensembles, the search for hyperparameters.
import {
  F,
  manualSeed,
  nn,
  noGrad,
  optim,
  randn,
  selection,
  type Tensor,
  Trainer,
  tensor,
} from '../../../lib/index.js';
import type { Cases } from '../run.js';

const labels = () => tensor([0, 1, 0, 1, 1, 0, 0, 1], { dtype: 'int64' });
const points = () => randn([8, 2]);
const groups = () => [0, 0, 1, 1, 2, 2, 3, 3];

const folds = (make: () => selection.Splitter) => () => [...make().split(points(), [0, 1, 0, 1, 1, 0, 0, 1], groups())];

export const splitters: Cases = {
  'selection.KFold': folds(() => new selection.KFold(2, { shuffle: true })),
  'selection.RepeatedKFold': folds(() => new selection.RepeatedKFold(2)),
  'selection.RepeatedStratifiedKFold': folds(() => new selection.RepeatedStratifiedKFold(2)),
  'selection.GroupKFold': folds(() => new selection.GroupKFold(2)),
  'selection.StratifiedGroupKFold': folds(() => new selection.StratifiedGroupKFold(2)),
  'selection.GroupShuffleSplit': folds(() => new selection.GroupShuffleSplit(2)),
  'selection.ShuffleSplit': folds(() => new selection.ShuffleSplit(2)),
  'selection.StratifiedShuffleSplit': folds(() => new selection.StratifiedShuffleSplit(2, { testSize: 2 })),
  'selection.LeaveOneOut': folds(() => new selection.LeaveOneOut()),
  'selection.LeaveOneGroupOut': folds(() => new selection.LeaveOneGroupOut()),
  'selection.TimeSeriesSplit': folds(() => new selection.TimeSeriesSplit(2)),
};

const space = { x: selection.float(0, 1), n: selection.int(1, 4), kind: selection.categorical(['a', 'b']) };

/** A small study whose objective computes with tensors. */
const searched = (make: () => object) => async () => {
  const study = new selection.Study({ space, ...make() });
  await study.optimize((trial) => tensor([trial.params.x]).square().sum().item(), { trials: 4 });
  return study.best;
};

export const searches: Cases = {
  'selection.float': searched(() => ({ space: { ...space, x: selection.float(0, 2) } })),
  'selection.int': searched(() => ({ space: { ...space, m: selection.int(1, 3) } })),
  'selection.categorical': searched(() => ({ space: { ...space, k: selection.categorical([1, 2]) } })),
  'selection.when': searched(() => ({ space: { ...space, y: selection.when({ kind: 'a' }, selection.float(0, 1)) } })),
  'selection.RandomSampler': searched(() => ({ sampler: new selection.RandomSampler() })),
  'selection.GridSampler': searched(() => ({ sampler: new selection.GridSampler({ points: 2 }) })),
  'selection.LatinHypercubeSampler': searched(() => ({ sampler: new selection.LatinHypercubeSampler(4) })),
  'selection.BayesianSampler': searched(() => ({ sampler: new selection.BayesianSampler({ startTrials: 2 }) })),
  'selection.MedianPruner': searched(() => ({ pruner: new selection.MedianPruner() })),
  'selection.AshaPruner': searched(() => ({ pruner: new selection.AshaPruner() })),
  'selection.HyperbandPruner': searched(() => ({ pruner: new selection.HyperbandPruner({ maxResource: 9 }) })),
  'selection.successiveHalving': () =>
    selection.successiveHalving(
      ({ params }) => tensor([params.x]).sum().item(),
      { x: space.x },
      { maxResource: 3, seed: 1 },
    ),
  'selection.hyperband': () =>
    selection.hyperband(({ params }) => tensor([params.x]).sum().item(), { x: space.x }, { maxResource: 3, seed: 1 }),
  'selection.GaussianProcess': () => selection.GaussianProcess.fit([[0], [0.5], [1]], [1, 0, 2]).predict([0.2]),
  'selection.mannWhitneyU': () => selection.mannWhitneyU([1, 2, 3], [2, 3, 4]),
  'selection.bootstrapError': () => {
    const y = [0, 1, 0, 1, 1, 0, 0, 1];
    return selection.bootstrapError((train) => (samples) => samples.map((i) => y[train[i % train.length]]), y, {
      resamples: 20,
      seed: 1,
    });
  },
  'selection.biasVariance': () =>
    selection.biasVariance(
      [
        [1, 2],
        [2, 2],
      ],
      [1, 2],
    ),
};

/** Trains for some steps, by cross entropy or by the squared error. */
const learner: selection.Learner = async (x, y, { weights, seed }) => {
  manualSeed(seed);
  const counted = y.dtype === 'int64';
  const model = new nn.Sequential(new nn.Linear(x.shape[1], 4), new nn.Tanh(), new nn.Linear(4, counted ? 2 : 1));
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });
  for (let step = 0; step < 60; step++) {
    const out = model.forward(x);
    const losses = counted ? F.crossEntropy(out, y, { reduction: 'none' }) : out.reshape([-1]).sub(y).square();
    optimizer.zeroGrad();
    (weights === null ? losses : losses.mul(weights)).mean().backward();
    optimizer.step();
  }
  return model;
};
const separable = (): [Tensor, Tensor] => {
  const y = labels();
  return [points().mul(0.1).add(y.to('float32').unsqueeze(1)), y];
};
const members = () => [new nn.Linear(2, 2), new nn.Linear(2, 2)];

export const ensembles: Cases = {
  'selection.Ensemble': () => noGrad(() => new selection.Ensemble(members()).forward(points())),
  'selection.AdditiveModel': () =>
    new selection.AdditiveModel(tensor([0, 0]), members(), 0.5).forward(points()).sum().backward(),
  'selection.StackedModel': () =>
    noGrad(() => new selection.StackedModel(members(), new nn.Linear(4, 2), 'classification').forward(points())),
  'selection.averageStateDicts': () => selection.averageStateDicts(members().map((member) => member.stateDict())),
  'selection.adaBoost': async () => (await selection.adaBoost(learner, ...separable(), { rounds: 2, seed: 1 })).errors,
  'selection.gradientBoosting': async () =>
    (await selection.gradientBoosting(learner, points(), randn([8]), { rounds: 2, seed: 1 })).losses,
  'selection.stacking': async () =>
    (await selection.stacking([learner, learner], learner, ...separable(), { splits: new selection.KFold(2) }))
      .features,
  'selection.Snapshots': async () => {
    const model = new nn.Linear(2, 2);
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    const snapshots = new selection.Snapshots(optimizer, { steps: 4, cycles: 2 });
    const trainer = new Trainer({ model, optimizer, loss: new nn.CrossEntropyLoss(), callbacks: [snapshots] });
    await trainer.fit([separable(), separable()], { epochs: 2, progress: false });
    return noGrad(() => snapshots.ensemble(2).forward(points()));
  },
};
