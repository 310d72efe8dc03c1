// How the next trial is chosen.
import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { checkInteger } from './check.js';
import { Random } from './random.js';
import { type Choice, type CompiledSpace, numberAt, type Params } from './space.js';

/** A trial that has ended. */
export interface FinishedTrial<P = Params> {
  /** Counted from 0. */
  readonly number: number;
  readonly params: P;
  readonly state: 'complete' | 'pruned' | 'failed';
  /** What the objective returned; for a pruned trial the last report, null without one and for a failed trial. */
  readonly value: number | null;
  /** Step and value of every report, in order. */
  readonly reports: readonly (readonly [step: number, value: number])[];
  /** Wall time. */
  readonly seconds: number;
  /** The message of what a failed trial threw. */
  readonly error?: string;
}

/** What a sampler decides by. */
export interface SamplerInput {
  readonly space: CompiledSpace;
  /** The number of the trial to come. */
  readonly number: number;
  readonly seed: number;
  readonly direction: 'minimize' | 'maximize';
  /** Trials that have ended, by number. */
  readonly finished: readonly FinishedTrial[];
  /** Choices of trials that run now. */
  readonly running: readonly Params[];
}

/** Chooses the next trial; null when there is nothing left to try. The same input gives the same choice. */
export interface Sampler {
  /** The settings of the next trial. */
  propose(input: SamplerInput): Params | null;
  /** The same choice without holding the event loop, for samplers that think for long. `Study.optimize` takes it if there. */
  proposeAsync?(input: SamplerInput): Promise<Params | null>;
}

/** Draws every trial at random. */
export class RandomSampler implements Sampler {
  propose({ space, seed, number }: SamplerInput): Params {
    return space.sample(new Random(seed, number));
  }
}

/** Options of {@link GridSampler}. */
export interface GridOptions {
  /** Values of each number, or by name. Integers with no more values are taken whole. Default 5. */
  points?: number | Readonly<Record<string, number>>;
}

/** Goes through all combinations in order; numbers are spread evenly (in the logarithm where the range is). */
export class GridSampler implements Sampler {
  private readonly points: number | Readonly<Record<string, number>>;
  private readonly grids = new WeakMap<CompiledSpace, readonly Params[]>();

  /** @throws ArgumentError for less than one point */
  constructor(options: GridOptions = {}) {
    checkOptions('GridSampler', options);
    const { points = 5 } = options;
    const counts = typeof points === 'object' && points !== null ? Object.values(points) : [points];
    for (const count of counts) checkInteger('GridSampler', 'points', count, 1);
    this.points = points;
  }

  /** Every combination of a space. */
  private grid(space: CompiledSpace): readonly Params[] {
    let all: Record<string, Choice | undefined>[] = [{}];
    space.dimensions.forEach((dimension, i) => {
      const name = space.names[i];
      const count = typeof this.points === 'number' ? this.points : (this.points[name] ?? 5);
      const { kind, low, high, choices } = dimension;
      const places = count === 1 ? [0.5] : Array.from({ length: count }, (_, k) => k / (count - 1));
      const whole = kind === 'int' && high - low < count;
      const values = whole
        ? Array.from({ length: high - low + 1 }, (_, k) => low + k)
        : [...new Set(places.map((place) => numberAt(dimension, place)))];
      const list: readonly Choice[] = kind === 'categorical' ? choices : values;
      all = all.flatMap((one) => (space.active(i, one) ? list.map((value) => ({ ...one, [name]: value })) : [one]));
    });
    return all;
  }

  propose({ space, number }: SamplerInput): Params | null {
    let grid = this.grids.get(space);
    if (!grid) {
      grid = this.grid(space);
      this.grids.set(space, grid);
    }
    return grid[number] ?? null;
  }
}

/**
 * A Latin hypercube: each of `trials` equal parts of every range is drawn from once. Trials behind these begin a new one.
 * Source: McKay, Beckman and Conover (1979).
 */
export class LatinHypercubeSampler implements Sampler {
  readonly trials: number;

  /** @param trials how many points one hypercube has */
  constructor(trials: number) {
    this.trials = checkInteger('LatinHypercubeSampler', 'trials', trials, 1);
  }

  propose({ space, seed, number }: SamplerInput): Params {
    return space.at(latinPoint(seed, number, this.trials, space.names.length));
  }
}

/** Streams of hypercubes lie apart from those of single trials. */
const CUBES = 2 ** 40;

/** @internal Point `number` of the hypercubes of a seed. */
export function latinPoint(seed: number, number: number, points: number, axes: number): number[] {
  const random = new Random(seed, CUBES + Math.floor(number / points));
  return Array.from({ length: axes }, () => {
    const part = random.permutation(points)[number % points];
    const inside = Array.from({ length: points }, () => random.uniform());
    return (part + inside[number % points]) / points;
  });
}

/** @internal */
export function checkSampler(op: string, sampler: unknown): Sampler {
  const { propose } = (sampler ?? {}) as Partial<Sampler>;
  if (typeof propose === 'function') return sampler as Sampler;
  throw new ArgumentError(op, `sampler must be a sampler, got ${valueText(sampler)}`, sampler);
}
