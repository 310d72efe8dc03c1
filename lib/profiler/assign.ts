// Which span queued which task.

import type { TaskTimes } from '../tensor/profiling.js';
import type { Phase, Span } from './recorder.js';

/** @internal A task of the stream, in milliseconds since the profile began. */
export interface Task {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly step: number;
  /** The innermost span that was open when it was queued. */
  readonly span: Span | null;
}

/** Tasks of the library itself, which wait for nothing and move nothing. */
const IDLE = new Set(['synchronize', 'startTiming', 'stopTiming']);

/**
 * @internal
 * @param stepStarts the positions at which steps began
 * @param origin the stream's clock in microseconds when the profile began
 */
export function assignTasks(
  spans: readonly Span[],
  times: TaskTimes,
  stepStarts: readonly number[],
  origin: number,
): Task[] {
  const { names, tasks } = times;
  const open: Span[] = [];
  const found: Task[] = [];
  let next = 0;
  let step = 0;
  const leave = (position: number): void => {
    while (open.length > 0 && open[open.length - 1].to <= position) open.pop();
  };
  for (let i = 0; i < tasks.length; i += 4) {
    const [name, position, start, end] = tasks.subarray(i, i + 4);
    if (IDLE.has(names[name])) continue;
    // Spans are in the order in which they were opened, tasks in the order in which they were queued.
    for (; next < spans.length && spans[next].from <= position; next++) {
      leave(spans[next].from);
      if (spans[next].to > spans[next].from) open.push(spans[next]);
    }
    leave(position);
    const span = open.length > 0 ? open[open.length - 1] : null;
    while (step + 1 < stepStarts.length && stepStarts[step + 1] <= position) step++;
    found.push({ name: names[name], start: (start - origin) / 1000, end: (end - origin) / 1000, step, span });
  }
  return found;
}

/** @internal The nearest op or backward rule around a span. */
export function callOf(span: Span | null): Span | null {
  let at = span;
  while (at && at.kind !== 'op' && at.kind !== 'rule') at = at.parent;
  return at;
}

/** @internal */
export const phaseOf = (span: Span | null): Phase => span?.phase ?? 'other';
