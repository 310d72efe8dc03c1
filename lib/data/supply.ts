// Where the batches of an epoch come from: this thread or workers, by number or in order.
import { currentFrame, currentScope, runInAsyncFrame, Scope } from '../tensor/frame.js';
import { collect } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { MakeBatch } from './fetch.js';
import type { StreamBatches } from './stream.js';
import type { Made, WorkerPool } from './worker/pool.js';

/** A finished batch. */
export interface Delivery<B> {
  /** Its tensors belong to the scope of the caller from here on. */
  take(): B;
  /** Nobody wants it. */
  drop(): void;
}

/** A batch that was begun. */
export interface Started<B> {
  /** Null where there was no batch left to make. */
  readonly batch: Promise<Delivery<B> | null>;
  /** Ends what makes it, with this reason. */
  giveUp(reason: string): void;
  /** Nobody waits for it any more. */
  forget(): void;
}

/** The batches of one epoch. */
export interface Supply<B> {
  /** Passes over batches that are done already. */
  skip(count: number): Promise<void>;
  /** Begins the next batch; null when all were begun. */
  begin(): Started<B> | null;
  /** Waits for a batch. */
  hold<R>(promise: Promise<R>): Promise<R>;
  /** A batch has failed: gives up what could be left behind. */
  failed(): void;
  close(): Promise<void>;
}

/** A batch by number, and its items. */
export interface Step {
  readonly batch: number;
  readonly indices: Uint32Array;
}

const nothing = (): void => {};
const hold = <R>(promise: Promise<R>): Promise<R> => promise;

/** Makes a batch outside of the scope of whoever is training; it enters the scope in which it is taken. */
async function detached<B>(make: () => B | Promise<B>): Promise<Delivery<B>> {
  const { grad, inference } = currentFrame();
  const own = new Scope(null);
  try {
    const batch = await runInAsyncFrame({ scope: own, grad, inference }, async () => make());
    const made = [...collect(batch, new Set<Tensor>())].filter((tensor) => tensor._scope === own);
    own.close(new Set(made));
    return deliveryOf(batch, made);
  } catch (error) {
    own.close(null);
    throw error;
  }
}

/** A batch whose tensors belong to no scope until it is taken. */
function deliveryOf<B>(batch: B, tensors: readonly Tensor[]): Delivery<B> {
  return {
    take() {
      const scope = currentScope();
      for (const tensor of tensors) scope?.add(tensor);
      return batch;
    },
    drop() {
      for (const tensor of tensors) tensor.dispose();
    },
  };
}

/** By number, in this thread. */
export function localSupply<B>(steps: Iterator<Step>, make: MakeBatch<B>): Supply<B> {
  return {
    async skip() {},
    begin() {
      const step = steps.next();
      if (step.done) return null;
      return { batch: detached(() => make(step.value.indices)), giveUp: nothing, forget: nothing };
    },
    hold,
    failed: nothing,
    async close() {},
  };
}

/** In order, in this thread. */
export function streamSupply<B>(batches: StreamBatches<B>): Supply<B> {
  let turn: Promise<unknown> = Promise.resolve();
  let ended = false;
  const next = async (): Promise<Delivery<B> | null> => {
    let more = false;
    const delivery = await detached(async () => {
      const made = await batches.next(false);
      more = made !== null;
      return made?.value as B;
    });
    if (!more) ended = true;
    return more ? delivery : null;
  };
  return {
    async skip(count) {
      for (let i = 0; i < count && !ended; i++) ended = (await batches.next(true)) === null;
    },
    begin() {
      if (ended) return null;
      const batch = turn.then(next);
      turn = batch.catch(nothing);
      return { batch, giveUp: nothing, forget: nothing };
    },
    hold,
    failed: nothing,
    async close() {
      await turn;
      await batches.end();
    },
  };
}

const delivered = <B>(made: Made): Delivery<B> | null =>
  typeof made === 'string' ? null : deliveryOf(made.batch as B, made.tensors);

/** By number, in workers. */
export function workerSupply<B>(
  steps: Iterator<Step>,
  epoch: number,
  pool: WorkerPool,
  persistent: boolean,
): Supply<B> {
  return {
    async skip() {},
    begin() {
      const step = steps.next();
      if (step.done) return null;
      const { job, made } = pool.submit({ epoch, ...step.value, skip: false }, null);
      return started<B>(pool, job, made.then(delivered<B>));
    },
    hold: (promise) => pool.hold(promise),
    failed: () => pool.retire(),
    close: async () => (persistent ? undefined : pool.close()),
  };
}

function started<B>(pool: WorkerPool, job: number, batch: Promise<Delivery<B> | null>): Started<B> {
  batch.catch(nothing); // told where it is waited for
  return { batch, giveUp: (reason) => pool.giveUp(job, reason), forget: () => pool.forget([job]) };
}

/** In order, in workers: one batch of each in turn, until all have ended. */
export function workerStreamSupply<B>(
  numWorkers: number,
  epoch: number,
  pool: WorkerPool,
  persistent: boolean,
): Supply<B> {
  const alive = Array.from({ length: numWorkers }, (_, id) => id);
  const counts = alive.map(() => 0);
  let turn = 0;
  const leave = (worker: number): void => {
    const at = alive.indexOf(worker);
    if (at < 0) return;
    alive.splice(at, 1);
    if (at < turn) turn--;
  };
  const request = (skip: boolean): { job: number; made: Promise<Made> } => {
    if (turn >= alive.length) turn = 0;
    const worker = alive[turn++];
    // Not the number of the batch in all: how many ends were asked for before it depends on time.
    const batch = counts[worker]++ * numWorkers + worker;
    const { job, made } = pool.submit({ epoch, batch, indices: null, skip }, worker);
    const watched = made.then(
      (answer) => {
        if (answer === 'ended') leave(worker);
        return answer;
      },
      (error: unknown) => {
        leave(worker);
        throw error;
      },
    );
    watched.catch(nothing);
    return { job, made: watched };
  };
  return {
    async skip(count) {
      for (let done = 0; done < count && alive.length > 0; ) {
        if ((await pool.hold(request(true).made)) === 'skipped') done++;
      }
    },
    begin() {
      if (alive.length === 0) return null;
      const { job, made } = request(false);
      return started<B>(pool, job, made.then(delivered<B>));
    },
    hold: (promise) => pool.hold(promise),
    failed: nothing,
    close: async () => (persistent ? undefined : pool.close()),
  };
}
