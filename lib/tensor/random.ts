// Where random numbers come from: a seed and a position in its stream of counters (native/ops/random.h).
import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from './check.js';

/** What a generator needs to go on exactly where it is: plain numbers, fit for a checkpoint. */
export interface GeneratorState {
  readonly seed: number;
  readonly offset: number;
}

/** One reservation in the stream of a generator, as the native side takes it. @internal */
export interface Draw {
  readonly seedLo: number;
  readonly seedHi: number;
  readonly offset: number;
}

/** PyTorch's `default_rng_seed_val`. */
const DEFAULT_SEED = 67280421310721;

const checkSeed = (op: string, seed: number): number => {
  if (!Number.isSafeInteger(seed)) {
    throw new ArgumentError(op, `the seed must be a safe integer, got ${valueText(seed)}`, seed);
  }
  return seed;
};

const freshSeed = (): number => {
  const bytes = process.getBuiltinModule('node:crypto').randomBytes(8);
  return bytes.readUInt32LE(0) * 2 ** 21 + (bytes.readUInt32LE(4) >>> 11);
};

/**
 * A stream of random numbers. Every random function takes `{ generator }`; without one it uses the generator of the
 * running thread (the main thread and each worker have their own), which {@link manualSeed} sets.
 *
 * The numbers are counter-based (Philox4x32-10): the same seed gives the same bits on any processor and any number of
 * threads.
 */
export class Generator {
  #seed: number;
  #offset = 0;

  constructor(seed: number = DEFAULT_SEED) {
    this.#seed = checkSeed('Generator', seed);
  }

  /** Starts the stream of `seed` from its beginning. */
  manualSeed(seed: number): this {
    this.#seed = checkSeed('manualSeed', seed);
    this.#offset = 0;
    return this;
  }

  /** Starts a stream that nobody can foresee; returns its seed. */
  seed(): number {
    return this.manualSeed(freshSeed()).initialSeed();
  }

  /** The seed of the stream. */
  initialSeed(): number {
    return this.#seed;
  }

  /** The state, to be given to {@link setState}. */
  getState(): GeneratorState {
    return { seed: this.#seed, offset: this.#offset };
  }

  /** Goes on from a state that {@link getState} gave. */
  setState(state: GeneratorState): this {
    checkOptions('setState', state);
    const { seed, offset } = state;
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new ArgumentError('setState', `the offset must be an integer >= 0, got ${valueText(offset)}`, offset);
    }
    this.#seed = checkSeed('setState', seed);
    this.#offset = offset;
    return this;
  }

  /** @internal Reserves counters. */
  _take(counters: number): Draw {
    const draw = {
      seedLo: this.#seed >>> 0,
      seedHi: Math.floor(this.#seed / 2 ** 32) >>> 0,
      offset: this.#offset,
    };
    this.#offset += counters;
    return draw;
  }
}

/** The generator that functions use when they get none. One per environment: workers have their own. */
export const defaultGenerator = new Generator(freshSeed());

/** Seeds the {@link defaultGenerator}: random numbers that follow are the same in every run. */
export const manualSeed = (seed: number): Generator => defaultGenerator.manualSeed(seed);

/** Starts a stream of the {@link defaultGenerator} that nobody can foresee; returns its seed. */
export const seed = (): number => defaultGenerator.seed();

/** The state of the {@link defaultGenerator}: plain numbers, fit for a checkpoint. */
export const getRngState = (): GeneratorState => defaultGenerator.getState();

/** Puts the {@link defaultGenerator} where it was when {@link getRngState} was called. */
export const setRngState = (state: GeneratorState): Generator => defaultGenerator.setState(state);

/** The seed of the {@link defaultGenerator}. */
export const initialSeed = (): number => defaultGenerator.initialSeed();

/** @internal Counters that `numel` draws of 32 bits use: bernoulli, dropout, float32 uniform and normal. */
export const counters32 = (numel: number): number => 16 * Math.ceil(numel / 64);

/** @internal Counters that `numel` draws of 64 bits use: randint, randperm, float64 uniform and normal. */
export const counters64 = (numel: number): number => 16 * Math.ceil(numel / 32);

/** @internal The generator of a call's options. */
export function generatorOf(op: string, generator: Generator | undefined | null): Generator {
  if (generator === undefined || generator === null) return defaultGenerator;
  if (generator instanceof Generator) return generator;
  throw new ArgumentError(op, `generator must be a Generator, got ${valueText(generator)}`, generator);
}
