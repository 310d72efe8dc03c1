import { ArgumentError, ValueError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { checkInteger } from './check.js';
import { FoldError } from './errors.js';
import type { Fold } from './split.js';
import { inLanes, WorkerLanes } from './workers.js';

/** What a scoring function is given. */
export interface FoldTask<Settings = undefined> {
  /** Numbers of the samples to learn from, and of those to score with. */
  readonly train: Uint32Array;
  readonly test: Uint32Array;
  /** Counted from 0. */
  readonly fold: number;
  /** What `crossValidate` was given as `settings`. */
  readonly settings: Settings;
}

/** A score, or several by name. */
export type Scores = number | Readonly<Record<string, number>>;

/** Trains with one part of the samples and scores with the other. */
export type FoldScorer<Settings = undefined> = (task: FoldTask<Settings>) => Scores | Promise<Scores>;

/** Options of {@link crossValidate}. */
export interface CrossValidateOptions<Settings = undefined> {
  /** Folds that run at once. Default 1. */
  parallel?: number;
  /** Given to the function with every fold; it must be cloneable when worker threads are used. */
  settings?: Settings;
}

/** One score over all folds. */
export interface ScoreSummary {
  /** In the order of the folds. */
  readonly values: readonly number[];
  readonly mean: number;
  /** Sample standard deviation over the folds; 0 for a single fold. */
  readonly std: number;
  /** Standard error of the mean, `std / sqrt(folds)`. Folds share training samples, so it is too small rather than too large. */
  readonly standardError: number;
}

/** What {@link crossValidate} returns: a summary for each score; a plain number is called `score`. */
export type CrossValidation = Readonly<Record<string, ScoreSummary>>;

/**
 * Scores a model on every fold. The function trains with the samples `train` and returns a score, or several by name, on
 * the samples `test`; it is called once for each fold.
 *
 * With `parallel` folds run side by side. Where `fn` is the URL of a module, its default export is called in worker
 * threads; results do not depend on it.
 *
 * @example
 * const { score } = await crossValidate(async ({ train, test }) => {
 *   const model = await fit(data.subset(dataset, train));
 *   return accuracy(model, data.subset(dataset, test));
 * }, new StratifiedKFold(5).split(dataset, labels));
 * console.log(score.mean, score.standardError);
 *
 * @throws FoldError naming the fold when the function throws, returns no finite number or its worker dies, with the scores
 * of the folds that were finished; ArgumentError for no folds, or one with an empty part.
 */
export async function crossValidate<Settings = undefined>(
  fn: FoldScorer<Settings> | URL,
  splits: Iterable<Fold>,
  options: CrossValidateOptions<Settings> = {},
): Promise<CrossValidation> {
  const op = 'crossValidate';
  checkOptions(op, options);
  const parallel = checkInteger(op, 'parallel', options.parallel ?? 1, 1);
  const folds = checkFolds(op, splits);
  const workers = typeof fn === 'function' ? null : new WorkerLanes(op, fn, parallel, { wrap: false });
  const scores: (Record<string, number> | undefined)[] = new Array(folds.length).fill(undefined);
  try {
    await inLanes(folds.length, parallel, async (fold, lane) => {
      const [train, test] = folds[fold];
      const task = { train, test, fold, settings: options.settings as Settings };
      try {
        scores[fold] = checkScores(workers ? await workers.run(lane, task) : await (fn as FoldScorer<Settings>)(task));
      } catch (error) {
        throw new FoldError(op, fold, error, scores);
      }
    });
  } finally {
    await workers?.close();
  }
  return summaries(op, scores as Record<string, number>[]);
}

function checkFolds(op: string, splits: Iterable<Fold>): Fold[] {
  if (typeof splits !== 'object' || splits === null || !(Symbol.iterator in splits)) {
    throw new ArgumentError(op, `splits must be folds, got ${valueText(splits)}`, splits);
  }
  const folds = [...splits];
  if (folds.length === 0) throw new ArgumentError(op, 'there is no fold', splits);
  folds.forEach(([train, test], fold) => {
    for (const [part, name] of [
      [train, 'training'],
      [test, 'test'],
    ] as const) {
      if ((part?.length ?? 0) === 0) throw new ArgumentError(op, `fold ${fold} has no ${name} samples`, fold);
    }
  });
  return folds;
}

function checkScores(result: unknown): Record<string, number> {
  const scores = typeof result === 'object' && result !== null ? { ...result } : { score: result };
  const entries = Object.entries(scores);
  if (entries.length === 0) throw new ValueError('', 'there is no score');
  for (const [name, value] of entries) {
    if (typeof value === 'number' && Number.isFinite(value)) continue;
    throw new ValueError('', `${name} must be a finite number, got ${valueText(value)}`);
  }
  return scores as Record<string, number>;
}

function summaries(op: string, scores: readonly Readonly<Record<string, number>>[]): CrossValidation {
  const names = Object.keys(scores[0]);
  scores.forEach((own, fold) => {
    const same = Object.keys(own).length === names.length && names.every((name) => Object.hasOwn(own, name));
    if (same) return;
    const found = `there is ${Object.keys(own).join(', ')}, fold 0 has ${names.join(', ')}`;
    throw new FoldError(op, fold, new ValueError('', found), scores);
  });
  return Object.fromEntries(names.map((name) => [name, summaryOf(scores.map((own) => own[name]))]));
}

/** @internal */
export function summaryOf(values: readonly number[]): ScoreSummary {
  const { length } = values;
  const mean = values.reduce((a, b) => a + b, 0) / length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const std = length > 1 ? Math.sqrt(squares / (length - 1)) : 0;
  return { values, mean, std, standardError: std / Math.sqrt(length) };
}
