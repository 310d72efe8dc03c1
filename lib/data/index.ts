/**
 * Datasets, samplers, readers and the loader: PyTorch's `torch.utils.data` and what stands around it.
 * @packageDocumentation
 */
export { type Collated, collateLists, defaultCollate } from './collate.js';
export {
  BatchConcatDataset,
  ChainDataset,
  ConcatDataset,
  concat,
  StackDataset,
} from './concat.js';
export { type CsvOptions, type CsvRow, CsvStream, loadCsv, readCsv } from './csv.js';
export { type BatchDataset, type Dataset, type IterableDataset, type LabeledBatch, makesBatches } from './dataset.js';
export { type DistributedOptions, DistributedSampler } from './distributed-sampler.js';
export { cacheFolder, type DownloadOptions, downloadFile } from './files.js';
export { type IdxArray, type IdxData, type IdxDType, parseIdx, readIdx } from './idx.js';
export { type CollateOptions, DataLoader, type DataLoaderOptions } from './loader.js';
export { MappedDataset } from './mapped.js';
export { NdjsonStream, readNdjson } from './ndjson.js';
export { loadParquet, readParquet } from './parquet.js';
export { Philox } from './philox.js';
export {
  BatchSampler,
  type BatchSamplerLike,
  RandomSampler,
  type RandomSamplerOptions,
  Sampler,
  type SamplerLike,
  type SeedOptions,
  SequentialSampler,
  SubsetRandomSampler,
} from './sampler.js';
export type { Stateful, StateTree, StateValue } from './state.js';
export { type StratifiedBatchOptions, StratifiedBatchSampler } from './stratified-sampler.js';
export { BatchSubset, randomSplit, Subset, stratifiedSplit, subset } from './subset.js';
export { type Cell, type ColumnsOptions, type Table, TableDataset } from './table.js';
export { TensorDataset } from './tensor-dataset.js';
export { WeightedRandomSampler, type WeightedSamplerOptions } from './weighted-sampler.js';
export { getWorkerInfo, sharded, type WorkerInfo } from './worker/info.js';
export { importSource, type ModuleSource, type WorkerDataset, withSource } from './worker/source.js';
