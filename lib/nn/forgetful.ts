// Layers whose forward passes keep nothing of what goes through them: where nobody wants gradients, what they made
// besides their results is freed at once, and the next layer writes to memory that is still in the caches.
import { currentScope, isGradEnabled, isInferenceModeEnabled, runInFrame, Scope } from '../tensor/frame.js';
import type { Tensor } from '../tensor/tensor.js';
import type { AnyModule, Module } from './module.js';

const leaves = new Set<unknown>();
const composites = new Set<unknown>();

interface ModuleClass {
  readonly prototype: object & { forward?: unknown };
}

/** Says of such classes that they are made of no others. @internal */
export const forgets = (...classes: readonly ModuleClass[]): void => {
  for (const { prototype } of classes) leaves.add(prototype.forward);
};

/** Says it of classes that keep nothing themselves; whether their parts do is looked up at each call. @internal */
export const forgetsOutside = (...classes: readonly ModuleClass[]): void => {
  for (const { prototype } of classes) composites.add(prototype.forward);
};

let trusted = false; // within a layer of which all parts were looked at

/** A hook or another `forward`, in the layer or in one of its parts, may keep what it sees. @internal */
export function isForgetful(layer: AnyModule): boolean {
  if (trusted || leaves.has(layer.forward)) return true;
  return composites.has(layer.forward) && layer.children().every(isForgetful);
}

/** `layer.forward(input)`; without gradients, what a forgetful layer made on the way is freed. @internal */
export function pass<I>(layer: Module<[I]>, input: I): Tensor {
  if (isGradEnabled() || !composites.has(layer.forward) || !isForgetful(layer)) return layer.forward(input);
  const outer = trusted;
  const scope = new Scope(currentScope());
  let result: Tensor | null = null;
  trusted = true;
  try {
    const frame = { scope, grad: false, inference: isInferenceModeEnabled() };
    result = runInFrame(frame, () => layer.forward(input));
    return result;
  } finally {
    trusted = outer;
    scope.close(result && new Set([result]));
  }
}
