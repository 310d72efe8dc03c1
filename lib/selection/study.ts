import { ArgumentError, NablaError, ValueError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { BayesianSampler } from './bayesian-sampler.js';
import { checkInteger, checkOneOf } from './check.js';
import { TrialError, TrialPruned } from './errors.js';
import { checkPruner, type Pruner } from './pruners.js';
import { Random, seedOf } from './random.js';
import { checkSampler, type FinishedTrial, type Sampler, type SamplerInput } from './samplers.js';
import { CompiledSpace, type Params, type Space } from './space.js';
import { checkHead, StudyFile } from './study-file.js';
import { inLanes, WorkerLanes } from './workers.js';

/** Options of {@link Study}. */
export interface StudyOptions<S extends Space> {
  /** What is chosen. */
  space: S;
  /** Default `'minimize'`. */
  direction?: 'minimize' | 'maximize';
  /** How trials are chosen. Default: a {@link BayesianSampler}. */
  sampler?: Sampler;
  /** Ends trials early that report. Default: none does. */
  pruner?: Pruner;
  /** Keeps every trial that has ended. A study that finds its file goes on from there. One process writes at a time. */
  file?: string;
  /** The same seed gives the same choices. Default: that of the file, or the next of the generator that `manualSeed` seeds. */
  seed?: number;
}

/** A trial that runs. */
export interface Trial<P = Params> {
  /** Counted from 0. */
  readonly number: number;
  readonly params: P;
  /** A seed of the trial's own; the same one whenever it is run again. */
  readonly seed: number;
  /** Tells the study a value on the way, such as the validation loss behind an epoch; true when the trial should end. */
  report(value: number, step: number): Promise<boolean>;
  /** What the last report brought. */
  shouldPrune(): boolean;
}

/** Tries one choice and returns what it is worth. It may throw {@link TrialPruned}. */
export type TrialObjective<S extends Space> = (trial: Trial<Params<S>>) => number | Promise<number>;

/** Options of {@link Study.optimize}. */
export interface OptimizeOptions {
  /** How many trials the study has in the end, those of its file included. */
  trials: number;
  /** Trials that run at once. Default 1. */
  parallel?: number;
  /** Goes on when a trial fails. Default false: the others that run end, then a TrialError is thrown. */
  keepGoing?: boolean;
  /** Starts no more trials when it is aborted; those that run end. */
  signal?: AbortSignal;
}

/** A trial that {@link Study.ask} gave, with what it has reported. */
class RunningTrial<P> implements Trial<P> {
  readonly reports: [number, number][] = [];
  readonly began = performance.now();
  private pruned = false;

  constructor(
    readonly number: number,
    readonly params: P,
    readonly seed: number,
    private readonly decide: (trial: RunningTrial<P>) => boolean,
  ) {}

  /** @throws ArgumentError for a value that is not finite, or a step that is not behind the one before */
  _report(value: number, step: number): boolean {
    const [last] = this.reports.at(-1) ?? [Number.NEGATIVE_INFINITY];
    if (!Number.isFinite(value))
      throw new ArgumentError('report', `value must be finite, got ${valueText(value)}`, value);
    if (!(Number.isFinite(step) && step > last)) {
      throw new ArgumentError('report', `step must be a number above ${last}, got ${valueText(step)}`, step);
    }
    this.reports.push([step, value]);
    this.pruned = this.decide(this);
    return this.pruned;
  }

  async report(value: number, step: number): Promise<boolean> {
    return this._report(value, step);
  }

  shouldPrune(): boolean {
    return this.pruned;
  }
}

/**
 * Searches a space for the choice with the best value, trial by trial.
 *
 * With a `file` nothing is lost: every trial that has ended is on the disk before the next one begins. The same program
 * started again goes on, and a study that was killed ends with the same trials as one that was not (in order, when
 * `parallel` is 1).
 *
 * @example
 * const study = new Study({
 *   direction: 'maximize',
 *   space: { lr: float(1e-4, 1e-1, { log: true }), decay: float(1e-6, 1e-2, { log: true }) },
 *   file: 'runs/study.ndjson',
 *   seed: 1,
 * });
 * await study.optimize(async ({ params, seed }) => accuracyOf(await train(params, seed)), { trials: 30 });
 * console.log(study.best.params, study.best.value);
 *
 * @throws ArgumentError for wrong options, or a file of a study with another space, direction or seed; FormatError for a
 * file that is damaged
 */
export class Study<S extends Space = Space> {
  readonly direction: 'minimize' | 'maximize';
  readonly seed: number;
  private readonly space: CompiledSpace;
  private readonly sampler: Sampler;
  private readonly pruner: Pruner | null;
  private readonly file: StudyFile | null;
  private readonly finished = new Map<number, FinishedTrial<Params<S>>>();
  private readonly running = new Map<number, RunningTrial<Params<S>>>();
  /** Numbers of trials that the sampler thinks about. */
  private readonly reserved = new Set<number>();
  private asking: Promise<unknown> = Promise.resolve();

  constructor(options: StudyOptions<S>) {
    const op = 'Study';
    checkOptions(op, options);
    const { space, direction = 'minimize', sampler = new BayesianSampler(), pruner, file } = options;
    this.space = new CompiledSpace(op, space);
    this.direction = checkOneOf(op, 'direction', direction, ['minimize', 'maximize']);
    this.sampler = checkSampler(op, sampler);
    this.pruner = checkPruner(op, pruner);
    if (file !== undefined && (typeof file !== 'string' || file === '')) {
      throw new ArgumentError(op, `file must be a path, got ${valueText(file)}`, file);
    }
    const saved = file === undefined ? null : StudyFile.read(op, file);
    this.seed = seedOf(op, options.seed ?? saved?.head.seed);
    const head = { direction, seed: this.seed, space };
    this.file = file === undefined ? null : new StudyFile(file, head);
    if (saved === null) return;
    checkHead(op, file as string, saved.head, head);
    for (const trial of saved.trials) {
      const misfit = this.space.misfit(trial.params);
      if (misfit !== null)
        throw new ArgumentError(op, `trial ${trial.number} of ${file} does not fit: ${misfit}`, trial);
      this.finished.set(trial.number, trial as FinishedTrial<Params<S>>);
    }
  }

  /** All trials that have ended, by number. */
  get trials(): readonly FinishedTrial<Params<S>>[] {
    return [...this.finished.values()].sort((a, b) => a.number - b.number);
  }

  /**
   * The best complete trial; of equal ones the first.
   * @throws ArgumentError when no trial is complete
   */
  get best(): FinishedTrial<Params<S>> & { readonly value: number } {
    const sign = this.sign;
    let best: FinishedTrial<Params<S>> | null = null;
    for (const trial of this.trials) {
      if (trial.state !== 'complete') continue;
      if (best === null || sign * (trial.value as number) < sign * (best.value as number)) best = trial;
    }
    if (best === null) throw new ArgumentError('Study', 'no trial is complete yet', this.trials.length);
    return best as FinishedTrial<Params<S>> & { readonly value: number };
  }

  private get sign(): 1 | -1 {
    return this.direction === 'minimize' ? 1 : -1;
  }

  /** The next trial, or null when the sampler has nothing left. It must be handed to {@link tell}. */
  ask(): Trial<Params<S>> | null {
    const number = this.nextNumber();
    return this.begin(number, this.sampler.propose(this.inputOf(number)));
  }

  /** {@link ask}, with turns of the event loop while the sampler thinks. Of several calls each waits for those before. */
  askAsync(): Promise<Trial<Params<S>> | null> {
    const asked = this.asking.then(async () => {
      const { sampler } = this;
      if (sampler.proposeAsync === undefined) return this.ask();
      const number = this.nextNumber();
      this.reserved.add(number);
      try {
        return this.begin(number, await sampler.proposeAsync(this.inputOf(number)));
      } finally {
        this.reserved.delete(number);
      }
    });
    this.asking = asked.catch(() => {}); // told by the promise itself
    return asked;
  }

  private nextNumber(): number {
    let number = 0;
    while (this.finished.has(number) || this.running.has(number) || this.reserved.has(number)) number++;
    return number;
  }

  private inputOf(number: number): SamplerInput {
    const { space, seed, direction } = this;
    const running = [...this.running.values()].map(({ params }) => params);
    return { space, number, seed, direction, finished: this.trials, running };
  }

  private begin(number: number, params: Params | null): Trial<Params<S>> | null {
    if (params === null) return null;
    const misfit = this.space.misfit(params);
    if (misfit !== null)
      throw new ArgumentError('Study', `the sampler chose what the space has not: ${misfit}`, params);
    const own = new Random(this.seed, 2 ** 48 + number).nextUint32();
    const trial = new RunningTrial(number, params as Params<S>, own, (one) => this.shouldPrune(one));
    this.running.set(number, trial);
    return trial;
  }

  /**
   * Ends a trial with its value, or with what it threw: {@link TrialPruned} counts as pruned, anything else as failed. It
   * resolves when the trial is in the file.
   * @throws TrialError for a failed trial, also for a value that is not finite; ArgumentError for a trial that does not run
   */
  async tell(trial: Trial<Params<S>>, outcome: number | Error): Promise<void> {
    const { number, params } = trial;
    const own = this.running.get(number);
    if (own === undefined || own !== trial) throw new ArgumentError('Study', `trial ${number} does not run`, trial);
    const seconds = Math.round(performance.now() - own.began) / 1000;
    const common = { number, params, reports: own.reports, seconds };
    const good = typeof outcome === 'number' && Number.isFinite(outcome);
    const cause = outcome instanceof Error ? outcome : new ValueError('', `the value is ${valueText(outcome)}`);
    let ended: FinishedTrial<Params<S>>;
    // The class may come from another copy of this library, in a worker.
    if (good) ended = { ...common, state: 'complete', value: outcome };
    else if (cause.name === TrialPruned.name) {
      ended = { ...common, state: 'pruned', value: own.reports.at(-1)?.[1] ?? null };
    } else ended = { ...common, state: 'failed', value: null, error: cause.message };
    const before = this.trials;
    this.finished.set(number, ended);
    this.running.delete(number);
    await this.file?.append('Study', before, ended);
    if (ended.state === 'failed') throw new TrialError('Study', number, params, cause);
  }

  /**
   * Runs trials until the study has as many as asked for, or the sampler has nothing left. Where `fn` is the URL of a
   * module, its default export runs in worker threads, `parallel` of them; a worker that dies fails its trial and is replaced.
   *
   * @throws TrialError for the first trial that failed, behind the end of those that ran with it, unless `keepGoing`;
   * WriteError when the file cannot be written. Trials that have ended are kept in any case.
   */
  async optimize(fn: TrialObjective<S> | URL, options: OptimizeOptions): Promise<this> {
    const op = 'optimize';
    checkOptions(op, options);
    const total = checkInteger(op, 'trials', options.trials, 0);
    const parallel = checkInteger(op, 'parallel', options.parallel ?? 1, 1);
    const { keepGoing = false, signal } = options;
    const inWorkers = typeof fn !== 'function';
    const workers = inWorkers ? new WorkerLanes(op, fn, parallel, { wrap: true }) : null;
    const missing = Math.max(0, total - this.finished.size - this.running.size);
    let exhausted = false;
    try {
      await inLanes(missing, parallel, async (_, lane) => {
        if (exhausted || signal?.aborted) return;
        const trial = await this.askAsync();
        exhausted = trial === null;
        if (trial === null) return;
        const run = workers
          ? this.inWorker(workers, lane, trial)
          : Promise.resolve(trial).then(fn as TrialObjective<S>);
        const outcome = await run.catch((error: unknown) => asError(error));
        await this.tell(trial, outcome).catch((error: unknown) => {
          if (!(keepGoing && error instanceof TrialError)) throw error;
        });
      });
    } finally {
      await workers?.close();
    }
    return this;
  }

  private async inWorker(workers: WorkerLanes, lane: number, trial: Trial<Params<S>>): Promise<number> {
    const { number, params, seed } = trial;
    const own = trial as RunningTrial<Params<S>>;
    return (await workers.run(lane, { number, params, seed }, ({ value, step }) => own._report(value, step))) as number;
  }

  private shouldPrune(trial: RunningTrial<Params<S>>): boolean {
    if (this.pruner === null) return false;
    const { sign } = this;
    const signed = (reports: FinishedTrial['reports']) => reports.map(([step, value]) => [step, sign * value] as const);
    const others = [...this.finished.values(), ...this.running.values()]
      .filter(({ number, reports }) => number !== trial.number && reports.length > 0)
      .map(({ number, reports }) => ({ number, reports: signed(reports) }));
    return this.pruner.shouldPrune({ number: trial.number, reports: signed(trial.reports) }, others);
  }
}

const asError = (error: unknown): Error =>
  error instanceof Error ? error : new NablaError('', valueText(error), { cause: error });
