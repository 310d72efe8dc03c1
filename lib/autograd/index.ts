/**
 * PyTorch's `torch.autograd`: gradients of any order, checkpointing, functions with a backward pass of their own, hooks.
 * @packageDocumentation
 */
export type { NodeHook, NodePreHook } from '../tensor/graph.js';
export { type AnomalyOptions, detectAnomaly, isAnomalyEnabled, setDetectAnomaly } from './anomaly.js';
export { type CheckpointOptions, checkpoint, checkpointSequential } from './checkpoint.js';
export { type BackwardOptions, backward, type GradOptions, type GraphOptions, grad } from './engine.js';
export {
  CustomFunction as Function,
  type FunctionClass,
  FunctionContext,
  type Gradient,
  type Result,
} from './function.js';
export * as functional from './functional.js';
export {
  type Checked,
  GradcheckError,
  type GradcheckOptions,
  type GradgradcheckOptions,
  gradcheck,
  gradgradcheck,
} from './gradcheck.js';
export { GradFn, type HookHandle } from './hooks.js';
