// Parts of the training loop that know nothing of the trainer.
import type { StateTree } from '../data/state.js';
import { ArgumentError, valueText } from '../errors.js';
import { scope } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';

/**
 * Batches of `[input, target]`, such as a DataLoader. Tensors made while a batch is asked for are freed behind it; what a
 * source keeps for later batches it makes before, or takes out with `keep()`.
 */
export type Batches = (AsyncIterable<readonly [Tensor, Tensor]> | Iterable<readonly [Tensor, Tensor]>) & {
  readonly length: number;
};

/** Changes a training batch: mixup, noise, random erasing. Draws from the generators, so that runs can be repeated. */
export type BatchTransform = (input: Tensor, target: Tensor) => readonly [input: Tensor, target: Tensor];

/** The mean of batch losses by samples. Reads are queued at once and awaited later. */
export class RunningMean {
  last: number | undefined;
  samples = 0;
  #sum = 0;
  readonly #reads: Promise<void>[] = [];

  /** One that goes on where a {@link state} was. */
  static from(state: StateTree): RunningMean {
    const mean = new RunningMean();
    const { sum, samples, last } = state as { sum: number; samples: number; last?: number };
    [mean.#sum, mean.samples, mean.last] = [sum, samples, last];
    return mean;
  }

  /** When everything is settled. */
  state(): StateTree {
    return { sum: this.#sum, samples: this.samples, last: this.last };
  }

  add(loss: Tensor, samples: number): void {
    this.samples += samples;
    const read = loss.item().then(
      (value) => {
        this.last = value;
        this.#sum += value * samples;
      },
      (error: unknown) => {
        this.samples -= samples;
        throw error;
      },
    );
    read.catch(() => {}); // reported by settled() or mean()
    this.#reads.push(read);
  }

  /** Waits until at most `behind` reads are pending. */
  async settled(behind: number): Promise<void> {
    while (this.#reads.length > behind) {
      const [read] = this.#reads;
      try {
        await read;
      } finally {
        // Two may wait at once.
        if (this.#reads[0] === read) this.#reads.shift();
      }
    }
  }

  async mean(): Promise<number> {
    await this.settled(0);
    return this.#sum / this.samples;
  }
}

/**
 * Runs `fn` for each batch of an iterator until it returns true; the tensors of a batch are freed behind it. `first` is the
 * number of the first batch, `before` is called before each is asked for. Returns how many are done.
 */
export async function eachBatch(
  op: string,
  iterator: Iterator<unknown> | AsyncIterator<unknown>,
  options: { signal?: AbortSignal; first?: number; before?: () => void },
  fn: (input: Tensor, target: Tensor, index: number) => Promise<boolean>,
): Promise<number> {
  let done = options.first ?? 0;
  let ended = false;
  let stopped = false;
  const one = async (): Promise<void> => {
    options.before?.();
    const step = await iterator.next();
    ended = step.done === true;
    if (step.done) return;
    const [input, target] = checkPair(op, `batch ${done}`, step.value);
    stopped = await fn(input, target, done++);
  };
  try {
    while (!ended && !stopped) {
      options.signal?.throwIfAborted();
      await scope(one);
    }
  } finally {
    if (!ended) await iterator.return?.(); // a generator may hold files open
  }
  if (done === 0) throw new ArgumentError(op, 'there is no batch: the loader is empty');
  return done;
}

export const iteratorOf = (batches: Batches): Iterator<unknown> | AsyncIterator<unknown> =>
  Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();

export function checkSignal(op: string, signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return;
  throw new ArgumentError(op, `signal must be an AbortSignal, got ${valueText(signal)}`, signal);
}

export function checkBatches(op: string, batches: unknown): void {
  const iterable =
    typeof batches === 'object' && batches !== null && (Symbol.asyncIterator in batches || Symbol.iterator in batches);
  if (!iterable) throw new ArgumentError(op, `batches to loop over are needed, got ${valueText(batches)}`, batches);
}

export function checkPair(op: string, what: string, pair: unknown): readonly [Tensor, Tensor] {
  const isPair = Array.isArray(pair) && pair.length === 2;
  if (isPair && pair.every((item) => item instanceof Tensor && item.ndim > 0))
    return pair as unknown as [Tensor, Tensor];
  const items = Array.isArray(pair) ? `[${pair.map(valueText).join(', ')}]` : valueText(pair);
  const rule = 'must be [input, target], two tensors with a first axis for the samples';
  throw new ArgumentError(op, `${what} ${rule}, got ${items}`, pair);
}

/** `{ loss: 1 }` as `{ valLoss: 1 }`. */
export const withPrefix = (prefix: string, values: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [prefixed(prefix, name), value]));

export const prefixed = (prefix: string, name: string): string => `${prefix}${name[0].toUpperCase()}${name.slice(1)}`;

/** Goes past `count` batches that are done already. */
export async function skipBatches(
  op: string,
  iterator: Iterator<unknown> | AsyncIterator<unknown>,
  count: number,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const ended = await scope(async () => (await iterator.next()).done === true);
    if (ended) throw new ArgumentError(op, `the loader ended at batch ${i}, ${count} are done already`, i);
  }
}
