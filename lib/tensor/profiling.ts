// What the engine tells a profiler (lib/profiler) while one is running.
import { type NativeTimes, native } from '../native.js';
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

/** When the tasks of the stream ran. */
export type TaskTimes = NativeTimes;

/** How far the stream's queue has been filled. */
export const streamPosition = (): number => native.position();

/** The clock of {@link TaskTimes}, in microseconds. */
export const streamClock = (): number => native.clockMicros();

/** Notes when tasks run, at most `limit` of them. */
export const startTiming = (limit: number): void => native.startTiming(limit);

export const stopTiming = (): TaskTimes => native.stopTiming();
