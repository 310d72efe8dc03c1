// The threads of a DataLoader. Batches may be made anywhere and in any order; what a thread had not begun when it ended is
// made by another one.
import type { Worker } from 'node:worker_threads';
import { NablaError, WorkerError } from '../../errors.js';
import { closeMailbox, openMailbox } from '../../tensor/handover.js';
import type { Answer, Ready, Request, WorkerSetup } from './messages.js';
import { type Unpacked, unpack, unpackError } from './parcel.js';
import { startThread } from './thread.js';

/** A batch that is waited for. */
interface Job {
  readonly request: Request;
  /** The only worker that can make it: the one whose stream it comes from. */
  readonly worker: number | null;
  resolve(answer: Made): void;
  reject(error: Error): void;
}

/** What became of a request: a batch, one that was passed over, or the end of the stream. */
export type Made = Unpacked | 'skipped' | 'ended';

/** Enough for a thread to go on with while the loader takes its last batch. */
const AT_ONCE = 2;

interface Thread {
  readonly id: number;
  readonly worker: Worker;
  /** Requests that it was sent and has not answered, in order. */
  readonly jobs: Job[];
  ready: boolean;
  /** What ended it, as far as it is known yet. */
  cause: Error | null;
  stopped: string | null;
}

export class WorkerPool {
  private readonly threads: (Thread | null)[];
  private readonly queue: Job[] = [];
  private readonly progress: Int32Array;
  private waiting = 0;
  private closed = false;
  private resting = false;
  private nextJob = 0;

  constructor(
    private readonly setup: Omit<WorkerSetup, 'id' | 'progress' | 'mailbox'>,
    /** What the dataset is called in messages. */
    private readonly name: string,
  ) {
    const { numWorkers } = setup;
    this.progress = new Int32Array(new SharedArrayBuffer(4 * numWorkers)).fill(-1);
    this.threads = Array.from({ length: numWorkers }, () => null);
    for (let id = 0; id < numWorkers; id++) this.threads[id] = this.start(id);
  }

  /** Asks for a batch; `worker` where only that one can make it. */
  submit(request: Omit<Request, 'job'>, worker: number | null): { job: number; made: Promise<Made> } {
    const job = this.nextJob++;
    const made = new Promise<Made>((resolve, reject) => {
      this.queue.push({ request: { ...request, job }, worker, resolve, reject });
    });
    made.catch(() => {}); // told where it is waited for
    this.dispatch();
    return { job, made };
  }

  /** Waits for a batch; only meanwhile the threads keep the process alive. */
  async hold<R>(made: Promise<R>): Promise<R> {
    if (this.resting) {
      this.resting = false;
      this.dispatch();
    }
    if (this.waiting++ === 0) for (const thread of this.threads) thread?.worker.ref();
    try {
      return await made;
    } finally {
      if (--this.waiting === 0) for (const thread of this.threads) thread?.worker.unref();
    }
  }

  /** Ends the thread that has a batch to make for too long. */
  giveUp(job: number, reason: string): void {
    const thread = this.threads.find((one) => one?.jobs.some(({ request }) => request.job === job));
    if (!thread) return;
    // The batch in question goes first: it is the one that is given up.
    const at = thread.jobs.findIndex(({ request }) => request.job === job);
    thread.jobs.unshift(...thread.jobs.splice(at, 1));
    thread.stopped = reason;
    void thread.worker.terminate();
  }

  /** Batches that nobody waits for any more, unless a thread has begun them. */
  forget(jobs: readonly number[]): void {
    for (let i = this.queue.length - 1; i >= 0; i--) {
      if (jobs.includes(this.queue[i].request.job)) this.queue.splice(i, 1);
    }
  }

  /** Ends all threads until a batch is waited for again; what they had not finished is begun anew then. */
  retire(): void {
    this.resting = true;
    const threads = this.threads.filter((thread) => thread !== null);
    this.threads.fill(null);
    this.queue.unshift(...threads.flatMap(({ jobs }) => jobs.splice(0)));
    this.queue.sort((a, b) => a.request.job - b.request.job);
    for (const { worker } of threads) void worker.terminate();
  }

  /** Ends all threads. Who still waits for a batch gets an error. */
  async close(): Promise<void> {
    this.closed = true;
    const threads = this.threads.splice(0).filter((thread) => thread !== null);
    const error = new NablaError('DataLoader', 'was closed');
    for (const job of [...this.queue.splice(0), ...threads.flatMap(({ jobs }) => jobs.splice(0))]) job.reject(error);
    await Promise.all(threads.map(({ worker }) => worker.terminate()));
  }

