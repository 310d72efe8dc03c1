// Where a run stands, and how a checkpoint keeps it.
import { type StateTree, type StateValue, statefulOf } from '../data/state.js';
import { ArgumentError, valueText } from '../errors.js';
import type { Metric } from '../metrics/index.js';
import { Module } from '../nn/module.js';
import { ownCopy } from '../ops/optim/flat-step.js';
import { defaultGenerator, type Generator, type GeneratorState } from '../tensor/random.js';
import { noGrad } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import type { Callback, EpochLog, History } from './callback.js';
import { RunningMean } from './loop.js';

/** An epoch that is not finished. */
export interface RunningEpoch {
  readonly epoch: number;
  /** Batches that are done. */
  batch: number;
  readonly losses: RunningMean;
  readonly penalties: RunningMean;
  /** Wall time of the training part in earlier processes. */
  seconds: number;
  /** The training part's result, when it is finished. */
  log: EpochLog | null;
  /** The loader at the beginning of the epoch, and the generators before its loop began. */
  source: StateTree | null;
  random: readonly GeneratorState[];
}

/** Where a run stands. */
export class Run {
  readonly history: History = { epochs: [] };
  /** Epochs that were finished when `fit` began. */
  first = 0;
  globalStep = 0;
  stopping = false;
  epoch: RunningEpoch | null = null;
  /** Batches since the last step, and the sum of their losses. */
  accumulated = 0;
  stepLoss: Tensor | null = null;
  /** The generators before the next batch was drawn, while that batch is not done. */
  random: readonly GeneratorState[] | null = null;
  /** Loaders between epochs. */
  source: StateTree | null = null;
  validation: StateTree | null = null;

  /** Forgets the gradients that have gathered for a step. */
  dropStep(): void {
    this.stepLoss?.dispose();
    this.stepLoss = null;
    this.accumulated = 0;
  }
}

/** Everything with state besides the run itself. */
export interface Parts {
  readonly model: Module;
  readonly loss: unknown;
  readonly optimizer: object;
  readonly metrics: readonly Metric<unknown>[];
  readonly callbacks: readonly Callback[];
  readonly generators: readonly Generator[];
}

/** A new epoch, or one at the place that a checkpoint names. */
export const newEpoch = (epoch: number): RunningEpoch => ({
  epoch,
  batch: 0,
  losses: new RunningMean(),
  penalties: new RunningMean(),
  seconds: 0,
  log: null,
  source: null,
  random: [],
});

export const randomOf = ({ generators }: Parts): GeneratorState[] =>
  [defaultGenerator, ...generators].map((generator) => generator.getState());

export function setRandom({ generators }: Parts, states: readonly GeneratorState[]): void {
  for (const [i, generator] of [defaultGenerator, ...generators].entries()) generator.setState(states[i]);
}

/** The name of a callback: its own, or that of its class where it has one. */
export function nameOf(callback: Callback): string | undefined {
  const { name } = callback.constructor;
  return callback.name ?? (name === 'Object' ? undefined : name);
}

const namedStates = (all: readonly object[], name: (x: never) => string | undefined): StateValue =>
  all.flatMap((one) => {
    const state = statefulOf(one)?.stateDict();
    return state ? [{ name: name(one as never) ?? '', state }] : [];
  });

const metricName = (metric: Metric<unknown>): string => metric.name;

function gradientsOf({ model }: Parts, { accumulated, stepLoss }: Run): StateValue {
  if (accumulated === 0) return null;
  const named = [...model.namedParameters()].flatMap(([name, { _grad }]) => (_grad ? [[name, _grad] as const] : []));
  return { accumulated, loss: stepLoss, named: Object.fromEntries(named) };
}

function epochOf(running: RunningEpoch | null): StateValue {
  if (running === null) return null;
  const { epoch, batch, losses, penalties, seconds, log, source, random } = running;
  const means = { losses: losses.state(), penalties: penalties.state() };
  return { epoch, batch, ...means, seconds, log, source, random: random.map((state) => ({ ...state })) };
}

/** The state of everything at this moment. The tensors are not copied. */
export function capture(parts: Parts, run: Run): StateTree {
  const { model, loss, optimizer, metrics, callbacks } = parts;
  const { first, globalStep, stopping, source, validation } = run;
  return {
    model: model.stateDict({ keepVars: true }),
    loss: loss instanceof Module ? loss.stateDict({ keepVars: true }) : null,
    optimizer: statefulOf(optimizer)?.stateDict() ?? null,
    random: (run.random ?? randomOf(parts)).map((state) => ({ ...state })),
    history: run.history.epochs.map((log) => ({ ...log })),
    run: { first, globalStep, stopping, source, validation },
    epoch: epochOf(run.epoch),
    gradients: gradientsOf(parts, run),
    metrics: run.epoch !== null && run.epoch.log === null ? namedStates(metrics, metricName) : [],
    callbacks: namedStates(callbacks, nameOf),
  };
}

/** {@link capture} with copies of the tensors, to come back to. */
export function captureCopy(parts: Parts, run: Run): StateTree {
  const copy = (value: StateValue): StateValue => {
    if (value instanceof Tensor) return ownCopy(value, value.dtype);
    if (Array.isArray(value)) return value.map(copy);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copy(item)]));
  };
  return copy(capture(parts, run)) as StateTree;
}

