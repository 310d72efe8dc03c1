export * as datasets from './datasets/index.js';
export * as ops from './ops/index.js';
export * as transforms from './transforms/index.js';
