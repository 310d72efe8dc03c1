// The tape: one node per recorded call. Nodes are made by lib/ops/define.ts and walked by lib/autograd/engine.ts.
import type { Tensor } from './tensor.js';

/** What a recorded call keeps for its backward rule. Tensor-valued fields are kept alive until it has run. */
export type Saved = Readonly<Record<string, unknown>>;

/** The part of an op record that the engine needs. */
export interface BackwardRule {
  readonly name: string;
  backward(grads: readonly (Tensor | null)[], saved: Saved, needs: readonly boolean[]): readonly (Tensor | null)[];
}

/** Where a gradient goes: an output of an earlier node, or a leaf's `grad`. */
export interface Edge {
  readonly node: Node | null;
  readonly output: number;
  readonly leaf: Tensor | null;
}

let nextSequence = 0;
const NONE: readonly never[] = [];

export class Node {
  /** Later calls have larger numbers, so descending order is a valid order for the backward pass. */
  readonly sequence = nextSequence++;
  saved: Saved | null = null;
  /** The tensors among `saved`, with their versions when they were saved. */
  kept: readonly Tensor[] = NONE;
  versions: readonly number[] = NONE;
  /** The pass that walks over it, and the gradients of its outputs that have arrived. */
  pass: object | null = null;
  grads: (Tensor | null)[] | null = null;
  #edge: Edge | null = null;

  constructor(
    readonly rule: BackwardRule,
    readonly edges: readonly (Edge | null)[],
    readonly outputs: number,
  ) {}

  /** Where the gradient of an output goes. */
  edge(output: number): Edge {
    if (output !== 0) return { node: this, output, leaf: null };
    this.#edge ??= { node: this, output: 0, leaf: null };
    return this.#edge;
  }

  /** Forgets what was saved; its memory goes back if nobody else holds it. */
  release(): void {
    for (let i = 0; i < this.kept.length; i++) this.kept[i]._unref();
    this.kept = NONE;
    this.saved = null;
  }
}

/** How a recorded view was made. All but plain ones refuse a recorded change in place. */
export enum ViewKind {
  plain = 0,
  /** Inside noGrad. */
  noGrad = 1,
  /** One of several: unbind, split, chunk. */
  several = 2,
}

/** What Tensor needs of lib/ops/in-place.ts, which sets it. */
export const viewHistory: { refresh: (view: Tensor) => void } = { refresh: () => {} };
