// Where gradients vanish: the norm of each layer's gradient in deep networks. npm run example -- vanishing-gradients
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { F, manualSeed, nn, optim, plots, scope, type Tensor } from 'nabla';
import { runExample } from '../support.js';
import { loadImages, report, type StudyOptions, studyOptions, tableOf } from './study.js';

const CHANNELS = 16;

/** What differs between the networks. */
interface Variant {
  activation: 'sigmoid' | 'relu';
  init: 'xavier' | 'he';
  batchNorm?: boolean;
  skip?: boolean;
  auxiliary?: boolean;
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  sigmoid: { activation: 'sigmoid', init: 'xavier' },
  'ReLU, Xavier': { activation: 'relu', init: 'xavier' },
  'ReLU, He': { activation: 'relu', init: 'he' },
  'sigmoid, batch norm': { activation: 'sigmoid', init: 'xavier', batchNorm: true },
  'ReLU, batch norm': { activation: 'relu', init: 'he', batchNorm: true },
  'ReLU, batch norm, skip': { activation: 'relu', init: 'he', batchNorm: true, skip: true },
  'ReLU, auxiliary heads': { activation: 'relu', init: 'xavier', auxiliary: true },
};

/** `depth` convolutions of the same width, a mean over the pixels and a linear layer; heads at one and two thirds. */
class Tower extends nn.Module<[Tensor], Tensor[]> {
  readonly convs: nn.ModuleList<nn.Conv2d>;
  readonly norms: nn.ModuleList;
  readonly heads: nn.ModuleList<nn.Linear>;

  constructor(
    readonly depth: number,
    readonly variant: Variant,
  ) {
    super();
    const range = Array.from({ length: depth }, (_, i) => i);
    const norm = variant.batchNorm ?? false;
    this.convs = new nn.ModuleList(
      range.map((i) => new nn.Conv2d(i === 0 ? 1 : CHANNELS, CHANNELS, 3, { padding: 1 })),
    );
    this.norms = new nn.ModuleList(range.map(() => (norm ? new nn.BatchNorm2d(CHANNELS) : new nn.Identity())));
    this.heads = new nn.ModuleList(range.slice(0, variant.auxiliary ? 3 : 1).map(() => new nn.Linear(CHANNELS, 10)));
    for (const { weight, bias } of this.convs) {
      if (variant.init === 'he') nn.init.kaimingNormal_(weight, { nonlinearity: 'relu' });
      else nn.init.xavierNormal_(weight);
      if (bias) nn.init.zeros_(bias);
    }
  }

  /** Logits of the last head, then those of the auxiliary ones. */
  forward(x: Tensor): Tensor[] {
    const { activation, skip } = this.variant;
    const read = (head: number, features: Tensor) => (this.heads.at(head) as nn.Linear).forward(features.mean([2, 3]));
    const early: Tensor[] = [];
    let out = x;
    this.convs.items.forEach((conv, i) => {
      const branch = this.norms.items[i].forward(conv.forward(out));
      const active = activation === 'relu' ? F.relu(branch) : branch.sigmoid();
      out = skip && i > 0 ? out.add(active) : active;
      const third = (i + 1) / Math.floor(this.depth / 3);
      if (this.variant.auxiliary && (third === 1 || third === 2)) early.push(read(third, out));
    });
    return [read(0, out), ...early];
  }
}

function lossOf(outputs: readonly Tensor[], y: Tensor): Tensor {
  const [main, ...early] = outputs.map((logits) => F.crossEntropy(logits, y));
  return early.reduce((sum, loss) => sum.add(loss.mul(0.3)), main);
}

interface Result {
  /** Norm of the gradient of each convolution's weight before training. */
  norms: number[];
  /** Training accuracy behind training. */
  accuracy: number;
}

async function run(variant: Variant, depth: number, steps: number, seed: number): Promise<Result> {
  manualSeed(seed);
  const { x, y } = await loadImages('digits', { count: 1024 });
  const model = new Tower(depth, variant);
  const batches = x.split(64).map((images, i): [Tensor, Tensor] => [images, y.narrow(0, 64 * i, images.shape[0])]);
  scope(() => lossOf(model.forward(batches[0][0]), batches[0][1]).backward());
  const norms = model.convs.items.map(({ weight }) => weight.grad?.norm().itemSync() ?? 0);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
  for (let step = 0; step < steps; step++) {
    const [images, labels] = batches[step % batches.length];
    optimizer.zeroGrad();
    scope(() => {
      lossOf(model.forward(images), labels).backward();
      nn.utils.clipGradNorm_(model.parameters(), 1);
      optimizer.step();
    });
  }
  const accuracy = scope(() => model.forward(x)[0].argmax(1).eq(y).to('float32').mean().itemSync());
  model.dispose();
  return { norms, accuracy };
}

async function main({ quick, seed, out }: StudyOptions): Promise<void> {
  const [depth, steps] = quick ? [12, 10] : [24, 160];
  console.log(`${depth} convolutions of ${CHANNELS} channels on the UCI digits, ${steps} steps of SGD`);
  const results: Record<string, Result> = {};
  for (const [name, variant] of Object.entries(VARIANTS)) {
    results[name] = await run(variant, depth, steps, seed);
    console.log(`${name.padEnd(32)} training accuracy ${(100 * results[name].accuracy).toFixed(1)} %`);
  }
  const rows = Object.entries(results).map(([name, { norms, accuracy }]) => {
    const [first, last] = [norms[0], norms[depth - 1]];
    return [name, ...[first, last, first / last].map((x) => x.toExponential(1)), (100 * accuracy).toFixed(1)];
  });
  const columns = [
    'network',
    'gradient, layer 1',
    `gradient, layer ${depth}`,
    'ratio',
    `training, % after ${steps} steps`,
  ];
  await mkdir(out, { recursive: true });
  const curves = Object.entries(results).map(([name, { norms }]) => [name, norms.map((x) => Math.log10(x || 1e-12))]);
  await plots.saveLines(Object.fromEntries(curves), join(out, 'vanishing-gradients.png'), {
    title: 'Norm of the gradient of each layer before training',
    axis: 'log10 of the norm',
    steps: 'layer',
    width: 860,
  });
  await report(out, results, tableOf(columns, rows));
}

await runExample(() => main(studyOptions('vanishing-gradients', 'Gradient norm per layer in deep networks.')));
