// Every part of the library with too little memory, from next to nothing to nearly enough: it must end in OutOfMemoryError
// or in the right numbers, leave nothing behind, and work as before once there is room. Needs --expose-gc.
//   NABLA_MAX_BYTES=... node --expose-gc oom.mjs <folder>
import { join } from 'node:path';
import {
  callbacks,
  data,
  F,
  io,
  linalg,
  manualSeed,
  matmul,
  memory,
  nn,
  OutOfMemoryError,
  optim,
  randn,
  resetPeakMemory,
  scope,
  synchronize,
  Trainer,
  tensor,
  vision,
  zeros,
} from '../../../dist/index.js';
import { Numbers } from '../../data/worker-datasets.mjs';

const folder = process.argv[2];
const limit = Number(process.env.NABLA_MAX_BYTES);
const file = (name) => join(folder, name);
const sums = async (tensors) => Promise.all(Object.values(tensors).map((x) => x.to('float64').sum().item()));

const small = () => new nn.Sequential(new nn.Conv2d(3, 16, 3), new nn.BatchNorm2d(16), new nn.ReLU(), new nn.Flatten());
const gradients = (x) => {
  const w = randn([256, 256], { requiresGrad: true });
  let y = x;
  for (let i = 0; i < 5; i++) y = matmul(y, w).tanh();
  y.square().mean().backward();
  return w.grad;
};
function step(Optimizer) {
  const p = new nn.Parameter(randn([400, 400]));
  const optimizer = new Optimizer([p], { lr: 0.1 });
  for (let i = 0; i < 2; i++) {
    p.grad = randn([400, 400]);
    optimizer.step();
  }
  return p;
}
const trainer = (extra) => {
  const model = new nn.Sequential(new nn.Linear(64, 256), new nn.ReLU(), new nn.Linear(256, 10));
  const optimizer = new optim.Adam(model.parameters());
  return new Trainer({ model, loss: new nn.MSELoss(), optimizer, ...extra });
};
const pairs = () => Array.from({ length: 4 }, () => [randn([32, 64]), randn([32, 10])]);

const cases = {
  elementwise: () => sums([randn([300, 300]).add(1).mul(2).exp()]),
  matmul: () => sums([matmul(randn([300, 400]), randn([400, 300]).transpose(0, 1).contiguous().transpose(0, 1))]),
  convolution: () => sums([F.conv2d(randn([4, 16, 32, 32]), randn([32, 16, 3, 3]), undefined, { padding: 1 })]),
  sort: () => sums([randn([200, 300]).sort(0).values]),
  index: () =>
    sums([randn([500, 100]).indexSelect(0, tensor([3, 1, 2], { dtype: 'int64' })), randn([300, 300]).gt(0).nonzero()]),
  linalg: () => sums({ ...linalg.qr(randn([60, 50])) }),
  views: () => sums([randn([200, 300]).transpose(0, 1).reshape([-1]).unfold(0, 3, 2)]),
  reads: async () => [(await randn([300, 300]).transpose(0, 1).toArray()).length],
  backward: () => sums([gradients(randn([256, 256]))]),
  adam: () => sums([step(optim.Adam)]),
  sgd: () => sums([step(optim.SGD)]),
  lstm: () => sums([new nn.LSTM(32, 64, { batchFirst: true }).forward(randn([8, 20, 32]))[0]]),
  attention: () => sums([new nn.MultiheadAttention(64, 4).forward(...[1, 2, 3].map(() => randn([10, 4, 64])))[0]]),
  layers: () => sums([small().forward(randn([4, 3, 20, 20]))]),
  model: () => sums(new nn.Sequential(new nn.Linear(200, 300), new nn.LSTM(64, 64)).stateDict()),
  loader: async () => {
    const dataset = new data.TensorDataset(randn([200, 300]), randn([200]));
    const totals = [];
    for await (const [x] of new data.DataLoader(dataset, { batchSize: 64 })) totals.push(await x.sum().item());
    return totals;
  },
  workers: async () => {
    const totals = [];
    const loader = new data.DataLoader(new Numbers(8000, 2), { batchSize: 4000, numWorkers: 1 });
    for await (const [x] of loader) totals.push(await x.sum().item());
    return totals;
  },
  safetensors: async () => sums((await io.loadSafetensors(file('a.safetensors'))).tensors),
  torch: async () => sums(await io.loadTorch(file('a.pt'))),
  numpy: async () => sums({ ...(await io.loadNpz(file('a.npz'))), b: await io.loadNpy(file('a.npy')) }),
  saving: async () => {
    await io.saveSafetensors(file('b.safetensors'), { a: randn([300, 300]).transpose(0, 1) });
    return sums((await io.loadSafetensors(file('b.safetensors'))).tensors);
  },
  training: async () => {
    const run = trainer();
    await run.fit(pairs(), { epochs: 2, progress: false });
    return sums(run.model.stateDict());
  },
  checkpoints: async () => {
    const run = trainer({ callbacks: [new callbacks.Checkpoint({ folder: file('run'), everySteps: 3 })] });
    await run.fit(pairs(), { epochs: 1, progress: false });
    await run.resume(file('run/last.safetensors'));
    return sums(run.model.stateDict());
  },
  transforms: async () => {
    const { Compose, Resize, RandomHorizontalFlip, Normalize } = vision.transforms;
    const chain = new Compose([new Resize([40, 40]), new RandomHorizontalFlip(), new Normalize([0.5], [0.5])]);
    return sums([await chain.forward(randn([8, 1, 64, 64]))]);
  },
  scopes: () => scope(async () => sums([randn([300, 300]).mul(randn([300, 300]))])),
};

