// Leak cases of nn.init, nn.utils, optimizers and schedules.
import { manualSeed, nn, noGrad, ones, optim, randn, type Tensor, tensor, zeros } from '../../../lib/index.js';
import type { Cases } from '../run.js';

const { init, utils } = nn;
const { prune, parametrize, parametrizations, rnn } = utils;

const weight = () => zeros([4, 4]);

export const initial: Cases = {
  'nn.init.calculateGain': () => init.calculateGain('relu'),
  'nn.init.constant_': () => init.constant_(weight(), 2),
  'nn.init.dirac_': () => init.dirac_(zeros([4, 4, 3])),
  'nn.init.eye_': () => init.eye_(weight()),
  'nn.init.kaimingNormal_': () => init.kaimingNormal_(weight()),
  'nn.init.kaimingUniform_': () => init.kaimingUniform_(weight()),
  'nn.init.normal_': () => init.normal_(weight()),
  'nn.init.ones_': () => init.ones_(weight()),
  'nn.init.orthogonal_': () => init.orthogonal_(weight()),
  'nn.init.resetLinear': () => init.resetLinear(weight(), zeros([4])),
  'nn.init.sparse_': () => init.sparse_(weight(), 0.5),
  'nn.init.truncNormal_': () => init.truncNormal_(weight()),
  'nn.init.uniform_': () => init.uniform_(weight()),
  'nn.init.xavierNormal_': () => init.xavierNormal_(weight()),
  'nn.init.xavierUniform_': () => init.xavierUniform_(weight()),
  'nn.KVCache': () => {
    const cache = new nn.KVCache(1);
    return cache;
  },
  'nn.UninitializedParameter': () => new nn.UninitializedParameter(),
  'nn.UninitializedBuffer': () => new nn.UninitializedBuffer(),
};

function trained(): nn.Linear {
  const layer = new nn.Linear(4, 3);
  layer
    .forward(randn([2, 4]))
    .square()
    .sum()
    .backward();
  return layer;
}

const pruned = (change: (layer: nn.Linear) => unknown) => () => {
  const layer = new nn.Linear(4, 6);
  change(layer);
  layer
    .forward(randn([2, 4]))
    .sum()
    .backward();
};

const { weightNorm, spectralNorm, removeWeightNorm, removeSpectralNorm } = utils;
const running = () => [zeros([3]), ones([3])] as const;

export const utilities: Cases = {
  'nn.utils.getTotalNorm': () => utils.getTotalNorm([...trained().parameters()]),
  'nn.utils.clipGradsWithNorm_': () => utils.clipGradsWithNorm_(trained().parameters(), 0.1, tensor(2)),
  'nn.utils.clipGradValue_': () => utils.clipGradValue_(trained().parameters(), 0.1),
  'nn.utils.parametersToVector': () => utils.parametersToVector(trained().parameters()),
  'nn.utils.vectorToParameters': () => {
    const layer = trained();
    noGrad(() => utils.vectorToParameters(randn([15]), layer.parameters()));
  },
  'nn.utils.unitNorm_': () => utils.unitNorm_(trained().parameters()),
  'nn.utils.nonNegative_': () => utils.nonNegative_(trained().parameters()),
  'nn.utils.fuseConvBnWeights': () =>
    utils.fuseConvBnWeights(randn([3, 2, 3, 3]), null, ...running(), 1e-5, ones([3]), zeros([3])),
  'nn.utils.fuseLinearBnWeights': () =>
    utils.fuseLinearBnWeights(randn([3, 2]), null, ...running(), 1e-5, ones([3]), zeros([3])),
  'nn.utils.fuseLinearBnEval': () =>
    utils.fuseLinearBnEval(new nn.Linear(4, 3).eval(), new nn.BatchNorm1d(3).eval()).forward(randn([2, 4])),
  'nn.utils.removeWeightNorm': () => removeWeightNorm(weightNorm(new nn.Linear(4, 3))).forward(randn([2, 4])),
  'nn.utils.removeSpectralNorm': () => removeSpectralNorm(spectralNorm(new nn.Linear(4, 3))).forward(randn([2, 4])),
  'nn.utils.parametrizations.spectralNorm': () =>
    parametrizations
      .spectralNorm(new nn.Linear(4, 3))
      .forward(randn([2, 4]))
      .sum()
      .backward(),
  'nn.utils.parametrize.cached': () => {
    const layer = parametrizations.orthogonal(new nn.Linear(4, 4));
    parametrize.cached(() =>
      layer
        .forward(layer.forward(randn([2, 4])))
        .sum()
        .backward(),
    );
  },
  'nn.utils.parametrize.isParametrized': () =>
    parametrize.isParametrized(parametrizations.orthogonal(new nn.Linear(4, 4))),
  'nn.utils.parametrize.removeParametrizations': () =>
    parametrize.removeParametrizations(parametrizations.orthogonal(new nn.Linear(4, 4)), 'weight'),
  'nn.utils.parametrize.transferParametrizationsAndParams': () =>
    parametrize.transferParametrizationsAndParams(
      parametrizations.weightNorm(new nn.Linear(4, 4)),
      new nn.Linear(4, 4),
    ),
  'nn.utils.parametrize.typeBeforeParametrizations': () =>
    parametrize.typeBeforeParametrizations(parametrizations.orthogonal(new nn.Linear(4, 4))).name,
  'nn.utils.parametrize.ParametrizationList': () => {
    const layer = parametrizations.weightNorm(new nn.Linear(4, 4));
    return layer.parametrizations?.weight instanceof parametrize.ParametrizationList;
  },
};

