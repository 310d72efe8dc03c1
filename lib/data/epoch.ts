// One loop over a DataLoader that prepares batches ahead.
import type { Started, Supply } from './supply.js';

/** How batches are prepared ahead, and who is told. */
export interface EpochOptions {
  /** Batches that are begun and not taken yet, at most. */
  readonly ahead: number;
  /** Begin the next ones when the caller has had its turn: they need this thread. */
  readonly yielding: boolean;
  /** Seconds to wait for a batch; 0 waits for ever. */
  readonly timeout: number;
  /** Batches to pass over. */
  readonly skip: number;
  /** Called for each batch that is given, and each that fails in its place. */
  readonly onBatch: () => void;
  readonly onFailure: () => void;
  readonly onEnd: () => void;
}

/** What happens to threads whose loop was dropped in the middle. */
const dropped = new FinalizationRegistry<Supply<unknown>>((supply) => void supply.close());

/**
 * The batches of an epoch. A batch that fails rejects at its place, when those before it were given; the next call goes on
 * with the one behind it.
 */
export class Epoch<B> implements AsyncIterator<B> {
  private readonly supply: Supply<B>;
  private readonly options: EpochOptions;
  private readonly started: Started<B>[] = [];
  private turn: Promise<unknown> = Promise.resolve();
  private skipped = false;
  private ended = false;

  constructor(supply: Supply<B>, options: EpochOptions) {
    this.supply = supply;
    this.options = options;
    dropped.register(this, supply, this);
  }

  next(): Promise<IteratorResult<B>> {
    const step = this.turn.then(() => this.take());
    this.turn = step.catch(() => {});
    return step;
  }

  async return(): Promise<IteratorResult<B>> {
    await this.end();
    return { done: true, value: undefined };
  }

  private async take(): Promise<IteratorResult<B>> {
    if (!this.skipped && !this.ended) {
      this.skipped = true;
      await this.supply.skip(this.options.skip);
    }
    while (!this.ended) {
      this.begin(this.options.yielding ? 1 : this.options.ahead);
      const first = this.started.shift();
      if (first === undefined) await this.end();
      else {
        const delivery = await this.wait(first);
        if (delivery === null || this.ended) delivery?.drop();
        else {
          const value = delivery.take();
          this.options.onBatch();
          this.beginMore();
          return { done: false, value };
        }
      }
    }
    return { done: true, value: undefined };
  }

  private async wait(first: Started<B>): ReturnType<() => Started<B>['batch']> {
    const { timeout } = this.options;
    const reason = `has not given a batch for ${timeout} s`;
    const timer = timeout > 0 ? setTimeout(() => first.giveUp(reason), timeout * 1000) : undefined;
    try {
      return await this.supply.hold(first.batch);
    } catch (error) {
      if (!this.ended) this.supply.failed();
      this.options.onFailure();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private beginMore(): void {
    const { ahead, yielding } = this.options;
    if (yielding) setImmediate(() => this.begin(ahead));
    else this.begin(ahead);
  }

  private begin(count: number): void {
    while (!this.ended && this.started.length < count) {
      const started = this.supply.begin();
      if (started === null) return;
      started.batch.catch(() => {}); // told where it is waited for
      this.started.push(started);
    }
  }

  private async end(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    dropped.unregister(this);
    this.options.onEnd();
    for (const { batch, forget } of this.started.splice(0)) {
      forget();
      batch.then(
        (delivery) => delivery?.drop(),
        () => {},
      );
    }
    await this.supply.close();
  }
}
