/**
 * PyTorch's `torch.optim`: optimizers, `lrScheduler`, `swaUtils`.
 * @packageDocumentation
 */
export { Adadelta, type AdadeltaOptions } from './adadelta.js';
export { Adafactor, type AdafactorOptions } from './adafactor.js';
export { Adagrad, type AdagradOptions } from './adagrad.js';
export { Adam, type AdamOptions, AdamW, type AdamWOptions } from './adam.js';
export { Adamax, type AdamaxOptions } from './adamax.js';
export { ASGD, type ASGDOptions } from './asgd.js';
export { type DecayGroup, type DecayGroupsOptions, decayGroups } from './decay-groups.js';
export { LAMB, type LAMBOptions } from './lamb.js';
export { LBFGS, type LBFGSOptions } from './lbfgs.js';
export { Lion, type LionOptions } from './lion.js';
export { Lookahead, type LookaheadOptions, type LookaheadStateDict } from './lookahead.js';
export { type FindLrOptions, type FindLrResult, findLr } from './lr-finder.js';
export * as lrScheduler from './lr-scheduler/index.js';
export { Muon, type MuonOptions } from './muon.js';
export { NAdam, type NAdamOptions } from './nadam.js';
export {
  Optimizer,
  type ParamGroup,
  type ParamGroupInput,
  type ParamInput,
  type Params,
  type StepHook,
} from './optimizer.js';
export { RAdam, type RAdamOptions } from './radam.js';
export { RMSprop, type RMSpropOptions } from './rmsprop.js';
export { Rprop, type RpropOptions } from './rprop.js';
export { SGD, type SGDOptions } from './sgd.js';
export { SparseAdam, type SparseAdamOptions } from './sparse-adam.js';
export type { OptimizerStateDict, ParamState, StateValue, TorchOptimizerStateDict } from './state-dict.js';
export * as swaUtils from './swa/index.js';
