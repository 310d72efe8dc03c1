// Tensors that a model keeps between the steps of decoding.
import { indexSelect } from '../ops/indexing/indexing.js';
import type { Tensor } from '../tensor/tensor.js';
import type { DecodingCache } from './decoding.js';

/**
 * The states of recurrent layers, `[layers, N, H]`, and what else a step needs of the sequences of the batch. Tensors in it
 * outlive the scope of their step.
 */
export class StateCache implements DecodingCache {
  private states: readonly Tensor[] = [];
  private seen = 0;

  /** `fixed`: tensors whose first axis is the batch, and that stay the same from step to step; the cache owns them. */
  constructor(private fixed: readonly Tensor[] = []) {
    for (const x of fixed) x.keep();
  }

  get length(): number {
    return this.seen;
  }

  /** States of the last step; none before the first. */
  get tensors(): readonly Tensor[] {
    return this.states;
  }

  /** What stays the same. */
  get constants(): readonly Tensor[] {
    return this.fixed;
  }

  /** Takes the states behind `steps` more tokens; the old ones are freed. */
  update(states: readonly Tensor[], steps: number): void {
    const old = this.states;
    this.states = states.map((x) => x.keep());
    for (const x of old) if (!states.includes(x)) x.dispose();
    this.seen += steps;
  }

  reorder(rows: Tensor): void {
    this.update(
      this.states.map((x) => indexSelect(x, 1, rows)),
      0,
    );
    const old = this.fixed;
    this.fixed = old.map((x) => indexSelect(x, 0, rows).keep());
    for (const x of old) x.dispose();
  }

  dispose(): void {
    for (const x of [...this.states, ...this.fixed]) x.dispose();
    this.states = [];
    this.fixed = [];
    this.seen = 0;
  }
}
