/**
 * PyTorch's `torch.utils.tensorboard`: a writer of TensorBoard's event files.
 * @packageDocumentation
 */
export type { EmbeddingOptions } from './embedding.js';
export type { HistogramBins, RawHistogram } from './histogram.js';
export type { DataFormats } from './images.js';
export type { HparamValue, RawPrCurve, ScalarStyle, ScalarsLayout } from './summaries.js';
export {
  type AudioOptions,
  type EventOptions,
  type HistogramOptions,
  type HparamsOptions,
  type ImageOptions,
  type PrCurveOptions,
  type ScalarOptions,
  type Step,
  SummaryWriter,
  type SummaryWriterOptions,
} from './writer.js';
