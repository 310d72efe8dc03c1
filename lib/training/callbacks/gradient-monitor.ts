import { ArgumentError, NonFiniteError, valueText } from '../../errors.js';
import { norm } from '../../ops/reduce/moments.js';
import { stack } from '../../ops/shape/concat.js';
import { checkOptions } from '../../tensor/check.js';
import { noGrad } from '../../tensor/scope.js';
import type { Callback, EpochLog, StepInfo } from '../callback.js';
import type { Trainer } from '../trainer.js';
import { checkCount } from './monitor.js';

interface Seen {
  steps: number;
  sum: number;
  max: number;
  nonFinite: number;
}

/** Options of {@link GradientMonitor}. */
export interface GradientMonitorOptions {
  /** Looks at every so many-th step. Default 1. */
  every?: number;
  /** What to do about a gradient that is NaN or infinite: end training before the step, or only count. Default `throw`. */
  onNonFinite?: 'throw' | 'count';
  /** Called with the norms of each step that is looked at. */
  onNorms?: (norms: ReadonlyMap<string, number>, info: StepInfo) => void | Promise<void>;
}

/**
 * Looks at the gradients before the step, unclipped: their norms by parameter, and whether all are finite. Adds `gradNorm`
 * (mean over the steps of the epoch of the norm of all together) and `gradNormMax` to the log; steps with a norm that is
 * not finite are not part of them, `nonFiniteSteps` counts them. It waits for the backward pass of each step it looks at.
 *
 * @example
 * new callbacks.GradientMonitor({ every: 10, onNorms: (norms, { step }) => console.log(step, norms.get('0.weight')) });
 *
 * @throws NonFiniteError (out of `fit`) with step, epoch and the names of the parameters.
 */
export class GradientMonitor implements Callback {
  readonly logs = ['gradNorm', 'gradNormMax', 'nonFiniteSteps'];
  /** Norms of the newest step that was looked at, by parameter; those without a gradient are left out. */
  norms: ReadonlyMap<string, number> = new Map();
  private readonly every: number;
  private readonly options: GradientMonitorOptions;
  private seen: Seen = { steps: 0, sum: 0, max: 0, nonFinite: 0 };

  constructor(options: GradientMonitorOptions = {}) {
    const op = 'GradientMonitor';
    checkOptions(op, options);
    const { every = 1, onNonFinite = 'throw', onNorms } = options;
    this.every = checkCount(op, 'every', every, 1);
    if (onNonFinite !== 'throw' && onNonFinite !== 'count') {
      throw new ArgumentError(op, `onNonFinite must be "throw" or "count", got ${valueText(onNonFinite)}`, onNonFinite);
    }
    if (onNorms !== undefined && typeof onNorms !== 'function') {
      throw new ArgumentError(op, `onNorms must be a function, got ${valueText(onNorms)}`, onNorms);
    }
    this.options = options;
  }

  onEpochStart(): void {
    this.seen = { steps: 0, sum: 0, max: 0, nonFinite: 0 };
  }

  async onBeforeStep(info: StepInfo, trainer: Trainer): Promise<void> {
    if (info.step % this.every !== 0) return;
    const named = [...trainer.model.namedParameters()].flatMap(([name, { _grad }]) =>
      _grad ? [[name, _grad] as const] : [],
    );
    if (named.length === 0) return;
    const all = noGrad(() => stack(named.map(([, grad]) => norm(grad).to('float64'))));
    const values = await all.data();
    this.norms = new Map(named.map(([name], i) => [name, Number(values[i])]));
    this.count([...this.norms.values()]);
    await this.options.onNorms?.(this.norms, info);
    const wrong = [...this.norms].filter(([, value]) => !Number.isFinite(value)).map(([name]) => name);
    if (wrong.length === 0 || this.options.onNonFinite === 'count') return;
    const list = wrong.length > 5 ? `${wrong.slice(0, 5).join(', ')} and ${wrong.length - 5} more` : wrong.join(', ');
    throw new NonFiniteError('GradientMonitor', `gradients are not finite (${list})`, info, wrong);
  }

  onEpochEnd(log: EpochLog): void {
    const { steps, sum, max, nonFinite } = this.seen;
    Object.assign(log, {
      gradNorm: steps === 0 ? Number.NaN : sum / steps,
      gradNormMax: max,
      nonFiniteSteps: nonFinite,
    });
  }

  stateDict(): { seen: { [name: string]: number } } {
    return { seen: { ...this.seen } };
  }

  loadStateDict(state: object): void {
    this.seen = { ...(state as { seen: Seen }).seen };
  }

  private count(norms: readonly number[]): void {
    const total = Math.hypot(...norms);
    if (!Number.isFinite(total)) {
      this.seen.nonFinite++;
      return;
    }
    this.seen.steps++;
    this.seen.sum += total;
    this.seen.max = Math.max(this.seen.max, total);
  }
}
