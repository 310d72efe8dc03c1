// How long training waits for its loader: batches of 100 images of Fashion-MNIST, the network of the quickstart.
//   npx tsx bench/loader.ts   (from the compiled package: workers cannot load TypeScript)
import { data, F, models, optim, scope, vision } from 'nabla';

const WARM_UP = 10;
const STEPS = 60;

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];

async function measure(images: vision.datasets.FashionMNIST, options: data.DataLoaderOptions): Promise<void> {
  const model = models.deepConvNet();
  const optimizer = new optim.Adam(model.parameters());
  const loader = new data.DataLoader(images, { batchSize: 100, shuffle: true, seed: 1, ...options });
  const batches = loader[Symbol.asyncIterator]();
  const waits: number[] = [];
  const steps: number[] = [];
  for (let i = 0; i < WARM_UP + STEPS; i++) {
    await scope(async () => {
      const started = performance.now();
      const { value } = await batches.next();
      const waited = performance.now() - started;
      const [x, y] = value;
      const loss = F.crossEntropy(model.forward(x), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      await loss.item();
      if (i < WARM_UP) return;
      waits.push(waited);
      steps.push(performance.now() - started);
    });
  }
  await batches.return?.();
  const [wait, step] = [median(waits), median(steps)];
  const share = ((100 * wait) / step).toFixed(2);
  console.log(`${JSON.stringify(options)}: waits ${wait.toFixed(3)} ms of ${step.toFixed(1)} ms, ${share} %`);
}

const images = await vision.datasets.FashionMNIST.load({ download: false });
for (const options of [{}, { prefetchFactor: 2 }, { numWorkers: 1 }]) await measure(images, options);
