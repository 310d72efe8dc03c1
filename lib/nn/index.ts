export { Dropout, ReLU, Sigmoid, Softmax, Tanh } from './activation.js';
export { ModuleList, Sequential } from './container.js';
export { Conv2d, type Conv2dOptions, type Size2 } from './conv.js';
export * as functional from './functional.js';
export * as init from './init.js';
export { Flatten, Identity, Linear, type LinearOptions } from './linear.js';
export { CrossEntropyLoss, MSELoss } from './loss.js';
export { type AnyModule, type LoadResult, Module, type StateDict } from './module.js';
export { BatchNorm1d, BatchNorm2d, type BatchNormOptions } from './norm.js';
export { Parameter } from './parameter.js';
export { AvgPool2d, type AvgPool2dOptions, MaxPool2d, type MaxPool2dOptions } from './pool.js';
export type { Summary, SummaryOptions, SummaryRow } from './summary.js';

import './summary.js';
