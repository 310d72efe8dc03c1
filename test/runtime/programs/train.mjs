// Trains a small convolutional network on fixed random images and prints one JSON line.
//   train.mjs losses STEPS [deep]    the loss of every step, as hex of its float64 bits; deep: of DeepConvNet, batch 100
//   train.mjs soak STEPS FORM        resident memory over the steps; FORM: scope | await | plain
//   train.mjs delay STEPS            event-loop delay while training
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { F, manualSeed, memory, models, nn, optim, scope, synchronize, tensor } from '../../../dist/index.js';

const [mode, steps, form] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const deep = form === 'deep';
const BATCH = deep ? 100 : 64;
const SIDE = deep ? 28 : 16;

manualSeed(7);
const small = () =>
  new nn.Sequential(
    new nn.Conv2d(1, 8, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(8, 16, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(16 * 4 * 4, 32),
    new nn.ReLU(),
    new nn.Dropout(0.25),
    new nn.Linear(32, 10),
  );
const model = deep ? models.deepConvNet() : small();
const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });

let state = 1;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) | 0;
  return (state >>> 8) / 2 ** 24;
};

function batch() {
  const images = Float32Array.from({ length: BATCH * SIDE * SIDE }, () => random() - 0.5);
  const labels = BigInt64Array.from({ length: BATCH }, () => BigInt(Math.floor(random() * 10)));
  return [tensor(images, { shape: [BATCH, 1, SIDE, SIDE] }), tensor(labels)];
}

function step() {
  const [images, labels] = batch();
  const loss = F.crossEntropy(model.forward(images), labels);
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  return loss;
}

async function losses() {
  const bits = new DataView(new ArrayBuffer(8));
  const all = [];
  for (let i = 0; i < steps; i++) {
    bits.setFloat64(0, await scope(() => step().item()));
    all.push(bits.getBigUint64(0).toString(16));
  }
  return { losses: all, last: bits.getFloat64(0) };
}

const residentMb = () => process.memoryUsage.rss() / 2 ** 20;

async function soak() {
  const samples = [];
  let last = 0;
  for (let i = 1; i <= steps; i++) {
    if (form === 'scope') last = await scope(() => step().item());
    else if (form === 'await') last = await step().item();
    else step();
    if (i % 50 === 0) samples.push(residentMb());
  }
  await synchronize();
  if (form === 'plain') last = await step().item();
  return { samples: samples.map(Math.round), last, ...memory() };
}

async function delay() {
  for (let i = 0; i < 20; i++) await scope(() => step().item());
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  let last = 0;
  for (let i = 0; i < steps; i++) last = await scope(() => step().item());
  histogram.disable();
  const ms = (q) => histogram.percentile(q) / 1e6;
  return { p50: ms(50), p99: ms(99), max: histogram.max / 1e6, count: histogram.count, last };
}

console.log(JSON.stringify(await { losses, soak, delay }[mode]()));