/** What is alive; what goes with the end of a callback or of a write gets a second to go. */
async function settled(before) {
  for (let turn = 0; ; turn++) {
    await synchronize().catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    gc();
    const { tensors, live } = memory();
    if (!before || turn === 20 || (tensors <= before.tensors && live <= before.live)) return { tensors, live };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function attempt(run) {
  manualSeed(5);
  try {
    return { numbers: await run() };
  } catch (error) {
    return { error };
  }
}

/** Leaves room for so many bytes. */
function fill(room) {
  const ballast = [];
  for (let bytes = 2 ** 22; bytes >= 2 ** 12; bytes /= 2)
    while (memory().live + bytes + room <= limit) ballast.push(zeros([bytes], { dtype: 'uint8' }));
  return ballast;
}

const same = (a, b) => a.length === b.length && a.every((x, i) => Object.is(x, b[i]));
const describe = (outcome) => outcome.error?.stack ?? String(outcome.numbers);

async function check(name, run) {
  const expected = await attempt(run);
  if (expected.error) return [`${name}: fails with all memory: ${describe(expected)}`];
  await attempt(run); // what fills caches has filled them
  const before = await settled();
  resetPeakMemory();
  await attempt(run);
  const need = memory().peak - before.live;
  await settled();
  const problems = [];
  let failed = 0;
  for (const part of [0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 1.5]) {
    const ballast = fill(Math.round(need * part));
    const outcome = await attempt(run);
    for (const tensor of ballast) tensor.dispose();
    if (outcome.error) failed++;
    if (outcome.error && !(outcome.error instanceof OutOfMemoryError))
      problems.push(`${name}, ${part} of ${need} bytes: ${describe(outcome)}`);
    if (outcome.numbers && !same(outcome.numbers, expected.numbers))
      problems.push(`${name}, ${part} of ${need} bytes: ${outcome.numbers}, expected ${expected.numbers}`);
    const message = outcome.error?.message;
    outcome.error = undefined; // its cause and stack may refer to tensors
    const after = await settled(before);
    if (after.tensors > before.tensors || after.live > before.live)
      problems.push(`${name}, ${part}: left ${JSON.stringify(after)}, before ${JSON.stringify(before)}, ${message}`);
    const again = await attempt(run);
    if (again.error || !same(again.numbers, expected.numbers))
      problems.push(`${name}, after ${part}: ${describe(again)}, expected ${expected.numbers}`);
  }
  if (failed === 0) problems.push(`${name}: never ran out of memory, needs ${need}`);
  return problems;
}

const state = { a: randn([300, 200]), b: randn([200, 300]) };
await io.saveSafetensors(file('a.safetensors'), state);
await io.saveTorch(file('a.pt'), state);
await io.saveNpz(file('a.npz'), state);
await io.saveNpy(file('a.npy'), state.a);
const only = process.argv[3];
const problems = [];
for (const [name, run] of Object.entries(cases)) {
  if (only !== undefined && only !== name) continue;
  const found = await check(name, run);
  for (const problem of found) console.error(problem);
  problems.push(...found);
}
console.log(JSON.stringify({ cases: Object.keys(cases).length, problems: problems.length }));
