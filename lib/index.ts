/**
 * Everything: `import { tensor, nn, F, optim, Trainer } from 'nabla'`. Tensors and their operations stand here, the rest in
 * namespaces, each of which can be imported by itself too: `import { Conv2d } from 'nabla/nn'`.
 * @packageDocumentation
 */

export {
  ArgumentError,
  AutogradError,
  CallbackError,
  CheckpointError,
  ClosedError,
  DataError,
  DeviceError,
  DisposedError,
  DTypeError,
  FormatError,
  NablaError,
  NonFiniteError,
  OutOfMemoryError,
  QueueFullError,
  ShapeError,
  StateDictError,
  type StateDictProblems,
  ValueError,
  WorkerError,
  WriteError,
} from './errors.js';
export {
  empty,
  emptyLike,
  full,
  fullLike,
  getDefaultDType,
  ones,
  onesLike,
  setDefaultDType,
  type TensorData,
  type TensorOptions,
  tensor,
  zeros,
  zerosLike,
} from './tensor/create.js';
export type { DType, TypedArray } from './tensor/dtype.js';
export type { Scope } from './tensor/frame.js';
export type { GradientHook } from './tensor/graph.js';

import './io/module.js';
import './tensor/print.js';

export * as autograd from './autograd/index.js';
export * as data from './data/index.js';
export * as io from './io/index.js';
export * as linalg from './linalg/index.js';
export * as metrics from './metrics/index.js';
export * as models from './models/index.js';
export * as F from './nn/functional.js';
export * as nn from './nn/index.js';
export * from './ops/index.js';
export * as optim from './optim/index.js';
export { MissingPackageError } from './optional.js';
export * as plots from './plots/index.js';
export * as profiler from './profiler/index.js';
export { profile } from './profiler/index.js';
export * as regularizers from './regularizers/index.js';
export * as retrieval from './retrieval/index.js';
export * as selection from './selection/index.js';
export * as serving from './serving/index.js';
export * as special from './special/index.js';
export {
  defaultGenerator,
  Generator,
  type GeneratorState,
  getRngState,
  initialSeed,
  manualSeed,
  seed,
  setRngState,
} from './tensor/random.js';
export { type NestedArray, synchronize, synchronizeSync } from './tensor/read.js';
export {
  backends,
  type CpuBackend,
  emptyCache,
  getNumThreads,
  type MemoryInfo,
  memory,
  resetPeakMemory,
  setNumThreads,
} from './tensor/runtime.js';
export {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  keep,
  noGrad,
  scope,
  setGradEnabled,
} from './tensor/scope.js';
export { arange, eye, type LogspaceOptions, linspace, logspace } from './tensor/sequence.js';
export { Tensor } from './tensor/tensor.js';
export * as tensorboard from './tensorboard/index.js';
export { SummaryWriter } from './tensorboard/index.js';
export * as text from './text/index.js';
export * from './training/index.js';
export * as vision from './vision/index.js';
