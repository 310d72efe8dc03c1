export { type Caption, type ImageGridOptions, type PlanarImage, saveImageGrid } from './image-grid.js';
export {
  type EpochHistory,
  type LearningCurvesOptions,
  type LearningHistory,
  saveLearningCurves,
} from './learning-curves.js';
export { MissingPackageError } from './optional.js';
