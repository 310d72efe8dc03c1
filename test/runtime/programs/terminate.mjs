// Starts and terminates workers at random moments of their work while the main thread computes and checks itself.
//   node terminate.mjs <workers> <seed>
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, threadId, Worker, workerData } from 'node:worker_threads';
import {
  data,
  F,
  io,
  manualSeed,
  matmul,
  memory,
  nn,
  optim,
  randn,
  scope,
  synchronize,
  Trainer,
} from '../../../dist/index.js';
import { Numbers } from '../../data/worker-datasets.mjs';

const ready = () => parentPort.postMessage('ready');

/** What a worker is doing when its end comes. */
const kinds = {
  kernels() {
    const a = randn([256, 256]);
    ready();
    for (;;) scope(() => matmul(matmul(a, a), a).sort());
  },
  reads() {
    const a = randn([64, 64]);
    ready();
    setInterval(() => {
      for (let i = 0; i < 50; i++)
        a.mul(i)
          .data()
          .catch(() => {});
    }, 1);
  },
  blocked() {
    const a = randn([256, 256]);
    ready();
    for (;;) matmul(a, a).sum().itemSync();
  },
  undisposed() {
    ready();
    for (;;) randn([64, 1024]).add(1);
  },
  async training() {
    const model = new nn.Sequential(new nn.Conv2d(1, 8, 3), new nn.ReLU(), new nn.Flatten(), new nn.Linear(8 * 36, 4));
    const optimizer = new optim.Adam(model.parameters());
    const loss = new nn.MSELoss();
    const batches = Array.from({ length: 20 }, () => [randn([16, 1, 8, 8]), randn([16, 4])]);
    const trainer = new Trainer({ model, loss, optimizer });
    ready();
    await trainer.fit(batches, { epochs: 1e6, progress: false });
  },
  async loader() {
    const loader = new data.DataLoader(new Numbers(200), { batchSize: 4, numWorkers: 1, persistentWorkers: true });
    for (;;) for await (const _ of loader) ready();
  },
  async files() {
    const path = `${workerData.folder}/worker-${threadId}.safetensors`;
    const state = { a: randn([500, 100]), b: randn([1000]) };
    for (let i = 0; ; i++) {
      await io.saveSafetensors(path, state);
      if (i === 0) ready();
      for (const tensor of Object.values((await io.loadSafetensors(path)).tensors)) tensor.dispose();
    }
  },
  async starting() {
    ready();
    await synchronize();
  },
};

async function terminateOne(kind, delay, folder) {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { kind, folder } });
  const failed = new Promise((_, reject) => worker.on('error', reject));
  failed.catch(() => {});
  // One in eight is not even waited for.
  if (delay % 8 !== 0) await Promise.race([failed, new Promise((resolve) => worker.once('message', resolve))]);
  await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, delay))]);
  await worker.terminate();
}

/** The same numbers again and again: what other environments do must not change them. */
async function computeUntil(over) {
  const step = () =>
    scope(() => {
      manualSeed(3);
      const x = randn([40, 30], { requiresGrad: true });
      F.softmax(matmul(x, x.transpose(0, 1)), 1)
        .square()
        .sum()
        .backward();
      const total = x.grad.square().sum();
      x.grad.dispose(); // the scope leaves gradients alone
      return total;
    });
  const expected = await step().item();
  let rounds = 0;
  while (!over()) {
    const value = step();
    if ((await value.item()) !== expected)
      throw new Error(`the main thread computed ${await value.item()}, ${expected}`);
    value.dispose();
    rounds++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return rounds;
}

async function main() {
  const [count, seed, folder] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
  const random = new data.Philox(seed);
  const names = process.argv[5]?.split(',') ?? Object.keys(kinds);
  const resident = [];
  let [started, ended] = [0, 0];
  const lane = async () => {
    while (started < count) {
      const kind = names[started++ % names.length];
      await terminateOne(kind, random.nextUint32() % 40, folder);
      if (++ended % 10 === 0) resident.push(Math.round(process.memoryUsage.rss() / 2 ** 20));
    }
  };
  const lanes = Promise.all([lane(), lane(), lane()]).then(() => {
    done = true;
  });
  let done = false;
  const before = memory().tensors;
  const [rounds] = await Promise.all([computeUntil(() => done), lanes]);
  await synchronize();
  const threads = process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0;
  console.log(JSON.stringify({ ended, rounds, left: memory().tensors - before, resident, threads }));
}

await (isMainThread ? main() : kinds[workerData.kind]());
