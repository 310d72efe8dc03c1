import { checkOptions } from '../tensor/check.js';
import { checkInteger } from './check.js';
import { GaussianProcess } from './gaussian-process.js';
import { minimizeSteps, stepwise } from './minimize.js';
import { logImprovement } from './normal.js';
import { Random } from './random.js';
import { latinPoint, type Sampler, type SamplerInput } from './samplers.js';
import { type CompiledSpace, numberAt, type Params } from './space.js';
import { atOnce, inTurns, type Steps } from './steps.js';

/** Options of {@link BayesianSampler}. */
export interface BayesianSamplerOptions {
  /** Trials of a Latin hypercube before the model is asked. Default: twice the dimensions and two more, at least 6. */
  startTrials?: number;
  /** Random points at which the acquisition function is looked at before its best ones are improved. Default 600. */
  candidates?: number;
  /** The model sees so many trials at most: the best half of them and the newest. Default 300. */
  maxModelTrials?: number;
}

/** Points that are improved by gradients. */
const CLIMBERS = 5;

/**
 * Bayesian optimization: a Gaussian process (Matern 5/2, a lengthscale for each dimension, noise) is fitted to the trials
 * so far, and the next one has the largest expected improvement. Its logarithm is maximized, which does not vanish far from
 * the optimum (Ament et al. 2023). Numbers, integers, categories and conditions may be mixed: categories are one axis for
 * each choice, and what is not there stands in the middle.
 *
 * Trials that run at the same time are taken as if they had ended as the model expects ("kriging believer", Ginsbourger et
 * al. 2010), so the next ones go elsewhere. A failed trial counts as the worst one, a pruned one with its last report.
 * The choice depends on nothing but seed, number and the other trials: a resumed study goes on as if nothing had happened.
 *
 * Source: Jones, Schonlau and Welch (1998); Snoek, Larochelle and Adams (2012).
 */
export class BayesianSampler implements Sampler {
  private readonly options: BayesianSamplerOptions;

  constructor(options: BayesianSamplerOptions = {}) {
    const op = 'BayesianSampler';
    checkOptions(op, options);
    const { startTrials, candidates, maxModelTrials } = options;
    if (startTrials !== undefined) checkInteger(op, 'startTrials', startTrials, 1);
    if (candidates !== undefined) checkInteger(op, 'candidates', candidates, 1);
    if (maxModelTrials !== undefined) checkInteger(op, 'maxModelTrials', maxModelTrials, 2);
    this.options = { ...options };
  }

  propose(input: SamplerInput): Params {
    return atOnce(this.steps(input));
  }

  /** The same choice; the event loop has its turns meanwhile. */
  proposeAsync(input: SamplerInput): Promise<Params> {
    return inTurns(this.steps(input));
  }

  private *steps(input: SamplerInput): Steps<Params> {
    const { space, number, seed } = input;
    const { startTrials: start = Math.max(6, 2 * space.names.length + 2), candidates = 600 } = this.options;
    const seen = this.observations(input, start);
    if (number < start || seen.length < 2) return space.at(latinPoint(seed, number, start, space.names.length));
    const random = new Random(seed, number);
    const model = yield* believing(space, seen, input.running);
    let best = Number.POSITIVE_INFINITY;
    for (const { params } of seen) {
      yield;
      best = Math.min(best, model.posterior(space.encode(params), null).mean);
    }
    const acquisition = new Acquisition(space, model, best);
    const leaders = seen.toSorted((a, b) => a.value - b.value).slice(0, 4);
    return yield* acquisition.maximize(
      random,
      candidates,
      leaders.map(({ params }) => params),
      [...seen.map(({ params }) => params), ...input.running],
    );
  }

