import { ArgumentError, NablaError, valueText } from '../errors.js';
import { type AnyModule, Module } from '../nn/module.js';
import { checkFunction, checkOptions } from '../tensor/check.js';
import { tracing } from '../tensor/graph.js';
import { profiling, startTiming, stopTiming, streamClock } from '../tensor/profiling.js';
import { synchronizeSync } from '../tensor/read.js';
import { Profile } from './profile.js';
import { Recorder } from './recorder.js';

/** Options of {@link start}. */
export interface StartOptions {
  /** The model, or several with names, whose layers the profile shall show. Default: ops only. */
  model?: AnyModule | Readonly<Record<string, AnyModule>>;
  /** Tasks to note at most: 32 bytes each. Default 1,000,000. */
  maxTasks?: number;
}

/** A profile that is being taken. */
export class Profiler {
  private readonly recorder: Recorder;
  private readonly clock: { script: number; stream: number };
  private result: Profile | null = null;

  /** @internal */
  constructor(recorder: Recorder, maxTasks: number) {
    this.recorder = recorder;
    startTiming(maxTasks);
    this.clock = { script: performance.now(), stream: streamClock() };
    recorder.start();
  }

  /** The end of a step of a loop: the profile's rows are medians over the steps. */
  step(): void {
    this.recorder.nextStep();
  }

  /** Waits until everything queued has run and returns what was found. A second call returns the same. */
  stop(): Profile {
    if (this.result) return this.result;
    this.recorder.stop();
    synchronizeSync();
    this.result = new Profile(this.recorder, stopTiming(), this.clock);
    return this.result;
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}

function modelsOf(model: StartOptions['model']): [name: string, model: AnyModule][] {
  if (model === undefined) return [];
  const parts =
    model instanceof Module
      ? [['', model] as const]
      : typeof model === 'object' && model !== null
        ? Object.entries(model)
        : [['', model] as const];
  return parts.map(([name, part]) => {
    if (part instanceof Module) return [name, part as AnyModule];
    throw new ArgumentError('profiler.start', `model ${name} must be a Module, got ${valueText(part)}`, part);
  });
}

/**
 * Begins to note the time of every op, until `stop()`; only one profile can be taken at a time. Noting costs the
 * JavaScript thread some microseconds an op, and nothing when no profile is taken. Layers of a given model run one by
 * one: a convolution is not fused with the ReLU behind it as it is otherwise.
 *
 * @throws ArgumentError when another profile is being taken, or `model` is no module.
 * @example
 * const prof = nabla.profiler.start();
 * for (const [x, y] of batches) { trainStep(x, y); prof.step(); }
 * console.log(prof.stop().table());
 * @see https://docs.pytorch.org/docs/2.13/profiler.html
 */
export function start(options: StartOptions = {}): Profiler {
  checkOptions('profiler.start', options);
  const { model, maxTasks = 1_000_000 } = options;
  if (!Number.isSafeInteger(maxTasks) || maxTasks < 1) {
    throw new ArgumentError(
      'profiler.start',
      `maxTasks must be a positive integer, got ${valueText(maxTasks)}`,
      maxTasks,
    );
  }
  if (profiling.recorder || tracing.op)
    throw new NablaError('profiler.start', 'another profile is being taken; stop() it first');
  const recorder = new Recorder();
  for (const [name, part] of modelsOf(model)) recorder.watch(part, name);
  return new Profiler(recorder, maxTasks);
}

/**
 * Runs `fn`; a profile that is being taken shows it by this name in its trace.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.autograd.profiler.record_function.html
 */
export function recordFunction<R>(name: string, fn: () => R): R {
  checkFunction('recordFunction', fn);
  const { recorder } = profiling;
  return recorder instanceof Recorder ? recorder.label(name, fn) : fn();
}
