// The workloads in tfjs-node, as a user of it writes them: images NHWC, core ops, optimizers of tf.train.
// Arguments: folder of rivals, an interpreter (unused), and another package than @tensorflow/tfjs-node for trying it out.
import { load, serve, values } from './rival.mjs';

const [folder, , name = '@tensorflow/tfjs-node'] = process.argv.slice(2);
const tf = load(folder, name);
await tf.ready();
tf.enableProdMode();

const numbers = (shape, seed, low, high) =>
  tf.tensor(
    values(
      shape.reduce((a, b) => a * b, 1),
      seed,
      low,
      high,
    ),
    shape,
  );
const weight = (shape, inputs) => tf.variable(tf.randomNormal(shape, 0, Math.sqrt(2 / inputs)));
const zeros = (shape) => tf.variable(tf.zeros(shape));
const classes = (n, of, seed) =>
  tf.oneHot(tf.tensor1d(Int32Array.from(values(n, seed, 0, of), Math.floor), 'int32'), of).toFloat();

/** A step that reads its result, so that it has run when it returns. */
const reading = (fn) => () => tf.tidy(() => void fn().dataSync());

const training = (loss, optimizer, variables) => () => {
  const value = optimizer.minimize(loss, true, variables);
  value.dataSync();
  value.dispose();
};

/** Gradients of `variables`, and only those. */
const gradients = (loss, variables) => () =>
  tf.tidy(() => {
    for (const grad of Object.values(tf.variableGrads(loss, variables).grads)) grad.dataSync();
  });

/** Three blocks of two convolutions and a pool, two linear layers. */
function deepConvNet() {
  const channels = [1, 16, 16, 32, 32, 64, 64];
  const layers = channels.slice(1).map((out, i) => [weight([3, 3, channels[i], out], 9 * channels[i]), zeros([out])]);
  const fc1 = [weight([1024, 50], 1024), zeros([50])];
  const fc2 = [weight([50, 10], 50), zeros([10])];
  const wider = (x, i) =>
    i === 3
      ? tf.pad(x, [
          [0, 0],
          [2, 2],
          [2, 2],
          [0, 0],
        ])
      : x;
  const padding = (i) => (i === 3 ? 'valid' : 'same');
  const plain = (x, i) => tf.relu(tf.add(tf.conv2d(wider(x, i), layers[i][0], 1, padding(i)), layers[i][1]));
  const fused = (x, i) => {
    const [filter, bias] = layers[i];
    return tf.fused.conv2d({ x: wider(x, i), filter, strides: 1, pad: padding(i), bias, activation: 'relu' });
  };
  const run = (images, conv, dropout) => {
    let x = images;
    for (let i = 0; i < 6; i += 2) x = tf.maxPool(conv(conv(x, i), i + 1), 2, 2, 'valid');
    x = tf.relu(tf.add(tf.matMul(tf.reshape(x, [-1, 1024]), fc1[0]), fc1[1]));
    x = tf.add(tf.matMul(dropout ? tf.dropout(x, 0.5) : x, fc2[0]), fc2[1]);
    return dropout ? tf.dropout(x, 0.5) : x;
  };
  return {
    train: (x) => run(x, plain, true),
    infer: (x) => run(x, fused, false),
    variables: [...layers, fc1, fc2].flat(),
  };
}

function deepConvNetStep() {
  const net = deepConvNet();
  const [x, y] = [numbers([100, 28, 28, 1], 1, 0, 1), classes(100, 10, 2)];
  return training(() => tf.losses.softmaxCrossEntropy(y, net.train(x)), tf.train.adam(1e-3), net.variables);
}

function evaluation() {
  const net = deepConvNet();
  const x = values(10_000 * 784, 1, 0, 1);
  const y = Int32Array.from(values(10_000, 3, 0, 10), Math.floor);
  return () => {
    let correct = 0;
    for (let i = 0; i < 10_000; i += 100) {
      const batch = () => tf.tensor4d(x.subarray(i * 784, (i + 100) * 784), [100, 28, 28, 1]);
      const found = tf.tidy(() => tf.argMax(net.infer(batch()), 1).dataSync());
      for (let j = 0; j < 100; j++) if (found[j] === y[i + j]) correct++;
    }
    return correct;
  };
}

/** Through tf.layers, whose batch normalization keeps the running numbers. */
function resNet18() {
  const { layers } = tf;
  const padded = (x, by) =>
    layers
      .zeroPadding2d({
        padding: [
          [by, by],
          [by, by],
        ],
      })
      .apply(x);
  const convolution = (x, filters, kernelSize, strides, relu) => {
    const outside = strides > 1 && kernelSize > 1;
    const options = { filters, kernelSize, strides, padding: outside ? 'valid' : 'same', useBias: false };
    const y = layers
      .conv2d({ ...options, kernelInitializer: 'heNormal' })
      .apply(outside ? padded(x, kernelSize >> 1) : x);
    const z = layers.batchNormalization({ epsilon: 1e-5, momentum: 0.9 }).apply(y);
    return relu ? layers.reLU().apply(z) : z;
  };
  const block = (x, inputs, outputs, stride) => {
    const y = convolution(convolution(x, outputs, 3, stride, true), outputs, 3, 1, false);
    const shortcut = stride !== 1 || inputs !== outputs ? convolution(x, outputs, 1, stride, false) : x;
    return layers.reLU().apply(layers.add().apply([y, shortcut]));
  };
  const input = tf.input({ shape: [224, 224, 3] });
  let x = padded(convolution(input, 64, 7, 2, true), 1);
  x = layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'valid' }).apply(x);
  [64, 128, 256, 512].forEach((outputs, i) => {
    x = block(x, i === 0 ? 64 : outputs / 2, outputs, i === 0 ? 1 : 2);
    x = block(x, outputs, outputs, 1);
  });
  const outputs = layers.dense({ units: 1000 }).apply(layers.globalAveragePooling2d({}).apply(x));
  return tf.model({ inputs: input, outputs });
}

