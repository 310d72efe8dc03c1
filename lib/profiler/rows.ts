// Sums over calls of one kind and over the calls of one layer; medians over the steps.
import { callOf, phaseOf, type Task } from './assign.js';
import type { Phase, Span } from './recorder.js';

/** All calls of one op in one phase. Times and counts are of one step: medians over the steps. */
export interface OpProfile {
  /** Name of the op, of a backward rule (`reluBackward`), or of a task that no op queued. */
  readonly name: string;
  readonly phase: Phase;
  readonly calls: number;
  /** Milliseconds in which its own tasks ran. */
  readonly time: number;
  /** Part of all tasks' time, 0 to 1. */
  readonly share: number;
  /** Milliseconds that its own code took on the JavaScript thread. */
  readonly jsTime: number;
  /** Multiplications and additions of the plain algorithm; 0 for ops that are no products. */
  readonly flops: number;
  /** Bytes of the tensors that it takes and gives, if it queued tasks. */
  readonly bytes: number;
}

/** What one module does itself, its submodules apart. Times are of one step: medians over the steps. */
export interface LayerProfile {
  /** Path in the model; '' is the model itself. */
  readonly name: string;
  /** Class of the module. */
  readonly type: string;
  /** What it returned last: dtype and shape. */
  readonly output: string;
  readonly forward: number;
  readonly backward: number;
  /** Part of all tasks' time, 0 to 1. */
  readonly share: number;
  /** Forward and backward together. */
  readonly flops: number;
  readonly bytes: number;
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Sums by key and step. */
class Sums {
  readonly #all = new Map<string, number[]>();

  constructor(readonly steps: number) {}

  add(key: string, step: number, value: number): void {
    let sums = this.#all.get(key);
    if (!sums) {
      sums = new Array<number>(this.steps).fill(0);
      this.#all.set(key, sums);
    }
    sums[step] += value;
  }

  /** The median over the steps. */
  of(key: string): number {
    return median(this.#all.get(key) ?? [0]);
  }

  keys(): string[] {
    return [...this.#all.keys()];
  }
}

/** Operations are counted at the outermost op; a rule's own estimate counts when nothing inside it was counted. */
function countedFlops(spans: readonly Span[]): Map<Span, number> {
  const inside = new Map<Span, number>();
  const counted = new Map<Span, number>();
  for (const span of spans) {
    if (span.kind !== 'op' || span.flops === 0) continue;
    let outermost = true;
    for (let at = span.parent; at; at = at.parent) if (at.kind === 'op' && at.flops > 0) outermost = false;
    if (!outermost) continue;
    counted.set(span, span.flops);
    for (let at = span.parent; at; at = at.parent) inside.set(at, (inside.get(at) ?? 0) + span.flops);
  }
  for (const span of spans)
    if (span.kind === 'rule' && !inside.has(span) && span.flops > 0) counted.set(span, span.flops);
  return counted;
}

/** Milliseconds on the JavaScript thread without those of the spans inside. */
function ownJsTimes(spans: readonly Span[]): Map<Span, number> {
  const own = new Map<Span, number>();
  for (const span of spans) {
    own.set(span, (own.get(span) ?? 0) + span.end - span.start);
    if (span.parent) own.set(span.parent, (own.get(span.parent) ?? 0) - (span.end - span.start));
  }
  return own;
}

const keyOf = (name: string, phase: Phase): string => `${phase} ${name}`;

/** Tasks outside of all ops go by their own names. */
function opKey({ name, span }: Task): string {
  const call = callOf(span);
  return call ? keyOf(call.name, call.phase) : keyOf(name, phaseOf(span));
}

/** What spans and tasks add up to, found once. */
export class Totals {
  readonly #flops: Map<Span, number>;
  readonly #js: Map<Span, number>;
  /** The sum of all ops' times. */
  readonly time: number;

  constructor(
    readonly spans: readonly Span[],
    readonly tasks: readonly Task[],
    readonly steps: number,
  ) {
    this.#flops = countedFlops(spans);
    this.#js = ownJsTimes(spans);
    const all = new Sums(steps);
    for (const task of tasks) all.add(opKey(task), task.step, task.end - task.start);
    this.time = all.keys().reduce((sum, key) => sum + all.of(key), 0);
  }

  share(time: number): number {
    return this.time > 0 ? time / this.time : 0;
  }

  /** By time, longest first. */
  ops(): OpProfile[] {
    const sums = () => new Sums(this.steps);
    const [time, calls, js, flops, bytes] = [sums(), sums(), sums(), sums(), sums()];
    const busy = new Set<Span>();
    for (const task of this.tasks) {
      const call = callOf(task.span);
      if (call) busy.add(call);
      const key = opKey(task);
      time.add(key, task.step, task.end - task.start);
      if (!call) calls.add(key, task.step, 1);
    }
    for (const span of this.spans) {
      if (span.kind !== 'op' && span.kind !== 'rule') continue;
      const key = keyOf(span.name, span.phase);
      calls.add(key, span.step, 1);
      js.add(key, span.step, this.#js.get(span) ?? 0);
      flops.add(key, span.step, this.#flops.get(span) ?? 0);
      if (busy.has(span)) bytes.add(key, span.step, span.bytes);
    }
    return calls
      .keys()
      .map((key) => {
        const cut = key.indexOf(' ');
        const own = time.of(key);
        return {
          name: key.slice(cut + 1),
          phase: key.slice(0, cut) as Phase,
          calls: calls.of(key),
          time: own,
          share: this.share(own),
          jsTime: js.of(key),
          flops: flops.of(key),
          bytes: bytes.of(key),
        };
      })
      .filter(({ calls, time }) => calls > 0 || time > 0) // not part of most steps
      .sort((a, b) => b.time - a.time || b.calls - a.calls);
  }

  /** In the order in which the modules ran first; those without work of their own are left out. */
  layers(): LayerProfile[] {
    const sums = () => new Sums(this.steps);
    const [forward, backward, flops, bytes] = [sums(), sums(), sums(), sums()];
    const seen = new Map<string, { type: string; output: string }>();
    const busy = new Set<Span>();
    for (const { span, step, start, end } of this.tasks) {
      const call = callOf(span);
      if (call) busy.add(call);
      if (span?.module === null || !span) continue;
      (span.phase === 'backward' ? backward : forward).add(span.module, step, end - start);
    }
    for (const span of this.spans) {
      const { module } = span;
      if (module === null) continue;
      if (span.kind === 'module') seen.set(module, { type: span.name, output: span.outputs.join(', ') });
      flops.add(module, span.step, this.#flops.get(span) ?? 0);
      if (busy.has(span) && span.kind === 'op') bytes.add(module, span.step, span.bytes);
    }
    const active = new Set([...forward.keys(), ...backward.keys()]);
    return [...seen]
      .filter(([name]) => active.has(name))
      .map(([name, module]) => {
        const [ahead, back] = [forward.of(name), backward.of(name)];
        const share = this.share(ahead + back);
        return { name, ...module, forward: ahead, backward: back, share, flops: flops.of(name), bytes: bytes.of(name) };
      });
  }
}
