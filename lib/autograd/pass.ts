// One backward pass: which node comes next, what waits for it, and the hooks along the way.
import { AutogradError, ShapeError, shapeText } from '../errors.js';
import { add } from '../ops/pointwise/arithmetic.js';
import { sameDenseLayout } from '../tensor/create.js';
import { currentScope, Scope, swapFrame } from '../tensor/frame.js';
import type { Edge, GradientHook, LeafHooks, Node, NodeExtra, Saved } from '../tensor/graph.js';
import { sameShape } from '../tensor/layout.js';
import { profiling } from '../tensor/profiling.js';
import { Tensor } from '../tensor/tensor.js';
import { anomaly, withForwardStack } from './anomaly.js';

type Gradients = readonly (Tensor | null)[];

/** Max-heap of nodes by sequence number. */
class Ready {
  readonly #heap: Node[] = [];

  push(node: Node): void {
    const heap = this.#heap;
    let i = heap.push(node) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (heap[up].sequence >= node.sequence) break;
      heap[i] = heap[up];
      i = up;
    }
    heap[i] = node;
  }

  pop(): Node | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (!last || heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].sequence > heap[child].sequence) child++;
      if (heap[child].sequence <= last.sequence) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
    return top;
  }
}

/** How one backward pass runs. */
export interface Pass {
  readonly createGraph: boolean;
  readonly retainGraph: boolean;
  /** Where leaf gradients go: `grad` fields, or the captured inputs of `autograd.grad`. */
  accumulate(leaf: Tensor, grad: Tensor): void;
  /** Whether `accumulate` writes to `grad` fields, after which the hooks for that run. */
  readonly intoLeaves: boolean;
  /** Gradients of recorded tensors that were asked for: node -> output -> index. */
  readonly captures: ReadonlyMap<Node, ReadonlyMap<number, readonly number[]>> | null;
  capture(index: number, grad: Tensor): void;
  /** Whether anything asked for lies behind this edge. */
  wants(edge: Edge): boolean;
}

/** Leaves with hooks in this environment; while there are none, nobody counts edges. */
export const hooked = { leaves: 0 };

/** The nodes from which one of the wanted nodes or leaves can be reached. */
export function nodesTowards(
  roots: readonly Edge[],
  wanted: ReadonlySet<Node>,
  leaves: ReadonlySet<Tensor>,
): Set<Node> {
  const all = new Set<Node>();
  const stack = roots.flatMap((edge) => (edge.node ? [edge.node] : []));
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (all.has(node)) continue;
    all.add(node);
    for (const edge of node.edges) if (edge?.node) stack.push(edge.node);
  }
  const found = new Set<Node>();
  // Edges lead to earlier nodes only.
  for (const node of [...all].sort((a, b) => a.sequence - b.sequence)) {
    const leads = (edge: Edge | null): boolean =>
      edge !== null && (edge.node ? found.has(edge.node) : leaves.has(edge.leaf as Tensor));
    if (wanted.has(node) || node.edges.some(leads)) found.add(node);
  }
  return found;
}

/** The saved values of a node, after the version check; a tensor its user disposed comes back as another handle. */
export function unpack(node: Node): Saved {
  while (!node.saved && node.rare?.refill) node.rare.refill.fill(node);
  const { saved, kept, versions, rule } = node;
  if (!saved) {
    throw new AutogradError(
      rule.name,
      'its saved tensors were freed by an earlier backward; use { retainGraph: true }',
    );
  }
  let disposed = false;
  for (let i = 0; i < kept.length; i++) {
    if (kept[i]._version.n !== versions[i]) {
      throw new AutogradError(
        rule.name,
        `a tensor of shape ${shapeText(kept[i].shape)} needed for its gradient was changed in place ` +
          `(version ${kept[i]._version.n}, saved at ${versions[i]})`,
      );
    }
    if (kept[i]._disposed) disposed = true;
  }
  if (!disposed) return saved;
  const revive = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(revive);
    if (!(value instanceof Tensor) || !value._disposed) return value;
    const alias = value._alias(rule.name);
    alias._node = value._node;
    alias._output = value._output;
    return alias;
  };
  return Object.fromEntries(Object.entries(saved).map(([key, value]) => [key, revive(value)]));
}

/** The frame and the scope of the rules of one pass, and the gradients that wait at nodes for their turn. */
class Walk {
  readonly scope = new Scope(null);
  readonly frame = { scope: this.scope, grad: false };
  readonly #ready = new Ready();
  /** Of nodes that another pass, in which this one was started, is walking over. */
  readonly #apart = new Map<Node, (Tensor | null)[]>();

  /** Takes over `grad`: a handle that belongs to the pass alone. */
  add(node: Node, output: number, grad: Tensor, createGraph: boolean): void {
    const grads = this.#gradsOf(node);
    const before = grads[output];
    if (!before) {
      grads[output] = grad;
      return;
    }
    grads[output] = sumOf(before, grad, createGraph);
  }

