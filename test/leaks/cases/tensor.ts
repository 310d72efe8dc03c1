// Leak cases of tensors, functions and gradients: what has neither an entry in the fuzzer nor a spec.
import * as nabla from '../../../lib/index.js';
import type { Cases } from '../run.js';

const { autograd, F, ones, randn, tensor, zeros } = nabla;
const { functional } = autograd;

const leaf = (shape: number[] = [3, 4]) => randn(shape, { requiresGrad: true });
const counts = () => tensor([3, 1, 1, 0], { dtype: 'int64' });
const cube = (x: nabla.Tensor) => x.pow(3).sum();

export const creation: Cases = {
  asTensor: () => nabla.asTensor([[1, 2]]).add(nabla.asTensor(new Float32Array(2))),
  empty: () => nabla.empty([4, 4]).fill_(1),
  emptyLike: () => nabla.emptyLike(zeros([4, 4])).fill_(1),
  frombuffer: () => nabla.frombuffer(new Float32Array(8), { dtype: 'float32' }).add(1),
  fullLike: () => nabla.fullLike(zeros([4]), 2),
  linspace: () => nabla.linspace(0, 1, 5),
  logspace: () => nabla.logspace(0, 1, 5),
  onesLike: () => nabla.onesLike(zeros([4])),
  zerosLike: () => nabla.zerosLike(ones([4])),
  randLike: () => nabla.randLike(zeros([4])),
  randnLike: () => nabla.randnLike(zeros([4])),
  randintLike: () => nabla.randintLike(zeros([4]), 0, 5),
  randperm: () => nabla.randperm(9),
  normal: () => nabla.normal(zeros([4]), ones([4])),
  bernoulli: () => nabla.bernoulli(nabla.rand([4])),
  multinomial: () => nabla.multinomial(nabla.rand([5]), 2),
  broadcastTo: () =>
    nabla
      .broadcastTo(leaf([1, 4]), [3, 4])
      .sum()
      .backward(),
  asStrided: () =>
    nabla
      .asStrided(leaf([12]), [2, 3], [4, 1], 1)
      .sum()
      .backward(),
  swapaxes: () => nabla.swapaxes(leaf(), 0, 1).sum().backward(),
  Generator: () => randn([4], { generator: new nabla.Generator(3) }),
};

/** Ops whose result's shape depends on values, and their promises. */
export const waiting: Cases = {
  allcloseAsync: () => nabla.allcloseAsync(ones([3]), ones([3])),
  equalAsync: () => nabla.equalAsync(ones([3]), ones([3])),
  argwhere: () => nabla.argwhere(counts()),
  argwhereAsync: () => nabla.argwhereAsync(counts()),
  nonzeroAsync: () => nabla.nonzeroAsync(counts()),
  bincountAsync: () => nabla.bincountAsync(counts()),
  indexAsync: () => nabla.indexAsync(leaf([4]), [counts().gt(0)]),
  maskedScatterAsync: () => nabla.maskedScatterAsync(leaf([4]), counts().gt(0), ones([4])),
  maskedSelectAsync: () => nabla.maskedSelectAsync(leaf([4]), counts().gt(0)),
  repeatInterleaveAsync: () => nabla.repeatInterleaveAsync(leaf([4]), counts()),
  uniqueAsync: () => nabla.uniqueAsync(counts()),
  uniqueConsecutiveAsync: () => nabla.uniqueConsecutiveAsync(counts()),
};

/** Settings and questions: what they answer is no tensor, what they did must be undone. */
export const runtime: Cases = {
  canCast: () => nabla.canCast('float32', 'int32'),
  promoteTypes: () => nabla.promoteTypes('float32', 'int32'),
  resultType: () => nabla.resultType(ones([2]), 3),
  finfo: () => nabla.finfo('float32'),
  iinfo: () => nabla.iinfo('int8'),
  isFloatingPoint: () => nabla.isFloatingPoint(ones([2])),
  initialSeed: () => nabla.initialSeed(),
  getNumThreads: () => nabla.getNumThreads(),
  setNumThreads: () => nabla.setNumThreads(nabla.getNumThreads()),
  getDefaultDType: () => nabla.getDefaultDType(),
  setDefaultDType: () => nabla.setDefaultDType(nabla.getDefaultDType()),
  resetPeakMemory: () => nabla.resetPeakMemory(),
  emptyCache: () => nabla.emptyCache(),
  synchronize: () => nabla.synchronize(),
  synchronizeSync: () => nabla.synchronizeSync(),
  isGradEnabled: () => nabla.isGradEnabled(),
  isInferenceModeEnabled: () => nabla.isInferenceModeEnabled(),
  setGradEnabled: () => nabla.setGradEnabled(true, () => cube(leaf()).backward()),
  enableGrad: () => nabla.noGrad(() => nabla.enableGrad(() => cube(leaf()).backward())),
};

