// A training in a thread of its own, made when it is needed; its weights come over while it trains.
import { Worker } from 'node:worker_threads';
import { type nn, scope, tensor } from 'nabla';
import type { Order, Report, Training, TrainingOptions, TrainingStatus, Weights } from './protocol.js';

export class RemoteTraining implements Training {
  status: TrainingStatus = { state: 'idle', epochs: 0, steps: 0 };
  private worker: Worker | null = null;
  private ending = false;
  private exited: Promise<void> = Promise.resolve();

  /** `model` is the one that serves. */
  constructor(
    private readonly model: nn.Module,
    private readonly options: TrainingOptions,
  ) {}

  start(epochs: number): boolean {
    if (this.ending || this.status.state === 'training') return false;
    this.status = { ...this.status, state: 'training', error: undefined };
    this.worker ??= this.newWorker();
    this.tell({ start: epochs });
    return true;
  }

  /** The thread ends, so that its memory goes; the next one goes on from the checkpoint. */
  async stop(): Promise<void> {
    if (this.worker && !this.ending) {
      this.ending = true;
      this.status = { ...this.status, state: 'stopping' };
      this.tell('stop');
    }
    await this.exited;
  }

  close(): Promise<void> {
    return this.stop();
  }

  private tell(order: Order): void {
    this.worker?.postMessage(order);
  }

  private newWorker(): Worker {
    const worker = new Worker(new URL('./training-worker.mjs', import.meta.url), { workerData: this.options });
    worker.on('message', (report: Report) => {
      if (report === 'stopped') return;
      if ('weights' in report) void this.take(report.weights);
      else this.status = report.status;
    });
    this.exited = new Promise((resolve) => {
      worker.on('error', (error) => {
        this.status = { ...this.status, state: 'failed', error: error.message };
      });
      worker.on('exit', () => {
        this.worker = null;
        this.ending = false;
        if (this.status.state !== 'failed') this.status = { ...this.status, state: 'idle' };
        resolve();
      });
    });
    return worker;
  }

  /** One tensor a turn of the event loop, then all at once: no prediction sees half of them. */
  private take(weights: Weights): Promise<void> {
    return scope(async () => {
      const own = this.model.stateDict();
      const state: typeof own = {};
      for (const [name, values] of Object.entries(weights)) {
        state[name] = tensor(values, { shape: own[name].shape });
        await new Promise((resolve) => setImmediate(resolve));
      }
      this.model.loadStateDict(state);
    });
  }
}
