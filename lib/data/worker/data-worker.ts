// The thread of a worker: makes its dataset, then batches, one after the other.
import { parentPort, workerData } from 'node:worker_threads';
import '../../ops/index.js';
import { manualSeed } from '../../tensor/random.js';
import { setNumThreads } from '../../tensor/runtime.js';
import { scope } from '../../tensor/scope.js';
import type { Dataset, IterableDataset } from '../dataset.js';
import { isMapStyle } from '../dataset.js';
import { batchMaker, type Collate, itemError } from '../fetch.js';
import { Philox } from '../philox.js';
import { streamBatches } from '../stream.js';
import { setWorkerInfo } from './info.js';
import type { Answer, Ready, Request, WorkerSetup } from './messages.js';
import { pack, packError } from './parcel.js';
import { resolveSource } from './source.js';

const port = parentPort as NonNullable<typeof parentPort>;
const setup = (workerData as { setup: WorkerSetup }).setup;

/** Random numbers of a batch are a function of the seed, the epoch and the batch, whoever makes it. */
function seedFor({ epoch, batch }: Request): void {
  const random = new Philox(setup.seed, (epoch + 1) * 2 ** 32 + batch);
  manualSeed(random.nextUint32() * 2 ** 21 + (random.nextUint32() >>> 11));
}

type Make = (request: Request) => Promise<{ value: unknown } | 'skipped' | null>;
type Maker = { readonly dataset: object; readonly make: Make };

async function prepare(): Promise<Maker> {
  setNumThreads(1); // the processors belong to the training
  const dataset = (await resolveSource(setup.dataset)) as Dataset<unknown> | IterableDataset<unknown>;
  const collate = (setup.collate && (await resolveSource(setup.collate))) as Collate<unknown, unknown> | null;
  const { id, numWorkers, seed } = setup;
  setWorkerInfo({ id, numWorkers, seed, dataset });
  if (setup.init) {
    const init = (await resolveSource(setup.init)) as (id: number) => unknown;
    manualSeed(seed + id);
    await init(id);
  }
  return { dataset, make: isMapStyle(dataset) ? byIndex(dataset, collate) : inOrder(dataset, collate) };
}

function byIndex(dataset: Dataset<unknown>, collate: Collate<unknown, unknown> | null): Make {
  const { progress, id, batchSize } = setup;
  const onItem = (index: number): void => void Atomics.store(progress, id, index);
  const make = batchMaker(dataset, { collate, batched: batchSize !== null, onItem });
  return async ({ indices }) => ({ value: await make(indices as Uint32Array) });
}

function inOrder(dataset: IterableDataset<unknown>, collate: Collate<unknown, unknown> | null): Make {
  const { batchSize, dropLast } = setup;
  let epoch = -1;
  let batches: ReturnType<typeof streamBatches<unknown, unknown>> | null = null;
  return async (request) => {
    if (request.epoch !== epoch || batches === null) {
      await batches?.end();
      epoch = request.epoch;
      batches = streamBatches(dataset, { collate, batchSize, dropLast, epoch });
    }
    const made = await batches.next(request.skip);
    if (made === null) return null;
    return request.skip ? 'skipped' : { value: made.value };
  };
}

async function answer({ dataset, make }: Maker, request: Request): Promise<void> {
  const { job } = request;
  const transfer: ArrayBuffer[] = [];
  let reply: Answer = { job, parcel: null, error: null, skipped: false };
  try {
    seedFor(request);
    reply = await scope(async () => {
      const made = await make(request);
      if (made === null) return reply;
      if (made === 'skipped') return { ...reply, skipped: true };
      const packed = await pack(made.value, setup.mailbox);
      transfer.push(...packed.transfer);
      return { ...reply, parcel: packed.parcel };
    });
    port.postMessage(reply, transfer);
  } catch (error) {
    const named = itemError(dataset, error, request.indices ?? []);
    port.postMessage({ ...reply, parcel: null, error: packError(named) } satisfies Answer);
  } finally {
    Atomics.store(setup.progress, setup.id, -1);
  }
}

const prepared = prepare();
let turn: Promise<unknown> = prepared.then(
  () => port.postMessage({ ready: true, error: null } satisfies Ready),
  (error: unknown) => port.postMessage({ ready: true, error: packError(error) } satisfies Ready),
);
port.on('message', (request: Request) => {
  turn = turn.then(async () => answer(await prepared, request)).catch(() => {}); // told by the first message
});
