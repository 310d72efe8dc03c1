// What initial weights do to the activations of a deep network. npm run example -- initialization
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { F, manualSeed, nn, noGrad, optim, plots, scope, type Tensor } from 'nabla';
import { runExample } from '../support.js';
import { loadImages, report, type StudyOptions, studyOptions, tableOf } from './study.js';

const WIDTH = 100;

const STARTS: Readonly<Record<string, (weight: Tensor) => void>> = {
  '0.01': (weight) => nn.init.normal_(weight, 0, 0.01),
  Xavier: (weight) => nn.init.xavierNormal_(weight),
  He: (weight) => nn.init.kaimingNormal_(weight, { nonlinearity: 'relu' }),
};

/** Hidden layers of 100 units with ReLU, and a classifier. */
function makeModel(depth: number, inputs: number, start: (weight: Tensor) => void): nn.Linear[] {
  const layers = Array.from({ length: depth + 1 }, (_, i) => {
    return new nn.Linear(i === 0 ? inputs : WIDTH, i === depth ? 10 : WIDTH);
  });
  for (const { weight, bias } of layers) {
    start(weight);
    if (bias) nn.init.zeros_(bias);
  }
  return layers;
}

/** What each hidden layer gives, and the logits. */
function run(layers: readonly nn.Linear[], x: Tensor): Tensor[] {
  const outputs: Tensor[] = [];
  let out = x;
  layers.forEach((layer, i) => {
    out = i < layers.length - 1 ? F.relu(layer.forward(out)) : layer.forward(out);
    outputs.push(out);
  });
  return outputs;
}

interface Result {
  /** Standard deviation of the activations of each hidden layer before training. */
  deviations: number[];
  /** Loss over the training images behind training. */
  loss: number;
}

async function main({ quick, seed, out }: StudyOptions): Promise<void> {
  const [depth, epochs] = [5, quick ? 2 : 20];
  const { x: images, y } = await loadImages('digits', { count: 1400 });
  const x = images.flatten(1);
  const results: Record<string, Result> = {};
  const histograms: Record<string, Tensor> = {};
  for (const [name, start] of Object.entries(STARTS)) {
    manualSeed(seed);
    const layers = makeModel(depth, x.shape[1], start);
    const hidden = noGrad(() => run(layers, x)).slice(0, depth);
    for (const i of [0, 2, 4]) histograms[`${name}, layer ${i + 1}`] = hidden[i];
    const optimizer = new optim.SGD(
      layers.flatMap((layer) => layer.parameters()),
      { lr: 0.05 },
    );
    const step = (first: number): void =>
      scope(() => {
        const logits = run(layers, x.narrow(0, first, 100))[depth];
        F.crossEntropy(logits, y.narrow(0, first, 100)).backward();
        optimizer.step();
      });
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (let first = 0; first < 1400; first += 100) {
        optimizer.zeroGrad();
        step(first);
      }
    }
    results[name] = {
      deviations: hidden.map((activations) => activations.std().itemSync()),
      loss: scope(() => F.crossEntropy(run(layers, x)[depth], y).itemSync()),
    };
  }
  await mkdir(out, { recursive: true });
  await plots.saveHistograms(histograms, join(out, 'initialization.png'), {
    title: 'Activations behind ReLU before training',
  });
  const rows = Object.entries(results).map(([name, { deviations, loss }]) => [
    name,
    ...[0, 2, 4].map((i) => deviations[i].toPrecision(2)),
    loss.toFixed(3),
  ]);
  const columns = ['weights', 'deviation, layer 1', 'layer 3', 'layer 5', `loss after ${epochs} epochs`];
  await report(out, results, tableOf(columns, rows));
}

await runExample(() => main(studyOptions('initialization', 'Activations for weights of 0.01, Xavier and He.')));
