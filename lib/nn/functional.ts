// torch.nn.functional: re-exports of the functions in lib/ops, one line a family.
export { type Conv2dOptions, conv2d } from '../ops/conv.js';
export { oneHot } from '../ops/indexing.js';
export { linear } from '../ops/linear.js';
export {
  type CrossEntropyOptions,
  crossEntropy,
  type LossOptions,
  mseLoss,
  type NllLossOptions,
  nllLoss,
  type Reduction,
} from '../ops/loss.js';
export { type BatchNormOptions, batchNorm } from '../ops/norm.js';
export { type AvgPool2dOptions, avgPool2d, type MaxPool2dOptions, maxPool2d } from '../ops/pool.js';
export { type DropoutOptions, dropout } from '../ops/random.js';
export { logSoftmax, type SoftmaxOptions, softmax } from '../ops/softmax.js';
export { relu, type SoftplusOptions, sigmoid, softplus, tanh } from '../ops/unary.js';
export { fold, type UnfoldOptions, unfold } from '../ops/unfold.js';
