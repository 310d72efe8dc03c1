export type { Label, Labels, Samples } from './check.js';
export {
  type CrossValidateOptions,
  type CrossValidation,
  crossValidate,
  type FoldScorer,
  type FoldTask,
  type ScoreSummary,
  type Scores,
} from './cross-validate.js';
export { FoldError, MemberError, SplitError, TrialError, TrialPruned, WorkerError } from './errors.js';
export { GroupKFold, LeaveOneGroupOut, StratifiedGroupKFold } from './group-fold.js';
export {
  KFold,
  LeaveOneOut,
  RepeatedKFold,
  type RepeatedOptions,
  RepeatedStratifiedKFold,
  StratifiedKFold,
} from './k-fold.js';
export {
  GroupShuffleSplit,
  ShuffleSplit,
  type ShuffleSplitOptions,
  type SizeOptions,
  StratifiedShuffleSplit,
  type TrainTestSplitOptions,
  trainTestSplit,
} from './shuffle-split.js';
export type { Fold, ShuffleOptions, Splitter } from './split.js';
export { type TimeSeriesOptions, TimeSeriesSplit } from './time-series.js';
