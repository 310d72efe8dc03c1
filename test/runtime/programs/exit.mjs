// Ends in the way that argv[2] names, with kernels queued and reads pending.
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { add, full, mul } from '../../../dist/index.js';

const scenario = isMainThread ? process.argv[2] : workerData;

function queueWork(ops = 2000) {
  const a = full([256, 256], 0.5);
  let x = a;
  for (let i = 0; i < ops; i++) {
    const next = i % 2 ? add(x, a) : mul(x, a);
    if (x !== a) x.dispose();
    x = next;
    if (i % 50 === 0)
      x.data().then(
        () => {},
        () => {},
      );
  }
  return x;
}

const startWorker = (inside) => new Worker(fileURLToPath(import.meta.url), { workerData: inside });

/** Resolves with how the worker ended: its exit code, or the message of the error it threw. */
function workerEnd(worker) {
  return new Promise((resolve) => {
    worker.on('error', (error) => resolve(error.message));
    worker.on('exit', (code) => resolve(code));
  });
}

const ready = (worker) => new Promise((resolve) => worker.once('message', resolve));

async function terminated(inside) {
  const worker = startWorker(inside);
  await ready(worker);
  const started = performance.now();
  await worker.terminate();
  console.log(`terminated in ${Math.round(performance.now() - started)} ms`);
}

const scenarios = {
  normal: () => {
    const a = full([256, 256], 0.5);
    for (let i = 0; i < 2000; i++) add(a, a).dispose();
  },
  pendingRead: () => {
    queueWork()
      .data()
      .then((data) => console.log(`read ${data.length}`));
  },
  exit: () => {
    queueWork();
    process.exit(3);
  },
  exitLater: () => {
    queueWork();
    setTimeout(() => process.exit(3), 5);
  },
  uncaught: () => {
    queueWork();
    throw new Error('on purpose');
  },
  rejection: () => {
    queueWork();
    Promise.reject(new Error('on purpose'));
  },
  sigterm: () => {
    queueWork();
    console.log('ready');
    setInterval(() => queueWork(100), 1);
  },
  workerTerminate: () => terminated('busy'),
  workerTerminateInRead: () => terminated('blockedRead'),
  workerTerminateFullQueue: () => terminated('fullQueue'),
  workerExit: async () => console.log(`worker ended with ${await workerEnd(startWorker('exit'))}`),
  workerThrow: async () => console.log(`worker ended with ${await workerEnd(startWorker('uncaught'))}`),
  workerNormal: async () => console.log(`worker ended with ${await workerEnd(startWorker('pendingRead'))}`),
  mainExitBusyWorkers: async () => {
    const workers = [startWorker('busy'), startWorker('busy')];
    await Promise.all(workers.map(ready));
    queueWork();
    process.exit(3);
  },
  mainExitReadingWorkers: async () => {
    const workers = [startWorker('reading'), startWorker('reading'), startWorker('reading')];
    await Promise.all(workers.map(ready));
    process.exit(3);
  },
};

const { parentPort } = await import('node:worker_threads');
const inWorker = {
  busy: () => {
    queueWork();
    parentPort.postMessage('busy');
    setInterval(() => queueWork(200), 1);
  },
  blockedRead: () => {
    parentPort.postMessage('busy');
    for (;;) queueWork().dataSync();
  },
  // Always at the border when the end comes.
  reading: () => {
    const a = full([1], 0.5);
    parentPort.postMessage('busy');
    for (;;)
      a.data().then(
        () => {},
        () => {},
      );
  },
  fullQueue: () => {
    const a = full([512, 512], 0.5);
    parentPort.postMessage('busy');
    for (;;) add(a, a).dispose();
  },
};

await (isMainThread ? scenarios : { ...scenarios, ...inWorker })[scenario]();
