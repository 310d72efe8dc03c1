// A few random numbers for JavaScript: the strength of a mix, the corner of a rectangle.
import { Philox } from '../data/philox.js';
import { type Generator, generatorOf } from '../tensor/random.js';

/**
 * Numbers from one place of a generator's stream, which moves on: the same seed gives the same numbers, a run that is
 * resumed goes on with them, and nothing waits for the device.
 */
export class Draws {
  private readonly bits: Philox;

  constructor(op: string, generator: Generator | undefined) {
    const { seedLo, seedHi, offset } = generatorOf(op, generator)._take(16);
    this.bits = new Philox(seedHi * 2 ** 32 + seedLo, offset);
  }

  /** A number of (0, 1). */
  uniform(): number {
    return (this.bits.nextUint32() * 2 ** 20 + (this.bits.nextUint32() >>> 12) + 0.5) * 2 ** -52;
  }

  /** A number from `low` to `high`. */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** A whole number of [0, limit). */
  below(limit: number): number {
    return this.bits.below(limit);
  }

  /** A number of Beta(a, b): the share of one of two gamma variables, from logarithms because they may be tiny. */
  beta(a: number, b: number): number {
    const [x, y] = [this.logGamma(a), this.logGamma(b)];
    return 1 / (1 + Math.exp(y - x));
  }

  private normal(): number {
    return Math.sqrt(-2 * Math.log(this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** The logarithm of a gamma variable of this shape. Source: Marsaglia and Tsang, 2000. */
  private logGamma(shape: number): number {
    if (shape < 1) return this.logGamma(shape + 1) + Math.log(this.uniform()) / shape;
    const d = shape - 1 / 3;
    for (;;) {
      const x = this.normal();
      const v = (1 + x / Math.sqrt(9 * d)) ** 3;
      if (v > 0 && Math.log(this.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v);
    }
  }
}
