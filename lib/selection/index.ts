/**
 * Choosing a model: splits, cross-validation, bootstrap, ensembles, boosting, searches of hyperparameters.
 * @packageDocumentation
 */
export { type BaggingOptions, type BaggingResult, bagging } from './bagging.js';
export { BayesianSampler, type BayesianSamplerOptions } from './bayesian-sampler.js';
export { type BiasVariance, type BiasVarianceOptions, biasVariance } from './bias-variance.js';
export {
  type AdaBoostOptions,
  type AdaBoostResult,
  AdditiveModel,
  adaBoost,
  type GradientBoostingOptions,
  type GradientBoostingResult,
  gradientBoosting,
  type SummedLoss,
} from './boosting.js';
export {
  type BootstrapError,
  type BootstrapErrorOptions,
  type BootstrapOptions,
  type BootstrapResult,
  bootstrap,
  bootstrapError,
  type Fit,
  type IndexPredictor,
  type ResampleIndices,
} from './bootstrap.js';
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
export { averageStateDicts, type Combine, Ensemble, type EnsembleOptions } from './ensemble.js';
export { FoldError, MemberError, SplitError, TrialError, TrialPruned, WorkerError } from './errors.js';
export { GaussianProcess, type Hyperparameters, type Prediction } from './gaussian-process.js';
export { GroupKFold, LeaveOneGroupOut, StratifiedGroupKFold } from './group-fold.js';
export {
  type Evaluation,
  type HalvingOptions,
  type HalvingResult,
  hyperband,
  type ResourceObjective,
  type ResourceTrial,
  type SuccessiveHalvingOptions,
  successiveHalving,
} from './halving.js';
export {
  KFold,
  LeaveOneOut,
  RepeatedKFold,
  type RepeatedOptions,
  RepeatedStratifiedKFold,
  StratifiedKFold,
} from './k-fold.js';
export type { Learner, LearnerTask, Task } from './learner.js';
export {
  type AshaOptions,
  AshaPruner,
  HyperbandPruner,
  type HyperbandPrunerOptions,
  MedianPruner,
  type MedianPrunerOptions,
  type Pruner,
  type ReportedTrial,
} from './pruners.js';
export {
  type FinishedTrial,
  type GridOptions,
  GridSampler,
  LatinHypercubeSampler,
  RandomSampler,
  type Sampler,
  type SamplerInput,
} from './samplers.js';
export {
  GroupShuffleSplit,
  ShuffleSplit,
  type ShuffleSplitOptions,
  type SizeOptions,
  StratifiedShuffleSplit,
  type TrainTestSplitOptions,
  trainTestSplit,
} from './shuffle-split.js';
export { type SnapshotOptions, Snapshots } from './snapshots.js';
export {
  type Choice,
  type CompiledSpace,
  categorical,
  type Dimension,
  float,
  int,
  type Params,
  type RangeOptions,
  type Space,
  when,
} from './space.js';
export type { Fold, ShuffleOptions, Splitter } from './split.js';
export { StackedModel, type StackingOptions, type StackingResult, stacking } from './stacking.js';
export { type Alternative, mannWhitneyU, type RankTestOptions, type TestResult, wilcoxon } from './statistics.js';
export { type OptimizeOptions, Study, type StudyOptions, type Trial, type TrialObjective } from './study.js';
export { type TimeSeriesOptions, TimeSeriesSplit } from './time-series.js';
