// Anomaly mode: every recorded call remembers where it was made, so that a failing backward rule can say so.
import { ArgumentError, AutogradError, NablaError, valueText } from '../errors.js';
import { isnan } from '../ops/pointwise/compare.js';
import { checkFunction, checkOptions } from '../tensor/check.js';
import { isFloating } from '../tensor/dtype.js';
import type { Node } from '../tensor/graph.js';
import { watch } from '../tensor/graph.js';
import type { Tensor } from '../tensor/tensor.js';

/** Options of {@link detectAnomaly}. */
export interface AnomalyOptions {
  /** Whether a gradient with NaN is an error. Reads every gradient: slow. Default true. */
  checkNan?: boolean;
}

/** @internal */
export const anomaly = { on: false, checkNan: true };

/** The frames of user code: those of the library itself say nothing about the call. */
const library = new URL('..', import.meta.url).href;

function callStack(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 50;
  const lines = (new Error().stack ?? '').split('\n').slice(1);
  Error.stackTraceLimit = stackTraceLimit;
  const own = lines.filter((line) => !line.includes(library) && !line.includes(library.replace('file://', '')));
  return (own.length > 0 ? own : lines).slice(0, 12).join('\n');
}

const remember = (node: Node): void => {
  node.extra.stack = callStack();
};

/** Turns anomaly mode on or off for all that follows; see {@link detectAnomaly}. */
export function setDetectAnomaly(on: boolean, options: AnomalyOptions = {}): void {
  if (typeof on !== 'boolean') {
    throw new ArgumentError('setDetectAnomaly', `true or false is needed, got ${valueText(on)}`, on);
  }
  checkOptions('setDetectAnomaly', options);
  anomaly.on = on;
  anomaly.checkNan = options.checkNan ?? true;
  watch.anomaly = on ? remember : null;
}

/** Whether anomaly detection is on: see {@link setDetectAnomaly}. */
export const isAnomalyEnabled = (): boolean => anomaly.on;

/**
 * Runs `fn` in anomaly mode: each recorded call keeps its stack, and when a backward rule throws or makes a NaN, the
 * error names the call and shows where it was made. Slow: for finding mistakes. `fn` may be async.
 * Source: https://docs.pytorch.org/docs/2.13/autograd.html#anomaly-detection
 */
export function detectAnomaly<R>(fn: () => R, options: AnomalyOptions = {}): R {
  checkFunction('detectAnomaly', fn);
  const before = { ...anomaly };
  const restore = (): void => setDetectAnomaly(before.on, before);
  setDetectAnomaly(true, options);
  let result: R;
  try {
    result = fn();
  } catch (error) {
    restore();
    throw error;
  }
  if (result instanceof Promise) return result.finally(restore) as R;
  restore();
  return result;
}

const whereText = (node: Node): string => {
  const stack = node.rare?.stack;
  return stack ? `; the call was made\n${stack}` : '; the call was made outside anomaly mode, so its place is unknown';
};

/** Runs a backward rule; its error, or the NaN it made, tells where the forward call was made. */
export function withForwardStack<G extends readonly (Tensor | null)[]>(node: Node, call: () => G): G {
  try {
    const results = call();
    if (anomaly.checkNan) checkForNaN(node, results);
    return results;
  } catch (error) {
    if (error instanceof AnomalyError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const prefix = error instanceof NablaError ? `${error.op}: ` : '';
    const text = message.startsWith(prefix) ? message.slice(prefix.length) : message;
    throw new AnomalyError(node.rule.name, `its backward rule failed: ${text}${whereText(node)}`, error);
  }
}

/** Thrown in anomaly anomaly. */
class AnomalyError extends AutogradError {
  constructor(op: string, message: string, cause?: unknown) {
    super(op, message, { cause });
    this.name = 'AutogradError';
  }
}

function checkForNaN(node: Node, results: readonly (Tensor | null)[]): void {
  for (const [i, result] of results.entries()) {
    if (!result || !isFloating(result.dtype) || result.numel === 0 || !hasNaN(result)) continue;
    throw new AnomalyError(node.rule.name, `its backward rule returned NaN for input ${i}${whereText(node)}`);
  }
}

function hasNaN(x: Tensor): boolean {
  const found = isnan(x.detach()).any();
  return Boolean(found.itemSync());
}
