// Random numbers of transforms: drawn on the JavaScript thread, from the generator that a call has.
import { Philox } from '../../data/philox.js';
import { Generator, generatorOf } from '../../tensor/random.js';

/** Keeps these numbers apart from those that kernels draw from the same place of the same generator. */
const STREAM = 2 ** 48;

/** Counters that one call of one transform uses up, however many numbers it draws. */
const COUNTERS = 16;

/** The random numbers of one call of one transform: the same ones for the same state of the generator. */
export class Draws {
  private readonly philox: Philox;

  constructor(op: string, generator: Generator | undefined | null) {
    const { seedLo, seedHi, offset } = generatorOf(op, generator)._take(COUNTERS);
    this.philox = new Philox(seedHi * 2 ** 32 + seedLo, STREAM + offset);
  }

  /** A number of [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.philox.nextUint32() / 2 ** 32);
  }

  /** A whole number of [0, limit). */
  below(limit: number): number {
    return this.philox.below(limit);
  }

  /** True with probability `p`. */
  chance(p: number): boolean {
    return this.uniform() < p;
  }

  /** The numbers from 0 to `length - 1` in random order. */
  permutation(length: number): Uint32Array {
    return this.philox.permutation(length);
  }

  /** A generator of its own, for kernels that draw a number for each pixel. */
  generator(): Generator {
    return new Generator(this.philox.nextUint32() * 2 ** 21 + (this.philox.nextUint32() >>> 11));
  }
}

/**
 * The stream of random numbers of one sample: transforms that get it give the same result for the same `seed`, `epoch` and
 * `index`, whichever worker runs them and in whatever order.
 *
 * @example
 * const augmented = augment.forward(sample, { generator: sampleGenerator(seed, index, epoch) });
 */
export function sampleGenerator(seed: number, index: number, epoch = 0): Generator {
  const philox = new Philox(seed, epoch * 2 ** 32 + index);
  return new Generator(philox.nextUint32() * 2 ** 21 + (philox.nextUint32() >>> 11));
}
