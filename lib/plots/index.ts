/**
 * Plots as PNG or SVG files, drawn by the optional package `echarts`.
 * @packageDocumentation
 */
export { MissingPackageError } from '../optional.js';
export { type BarsOptions, type LinesOptions, type Repetitions, saveBars, saveLines } from './comparison.js';
export { type ConfusionMatrixPlotOptions, saveConfusionMatrix } from './confusion-matrix.js';
export { type CurvePlotOptions, type Curves, savePrecisionRecallCurve, saveRocCurve } from './curves.js';
export { type HistogramPlotOptions, saveGradientHistograms, saveHistograms } from './distributions.js';
export { type EmbeddingPlotOptions, saveEmbedding } from './embedding.js';
export { type Caption, type ImageGridOptions, type PlanarImage, saveImageGrid } from './image-grid.js';
export { saveActivations, saveFilters, type TileOptions } from './layers.js';
export {
  type EpochHistory,
  type LearningCurvesOptions,
  type LearningHistory,
  saveLearningCurves,
} from './learning-curves.js';
export { type MisclassifiedOptions, saveMisclassified } from './misclassified.js';
export type { PlotOptions } from './style.js';
