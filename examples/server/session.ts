// A training that can be started, stopped at a step and gone on with, in the thread that makes it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Callback, callbacks, data, metrics, nn, optim, Trainer } from 'nabla';
import { DATASETS, type Training, type TrainingOptions, type TrainingStatus } from './protocol.js';

export const checkpointIn = (folder: string): string => join(folder, 'last.safetensors');

/** What its owner wants to know; training waits for it. */
export interface Watcher {
  onStatus?(status: TrainingStatus): void;
  onStep?(): void | Promise<void>;
  onEpoch?(): void | Promise<void>;
}

export class Session implements Training {
  readonly status: TrainingStatus = { state: 'idle', epochs: 0, steps: 0 };
  private readonly trainer: Trainer;
  private controller = new AbortController();
  private done: Promise<void> = Promise.resolve();

  constructor(
    model: nn.Module,
    private readonly options: TrainingOptions,
    private readonly watcher: Watcher = {},
  ) {
    const follow: Callback = {
      onBatchEnd: (_, loss, { globalStep }) => this.set({ steps: globalStep, loss }),
      onStepEnd: () => watcher.onStep?.(),
      onEpochEnd: ({ epoch, valAccuracy }) => {
        this.set({ epochs: epoch, accuracy: valAccuracy });
        return watcher.onEpoch?.();
      },
    };
    this.trainer = new Trainer({
      model,
      loss: new nn.CrossEntropyLoss(),
      optimizer: new optim.Adam(model.parameters(), { lr: 1e-3 }),
      metrics: [metrics.accuracy()],
      callbacks: [follow, new callbacks.Checkpoint({ folder: options.folder })],
    });
  }

  start(epochs: number): boolean {
    if (this.status.state === 'training' || this.status.state === 'stopping') return false;
    this.controller = new AbortController();
    this.set({ state: 'training', error: undefined });
    this.done = this.run(epochs, this.controller.signal);
    return true;
  }

  async stop(): Promise<void> {
    if (this.status.state === 'training') {
      this.set({ state: 'stopping' });
      this.controller.abort();
    }
    await this.done;
  }

  close(): Promise<void> {
    return this.stop();
  }

  /** Never rejects: the server goes on when its training fails. */
  private async run(epochs: number, signal: AbortSignal): Promise<void> {
    const { trainer } = this;
    const path = checkpointIn(this.options.folder);
    try {
      const { dataset, batchSize } = this.options;
      const [train, test] = await Promise.all([DATASETS[dataset].load(), DATASETS[dataset].load({ train: false })]);
      if (trainer.globalStep === 0 && existsSync(path)) await trainer.resume(path);
      await trainer.fit(new data.DataLoader(train, { batchSize, shuffle: true, seed: 1 }), {
        epochs: trainer.history.epochs.length + epochs,
        validation: new data.DataLoader(test, { batchSize: 200 }),
        progress: false,
        resume: true,
        signal,
      });
      this.set({ state: 'idle' });
    } catch (error) {
      await this.end(error, signal.aborted ? path : null);
    }
  }

  private async end(reason: unknown, path: string | null): Promise<void> {
    try {
      if (path === null) throw reason;
      if (this.trainer.globalStep > 0) await this.trainer.save(path);
      this.set({ state: 'idle' });
    } catch (error) {
      this.set({ state: 'failed', error: error instanceof Error ? error.message : String(error) });
    }
  }

  private set(change: Partial<TrainingStatus>): void {
    Object.assign(this.status, change);
    this.watcher.onStatus?.(this.status);
  }
}
