// What the engine tells a profiler (lib/profiler) while one is running.
import type { Node } from './graph.js';

/** Hears of backward passes; of ops it hears as `tracing.op`. */
export interface CallRecorder {
  /** Runs the backward rule of a node. */
  backward<R>(node: Node, needs: readonly boolean[], rule: () => R): R;
  /** Runs a backward pass. */
  pass(walk: () => void): void;
}

/** The one that is running. */
export const profiling: { recorder: CallRecorder | null } = { recorder: null };
