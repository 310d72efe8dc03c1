// The thread that trains. It has a stream and threads of its own, which can give way to those of the server.
import { parentPort, workerData } from 'node:worker_threads';
import { backends } from 'nabla';
import { newModel, type Order, type Report, type TrainingOptions, type Weights } from './protocol.js';
import { Session } from './session.js';

/** Milliseconds between two hand-overs of the weights, and between two reports. */
const HAND_OVER = 1000;
const REPORT = 100;

const options = workerData as TrainingOptions;
const port = parentPort!;
const report = (message: Report, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);

backends.cpu.priority = options.trainingPriority;
const model = newModel(options.dataset);
let handedOver = performance.now();
let reported = 0;

/** The arrays are moved to the other thread, not copied. */
async function handOver(): Promise<void> {
  const entries = Object.entries(model.stateDict());
  const arrays = await Promise.all(entries.map(([, tensor]) => tensor.data()));
  const weights = Object.fromEntries(entries.map(([name], i) => [name, arrays[i]])) as Weights;
  report(
    { weights },
    arrays.map(({ buffer }) => buffer as ArrayBuffer),
  );
  handedOver = performance.now();
}

let last = '';
const session = new Session(model, options, {
  onStatus: (status) => {
    const now = performance.now();
    if (status.state === last && now - reported < REPORT) return;
    [last, reported] = [status.state, now];
    report({ status });
  },
  onStep: () => (performance.now() - handedOver > HAND_OVER ? handOver() : undefined),
  onEpoch: handOver,
});

port.on('message', async (order: Order) => {
  if (order !== 'stop') return void session.start(order.start);
  await session.stop();
  await handOver();
  report({ status: session.status });
  report('stopped');
  port.close();
});