  /** What the model learns from: smaller is better, and values far above the others are drawn nearer. */
  private observations({ finished, direction }: SamplerInput, start: number): Observation[] {
    const sign = direction === 'minimize' ? 1 : -1;
    const known = finished.flatMap(({ number, params, value, state }) =>
      value === null || state === 'failed' ? [] : [{ number, params, value: sign * value }],
    );
    if (known.length === 0) return [];
    const first = known.filter(({ number }) => number < start).map(({ value }) => value);
    const early = (first.length >= 4 ? first : known.map(({ value }) => value)).sort((a, b) => a - b);
    // The first trials lie all over the space, so they say what is usual in it.
    const usual = early[Math.floor((early.length - 1) / 2)];
    const limit = early.length >= 4 ? usual + 5 * (usual - early[0]) : Number.POSITIVE_INFINITY;
    const clipped = known.map((one) => ({ ...one, value: Math.min(one.value, limit) }));
    const worst = Math.max(...clipped.map(({ value }) => value));
    const failed = finished.filter(({ state }) => state === 'failed');
    const all = [...clipped, ...failed.map(({ number, params }) => ({ number, params, value: worst }))];
    const { maxModelTrials: most = 300 } = this.options;
    if (all.length <= most) return all;
    const best = all.toSorted((a, b) => a.value - b.value).slice(0, Math.ceil(most / 2));
    const rest = all.filter((one) => !best.includes(one)).sort((a, b) => b.number - a.number);
    return [...best, ...rest.slice(0, most - best.length)];
  }
}

interface Observation {
  readonly number: number;
  readonly params: Params;
  readonly value: number;
}

/** A model of what was seen, in which trials that run have ended as it expects. */
function* believing(
  space: CompiledSpace,
  seen: readonly Observation[],
  running: readonly Params[],
): Steps<GaussianProcess> {
  const points = seen.map(({ params }) => space.encode(params));
  const values = seen.map(({ value }) => value);
  const model = yield* GaussianProcess._fitSteps(points, values);
  if (running.length === 0) return model;
  const more = running.map((params) => space.encode(params));
  const expected = more.map((point) => model.predict(point).mean);
  return yield* GaussianProcess._fitSteps([...points, ...more], [...values, ...expected], model.hyperparameters);
}

/** A point and the logarithm of its expected improvement. */
interface Scored {
  readonly params: Params;
  readonly value: number;
}

/** The logarithm of the expected improvement, over a space. */
class Acquisition {
  /** Slots of numbers that are no integers: along these there are gradients. */
  private readonly smooth: readonly { slot: number; name: string; index: number }[];

  constructor(
    private readonly space: CompiledSpace,
    private readonly model: GaussianProcess,
    private readonly best: number,
  ) {
    let slot = 0;
    this.smooth = space.dimensions.flatMap(({ kind, choices }, index) => {
      const at = slot;
      slot += kind === 'categorical' ? choices.length : 1;
      return kind === 'float' ? [{ slot: at, name: space.names[index], index }] : [];
    });
  }

  value(encoded: Float64Array): number {
    const { mean, variance } = this.model.posterior(encoded, null);
    const deviation = Math.sqrt(variance);
    return logImprovement((this.best - mean) / deviation).log + Math.log(deviation);
  }

  *maximize(random: Random, count: number, leaders: readonly Params[], taken: readonly Params[]): Steps<Params> {
    const { space } = this;
    const candidates: Params[] = Array.from({ length: count }, () => space.sample(random));
    for (const leader of leaders) {
      for (let i = 0; i < 25; i++) candidates.push(this.near(leader, random, i % 2 === 0 ? 0.1 : 0.01));
    }
    const scored: Scored[] = [];
    for (const params of candidates) {
      yield;
      scored.push({ params, value: this.value(space.encode(params)) });
    }
    scored.sort((a, b) => b.value - a.value);
    const climbed: Scored[] = [];
    for (const one of scored.slice(0, CLIMBERS)) climbed.push(yield* this.climb(one));
    const known = new Set(taken.map((params) => JSON.stringify(params)));
    const fresh = [...climbed, ...scored].filter(({ params }) => !known.has(JSON.stringify(params)));
    // A space of few choices may be used up; then the best is tried again.
    const [first, ...rest] = fresh.length > 0 ? fresh : climbed;
    return rest.reduce((a, b) => (b.value > a.value ? b : a), first).params;
  }

