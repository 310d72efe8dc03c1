// Random numbers of this folder: a pure function of a seed and a stream, so that what was resumed equals what was not.
import { Philox } from '../data/philox.js';
import { drawSeed } from '../data/sampler.js';
import { ArgumentError, valueText } from '../errors.js';

/** @internal Philox with the distributions that are needed here. */
export class Random extends Philox {
  private spare: number | null = null;

  /** From 0 to 1, 1 left out, with 53 random bits. */
  uniform(): number {
    const high = this.nextUint32() >>> 5;
    return (high * 0x4000000 + (this.nextUint32() >>> 6)) / 0x20000000000000;
  }

  /** Standard normal, by the method of Box and Muller. */
  normal(): number {
    if (this.spare !== null) {
      const value = this.spare;
      this.spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Reorders a list in place. */
  shuffle<T extends { length: number; [index: number]: unknown }>(list: T): T {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const swapped = list[i];
      list[i] = list[j];
      list[j] = swapped;
    }
    return list;
  }

  /** `count` numbers from 0 to `limit - 1`, each drawn from all. */
  draws(count: number, limit: number): Uint32Array {
    return Uint32Array.from({ length: count }, () => this.below(limit));
  }
}

/** @internal The seed that was given, or the next of the generator that `manualSeed` seeds. */
export function seedOf(op: string, seed: number | undefined): number {
  if (seed === undefined) return drawSeed(op, undefined);
  if (Number.isSafeInteger(seed)) return seed;
  throw new ArgumentError(op, `seed must be a safe integer, got ${valueText(seed)}`, seed);
}
