// What every metric shares: the interface, a state of tensors, the checks of options.
import type { StateTree } from '../data/state.js';
import { ArgumentError, ShapeError, shapeText, ValueError, valueText } from '../errors.js';
import '../ops/index.js';
import { ownCopy } from '../ops/optim/flat-step.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { sameShape } from '../tensor/layout.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

/**
 * A value over many batches. `update` queues work and returns at once; `compute` waits for it and may be called as often
 * as wanted; `reset` begins anew. Most metrics give a number, others an array or an object. The Trainer logs numbers.
 */
export interface Metric<Value = number> {
  /** The key in the Trainer's log. */
  readonly name: string;
  /** Begins anew. */
  reset(): void;
  /** Adds a batch; queues work and returns at once. */
  update(output: Tensor, target: Tensor): void;
  /** @throws ArgumentError (as a rejection) before the first update, ValueError for labels that were out of range. */
  compute(): Promise<Value>;
  /** What a checkpoint keeps, so that an epoch can go on in its middle. A metric without it begins anew there. */
  stateDict?(): StateTree;
  /** Takes over a {@link stateDict}; tensors are copied. */
  loadStateDict?(state: StateTree): void;
}

/** An option of every metric. */
export interface MetricOptions {
  /** The key in the Trainer's log, where the same metric is there twice. Default: the name of the function. */
  name?: string;
}

/** @internal What an update makes: the new state, and over how many elements it went. */
export type Step = readonly [state: readonly Tensor[], count: number];

/** @internal A metric whose state is a few tensors on the device. */
export abstract class StateMetric<Value> implements Metric<Value> {
  readonly name: string;
  /** Elements seen so far. */
  protected count = 0;
  private state: readonly Tensor[] | null = null;

  constructor(op: string, options: MetricOptions) {
    checkOptions(op, options);
    const { name = op } = options;
    if (typeof name !== 'string' || name === '') {
      throw new ArgumentError(op, `name must be a text, got ${valueText(name)}`, name);
    }
    this.name = name;
  }

  /** The state behind a batch. It must not change anything else: it may throw. */
  protected abstract step(state: readonly Tensor[] | null, output: Tensor, target: Tensor): Step;

  /** The value. Every read is queued before the first wait, because an update may replace the state meanwhile. */
  protected abstract finish(state: readonly Tensor[]): Promise<Value>;

  reset(): void {
    this.state?.forEach((tensor) => {
      tensor.dispose();
    });
    this.state = null;
    this.count = 0;
  }

  update(output: Tensor, target: Tensor): void {
    checkTensor(this.name, output, 'output');
    checkTensor(this.name, target, 'target');
    const before = this.state;
    let count = 0;
    const after = noGrad(() => {
      const [state, added] = this.step(before, output.detach(), target.detach());
      count = added;
      return [...state];
    });
    this.state = after.map((tensor) => (before?.includes(tensor) ? tensor : tensor.keep()));
    this.count += count;
    before?.forEach((tensor) => {
      if (!after.includes(tensor)) tensor.dispose();
    });
  }

  /** The tensors, and the numbers that updates have set. */
  stateDict(): StateTree {
    const numbers = Object.entries(this).filter(([, value]) => typeof value === 'number');
    return { tensors: this.state === null ? null : [...this.state], numbers: Object.fromEntries(numbers) };
  }

  /** @throws ArgumentError for the state of another metric; nothing has changed then. */
  loadStateDict(saved: StateTree): void {
    const { tensors, numbers } = saved;
    const own = Object.keys(this.stateDict().numbers as StateTree);
    const fits = typeof numbers === 'object' && numbers !== null && own.every((key) => key in numbers);
    if (!fits || (tensors !== null && !Array.isArray(tensors))) {
      throw new ArgumentError(this.name, 'the state is that of another metric', saved);
    }
    const copies = (tensors as Tensor[] | null)?.map((tensor) => ownCopy(tensor, tensor.dtype)) ?? null;
    this.reset();
    this.state = copies;
    for (const key of own) Object.assign(this, { [key]: (numbers as StateTree)[key] });
  }

  async compute(): Promise<Value> {
    if (!this.state) throw new ArgumentError(this.name, 'compute needs at least one update');
    return this.finish(this.state);
  }
}

/** @internal The numbers of a tensor, int64 too. */
export const numbersOf = async (x: Tensor): Promise<Float64Array> => Float64Array.from(await x.data(), Number);

/** @internal Broadcasting would compare every output with every target. */
export function checkSameShape(op: string, output: Tensor, target: Tensor): void {
  if (sameShape(output.shape, target.shape)) return;
  throw new ShapeError(
    op,
    `output and target must have the same shape, got ${shapeText(output.shape)} and ${shapeText(target.shape)}`,
    output.shape,
    target.shape,
  );
}

/** @internal One of the values that an option has. */
export function checkChoice<const T>(op: string, name: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T;
  const text = choices.map((choice) => valueText(choice)).join(', ');
  throw new ArgumentError(op, `${name} must be one of ${text}, got ${valueText(value)}`, value);
}

/** @internal A whole number of at least `least`. */
export function checkWholeNumber(op: string, name: string, value: unknown, least: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  throw new ArgumentError(op, `${name} must be an integer >= ${least}, got ${valueText(value)}`, value);
}

/** @internal */
export function checkIgnoreIndex(op: string, value: unknown): number | undefined {
  if (value === undefined || (typeof value === 'number' && Number.isSafeInteger(value))) return value;
  throw new ArgumentError(op, `ignoreIndex must be an integer, got ${valueText(value)}`, value);
}

/** @internal Says that labels were out of range, which only the device could see. */
export function refuseLabels(op: string, wrong: number, range: string): void {
  if (wrong === 0) return;
  const labels = wrong === 1 ? '1 label is' : `${wrong} labels are`;
  throw new ValueError(op, `${labels} not in ${range}; reset() begins anew`);
}
