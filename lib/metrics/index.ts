/**
 * Metrics, batch by batch: classes that count, and functions that look once.
 * @packageDocumentation
 */
export { type CalibrationOptions, calibrationError } from './calibration.js';
export {
  type AccuracyOptions,
  accuracy,
  type CohenKappaOptions,
  type ConfusionMatrixOptions,
  cohenKappa,
  confusionMatrix,
  f1Score,
  fBetaScore,
  jaccardIndex,
  matthewsCorrCoef,
  type OneNumber,
  type PerClass,
  precision,
  recall,
  specificity,
} from './classification.js';
export type { Average, AveragedOptions } from './counts.js';
export {
  type AreaOptions,
  averagePrecision,
  type PrecisionRecallCurve,
  precisionRecallCurve,
  type RocAucOptions,
  type RocCurve,
  rocAuc,
  rocCurve,
} from './curves.js';
export { type DiceOptions, diceScore } from './dice.js';
export type { ClassificationOptions, Task } from './labels.js';
export {
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredError,
  type PercentageErrorOptions,
  rootMeanSquaredError,
} from './mean.js';
export type { Metric, MetricOptions } from './metric.js';
export type { CurveOptions } from './ranking.js';
export { type TopKOptions, topKAccuracy } from './top-k.js';
export { explainedVariance, type Multioutput, type R2Options, r2Score, type VarianceOptions } from './variance.js';