/**
 * Puts everything where a {@link capture} was.
 * @throws NablaError when the state does not fit the parts; some of them may have changed then.
 */
export function restore(parts: Parts, run: Run, state: StateTree): void {
  const { model, loss, optimizer, metrics, callbacks, generators } = parts;
  const root = new Reader('the state', state);
  const random = root.list('random').map(generatorState);
  if (random.length !== generators.length + 1) {
    const message = `has ${random.length - 1} generators, the Trainer ${generators.length}`;
    throw new ArgumentError('restore', message, random.length);
  }
  model.loadStateDict(root.object('model') as Record<string, Tensor>);
  if (loss instanceof Module) loss.loadStateDict((root.objectOrNull('loss') ?? {}) as Record<string, Tensor>);
  loadOptimizer(optimizer, root.objectOrNull('optimizer'));
  const epoch = root.objectOrNull('epoch');
  const inEpoch = epoch === null ? null : epochFrom(new Reader('epoch', epoch));
  if (inEpoch !== null && inEpoch.log === null) loadNamed(metrics, metricName, root.list('metrics'), true);
  loadNamed(callbacks, nameOf, root.list('callbacks'), false);
  loadRun(run, root, inEpoch);
  loadGradients(parts, run, root.objectOrNull('gradients'));
  setRandom(parts, random);
}

function loadOptimizer(optimizer: object, state: StateTree | null): void {
  const own = statefulOf(optimizer);
  if (own === null && state === null) return;
  if (own === null || state === null) {
    const side = own === null ? 'the optimizer cannot load one' : 'there is none';
    throw new ArgumentError('restore', `the state of the optimizer: ${side}`, state);
  }
  own.loadStateDict(state);
}

function loadRun(run: Run, root: Reader, epoch: RunningEpoch | null): void {
  const saved = new Reader('run', root.object('run'));
  const epochs = root.list('history') as unknown as EpochLog[];
  run.history.epochs.length = 0;
  for (const log of epochs) run.history.epochs.push(log);
  run.first = saved.number('first');
  run.globalStep = saved.number('globalStep');
  run.stopping = saved.value('stopping') === true;
  run.source = saved.objectOrNull('source');
  run.validation = saved.objectOrNull('validation');
  run.epoch = epoch;
  run.random = null;
}

function epochFrom(saved: Reader): RunningEpoch {
  return {
    epoch: saved.number('epoch'),
    batch: saved.number('batch'),
    losses: RunningMean.from(saved.object('losses')),
    penalties: RunningMean.from(saved.object('penalties')),
    seconds: saved.number('seconds'),
    log: saved.objectOrNull('log') as EpochLog | null,
    source: saved.objectOrNull('source'),
    random: saved.list('random').map(generatorState),
  };
}

/** States by name, the first of a name to the first with it. What came later begins anew, what is gone is left out. */
function loadNamed<T extends object>(
  all: readonly T[],
  name: (x: T) => string | undefined,
  saved: readonly StateValue[],
  reset: boolean,
): void {
  const left = saved.map((one) => new Reader('a state', one));
  for (const one of all) {
    const own = statefulOf(one);
    if (own === null) continue;
    const at = left.findIndex((entry) => entry.value('name') === (name(one) ?? ''));
    if (at >= 0) own.loadStateDict(left.splice(at, 1)[0].object('state'));
    else if (reset) (one as unknown as Metric<unknown>).reset();
  }
}

function loadGradients({ model }: Parts, run: Run, saved: StateTree | null): void {
  run.dropStep();
  if (saved === null) return;
  const reader = new Reader('gradients', saved);
  const named = reader.object('named') as Record<string, Tensor>;
  noGrad(() => {
    for (const [name, parameter] of model.namedParameters()) {
      parameter.grad = Object.hasOwn(named, name) ? ownCopy(named[name], parameter.dtype) : null;
    }
    const loss = reader.value('loss');
    run.stepLoss = loss instanceof Tensor ? ownCopy(loss, loss.dtype).keep() : null;
  });
  run.accumulated = reader.number('accumulated');
}

const generatorState = (value: StateValue): GeneratorState => {
  const saved = new Reader('a generator', value);
  return { seed: saved.number('seed'), offset: saved.number('offset') };
};

/** The fields of an object that comes from a file. */
class Reader {
  readonly #fields: StateTree;

  constructor(
    readonly what: string,
    value: StateValue,
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Tensor)
      this.#fail('', value);
    this.#fields = value as StateTree;
  }

  value(name: string): StateValue {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }

  number(name: string): number {
    const value = this.value(name);
    return typeof value === 'number' ? value : this.#fail(`.${name}`, value);
  }

  list(name: string): StateValue[] {
    const value = this.value(name);
    return Array.isArray(value) ? value : this.#fail(`.${name}`, value);
  }

  objectOrNull(name: string): StateTree | null {
    return (this.value(name) ?? null) === null ? null : this.object(name);
  }

  object(name: string): StateTree {
    const value = this.value(name);
    const good = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Tensor);
    return good ? (value as StateTree) : this.#fail(`.${name}`, value);
  }

  #fail(name: string, value: unknown): never {
    throw new ArgumentError('restore', `${this.what}${name} is ${valueText(value)}`, value);
  }
}