export const gradients: Cases = {
  'autograd.backward': () => autograd.backward([cube(leaf()), cube(leaf())]),
  'autograd.checkpointSequential': () => {
    const layers = new nabla.nn.Sequential(new nabla.nn.Linear(4, 4), new nabla.nn.Tanh(), new nabla.nn.Linear(4, 1));
    autograd.checkpointSequential(layers, 2, leaf()).sum().backward();
  },
  'autograd.isAnomalyEnabled': () => autograd.isAnomalyEnabled(),
  'autograd.setDetectAnomaly': () => {
    autograd.setDetectAnomaly(true);
    cube(leaf()).backward();
    autograd.setDetectAnomaly(false);
  },
  'autograd.GradFn': () => leaf().mul(2).gradFn instanceof autograd.GradFn,
  'autograd.functional.jacobian': () => functional.jacobian((x: nabla.Tensor) => x.pow(2), randn([3])),
  'autograd.functional.hessian': () => functional.hessian(cube, randn([3])),
  'autograd.functional.vjp': () => functional.vjp((x: nabla.Tensor) => x.pow(2), randn([3]), ones([3])),
  'autograd.functional.jvp': () => functional.jvp((x: nabla.Tensor) => x.pow(2), randn([3]), ones([3])),
  'autograd.functional.vhp': () => functional.vhp(cube, randn([3]), ones([3])),
  'autograd.functional.hvp': () => functional.hvp(cube, randn([3]), ones([3])),
  'profiler.Profile': async () => {
    return (
      (await nabla.profile(new nabla.nn.Linear(4, 3), leaf(), { steps: 1, warmup: 1 })) instanceof
      nabla.profiler.Profile
    );
  },
};

const derived = (fn: (x: nabla.Tensor) => nabla.Tensor, shape?: number[]) => () => fn(leaf(shape)).sum().backward();
const changed = (fn: (x: nabla.Tensor) => nabla.Tensor) => derived((x) => fn(x.mul(2)));

export const functions: Cases = {
  'F.dropout': derived((x) => F.dropout(x, 0.5)),
  'F.alphaDropout': derived((x) => F.alphaDropout(x, 0.5, { training: true })),
  'F.featureAlphaDropout': derived((x) => F.featureAlphaDropout(x, 0.5, { training: true }), [2, 3, 4]),
  'F.dropout1d': derived((x) => F.dropout1d(x, 0.5), [2, 3, 4]),
  'F.dropout2d': derived((x) => F.dropout2d(x, 0.5), [2, 3, 4, 4]),
  'F.dropout3d': derived((x) => F.dropout3d(x, 0.5), [2, 3, 2, 2, 2]),
  'F.gumbelSoftmax': derived((x) => F.gumbelSoftmax(x, { hard: true })),
  'F.rrelu': derived((x) => F.rrelu(x, 0.1, 0.3, { training: true })),
  'F.rrelu_': changed((x) => F.rrelu_(x, 0.1, 0.3, { training: true })),
  'F.celu_': changed((x) => F.celu_(x)),
  'F.elu_': changed((x) => F.elu_(x)),
  'F.hardtanh_': changed((x) => F.hardtanh_(x)),
  'F.leakyRelu_': changed((x) => F.leakyRelu_(x)),
  'F.relu_': changed((x) => F.relu_(x)),
  'F.selu_': changed((x) => F.selu_(x)),
  'F.threshold_': changed((x) => F.threshold_(x, 0.1, 0)),
  'F.rotaryTables': () => F.rotaryTables(8, 4),
};