  get isClosed(): boolean {
    return this.closed;
  }

  private start(id: number): Thread {
    this.progress[id] = -1;
    const mailbox = openMailbox();
    const worker = startThread({ ...this.setup, id, progress: this.progress, mailbox });
    const thread: Thread = { id, worker, jobs: [], ready: false, cause: null, stopped: null };
    worker.on('message', (message: Answer | Ready) => this.receive(thread, message));
    worker.on('error', (error) => {
      thread.cause = error;
    });
    worker.on('exit', (code) => {
      closeMailbox(mailbox); // every message was received
      this.ended(thread, code);
    });
    if (this.waiting === 0) worker.unref();
    return thread;
  }

  private receive(thread: Thread, message: Answer | Ready): void {
    if ('ready' in message) {
      thread.ready = message.error === null;
      if (message.error !== null) {
        thread.cause = unpackError(message.error);
        void thread.worker.terminate();
      }
      return;
    }
    const at = thread.jobs.findIndex(({ request }) => request.job === message.job);
    if (at < 0) return;
    const [job] = thread.jobs.splice(at, 1);
    try {
      if (message.error !== null) job.reject(unpackError(message.error));
      else if (message.parcel !== null) job.resolve(unpack(message.parcel));
      else job.resolve(message.skipped ? 'skipped' : 'ended');
    } catch (error) {
      job.reject(error as Error); // no memory for the batch
    }
    this.dispatch();
  }

  private ended(thread: Thread, code: number): void {
    if (this.threads[thread.id] !== thread) return; // closed, or retired
    this.threads[thread.id] = null;
    if (!thread.ready && thread.stopped === null) {
      this.failAll(thread, code);
      return;
    }
    const [first, ...others] = thread.jobs;
    first?.reject(this.errorOf(thread, code, first));
    // The rest of a stream is gone with its thread, other batches go to the next thread that is free.
    const lost = [...others, ...this.queue].filter(({ worker }) => worker === thread.id);
    for (const job of lost) job.reject(this.errorOf(thread, code, job));
    this.forget(lost.map(({ request }) => request.job));
    this.queue.unshift(...others.filter(({ worker }) => worker === null));
    this.dispatch();
  }

  /** A dataset that cannot be made is not made by trying again. */
  private failAll(thread: Thread, code: number): void {
    const jobs = [...thread.jobs, ...this.queue.splice(0)];
    for (const other of this.threads) if (other !== null) jobs.push(...other.jobs.splice(0));
    for (const job of jobs) job.reject(this.errorOf(thread, code, job));
    void this.close();
  }

  private errorOf(thread: Thread, code: number, job: Job): WorkerError {
    const { id, cause, stopped, ready } = thread;
    const taken = Atomics.load(this.progress, id);
    const indices = Array.from(job.request.indices ?? []);
    const index = indices.includes(taken) ? taken : undefined;
    const at = { dataset: this.name, index, indices, worker: id, exitCode: stopped === null ? code : undefined };
    const how =
      ready || stopped !== null ? (stopped ?? endText(cause, code)) : `could not start: ${endText(cause, code)}`;
    return new WorkerError('DataLoader', at, `worker ${id} ${how}`, cause === null ? undefined : { cause });
  }

  private dispatch(): void {
    for (let i = 0; i < this.queue.length && !this.closed && !this.resting; ) {
      const job = this.queue[i];
      const thread = job.worker === null ? this.freest() : this.threadOf(job.worker);
      if (thread === null || thread.jobs.length >= AT_ONCE) {
        if (job.worker === null) return;
        i++;
        continue;
      }
      this.queue.splice(i, 1);
      thread.jobs.push(job);
      thread.worker.postMessage(job.request);
    }
  }

  private freest(): Thread {
    const all = this.threads.map((_, id) => this.threadOf(id));
    return all.reduce((best, thread) => (thread.jobs.length < best.jobs.length ? thread : best));
  }

  private threadOf(id: number): Thread {
    const thread = this.threads[id] ?? this.start(id);
    this.threads[id] = thread;
    return thread;
  }
}

function endText(cause: Error | null, code: number): string {
  if (cause === null) return `ended with exit code ${code}`;
  return (cause as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'ran out of memory' : cause.message;
}