function resNetInference(batch) {
  const model = resNet18();
  const x = numbers([batch, 224, 224, 3], 1, 0, 1);
  return reading(() => model.predict(x, { batchSize: batch }));
}

function resNetStep() {
  const model = resNet18();
  const [x, y] = [numbers([8, 224, 224, 3], 1, 0, 1), classes(8, 1000, 2)];
  const loss = (a, b) => tf.losses.softmaxCrossEntropy(a, b);
  model.compile({ optimizer: tf.train.momentum(0.01, 0.9), loss });
  return () => model.trainOnBatch(x, y);
}

function recurrent(kind, backward) {
  const options = { units: 256, returnSequences: true, recurrentActivation: 'sigmoid' };
  const layer = tf.layers[kind]({ ...options, recurrentInitializer: 'glorotNormal' });
  const x = numbers([64, 50, 128], 1, 0, 1);
  layer.apply(x).dispose(); // makes the weights
  const variables = layer.trainableWeights.map((one) => one.val);
  return backward ? gradients(() => layer.apply(x).sum(), variables) : reading(() => layer.apply(x));
}

function elementwise(fn) {
  const [a, b] = [numbers([16 * 1024 * 1024], 1), numbers([16 * 1024 * 1024], 2)];
  return () => fn(a, b).dispose();
}

function perceptron() {
  const layers = [784, 512, 512].map((inputs, i) => [
    weight([inputs, [512, 512, 10][i]], inputs),
    zeros([[512, 512, 10][i]]),
  ]);
  const [x, y] = [numbers([128, 784], 1, 0, 1), classes(128, 10, 2)];
  const forward = () =>
    layers.reduce((h, [w, b], i) => {
      const out = tf.add(tf.matMul(h, w), b);
      return i < 2 ? tf.relu(out) : out;
    }, x);
  return training(() => tf.losses.softmaxCrossEntropy(y, forward()), tf.train.adam(1e-3), layers.flat());
}

function chain() {
  const [x, b] = [numbers([10, 10], 1), numbers([10, 10], 2)];
  const grad = tf.grad((start) => {
    let y = start;
    for (let i = 0; i < 1000; i++) y = tf.add(y, b);
    return y.sum();
  });
  return reading(() => grad(x));
}

function transformer(backward) {
  const [n, t, d, heads, inner] = [16, 128, 256, 8, 1024];
  const x = numbers([n, t, d], 1);
  const linear = (inputs, outputs) => [weight([inputs, outputs], 2 * inputs), zeros([outputs])];
  const norm = () => [tf.variable(tf.ones([d])), zeros([d])];
  const parts = {
    qkv: linear(d, 3 * d),
    out: linear(d, d),
    up: linear(d, inner),
    down: linear(inner, d),
    n1: norm(),
    n2: norm(),
  };
  const apply = (h, [w, b]) => tf.add(tf.matMul(h, w), b);
  const normed = (h, [scale, shift]) => {
    const { mean, variance } = tf.moments(h, -1, true);
    return tf.add(tf.mul(tf.mul(tf.sub(h, mean), tf.rsqrt(tf.add(variance, 1e-5))), scale), shift);
  };
  const forward = () => {
    const rows = tf.reshape(x, [n * t, d]);
    const split = (part) => tf.transpose(tf.reshape(part, [n, t, heads, d / heads]), [0, 2, 1, 3]);
    const [q, k, v] = tf.split(apply(rows, parts.qkv), 3, 1).map(split);
    const scores = tf.softmax(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(d / heads)));
    const mixed = tf.reshape(tf.transpose(tf.matMul(scores, v), [0, 2, 1, 3]), [n * t, d]);
    const attended = normed(tf.add(rows, apply(mixed, parts.out)), parts.n1);
    return normed(tf.add(attended, apply(tf.relu(apply(attended, parts.up)), parts.down)), parts.n2);
  };
  if (!backward) return reading(forward);
  return gradients(() => tf.mean(tf.square(forward())), Object.values(parts).flat());
}

await serve(`${name} ${tf.version['tfjs-core']}, ${tf.getBackend()}`, {
  W1: deepConvNetStep,
  W2i1: () => resNetInference(1),
  W2i8: () => resNetInference(8),
  W2t: resNetStep,
  W3lf: () => recurrent('lstm', false),
  W3lb: () => recurrent('lstm', true),
  W3gf: () => recurrent('gru', false),
  W3gb: () => recurrent('gru', true),
  W4: () => {
    const [a, b] = [numbers([1024, 1024], 1), numbers([1024, 1024], 2)];
    return () => tf.matMul(a, b).dispose();
  },
  W5relu: () => elementwise((a) => tf.relu(a)),
  W5add: () => elementwise((a, b) => tf.add(a, b)),
  W5exp: () => elementwise((a) => tf.exp(a)),
  W6: perceptron,
  W7: chain,
  W8f: () => transformer(false),
  W8: () => transformer(true),
  W9: evaluation,
});
