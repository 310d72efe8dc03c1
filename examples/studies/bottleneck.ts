// An inception module with and without the 1 x 1 convolutions that reduce channels. npm run example -- bottleneck
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cat, manualSeed, nn, plots, randn, scope, synchronize, type Tensor } from 'nabla';
import { percent, percentOf, runExample, thousands } from '../support.js';
import {
  eachSeed,
  loadSplit,
  parametersOf,
  type RepeatedOptions,
  repeated,
  report,
  studyOptions,
  tableOf,
  trainAndTest,
} from './study.js';

const KINDS = ['without', 'with'] as const;
type Kind = (typeof KINDS)[number];

/** Channels of a module: of the 1 x 1 branch, before and behind 3 x 3, before and behind 5 x 5, behind the pool. */
type Widths = readonly [one: number, reduce3: number, three: number, reduce5: number, five: number, pooled: number];

/** Inception 3a of GoogLeNet, on 192 channels of 28 x 28. */
const INCEPTION_3A: Widths = [64, 96, 128, 16, 32, 32];
/** About a quarter of 3a and 3b. */
const SMALL: readonly Widths[] = [
  [16, 24, 32, 4, 8, 8],
  [32, 32, 48, 8, 24, 16],
];

const conv = (inputs: number, outputs: number, size: number): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(inputs, outputs, size, { padding: (size - 1) / 2, bias: false }),
    new nn.BatchNorm2d(outputs),
    new nn.ReLU(),
  );

/** Filters of 1 x 1, 3 x 3 and 5 x 5 and a pool side by side; both kinds give as many channels. */
class Inception extends nn.Module {
  readonly branches: nn.ModuleList<nn.Sequential>;
  readonly outputs: number;

  constructor(kind: Kind, inputs: number, [one, reduce3, three, reduce5, five, pooled]: Widths) {
    super();
    const large = (reduce: number, outputs: number, size: number): nn.Sequential =>
      kind === 'with'
        ? new nn.Sequential(conv(inputs, reduce, 1), conv(reduce, outputs, size))
        : conv(inputs, outputs, size);
    const pool = new nn.Sequential(new nn.MaxPool2d(3, { stride: 1, padding: 1 }), conv(inputs, pooled, 1));
    this.branches = new nn.ModuleList([conv(inputs, one, 1), large(reduce3, three, 3), large(reduce5, five, 5), pool]);
    this.outputs = one + three + five + pooled;
  }

  forward(x: Tensor): Tensor {
    return cat(
      this.branches.items.map((branch) => branch.forward(x)),
      1,
    );
  }
}

/** A convolution, two modules, a mean over the places, a linear layer. */
function makeModel(kind: Kind): nn.Sequential {
  const first = new Inception(kind, 32, SMALL[0]);
  const second = new Inception(kind, first.outputs, SMALL[1]);
  return new nn.Sequential(
    conv(1, 32, 3),
    new nn.MaxPool2d(2),
    first,
    new nn.MaxPool2d(2),
    second,
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Linear(second.outputs, 10),
  );
}

/** Milliseconds of the quickest of some steps, forward and backward: other work on the machine only adds. */
async function stepTime(model: nn.Module, images: Tensor, steps: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let step = 0; step <= steps; step++) {
    const started = performance.now();
    scope(() => {
      for (const parameter of model.parameters()) parameter.grad = null;
      model.forward(images).sum().backward();
    });
    await synchronize();
    if (step > 0) least = Math.min(least, performance.now() - started);
  }
  return least;
}

interface Size {
  parameters: number;
  /** Multiplications with additions for one image. */
  macs: number;
  /** Milliseconds of a step, forward and backward. */
  time: number;
}

async function sizeOf(model: nn.Module, images: Tensor, steps: number): Promise<Size> {
  const { macs } = model.summary({ input: [1, ...images.shape.slice(1)] });
  return { parameters: parametersOf(model), macs, time: await stepTime(model, images, steps) };
}

async function main(options: RepeatedOptions): Promise<void> {
  const { quick, seed, out } = options;
  const defaults = quick ? { seeds: 1, epochs: 2, images: 500 } : { seeds: 5, epochs: 6, images: 800 };
  const { seeds, epochs, images } = { ...defaults, ...options };
  const split = await loadSplit(quick, { training: images, test: 2000 });
  console.log(`${split.title}; ${epochs} epochs, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}`);
  const results = await eachSeed(
    KINDS,
    { seed, seeds },
    (kind, own) => {
      manualSeed(own);
      return trainAndTest(makeModel(kind), split, { epochs, seed: own });
    },
    (result) => `training ${percent(result.training)}, test ${percent(result.test)}`,
  );
  const [batch, steps] = quick ? [1, 2] : [8, 30];
  const [maps, small] = [randn([batch, 192, 28, 28]), split.training.x.narrow(0, 0, 50)];
  const sizes: Record<string, Size> = {};
  for (const kind of KINDS) {
    sizes[`inception 3a, ${kind}`] = await sizeOf(new Inception(kind, 192, INCEPTION_3A), maps, steps);
    sizes[`small network, ${kind}`] = await sizeOf(makeModel(kind), small, steps);
  }
  await mkdir(out, { recursive: true });
  const relative = (key: keyof Size): number[][] =>
    KINDS.map((kind) => [sizes[`inception 3a, ${kind}`][key] / sizes['inception 3a, without'][key]]);
  await plots.saveBars(
    { parameters: relative('parameters'), MACs: relative('macs'), 'step time': relative('time') },
    join(out, 'bottleneck.png'),
    {
      title: 'Inception 3a of GoogLeNet',
      axis: 'part of the module without 1 x 1',
      groups: KINDS.map((kind) => `${kind} 1 x 1`),
    },
  );
  const rows = Object.entries(sizes)
    .sort()
    .map(([name, { parameters, macs, time }]) => {
      const runs = results[name.endsWith('without') ? 'without' : 'with'];
      const accuracy = (['training', 'test'] as const).map((part) => percentOf(runs.map((result) => result[part])));
      return [
        name,
        thousands(parameters),
        (macs / 1e6).toFixed(1),
        time.toFixed(1),
        ...(name.startsWith('small') ? accuracy : ['', '']),
      ];
    });
  const columns = ['1 x 1 reductions', 'parameters', 'MACs, M', 'step, ms', 'training, %', 'test, %'];
  await report(out, { sizes, results }, tableOf(columns, rows));
}

await runExample(() => main(studyOptions('bottleneck', 'An inception module with and without reductions.', repeated)));
