// Every op function of the package root. Records are private to their files.

export { cat, chunk, split, stack, unbind } from './concat.js';
export { type Conv2dOptions, conv2d, type Pair } from './conv.js';
export { gather, type IndexAddOptions, indexAdd, indexSelect, scatterAdd } from './indexing.js';
export { type AddProductOptions, addmm, baddbmm, bmm, dot, matmul, mm, mv, outer } from './matmul.js';
export { add, mul } from './pointwise.js';
export {
  bernoulli,
  normal,
  type RandomOptions,
  type RandomTensorOptions,
  rand,
  randint,
  randLike,
  randn,
  randnLike,
  randperm,
} from './random.js';
export {
  clone,
  contiguous,
  expand,
  flatten,
  narrow,
  permute,
  reshape,
  select,
  slice,
  squeeze,
  transpose,
  unsqueeze,
} from './view.js';
