import { ArgumentError, valueText } from '../../errors.js';
import { indexSelect } from '../../ops/index.js';
import { checkTensor } from '../../tensor/check.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkInteger } from '../check.js';

/**
 * What a model carries from one step of decoding to the next: the state of a recurrent layer, a cache of keys and values.
 * Each step runs in a scope of its own, so a state takes the tensors it holds on to out of it with `keep()`.
 */
export interface DecodingState {
  /**
   * Makes row i of the batch what row `rows[i]` was.
   * @param rows `[M]` int64; a row may come several times or not at all, and M may differ from the rows there were
   */
  reorder(rows: Tensor): void;
}

/** A state that is an array of tensors, such as the `[h, c]` of an LSTM. */
export class TensorState implements DecodingState {
  private current: readonly Tensor[];
  private readonly mine = new WeakSet<Tensor>();

  /**
   * @param tensors the first state; it stays the caller's
   * @param batchAxis the axis of the rows of the batch in every tensor. Default 1, as recurrent layers have it
   */
  constructor(
    tensors: readonly Tensor[],
    readonly batchAxis = 1,
  ) {
    this.current = checkTensors(tensors);
    checkInteger('TensorState', 'batchAxis', batchAxis, 0);
  }

  get tensors(): readonly Tensor[] {
    return this.current;
  }

  /** Sets the state of the next step; the one before is freed. */
  set tensors(tensors: readonly Tensor[]) {
    const before = this.current;
    this.current = checkTensors(tensors);
    for (const tensor of tensors) {
      tensor.keep();
      this.mine.add(tensor);
    }
    for (const tensor of before) {
      if (this.mine.has(tensor) && !tensors.includes(tensor)) tensor.dispose();
    }
  }

  reorder(rows: Tensor): void {
    this.tensors = this.current.map((tensor) => indexSelect(tensor, this.batchAxis, rows));
  }

  /** Frees the tensors, but not those that it was made with. */
  dispose(): void {
    for (const tensor of this.current) if (this.mine.has(tensor)) tensor.dispose();
    this.current = [];
  }
}

function checkTensors(tensors: unknown): readonly Tensor[] {
  if (!Array.isArray(tensors)) {
    throw new ArgumentError('TensorState', `an array of tensors is needed, got ${valueText(tensors)}`, tensors);
  }
  for (const tensor of tensors) checkTensor('TensorState', tensor);
  return [...tensors] as Tensor[];
}
