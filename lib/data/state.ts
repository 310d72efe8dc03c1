import type { Tensor } from '../tensor/tensor.js';

/** A value that a checkpoint can keep: plain values, tensors, and arrays and objects of them. */
export type StateValue = undefined | null | boolean | number | string | Tensor | StateValue[] | StateTree;

/** State as a plain object. */
export interface StateTree {
  [key: string]: StateValue;
}

/** Something whose state a checkpoint can keep. */
export interface Stateful {
  stateDict(): StateTree;
  loadStateDict(state: StateTree): void;
}
