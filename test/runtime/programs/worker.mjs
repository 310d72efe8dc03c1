// Several workers compute at once, each with its own stream; all must get the same numbers as the main thread.
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { add, full, memory, mul, scope } from '../../../dist/index.js';

async function compute(steps) {
  let x = full([333], 1);
  const a = full([333], 0.75);
  for (let i = 0; i < steps; i++) {
    x = scope(() => add(mul(x, a), a));
    if (i % 100 === 0) await x.data();
  }
  const data = await x.data();
  return { sum: data.reduce((s, v) => s + v, 0), live: memory().live };
}

if (isMainThread) {
  const rounds = Number(process.argv[2]);
  const expected = await compute(1000);
  for (let round = 0; round < rounds; round++) {
    const results = await Promise.all(
      [1, 2, 3].map(
        () =>
          new Promise((resolve, reject) => {
            const worker = new Worker(fileURLToPath(import.meta.url), { workerData: 1000 });
            worker.on('message', resolve);
            worker.on('error', reject);
          }),
      ),
    );
    for (const result of results) {
      if (result.sum !== expected.sum) throw new Error(`round ${round}: ${result.sum}, expected ${expected.sum}`);
    }
  }
  console.log(`${rounds} rounds equal`);
} else {
  parentPort.postMessage(await compute(workerData));
}
