// Long computations of the JavaScript thread in small steps, between which others may have a turn.

/** @internal A computation that can be left at each `yield`. */
export type Steps<T> = Generator<void, T, void>;

/** @internal All steps at once. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value as T;
  }
}

/** How long the event loop waits for a computation, in ms, and a step more. */
const SLICE = 4;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** @internal All steps, with turns of the event loop between them. The numbers are those of {@link atOnce}. */
export async function inTurns<T>(steps: Steps<T>): Promise<T> {
  let until = performance.now() + SLICE;
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value as T;
    if (performance.now() < until) continue;
    await nextTurn();
    until = performance.now() + SLICE;
  }
}
