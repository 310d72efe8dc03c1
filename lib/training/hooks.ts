import { CallbackError, NablaError } from '../errors.js';
import type { Callback, HookName } from './callback.js';
import { nameOf } from './run.js';
import type { Trainer } from './trainer.js';

/** The callbacks of a Trainer, in the order in which they run. */
export class Hooks {
  readonly all: readonly Callback[];

  constructor(callbacks: readonly Callback[]) {
    this.all = [...callbacks].sort((a, b) => Number(a.runLast ?? false) - Number(b.runLast ?? false));
  }

  has(hook: HookName): boolean {
    return this.all.some((callback) => callback[hook] !== undefined);
  }

  /** Runs a hook of every callback that has it. */
  async call<K extends HookName>(hook: K, ...args: Parameters<NonNullable<Callback[K]>>): Promise<void> {
    for (const [i, callback] of this.all.entries()) {
      const fn = callback[hook] as ((...args: unknown[]) => unknown) | undefined;
      if (fn === undefined) continue;
      try {
        await fn.apply(callback, args);
      } catch (error) {
        if (error instanceof NablaError || (error instanceof Error && error.name === 'AbortError')) throw error;
        throw new CallbackError('Trainer', nameOf(callback) ?? `callbacks[${i}]`, hook, error);
      }
    }
  }

  /** Tells the callbacks of an error; the first error is the one that counts. */
  async tell(error: unknown, trainer: Trainer): Promise<void> {
    for (const callback of this.all) {
      try {
        await callback.onFitError?.(error, trainer);
      } catch {}
    }
  }

  /** The newest checkpoint that a callback has written. */
  async newestCheckpoint(): Promise<string | undefined> {
    for (const callback of this.all) {
      const path = await callback.newestCheckpoint?.();
      if (path !== undefined) return path;
    }
    return undefined;
  }
}
