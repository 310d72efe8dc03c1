// Successive halving and Hyperband in rounds: all trials of a round end before the next one begins.
import { ArgumentError, ValueError, valueText } from '../errors.js';
import { checkFunction, checkOptions } from '../tensor/check.js';
import { checkInteger, checkOneOf } from './check.js';
import { TrialError } from './errors.js';
import { Random, seedOf } from './random.js';
import { CompiledSpace, type Params, type Space } from './space.js';
import { inLanes } from './workers.js';

/** One evaluation of a choice. */
export interface ResourceTrial<P, State> {
  /** Counted from 0, the same in every round. */
  readonly number: number;
  readonly params: P;
  /** How much to spend in all: epochs, samples. */
  readonly resource: number;
  /** What was spent on it before. */
  readonly spent: number;
  /** What the evaluation before has returned as `state`, to go on from. */
  readonly state: State | undefined;
}

/** Evaluates a choice with some resource; `state` is handed to the next evaluation of it. */
export type ResourceObjective<P, State> = (
  trial: ResourceTrial<P, State>,
) => number | { value: number; state: State } | Promise<number | { value: number; state: State }>;

/** Options of {@link successiveHalving} and {@link hyperband}. */
export interface HalvingOptions {
  /** Default `'minimize'`. */
  direction?: 'minimize' | 'maximize';
  /** The most that one choice gets. */
  maxResource: number;
  /** The least that one choice gets. Default 1. */
  minResource?: number;
  /** One choice of so many goes on to the next round, with so many times the resource. Default 3. */
  reductionFactor?: number;
  /** Evaluations that run at once. Default 1. */
  parallel?: number;
  /** Default: the next of the generator that `manualSeed` seeds. */
  seed?: number;
}

/** Options of {@link successiveHalving}. */
export interface SuccessiveHalvingOptions extends HalvingOptions {
  /** Choices in the first round. Default: as many as leave one for `maxResource`. */
  trials?: number;
}

/** One evaluation that was made. */
export interface Evaluation<P = Params> {
  readonly number: number;
  /** The bracket of Hyperband, counted from 0. */
  readonly bracket: number;
  readonly params: P;
  readonly resource: number;
  readonly value: number;
}

/** What the search found. */
export interface HalvingResult<P = Params> {
  /** The best of the evaluations with the largest resource. */
  readonly best: Evaluation<P>;
  readonly evaluations: readonly Evaluation<P>[];
}

interface Plan {
  readonly sign: number;
  readonly least: number;
  readonly most: number;
  readonly factor: number;
  readonly parallel: number;
  readonly seed: number;
}

function planOf(op: string, options: HalvingOptions): Plan {
  checkOptions(op, options);
  const direction = checkOneOf(op, 'direction', options.direction ?? 'minimize', ['minimize', 'maximize']);
  const least = checkInteger(op, 'minResource', options.minResource ?? 1, 1);
  return {
    sign: direction === 'minimize' ? 1 : -1,
    least,
    most: checkInteger(op, 'maxResource', options.maxResource, least),
    factor: checkInteger(op, 'reductionFactor', options.reductionFactor ?? 3, 2),
    parallel: checkInteger(op, 'parallel', options.parallel ?? 1, 1),
    seed: seedOf(op, options.seed),
  };
}

/** The largest k with `factor^k <= ratio`, without rounding errors of logarithms. */
function roundsOf(ratio: number, factor: number): number {
  let rounds = 0;
  for (let power = factor; power <= ratio; power *= factor) rounds++;
  return rounds;
}

/**
 * Successive halving: many choices get little, the best of them more, until a few get everything.
 *
 * @example
 * const { best } = await successiveHalving(
 *   async ({ params, resource, spent, state }) => {
 *     const model = state ?? makeModel(params);
 *     for (let epoch = spent; epoch < resource; epoch++) await train(model);
 *     return { value: await lossOf(model), state: model };
 *   },
 *   { lr: float(1e-4, 1, { log: true }) },
 *   { maxResource: 27, seed: 1 },
 * );
 *
 * @throws TrialError naming the trial that threw or gave no finite number
 * Source: Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization" (2016).
 */
