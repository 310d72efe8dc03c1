// What recurrent layers are told, and what a recorded call keeps.
import { tensor } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';

/** What a layer computes in each step. */
export type RnnKind = 'rnnTanh' | 'rnnRelu' | 'lstm' | 'gru';

/** In the order of their native numbers. */
export const KINDS: readonly RnnKind[] = ['rnnTanh', 'rnnRelu', 'lstm', 'gru'];
/** Row blocks of the weights, each of H rows. */
export const GATES: Readonly<Record<RnnKind, number>> = { rnnTanh: 1, rnnRelu: 1, lstm: 4, gru: 3 };

/** The steps of sequences of different lengths, longest first: step t holds `counts[t]` rows, one behind the other. */
export interface Spans {
  readonly counts: readonly number[];
  /** int64 [2, T]: counts and first rows. */
  readonly tensor: Tensor;
}

/** @internal */
export function spansOf(counts: readonly number[]): Spans {
  let start = 0;
  const starts = counts.map((count) => {
    start += count;
    return start - count;
  });
  return { counts, tensor: tensor([counts, starts], { dtype: 'int64' }) };
}

/** Everything but the tensors. */
export interface RnnRule {
  readonly kind: RnnKind;
  readonly reverse: boolean;
  /** Null: every step has all rows. */
  readonly spans: Spans | null;
}

/** @internal What a recorded call keeps. */
export interface SavedRnn {
  readonly out: Tensor;
  readonly x: Tensor;
  readonly h0: Tensor;
  readonly c0: Tensor | null;
  readonly inputWeight: Tensor;
  readonly stateWeight: Tensor;
  readonly inputBias: Tensor | null;
  readonly stateBias: Tensor | null;
  readonly project: Tensor | null;
  readonly rule: RnnRule;
  readonly gates: Tensor | null;
  readonly cells: Tensor | null;
  readonly inner: Tensor | null;
}