  #gradsOf(node: Node): (Tensor | null)[] {
    if (node.pass === this) return node.grads as (Tensor | null)[];
    const known = node.pass === null ? undefined : this.#apart.get(node);
    if (known) return known;
    const grads = node.outputs === 1 ? [null] : new Array<Tensor | null>(node.outputs).fill(null);
    if (node.pass === null) {
      node.pass = this;
      node.grads = grads;
    } else {
      this.#apart.set(node, grads);
    }
    this.#ready.push(node);
    return grads;
  }

  next(): Node | undefined {
    return this.#ready.pop();
  }

  take(node: Node): (Tensor | null)[] {
    if (node.pass === this) {
      const grads = node.grads as (Tensor | null)[];
      node.pass = null;
      node.grads = null;
      return grads;
    }
    const grads = this.#apart.get(node) as (Tensor | null)[];
    this.#apart.delete(node);
    return grads;
  }

  /** After a rule that threw: nodes are free for another pass. */
  abandon(): void {
    for (let node = this.next(); node; node = this.next()) this.take(node);
    this.scope.close(null);
  }
}

/** Gradients of leaves with hooks: added up until every node that leads there has run, so that a hook runs once. */
class HookedLeaves {
  readonly #left = new Map<Tensor, number>();
  readonly #grads = new Map<Tensor, Tensor>();

  constructor(roots: readonly { readonly edge: Edge }[], pass: Pass) {
    const seen = new Set<Node>();
    const stack: Node[] = [];
    const visit = (edge: Edge | null): void => {
      if (!edge || !pass.wants(edge)) return;
      if (edge.leaf?._hooks) this.#left.set(edge.leaf, (this.#left.get(edge.leaf) ?? 0) + 1);
      else if (edge.node && !seen.has(edge.node)) {
        seen.add(edge.node);
        stack.push(edge.node);
      }
    };
    for (const { edge } of roots) visit(edge);
    for (let node = stack.pop(); node; node = stack.pop()) for (const edge of node.edges) visit(edge);
  }

  /** One edge to a leaf is done, with or without a gradient. Returns the sum when it was the last one. */
  arrive(leaf: Tensor, grad: Tensor | null, pass: Pass): Tensor | null {
    const before = this.#grads.get(leaf);
    if (grad) this.#grads.set(leaf, before ? sumOf(before, grad, pass.createGraph) : grad);
    const left = (this.#left.get(leaf) ?? 1) - 1;
    this.#left.set(leaf, left);
    return left === 0 ? this.#take(leaf) : null;
  }

  #take(leaf: Tensor): Tensor | null {
    const grad = this.#grads.get(leaf) ?? null;
    this.#grads.delete(leaf);
    return grad;
  }

  /** What waits for nodes that never ran. */
  rest(): [Tensor, Tensor][] {
    return [...this.#grads.keys()].map((leaf) => [leaf, this.#take(leaf) as Tensor]);
  }
}

function sumOf(a: Tensor, b: Tensor, createGraph: boolean): Tensor {
  const sum = add(a, b);
  if (createGraph) return sum;
  a.dispose();
  b.dispose();
  return sum;
}

/** A tensor given to user code or taken from it: another handle than the one that the pass will free. */
const handOver = (grad: Tensor, pass: Pass): Tensor => (pass.createGraph ? grad : grad._alias('hook'));

function checkReplacement(what: string, before: Tensor, after: unknown): asserts after is Tensor {
  if (!(after instanceof Tensor)) throw new AutogradError(what, 'a hook must return a Tensor or nothing');
  after._handle(what);
  if (sameShape(before.shape, after.shape) && before.dtype === after.dtype) return;
  throw new AutogradError(
    what,
    `a hook changed the gradient from ${before.dtype} ${shapeText(before.shape)} to ${after.dtype} ${shapeText(after.shape)}`,
  );
}

/** Runs the hooks of one gradient in the order of their registration. */
export function runHooks(what: string, hooks: Iterable<GradientHook>, grad: Tensor, pass: Pass): Tensor {
  let current = grad;
  for (const hook of [...hooks]) {
    const shown = handOver(current, pass);
    const result = hook(shown);
    // A hook may keep what it saw: the pass goes on with a handle whose memory nobody takes for his own.
    const next = result === undefined || result === null ? shown : result;
    checkReplacement(what, current, next);
    const before = current;
    current = handOver(next, pass);
    if (!pass.createGraph) before.dispose();
  }
  return current;
}

/** Hooks, captures and kept gradients of a node whose gradients are complete. */
function arriveAt(node: Node, grads: (Tensor | null)[], extra: NodeExtra | null, pass: Pass): void {
  for (const [output, { hooks, retainer }] of extra?.outputs ?? []) {
    let grad = grads[output];
    if (!grad) continue;
    if (hooks.size > 0) grad = grads[output] = runHooks(node.rule.name, hooks, grad, pass);
    if (retainer) accumulateInto(retainer, handOver(grad, pass), pass.createGraph);
  }
  for (const [output, indices] of pass.captures?.get(node) ?? []) {
    const grad = grads[output];
    if (!grad) continue;
    for (const index of indices) pass.capture(index, handOver(grad, pass));
    if (pass.createGraph) continue;
    grads[output] = grad._alias('grad'); // the memory is seen outside now
    grad.dispose();
  }
}

/** Handles for user code: what it sees, it may keep. */
const shownTo = (grads: Gradients, pass: Pass): Gradients => grads.map((grad) => grad && handOver(grad, pass));

/** Gradients that hooks have seen: a leaf must not take their memory for its own. */
function seen(grads: Gradients, pass: Pass): Gradients {
  if (pass.createGraph) return grads;
  return grads.map((grad) => {
    const alias = grad?._alias('hook') ?? null;
    grad?.dispose();
    return alias;
  });
}

/** Hooks of the node itself; each may replace the whole list. */
function replaceAll(node: Node, grads: Gradients, given: Gradients | undefined, pass: Pass): Gradients {
  if (given === undefined || given === null) return grads;
  if (!Array.isArray(given) || given.length !== grads.length) {
    throw new AutogradError(node.rule.name, `a hook must return ${grads.length} gradients`);
  }
  return given.map((grad: Tensor | null, i) => {
    const before = grads[i];
    if (grad && before) checkReplacement(node.rule.name, before, grad);
    if (before && !pass.createGraph) before.dispose();
    return grad && handOver(grad, pass);
  });
}

const NEEDS_ONE: readonly boolean[] = [true];
const NEEDS_TWO: readonly (readonly boolean[])[] = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
];
const NO_GRADS: readonly null[] = [];