export const pruning: Cases = {
  'nn.utils.prune.identity': pruned((layer) => prune.identity(layer, 'weight')),
  'nn.utils.prune.Identity': pruned((layer) => prune.Identity.apply(layer, 'weight')),
  'nn.utils.prune.l1Unstructured': pruned((layer) => prune.l1Unstructured(layer, 'weight', 0.5)),
  'nn.utils.prune.L1Unstructured': pruned((layer) => prune.L1Unstructured.apply(layer, 'weight', 0.5)),
  'nn.utils.prune.randomUnstructured': pruned((layer) => prune.randomUnstructured(layer, 'weight', 0.5)),
  'nn.utils.prune.RandomUnstructured': pruned((layer) => prune.RandomUnstructured.apply(layer, 'weight', 0.5)),
  'nn.utils.prune.lnStructured': pruned((layer) => prune.lnStructured(layer, 'weight', 2, 2, 0)),
  'nn.utils.prune.LnStructured': pruned((layer) => prune.LnStructured.apply(layer, 'weight', 2, 2, 0)),
  'nn.utils.prune.randomStructured': pruned((layer) => prune.randomStructured(layer, 'weight', 2, 0)),
  'nn.utils.prune.RandomStructured': pruned((layer) => prune.RandomStructured.apply(layer, 'weight', 2, 0)),
  'nn.utils.prune.customFromMask': pruned((layer) => prune.customFromMask(layer, 'weight', ones([6, 4]))),
  'nn.utils.prune.CustomFromMask': pruned((layer) => prune.CustomFromMask.apply(layer, 'weight', ones([6, 4]))),
  'nn.utils.prune.globalUnstructured': pruned((layer) =>
    prune.globalUnstructured([[layer, 'weight']], prune.L1Unstructured, { amount: 3 }),
  ),
  'nn.utils.prune.PruningContainer': pruned((layer) => {
    prune.l1Unstructured(layer, 'weight', 0.25);
    prune.randomUnstructured(layer, 'weight', 0.25);
    return new prune.PruningContainer();
  }),
  'nn.utils.prune.isPruned': pruned((layer) => prune.isPruned(prune.identity(layer, 'weight'))),
  'nn.utils.prune.remove': pruned((layer) => prune.remove(prune.l1Unstructured(layer, 'weight', 0.5), 'weight')),
};

const padded = () => rnn.packPaddedSequence(randn([3, 2, 4], { requiresGrad: true }), [3, 2]);

export const packing: Cases = {
  'nn.utils.rnn.packPaddedSequence': () => padded().data.sum().backward(),
  'nn.utils.rnn.PackedSequence': () => padded() instanceof rnn.PackedSequence,
  'nn.utils.rnn.padPackedSequence': () => rnn.padPackedSequence(padded())[0].sum().backward(),
  'nn.utils.rnn.packSequence': () => rnn.packSequence([randn([3, 2]), randn([1, 2])]),
  'nn.utils.rnn.unpackSequence': () => rnn.unpackSequence(padded()),
  'nn.utils.rnn.padSequence': () => rnn.padSequence([randn([3, 2]), randn([1, 2])]),
  'nn.utils.rnn.unpadSequence': () => rnn.unpadSequence(randn([3, 2, 4]), [3, 2]),
  'nn.utils.rnn.invertPermutation': () => rnn.invertPermutation(tensor([1, 0], { dtype: 'int64' })),
};

type Make = (parameters: Tensor[]) => { step(): unknown; zeroGrad(): void };
const steps = (make: Make) => () => {
  const layer = new nn.Linear(4, 3);
  const optimizer = make([...layer.parameters()]);
  for (let i = 0; i < 3; i++) {
    optimizer.zeroGrad();
    layer
      .forward(randn([2, 4]))
      .square()
      .sum()
      .backward();
    optimizer.step();
  }
};

