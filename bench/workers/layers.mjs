// Layers on demand, forward and forward with backward; layers.py has the same cases.
import * as nabla from 'nabla';
import { randn, serve } from './runner.mjs';

const { F, manualSeed, randint, tensor } = nabla;
manualSeed(0);

/** A tensor that gets a gradient. */
const leaf = (...shape) => randn(shape).requiresGrad_();

const cases = {};
/** Too large for a second time in float64. */
const LARGE = ['crossEntropy', 'ctc 32000'];

/** `make` returns the function and the tensors whose gradients are taken. */
function layer(name, make) {
  cases[name] = () => {
    const [run] = make();
    return () => nabla.noGrad(() => run());
  };
  cases[`${name} backward`] = () => {
    const [run, ...leaves] = make();
    const g = randn(run().shape);
    return () => {
      for (const x of leaves) x.grad = null;
      run().backward({ gradient: g });
      return () => leaves.map((x) => x.grad); // a gradient that was looked at lives until the garbage collector comes
    };
  };
  for (const key of [name, `${name} backward`]) cases[key].unchecked = LARGE.includes(name);
}

/** A layer of one input, without parameters. */
function onInput(name, shape, fn) {
  layer(name, () => {
    const x = leaf(...shape);
    return [() => fn(x), x];
  });
}

const ATTENTION = [96, 128, 128];
const HIDDEN = [16, 128, 3072];
const TOKENS = [2048, 768];

onInput('softmax', ATTENTION, (x) => x.softmax(-1));
onInput('logSoftmax', [1024, 32_000], (x) => x.logSoftmax(-1));
for (const name of ['gelu', 'silu', 'mish']) onInput(name, HIDDEN, (x) => F[name](x));
onInput('gelu tanh', HIDDEN, (x) => F.gelu(x, { approximate: 'tanh' }));

layer('crossEntropy', () => {
  const x = leaf(4096, 32_000);
  const target = randint(0, 32_000, [4096]);
  return [() => F.crossEntropy(x, target), x];
});
layer('layerNorm', () => {
  const [x, w, b] = [leaf(...TOKENS), leaf(768), leaf(768)];
  return [() => F.layerNorm(x, 768, w, b), x, w, b];
});
layer('rmsNorm', () => {
  const [x, w] = [leaf(...TOKENS), leaf(768)];
  return [() => F.rmsNorm(x, 768, w), x, w];
});
layer('groupNorm', () => {
  const [x, w, b] = [leaf(32, 256, 56, 56), leaf(256), leaf(256)];
  return [() => F.groupNorm(x, 32, w, b), x, w, b];
});
layer('embedding', () => {
  const table = leaf(32_000, 768);
  const tokens = randint(0, 32_000, [16, 128]);
  return [() => F.embedding(tokens, table), table];
});
layer('embeddingBag', () => {
  const table = leaf(32_000, 128);
  const tokens = randint(0, 32_000, [2048, 32]);
  return [() => F.embeddingBag(tokens, table, null, { mode: 'mean' }), table];
});
for (const classes of [30, 32_000]) {
  layer(`ctc ${classes}`, () => {
    const x = randn([200, 32, classes]).logSoftmax(-1).detach().requiresGrad_();
    const targets = randint(1, classes, [32, 50]);
    const [inputs, lengths] = [
      tensor(Array(32).fill(200), { dtype: 'int64' }),
      tensor(Array(32).fill(50), { dtype: 'int64' }),
    ];
    return [() => F.ctcLoss(x, targets, inputs, lengths), x];
  });
}

/** A layer of images, channels last. */
function onImages(name, shape, fn, ...parameters) {
  layer(name, () => {
    const x = randn(shape).contiguous('channelsLast').requiresGrad_();
    const leaves = parameters.map((size) => leaf(size));
    return [() => fn(x, ...leaves), x, ...leaves];
  });
}

onImages('batchNorm', [32, 64, 56, 56], (x, w, b) => F.batchNorm(x, null, null, w, b, { training: true }), 64, 64);
onImages('maxPool', [32, 64, 112, 112], (x) => F.maxPool2d(x, 3, { stride: 2, padding: 1 }));
onImages('maxPool 2x2', [32, 64, 56, 56], (x) => F.maxPool2d(x, 2));
onImages('avgPool', [32, 64, 56, 56], (x) => F.avgPool2d(x, 2));
onImages('global avgPool', [32, 2048, 7, 7], (x) => F.adaptiveAvgPool2d(x, 1));
onImages('bilinear', [8, 64, 56, 56], (x) => F.interpolate(x, { scaleFactor: 2, mode: 'bilinear' }));
onImages('pad', [32, 64, 56, 56], (x) => F.pad(x, [1, 1, 1, 1]));

await serve(cases);