/** Which inputs want a gradient; null when none does. */
function needsOf(edges: readonly (Edge | null)[], pass: Pass): readonly boolean[] | null {
  let any = 0;
  for (let i = 0; i < edges.length; i++) {
    const edge = edges[i];
    if (edge !== null && pass.wants(edge)) any |= i < 2 ? 1 << i : 4;
  }
  if (any === 0) return null;
  if (edges.length === 1) return NEEDS_ONE;
  if (edges.length === 2) return NEEDS_TWO[any];
  return edges.map((edge) => edge !== null && pass.wants(edge));
}

/** Runs one rule. Without createGraph, what it made and does not return is freed at once. */
function applyRule(node: Node, grads: Gradients, pass: Pass, walk: Walk): Gradients {
  const needs = needsOf(node.edges, pass);
  if (needs === null) {
    if (!pass.createGraph) for (const grad of grads) grad?.dispose();
    return NO_GRADS;
  }
  if (pass.createGraph) return callRule(node, grads, needs);
  const { scope } = walk;
  const outer = swapFrame(walk.frame);
  let results: Gradients;
  try {
    results = ownHandles(callRule(node, grads, needs), grads, scope, node.rule.name);
  } finally {
    swapFrame(outer);
  }
  scope.sweep(results);
  for (let i = 0; i < grads.length; i++) {
    const grad = grads[i];
    if (grad !== null && !results.includes(grad)) grad.dispose();
  }
  return results;
}

function callRule(node: Node, grads: Gradients, needs: readonly boolean[]): Gradients {
  const { recorder } = profiling;
  return recorder ? recorder.backward(node, needs, () => plainRule(node, grads, needs)) : plainRule(node, grads, needs);
}

function plainRule(node: Node, grads: Gradients, needs: readonly boolean[]): Gradients {
  if (!anomaly.on) return node.rule.backward(grads, unpack(node), needs);
  return withForwardStack(node, () => node.rule.backward(grads, unpack(node), needs));
}

/**
 * A rule may return what it was given, what it did not make, or one tensor twice: each receiver gets a handle of its own,
 * and one whose memory nobody else sees is not a view. A gradient that passes through once stays the same handle.
 */
function ownHandles(
  results: readonly (Tensor | null)[],
  grads: readonly (Tensor | null)[],
  scope: Scope,
  op: string,
): readonly (Tensor | null)[] {
  const own = new Array<Tensor | null>(results.length);
  for (let i = 0; i < results.length; i++) {
    const result = results[i];
    own[i] = result;
    if (!result) {
      own[i] = null;
      continue;
    }
    if (sharesMemory(results, i) || !(result._scope === scope || grads.includes(result))) own[i] = result._alias(op);
  }
  return own;
}

/** Whether another result lies in the same memory as result `at`. */
function sharesMemory(results: readonly (Tensor | null)[], at: number): boolean {
  const version = results[at]?._version;
  for (let i = 0; i < results.length; i++) if (i !== at && results[i]?._version === version) return true;
  return false;
}