export const optimizers: Cases = {
  'optim.ASGD': steps((p) => new optim.ASGD(p)),
  'optim.Adadelta': steps((p) => new optim.Adadelta(p)),
  'optim.Adafactor': steps((p) => new optim.Adafactor(p)),
  'optim.Adagrad': steps((p) => new optim.Adagrad(p)),
  'optim.Adamax': steps((p) => new optim.Adamax(p)),
  'optim.LAMB': steps((p) => new optim.LAMB(p)),
  'optim.Lion': steps((p) => new optim.Lion(p)),
  'optim.Lookahead': steps((p) => new optim.Lookahead(new optim.SGD(p, { lr: 0.1 }), { k: 2 })),
  'optim.NAdam': steps((p) => new optim.NAdam(p)),
  'optim.RAdam': steps((p) => new optim.RAdam(p)),
  'optim.RMSprop': steps((p) => new optim.RMSprop(p, { momentum: 0.9, centered: true })),
  'optim.Rprop': steps((p) => new optim.Rprop(p)),
  'optim.SparseAdam': () => {
    const table = new nn.Embedding(9, 3);
    const optimizer = new optim.SparseAdam(table.parameters());
    for (let i = 0; i < 3; i++) {
      optimizer.zeroGrad();
      table
        .forward(tensor([1, 2, 1], { dtype: 'int64' }))
        .square()
        .sum()
        .backward();
      optimizer.step();
    }
  },
};

const { lrScheduler, swaUtils } = optim;
type Schedule = (optimizer: optim.SGD) => { step(): unknown };
const scheduled = (make: Schedule) => () => {
  const layer = new nn.Linear(4, 3);
  const optimizer = new optim.SGD(layer.parameters(), { lr: 0.1, momentum: 0.9 });
  const scheduler = make(optimizer);
  for (let i = 0; i < 3; i++) {
    layer
      .forward(randn([2, 4]))
      .square()
      .sum()
      .backward();
    optimizer.step();
    scheduler.step();
  }
};

export const schedules: Cases = {
  'optim.lrScheduler.ConstantLR': scheduled((o) => new lrScheduler.ConstantLR(o)),
  'optim.lrScheduler.LinearLR': scheduled((o) => new lrScheduler.LinearLR(o)),
  'optim.lrScheduler.PolynomialLR': scheduled((o) => new lrScheduler.PolynomialLR(o)),
  'optim.lrScheduler.CosineAnnealingLR': scheduled((o) => new lrScheduler.CosineAnnealingLR(o, 5)),
  'optim.lrScheduler.CosineAnnealingWarmRestarts': scheduled((o) => new lrScheduler.CosineAnnealingWarmRestarts(o, 2)),
  'optim.lrScheduler.CyclicLR': scheduled((o) => new lrScheduler.CyclicLR(o, 0.1, 0.2)),
  'optim.lrScheduler.OneCycleLR': scheduled((o) => new lrScheduler.OneCycleLR(o, 0.2, { totalSteps: 9 })),
  'optim.lrScheduler.ExponentialLR': scheduled((o) => new lrScheduler.ExponentialLR(o, 0.9)),
  'optim.lrScheduler.LambdaLR': scheduled((o) => new lrScheduler.LambdaLR(o, (n) => 0.9 ** n)),
  'optim.lrScheduler.MultiplicativeLR': scheduled((o) => new lrScheduler.MultiplicativeLR(o, () => 0.9)),
  'optim.lrScheduler.MultiStepLR': scheduled((o) => new lrScheduler.MultiStepLR(o, [1, 2])),
  'optim.lrScheduler.SequentialLR': scheduled((o) => {
    const parts = [new lrScheduler.ConstantLR(o), new lrScheduler.ExponentialLR(o, 0.9)];
    return new lrScheduler.SequentialLR(o, parts, [1]);
  }),
  'optim.lrScheduler.ChainedScheduler': scheduled(
    (o) => new lrScheduler.ChainedScheduler([new lrScheduler.ConstantLR(o), new lrScheduler.ExponentialLR(o, 0.9)]),
  ),
  'optim.lrScheduler.warmup': scheduled((o) => lrScheduler.warmup(o, 2)),
  'optim.swaUtils.SWALR': scheduled((o) => new swaUtils.SWALR(o, 0.05)),
};

const averaged = (options: optim.swaUtils.AveragedModelOptions) => () => {
  const layer = new nn.Linear(4, 3);
  const model = new swaUtils.AveragedModel(layer, options);
  for (let i = 0; i < 3; i++) model.updateParameters(layer);
  return model.forward(randn([2, 4]));
};

export const averages: Cases = {
  'optim.swaUtils.AveragedModel': averaged({ useBuffers: true }),
  'optim.swaUtils.getEmaAvgFn': averaged({ avgFn: swaUtils.getEmaAvgFn(0.9) }),
  'optim.swaUtils.getEmaMultiAvgFn': averaged({ multiAvgFn: swaUtils.getEmaMultiAvgFn(0.9) }),
  'optim.swaUtils.getSwaAvgFn': averaged({ avgFn: swaUtils.getSwaAvgFn() }),
  'optim.swaUtils.getSwaMultiAvgFn': averaged({ multiAvgFn: swaUtils.getSwaMultiAvgFn() }),
  'optim.swaUtils.updateBn': () => {
    manualSeed(0);
    return swaUtils.updateBn([randn([4, 3]), randn([4, 3])], new nn.BatchNorm1d(3));
  },
};
