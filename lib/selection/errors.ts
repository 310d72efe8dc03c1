// What can go wrong while a model is chosen. Each error names the fold, the sample or the trial.
import { ArgumentError, NablaError, valueText } from '../errors.js';

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : valueText(cause));

/** Samples that cannot be split as asked: too few of them, of a class or of a group. `value` holds what was found. */
export class SplitError extends ArgumentError {}

/** The function that scores a fold threw, gave no finite number, or its worker died. What it threw is the `cause`. */
export class FoldError extends NablaError {
  /** Counted from 0. */
  readonly fold: number;
  /** The scores of the folds that were finished, by fold; the others are holes. */
  readonly scores: readonly (Readonly<Record<string, number>> | undefined)[];

  constructor(op: string, fold: number, cause: unknown, scores: FoldError['scores'] = []) {
    super(op, `fold ${fold} failed: ${messageOf(cause)}`, { cause });
    this.fold = fold;
    this.scores = scores;
  }
}

/** A trial threw, gave no finite number, or its worker died. It is recorded as failed; every other trial is kept. */
export class TrialError extends NablaError {
  /** Counted from 0. */
  readonly trial: number;
  readonly params: Readonly<Record<string, unknown>>;

  constructor(op: string, trial: number, params: Readonly<Record<string, unknown>>, cause: unknown) {
    super(op, `trial ${trial} with ${JSON.stringify(params)} failed: ${messageOf(cause)}`, { cause });
    this.trial = trial;
    this.params = params;
  }
}

/** A member of an ensemble could not be trained or used. */
export class MemberError extends NablaError {
  /** Counted from 0. */
  readonly member: number;

  constructor(op: string, member: number, cause: unknown) {
    super(op, `member ${member}: ${messageOf(cause)}`, { cause });
    this.member = member;
  }
}

/** A worker thread ended before it had answered. */
export class WorkerError extends NablaError {}

/** Thrown inside an objective to end a trial early; it counts as pruned, with the last value that was reported. */
export class TrialPruned extends NablaError {
  constructor(message = 'the trial was ended early') {
    super('', message);
  }
}