function checkGradient(node: Node, leaf: Tensor, grad: Tensor): void {
  if (sameShape(grad.shape, leaf.shape)) return;
  throw new ShapeError(
    node.rule.name,
    `its gradient has shape ${shapeText(grad.shape)}, the input ${shapeText(leaf.shape)}`,
    grad.shape,
    leaf.shape,
  );
}

/** Walks the tape from the roots, latest call first. */
export function run(roots: readonly { edge: Edge; grad: Tensor }[], pass: Pass): void {
  if (profiling.recorder) profiling.recorder.pass(() => walkFrom(roots, pass));
  else walkFrom(roots, pass);
}

function walkFrom(roots: readonly { edge: Edge; grad: Tensor }[], pass: Pass): void {
  const walk = new Walk();
  const leaves = hooked.leaves > 0 ? new HookedLeaves(roots, pass) : null;
  try {
    for (const { edge, grad } of roots) deliver(edge, grad, walk, leaves, pass);
    for (let node = walk.next(); node; node = walk.next()) step(node, walk, leaves, pass);
    if (leaves) for (const [leaf, grad] of leaves.rest()) settle(leaf, grad, pass);
  } finally {
    walk.abandon();
  }
}

function step(node: Node, walk: Walk, leaves: HookedLeaves | null, pass: Pass): void {
  const grads = walk.take(node);
  const extra = node.rare;
  if (extra !== null || pass.captures !== null) arriveAt(node, grads, extra, pass);
  const results = extra === null ? applyRule(node, grads, pass, walk) : applyWithHooks(node, grads, extra, pass, walk);
  for (let i = 0; i < node.edges.length; i++) {
    const edge = node.edges[i];
    if (edge === null) continue;
    const grad = results[i] ?? null;
    if (!pass.wants(edge)) {
      if (grad && !pass.createGraph) grad.dispose();
      continue;
    }
    if (grad === null) {
      if (leaves) deliver(edge, null, walk, leaves, pass);
      continue;
    }
    if (edge.leaf) checkGradient(node, edge.leaf, grad);
    deliver(edge, grad, walk, leaves, pass);
  }
  if (!pass.retainGraph && results.length > 0) node.release();
}

/** Runs a rule with the hooks of its node. */
function applyWithHooks(node: Node, grads: Gradients, extra: NodeExtra, pass: Pass, walk: Walk): Gradients {
  if (extra.before.size === 0 && extra.after.size === 0) return applyRule(node, grads, pass, walk);
  let given = seen(grads, pass);
  for (const hook of [...extra.before]) given = replaceAll(node, given, hook(shownTo(given, pass)), pass);
  if (extra.after.size === 0) return applyRule(node, given, pass, walk);
  const outputs = shownTo(given, pass);
  let results = applyRule(node, given, pass, walk);
  if (results.length === 0) return results;
  results = seen(results, pass);
  for (const hook of [...extra.after]) results = replaceAll(node, results, hook(shownTo(results, pass), outputs), pass);
  return results;
}

function deliver(edge: Edge, grad: Tensor | null, walk: Walk, leaves: HookedLeaves | null, pass: Pass): void {
  if (edge.node) {
    if (grad) walk.add(edge.node, edge.output, grad, pass.createGraph);
  } else if (edge.leaf?._hooks && leaves) {
    const total = leaves.arrive(edge.leaf, grad, pass);
    if (total) settle(edge.leaf, total, pass);
  } else if (edge.leaf && grad) {
    pass.accumulate(edge.leaf, grad);
  }
}

/** The whole gradient of a leaf with hooks. */
function settle(leaf: Tensor, grad: Tensor, pass: Pass): void {
  const { hooks, accumulated } = leaf._hooks as LeafHooks;
  pass.accumulate(leaf, runHooks('registerHook', hooks, grad, pass));
  if (pass.intoLeaves) for (const hook of [...accumulated]) hook(leaf);
}

/** Adds to `leaf.grad`. The field outlives the scope in which it was made: it belongs to the leaf. */
export function accumulateInto(leaf: Tensor, grad: Tensor, createGraph: boolean): void {
  const before = leaf._grad;
  if (createGraph) {
    leaf._grad = before ? add(before, grad) : grad;
    leaf._grad._scope = null;
    return;
  }
  if (before && !before.isDisposed) {
    before.add_(grad);
    grad.dispose();
    return;
  }
  // Same strides as the leaf, so that an optimizer can walk both as flat memory; unshared, because it is added to.
  leaf._grad = sameDenseLayout(leaf, grad);
  if (leaf._grad !== grad) grad.dispose();
  leaf._grad._scope = null;
}

export const frameOf = (createGraph: boolean) => ({ scope: currentScope(), grad: createGraph });
