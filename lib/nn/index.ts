export { Dropout, ReLU, Sigmoid, Tanh } from './activation.js';
export { ModuleList, Sequential } from './container.js';
export { Conv2d, type Conv2dOptions, type Size2 } from './conv.js';
export * as functional from './functional.js';
export * as init from './init.js';
export { Flatten, Identity, Linear, type LinearOptions } from './linear.js';
export { type AnyModule, type LoadResult, Module, type StateDict } from './module.js';
export { Parameter } from './parameter.js';
export type { Summary, SummaryOptions, SummaryRow } from './summary.js';

import './summary.js';