export async function successiveHalving<S extends Space, State = undefined>(
  fn: ResourceObjective<Params<S>, State>,
  space: S,
  options: SuccessiveHalvingOptions,
): Promise<HalvingResult<Params<S>>> {
  const op = 'successiveHalving';
  checkFunction(op, fn);
  const plan = planOf(op, options);
  const rounds = roundsOf(plan.most / plan.least, plan.factor);
  const trials = checkInteger(op, 'trials', options.trials ?? plan.factor ** rounds, 1);
  const bracket = { op, fn, plan, space: new CompiledSpace(op, space), bracket: 0, first: 0, trials, rounds };
  return resultOf(plan, await runBracket(bracket));
}

/**
 * Hyperband: {@link successiveHalving} several times, from many choices that begin with `minResource` to a few that get
 * everything at once, each with about the same resource in all.
 *
 * @throws TrialError naming the trial that threw or gave no finite number
 * Source: Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization" (2018), algorithm 1.
 */
export async function hyperband<S extends Space, State = undefined>(
  fn: ResourceObjective<Params<S>, State>,
  space: S,
  options: HalvingOptions,
): Promise<HalvingResult<Params<S>>> {
  const op = 'hyperband';
  checkFunction(op, fn);
  const plan = planOf(op, options);
  const compiled = new CompiledSpace(op, space);
  const brackets = roundsOf(plan.most / plan.least, plan.factor);
  const evaluations: Evaluation<Params<S>>[] = [];
  let first = 0;
  for (let s = brackets; s >= 0; s--) {
    const trials = Math.ceil(((brackets + 1) / (s + 1)) * plan.factor ** s);
    const bracket = { op, fn, plan, space: compiled, bracket: brackets - s, first, trials, rounds: s };
    evaluations.push(...(await runBracket(bracket)));
    first += trials;
  }
  return resultOf(plan, evaluations);
}

interface Bracket<P, State> {
  readonly op: string;
  readonly fn: ResourceObjective<P, State>;
  readonly plan: Plan;
  readonly space: CompiledSpace;
  readonly bracket: number;
  /** The number of its first trial. */
  readonly first: number;
  readonly trials: number;
  /** How often the choices are halved. */
  readonly rounds: number;
}

async function runBracket<P, State>(task: Bracket<P, State>): Promise<Evaluation<P>[]> {
  const { op, fn, plan, space, bracket, first, trials, rounds } = task;
  const made: Evaluation<P>[] = [];
  let alive = Array.from({ length: trials }, (_, i) => ({
    number: first + i,
    params: space.sample(new Random(plan.seed, first + i)) as P,
    spent: 0,
    state: undefined as State | undefined,
    value: Number.NaN,
  }));
  for (let round = 0; round <= rounds; round++) {
    const resource = Math.max(plan.least, Math.floor(plan.most / plan.factor ** (rounds - round)));
    await inLanes(alive.length, plan.parallel, async (i) => {
      const own = alive[i];
      const { number, params, spent, state } = own;
      try {
        const result = await fn({ number, params, resource, spent, state });
        own.value = checkValue(typeof result === 'object' && result !== null ? result.value : result);
        own.state = typeof result === 'object' && result !== null ? result.state : undefined;
      } catch (error) {
        throw new TrialError(op, number, params as Readonly<Record<string, unknown>>, error);
      }
      own.spent = resource;
    });
    made.push(...alive.map(({ number, params, value }) => ({ number, bracket, params, resource, value })));
    const kept = Math.max(1, Math.floor(trials / plan.factor ** (round + 1)));
    alive = alive.toSorted((a, b) => plan.sign * (a.value - b.value) || a.number - b.number).slice(0, kept);
  }
  return made;
}

function checkValue(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new ValueError('', `the value must be a finite number, got ${valueText(value)}`);
}

function resultOf<P>({ sign }: Plan, evaluations: readonly Evaluation<P>[]): HalvingResult<P> {
  const most = Math.max(...evaluations.map(({ resource }) => resource));
  const last = evaluations.filter(({ resource }) => resource === most);
  if (last.length === 0) throw new ArgumentError('hyperband', 'nothing was evaluated', evaluations);
  return { best: last.reduce((a, b) => (sign * b.value < sign * a.value ? b : a)), evaluations };
}
