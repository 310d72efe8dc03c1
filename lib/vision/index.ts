/**
 * Image datasets, transforms and operations, after torchvision.
 * @packageDocumentation
 */
export * as datasets from './datasets/index.js';
export * as ops from './ops/index.js';
export * as transforms from './transforms/index.js';
