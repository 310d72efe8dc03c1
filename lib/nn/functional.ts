// torch.nn.functional: re-exports of the functions in lib/ops, one line a family.
export { type Conv2dOptions, conv2d } from '../ops/conv.js';
export { oneHot } from '../ops/indexing.js';
export { linear } from '../ops/linear.js';
export { type DropoutOptions, dropout } from '../ops/random.js';
export { fold, type UnfoldOptions, unfold } from '../ops/unfold.js';
