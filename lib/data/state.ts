import type { Tensor } from '../tensor/tensor.js';

/** A value that a checkpoint can keep: plain values, tensors, and arrays and objects of them. */
export type StateValue = undefined | null | boolean | number | bigint | string | Tensor | StateValue[] | StateTree;

/** State as a plain object. */
export interface StateTree {
  [key: string]: StateValue;
}

/** Something whose state a checkpoint can keep. */
export interface Stateful {
  /** Everything that {@link loadStateDict} needs to go on from here. */
  stateDict(): StateTree;
  /** Goes on from what {@link stateDict} gave. */
  loadStateDict(state: StateTree): void;
}

/** @internal `x` where it can save and load its state. */
export function statefulOf(x: unknown): Stateful | null {
  const { stateDict, loadStateDict } = (x ?? {}) as Partial<Stateful>;
  return typeof stateDict === 'function' && typeof loadStateDict === 'function' ? (x as Stateful) : null;
}