  /** A point around another one; now and then one thing is chosen anew. */
  private near(params: Params, random: Random, width: number): Params {
    const { space } = this;
    const fresh = space.sample(random) as Record<string, unknown>;
    const changed = random.below(2 * space.names.length);
    const next: Record<string, unknown> = {};
    space.names.forEach((name, i) => {
      if (!space.active(i, next)) return;
      const dimension = space.dimensions[i];
      const old = (params as Record<string, unknown>)[name];
      const again = old === undefined || (dimension.kind === 'categorical' && changed === i);
      if (again) next[name] = fresh[name] ?? space.at(space.names.map(() => random.uniform()))[name];
      else if (dimension.kind === 'categorical') next[name] = old;
      else next[name] = numberAt(dimension, this.placeOf(i, params) + width * random.normal());
      if (next[name] === undefined) next[name] = this.middle(i);
    });
    return next as Params;
  }

  private middle(index: number): unknown {
    const dimension = this.space.dimensions[index];
    return dimension.kind === 'categorical' ? dimension.choices[0] : numberAt(dimension, 0.5);
  }

  private placeOf(index: number, params: Params): number {
    const encoded = this.space.encode(params);
    let slot = 0;
    for (let i = 0; i < index; i++) {
      const { kind, choices } = this.space.dimensions[i];
      slot += kind === 'categorical' ? choices.length : 1;
    }
    return encoded[slot];
  }

  /** Follows the gradient along the numbers, then tries other integers and choices, until nothing gets better. */
  private *climb(from: Scored): Steps<Scored> {
    let best = from;
    for (let round = 0; round < 3; round++) {
      const before = best.value;
      best = yield* this.follow(best);
      for (const params of this.neighbours(best.params)) {
        yield;
        const value = this.value(this.space.encode(params));
        if (value > best.value) best = { params, value };
      }
      if (best.value <= before + 1e-6) break;
    }
    return best;
  }

  private *follow(from: Scored): Steps<Scored> {
    const free = this.smooth.filter(({ name }) => (from.params as Record<string, unknown>)[name] !== undefined);
    if (free.length === 0) return from;
    const encoded = this.space.encode(from.params);
    const slopes = { mean: new Float64Array(encoded.length), variance: new Float64Array(encoded.length) };
    const objective = (x: Float64Array, gradient: Float64Array): number => {
      free.forEach(({ slot }, i) => {
        encoded[slot] = x[i];
      });
      const { mean, variance } = this.model.posterior(encoded, slopes);
      const deviation = Math.sqrt(variance);
      const z = (this.best - mean) / deviation;
      const { log, slope } = logImprovement(z);
      free.forEach(({ slot }, i) => {
        const change = slopes.variance[slot] / (2 * variance);
        gradient[i] = -(slope * (-slopes.mean[slot] / deviation - z * change) + change);
      });
      return -(log + Math.log(deviation));
    };
    const start = free.map(({ slot }) => encoded[slot]);
    const box = { low: free.map(() => 0), high: free.map(() => 1), iterations: 40 };
    const found = yield* minimizeSteps(stepwise(objective), start, box);
    if (!(-found.value > from.value)) return from;
    const params: Record<string, unknown> = { ...from.params };
    free.forEach(({ name, index }, i) => {
      params[name] = numberAt(this.space.dimensions[index], found.x[i]);
    });
    return { params: params as Params, value: -found.value };
  }

  /** The same with one integer a step up or down, or with another choice. */
  private neighbours(params: Params): Params[] {
    const { space } = this;
    const own = params as Record<string, unknown>;
    return space.dimensions.flatMap((dimension, i) => {
      const name = space.names[i];
      const value = own[name];
      if (value === undefined || dimension.kind === 'float') return [];
      const others =
        dimension.kind === 'categorical'
          ? dimension.choices.filter((choice) => choice !== value)
          : [(value as number) - 1, (value as number) + 1].filter((v) => v >= dimension.low && v <= dimension.high);
      return others.map((other) => this.completed({ ...own, [name]: other }));
    });
  }

  /** Leaves out what is no longer there, and puts in the middle what now is. */
  private completed(params: Record<string, unknown>): Params {
    const next: Record<string, unknown> = {};
    this.space.names.forEach((name, i) => {
      if (this.space.active(i, next)) next[name] = params[name] ?? this.middle(i);
    });
    return next as Params;
  }
}
