import { ArgumentError, valueText } from '../errors.js';
import { checkFunction } from './check.js';
import { currentFrame, currentScope, enterScope, runInAsyncFrame, Scope } from './frame.js';
import { Tensor } from './tensor.js';

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

/** @internal The method of objects that hold tensors: gives them. */
export const HOLDS = Symbol('the tensors of an object');

/** @internal The tensors in a returned value: itself, or inside arrays, maps and plain objects. */
export function collect(value: unknown, into: Set<Tensor>, depth = 6): Set<Tensor> {
  if (value instanceof Tensor) into.add(value);
  else if (typeof value !== 'object' || value === null || depth === 0) return into;
  else if (HOLDS in value) for (const item of (value as { [HOLDS](): Tensor[] })[HOLDS]()) into.add(item);
  else if (Array.isArray(value)) for (const item of value) collect(item, into, depth - 1);
  else if (value instanceof Map) for (const item of value.values()) collect(item, into, depth - 1);
  else if (Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) collect(item, into, depth - 1);
  }
  return into;
}

/** @internal Runs `fn` in a new scope with the given grad mode. */
export function runScoped<R>(fn: () => R, grad: boolean, inference = currentFrame().inference): R {
  checkFunction('scope', fn);
  const scope = new Scope(currentScope());
  return runInAsyncFrame({ scope, grad, inference }, () => {
    let result: R;
    try {
      result = fn();
    } catch (error) {
      scope.close(null);
      throw error;
    }
    if (!isThenable(result)) {
      scope.close(collect(result, new Set()));
      return result;
    }
    return result.then(
      (value) => {
        scope.close(collect(value, new Set()));
        return value;
      },
      (error: unknown) => {
        scope.close(null);
        throw error;
      },
    ) as R;
  });
}

/**
 * Frees every tensor made inside `fn`, except those in the value it returns. `fn` may be async; the scope then closes
 * when its promise settles, and flows that interleave keep their own scopes.
 *
 * Without an argument it returns a scope for `using s = scope()` in **synchronous** code.
 *
 * @example
 * const loss = scope(() => lossFn(model.forward(x), y));
 */
export function scope(): Scope;
export function scope<R>(fn: () => R): R;
export function scope<R>(fn?: () => R): R | Scope {
  return fn === undefined ? enterScope() : runScoped(fn, currentFrame().grad);
}

/** Takes a tensor out of the scope that would free it, and returns it. */
export const keep = (tensor: Tensor): Tensor => tensor.keep();

/**
 * Runs `fn` without recording gradients; a scope as well: tensors made inside are freed, except the returned ones.
 * `fn` may be async.
 */
export const noGrad = <R>(fn: () => R): R => runScoped(fn, false);

/** Runs `fn` with gradients recorded, inside a {@link noGrad}. A scope as well. */
export const enableGrad = <R>(fn: () => R): R => runScoped(fn, true);

/** {@link enableGrad} or {@link noGrad}, as `mode` says. */
export function setGradEnabled<R>(mode: boolean, fn: () => R): R {
  if (typeof mode !== 'boolean') {
    throw new ArgumentError('setGradEnabled', `mode must be true or false, got ${valueText(mode)}`, mode);
  }
  return runScoped(fn, mode);
}

/**
 * {@link noGrad}, and the tensors made inside can never be part of a graph: outside they cannot be changed in place, be
 * saved for a gradient, or require one. Views of tensors made outside are ordinary tensors. `mode` false leaves it.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.grad_mode.inference_mode.html
 */
export function inferenceMode<R>(fn: () => R, mode = true): R {
  if (typeof mode !== 'boolean') {
    throw new ArgumentError('inferenceMode', `mode must be true or false, got ${valueText(mode)}`, mode);
  }
  return runScoped(fn, !mode, mode);
}

export { isGradEnabled, isInferenceModeEnabled } from './frame.js';
