import { ArgumentError, valueText } from '../errors.js';
import { checkCount, checkFlag, checkList } from './check.js';
import { Philox } from './philox.js';
import { Sampler, type SeedOptions, seedOf } from './sampler.js';

/** Options of {@link WeightedRandomSampler}. */
export interface WeightedSamplerOptions extends SeedOptions {
  /** Whether an item may come more than once in an epoch. Default true. */
  readonly replacement?: boolean;
}

/**
 * Items drawn with a probability each: for classes of very different size.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.WeightedRandomSampler
 *
 * Without replacement items are drawn one after the other, each in proportion to the weights of those that are left
 * (Efraimidis and Spirakis, 2006: the largest `log(u) / w`).
 *
 * @example
 * const sampler = new WeightedRandomSampler(labels.map((label) => 1 / counts[label]), labels.length);
 */
export class WeightedRandomSampler extends Sampler {
  readonly weights: Float64Array;
  readonly numSamples: number;
  readonly replacement: boolean;

  /**
   * @param weights one per item, not negative; they need not add up to 1
   * @param numSamples items per epoch
   * @throws ArgumentError for weights that are all 0, or fewer weights above 0 than items to draw without replacement
   */
  constructor(weights: ArrayLike<number>, numSamples: number, options: WeightedSamplerOptions = {}) {
    const op = 'WeightedRandomSampler';
    super(seedOf(op, options));
    checkList(op, 'weights', weights);
    checkCount(op, 'numSamples', numSamples, 1);
    const { replacement = true } = options;
    checkFlag(op, 'replacement', replacement);
    this.weights = Float64Array.from(weights, Number);
    const wrong = this.weights.findIndex((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY));
    if (wrong >= 0) {
      const message = `weight ${wrong} must be a finite number of at least 0, got ${valueText(weights[wrong])}`;
      throw new ArgumentError(op, message, weights);
    }
    const possible = this.weights.reduce((count, weight) => count + (weight > 0 ? 1 : 0), 0);
    if (possible < (replacement ? 1 : numSamples)) {
      const message = `${possible} weights are above 0, too few to draw ${numSamples} items`;
      throw new ArgumentError(op, replacement ? message : `${message} without replacement`, weights);
    }
    this.numSamples = numSamples;
    this.replacement = replacement;
  }

  get length(): number {
    return this.numSamples;
  }

  indices(epoch: number): Uint32Array {
    const random = new Philox(this.orderSeed, epoch);
    return this.replacement ? this.drawAgain(random) : this.drawOnce(random);
  }

  private drawAgain(random: Philox): Uint32Array {
    const ends = new Float64Array(this.weights.length);
    let total = 0;
    let last = 0;
    for (const [i, weight] of this.weights.entries()) {
      if (weight > 0) last = i;
      total += weight;
      ends[i] = total;
    }
    return Uint32Array.from({ length: this.numSamples }, () => {
      const point = uniform(random) * total;
      let [low, high] = [0, last];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (point < ends[middle]) high = middle;
        else low = middle + 1;
      }
      return low;
    });
  }

  private drawOnce(random: Philox): Uint32Array {
    const keys = this.weights.map((weight) => {
      const u = 1 - uniform(random);
      return weight > 0 ? Math.log(u) / weight : Number.NEGATIVE_INFINITY;
    });
    const order = Uint32Array.from(keys.keys()).sort((a, b) => keys[b] - keys[a] || a - b);
    return order.slice(0, this.numSamples);
  }
}

/** From 0 to below 1, with 53 random bits. */
const uniform = (random: Philox): number =>
  ((random.nextUint32() >>> 5) * 2 ** 26 + (random.nextUint32() >>> 6)) / 2 ** 53;
