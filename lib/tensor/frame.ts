// Grad mode and scope of the running code, in one AsyncLocalStorage store, so that both follow async flows exactly.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Tensor } from './tensor.js';

/** What is in force for the running code. */
export interface Frame {
  readonly scope: Scope | null;
  readonly grad: boolean;
  /** Tensors made here can never be part of a graph. */
  readonly inference?: boolean;
}

const ROOT: Frame = { scope: null, grad: true };
const storage = new AsyncLocalStorage<Frame>();
let used = false; // getStore() is asked only once somebody has opened a frame
let override: Frame | null = null; // a frame of synchronous engine code: cheaper than the store

/** Tensors made while it is open; all but the kept ones are disposed when it closes. */
export class Scope implements Disposable {
  #tensors: Tensor[] = [];
  #parent: Scope | null;
  #outer: Frame | null;
  open = true;

  constructor(parent: Scope | null, outer: Frame | null = null) {
    this.#parent = parent;
    this.#outer = outer;
  }

  /** The tensor is freed with this scope. */
  add(tensor: Tensor): void {
    this.#tensors.push(tensor);
    tensor._scope = this;
  }

  /** The nearest open scope around this one. Closed ones are skipped and forgotten. */
  get parent(): Scope | null {
    let parent = this.#parent;
    while (parent && !parent.open) parent = parent.#parent;
    this.#parent = parent;
    return parent;
  }

  /** Disposes what was made here, except `kept`, which moves to the parent scope. */
  close(kept: ReadonlySet<Tensor> | null): void {
    if (!this.open) return;
    this.open = false;
    const parent = this.parent;
    for (const tensor of this.#tensors) {
      if (tensor._scope !== this) continue;
      tensor._scope = null;
      if (!kept?.has(tensor)) tensor.dispose();
      else if (parent) parent.add(tensor);
    }
    this.#tensors = [];
  }

  /** Disposes what was made here since the last time, except `kept`, which leaves the scope. It stays open. */
  sweep(kept: readonly (Tensor | null)[]): void {
    const tensors = this.#tensors;
    if (tensors.length === 0) return;
    for (let i = 0; i < tensors.length; i++) {
      const tensor = tensors[i];
      if (tensor._scope !== this) continue;
      tensor._scope = null;
      if (!kept.includes(tensor)) tensor.dispose();
    }
    tensors.length = 0;
  }

  [Symbol.dispose](): void {
    const frame = storage.getStore();
    if (frame && frame.scope === this) storage.enterWith(this.#outer ?? ROOT);
    this.close(null);
  }
}

/** The frame in force. */
export function currentFrame(): Frame {
  if (override) return override;
  return used ? (storage.getStore() ?? ROOT) : ROOT;
}

export const currentScope = (): Scope | null => scopeOf(currentFrame());

/** The open scope of a frame. */
export function scopeOf({ scope }: Frame): Scope | null {
  return scope === null || scope.open ? scope : scope.parent;
}

/** True while operations on tensors that require gradients are recorded. */
export const isGradEnabled = (): boolean => currentFrame().grad;

/** True inside inferenceMode. */
export const isInferenceModeEnabled = (): boolean => currentFrame().inference === true;

/** Runs synchronous code in a frame. */
export function runInFrame<R>(frame: Frame, fn: () => R): R {
  const outer = override;
  override = frame;
  try {
    return fn();
  } finally {
    override = outer;
  }
}

/** Puts a frame, or none, in force for synchronous engine code; gives back the one before, to be put back. */
export function swapFrame(frame: Frame | null): Frame | null {
  const outer = override;
  override = frame;
  return outer;
}

/** Runs code in a frame that also follows its async continuations. */
export function runInAsyncFrame<R>(frame: Frame, fn: () => R): R {
  used = true;
  const outer = override;
  override = null;
  try {
    return storage.run(frame, fn);
  } finally {
    override = outer;
  }
}

/** Puts the rest of the current synchronous execution into a scope, for `using`. */
export function enterScope(): Scope {
  used = true;
  const outer = currentFrame();
  const scope = new Scope(currentScope(), outer);
  storage.enterWith({ scope, grad: outer.grad, inference: outer.inference });
  return scope;
}
