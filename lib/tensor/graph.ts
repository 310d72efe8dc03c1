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

/** Looks at a gradient, and may replace it. */
export type GradientHook = (grad: Tensor) => Tensor | undefined;

/** Hooks on the gradient of one output of a node. */
export interface OutputHooks {
  readonly hooks: Set<GradientHook>;
  /** The tensor that asked to keep this gradient (retainGrad). */
  retainer: Tensor | null;
}

/** Hooks on the gradient of a leaf. */
export interface LeafHooks {
  readonly hooks: Set<GradientHook>;
  readonly accumulated: Set<(leaf: Tensor) => void>;
}

/** Hooks of a node before and after its rule runs. */
export type NodePreHook = (grads: readonly (Tensor | null)[]) => readonly (Tensor | null)[] | undefined;
/** Sees the gradients of an operation, those of its inputs first; what it returns replaces those of the inputs. */
export type NodeHook = (
  inputs: readonly (Tensor | null)[],
  outputs: readonly (Tensor | null)[],
) => readonly (Tensor | null)[] | undefined;

/** What few nodes have. */
export interface NodeExtra {
  readonly outputs: Map<number, OutputHooks>;
  readonly before: Set<NodePreHook>;
  readonly after: Set<NodeHook>;
  /** Where the call was made (anomaly mode). */
  stack: string | null;
  /** Computes again what was saved (checkpoint). */
  refill: Refill | null;
}

/** Fills the saved values of nodes whose memory was given back, and forgets about nodes that need it no more. */
export interface Refill {
  fill(node: Node): void;
  drop(node: Node): void;
  /** `node` waits in the place of `old`. */
  replace(old: Node, node: Node): void;
}

/** Those who want to know of every recorded call: checkpoints, and anomaly mode. */
export const watch: { recorded: ((node: Node) => void) | null; anomaly: ((node: Node) => void) | null } = {
  recorded: null,
  anomaly: null,
};

/** An op call that is being traced: runs it, and sees its tensors. */
export type Tracer = (name: string, run: () => unknown, args: readonly unknown[]) => unknown;

/** Who sees every op call, recorded or not; calls inside of a call are not shown. */
export const tracing: { op: Tracer | null } = { op: null };

/** Tells them. */
export function noticed(node: Node): void {
  watch.recorded?.(node);
  watch.anomaly?.(node);
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
  #extra: NodeExtra | null = null;

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
    if (this.#extra?.refill) {
      this.#extra.refill.drop(this);
      this.#extra.refill = null;
    }
  }

  /** Hooks and the like, or null. */
  get rare(): NodeExtra | null {
    return this.#extra;
  }

  /** {@link rare}, made when there is none. */
  get extra(): NodeExtra {
    this.#extra ??= { outputs: new Map(), before: new Set(), after: new Set(), stack: null, refill: null };
    return this.#extra;
  }

  /** The hooks of one output. */
  hooksOf(output: number): OutputHooks {
    const { outputs } = this.extra;
    let found = outputs.get(output);
    if (!found) {
      found = { hooks: new Set(), retainer: null };
      outputs.set(output, found);
    }
    return found;
  }
}

/** A tensor with a new history keeps its gradient there; its other hooks stay with the old one. */
export function moveRetainer(from: Edge | null, to: Node, output: number): void {
  const before = from?.node?.rare?.outputs.get(from.output);
  if (!before?.retainer) return;
  to.hooksOf(output).retainer = before.retainer;
  before.retainer = null;
}

/** How a recorded view was made. All but plain ones refuse a recorded change in place. */
export enum ViewKind {
  plain = 0,
  /** Inside noGrad. */
  noGrad = 1,
  /** One of several: unbind, split, chunk. */
  several = 2,
  /** Inside inferenceMode, of a tensor made outside. */
  inference = 3,
  /** By a custom function. */
  custom = 4,
}

/** What Tensor needs of lib/ops/in-place.ts, which sets it. */
export const viewHistory: { refresh: (view: Tensor) => void } = { refresh: () => {} };
