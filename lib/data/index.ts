export { type Collated, defaultCollate } from './collate.js';
export { type BatchDataset, type Dataset, type LabeledBatch, makesBatches } from './dataset.js';
export { cacheFolder, type DownloadOptions, downloadFile } from './files.js';
export { type IdxArray, type IdxData, type IdxDType, parseIdx, readIdx } from './idx.js';
export { type CollateOptions, DataLoader, type DataLoaderOptions } from './loader.js';
export { Philox } from './philox.js';
export type { Stateful, StateTree, StateValue } from './state.js';
export { BatchSubset, randomSplit, Subset, subset } from './subset.js';
export { TensorDataset } from './tensor-dataset.js';
