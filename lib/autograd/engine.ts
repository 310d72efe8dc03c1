import { ArgumentError, AutogradError, DTypeError, ShapeError, shapeText, valueText } from '../errors.js';
import { add } from '../ops/pointwise/arithmetic.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { onesLike, sameDenseLayout } from '../tensor/create.js';
import { currentScope, isGradEnabled, runInFrame, Scope, swapFrame } from '../tensor/frame.js';
import type { Edge, Node, Saved } from '../tensor/graph.js';
import { sameShape } from '../tensor/layout.js';
import { Tensor } from '../tensor/tensor.js';

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
interface Pass {
  readonly createGraph: boolean;
  readonly retainGraph: boolean;
  /** Where leaf gradients go: `grad` fields, or the captured inputs of `autograd.grad`. */
  accumulate(leaf: Tensor, grad: Tensor): void;
  /** Gradients of recorded tensors that `autograd.grad` asked for: node -> output -> index. */
  captures: Map<Node, Map<number, number[]>> | null;
  capture(index: number, grad: Tensor): void;
  /** Whether anything asked for lies behind this edge. */
  wants(edge: Edge): boolean;
}

/** The nodes from which one of the wanted nodes or leaves can be reached. */
function nodesTowards(roots: readonly Edge[], wanted: ReadonlySet<Node>, leaves: ReadonlySet<Tensor>): Set<Node> {
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
function unpack(node: Node): Saved {
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
    grads[output] = add(before, grad);
    if (createGraph) return;
    before.dispose();
    grad.dispose();
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
function applyRule(node: Node, grads: readonly (Tensor | null)[], pass: Pass, walk: Walk): readonly (Tensor | null)[] {
  const needs = needsOf(node.edges, pass);
  if (needs === null) {
    if (!pass.createGraph) for (const grad of grads) grad?.dispose();
    return NO_GRADS;
  }
  if (pass.createGraph) return node.rule.backward(grads, unpack(node), needs);
  const { scope } = walk;
  const outer = swapFrame(walk.frame);
  let results: readonly (Tensor | null)[];
  try {
    results = ownHandles(node.rule.backward(grads, unpack(node), needs), grads, scope, node.rule.name);
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
function run(roots: readonly { edge: Edge; grad: Tensor }[], pass: Pass): void {
  const walk = new Walk();
  try {
    for (const { edge, grad } of roots) deliver(edge, grad, walk, pass);
    for (let node = walk.next(); node; node = walk.next()) step(node, walk, pass);
  } finally {
    walk.abandon();
  }
}

function step(node: Node, walk: Walk, pass: Pass): void {
  const grads = walk.take(node);
  const wanted = pass.captures?.get(node);
  if (wanted) {
    for (const [output, indices] of wanted) {
      const grad = grads[output];
      if (!grad) continue;
      for (const index of indices) pass.capture(index, pass.createGraph ? grad : grad._alias('grad'));
      if (!pass.createGraph) {
        grads[output] = grad._alias('grad'); // the memory is seen outside now
        grad.dispose();
      }
    }
  }
  const results = applyRule(node, grads, pass, walk);
  for (let i = 0; i < node.edges.length; i++) {
    const edge = node.edges[i];
    const grad = results[i];
    if (!edge || !grad || !pass.wants(edge)) {
      if (grad && !pass.createGraph) grad.dispose();
      continue;
    }
    if (edge.leaf) checkGradient(node, edge.leaf, grad);
    deliver(edge, grad, walk, pass);
  }
  if (!pass.retainGraph && results.length > 0) node.release();
}

function deliver(edge: Edge, grad: Tensor, walk: Walk, pass: Pass): void {
  if (edge.node) walk.add(edge.node, edge.output, grad, pass.createGraph);
  else if (edge.leaf) pass.accumulate(edge.leaf, grad);
}

/** Options of {@link backward}. */
export interface BackwardOptions {
  /** dL/dself; required unless the tensor has one element. */
  gradient?: Tensor;
  /** Keep the tape for another backward. Default: the value of `createGraph`. */
  retainGraph?: boolean;
  /** Record the backward pass itself, for higher derivatives. */
  createGraph?: boolean;
}

function seed(op: string, output: Tensor, gradient: Tensor | null | undefined): Tensor {
  if (!output.requiresGrad) throw new AutogradError(op, 'the tensor does not require gradients and has no history');
  if (gradient !== undefined && gradient !== null) {
    checkTensor(op, gradient, 'gradient');
    if (gradient.dtype !== output.dtype) {
      throw new DTypeError(
        op,
        `gradient is ${gradient.dtype}, the tensor ${output.dtype}`,
        gradient.dtype,
        output.dtype,
      );
    }
    if (!sameShape(gradient.shape, output.shape)) {
      throw new ShapeError(
        op,
        `gradient has shape ${shapeText(gradient.shape)}, the tensor ${shapeText(output.shape)}`,
        gradient.shape,
        output.shape,
      );
    }
    // An alias has no history: a recorded backward pass must reach what the gradient was computed from.
    return isGradEnabled() ? gradient : gradient._alias(op);
  }
  if (output.numel !== 1) {
    throw new AutogradError(op, `a gradient is needed for a tensor of shape ${shapeText(output.shape)}`);
  }
  return onesLike(output);
}

/** Adds to `leaf.grad`. The field outlives the scope in which it was made: it belongs to the leaf. */
function accumulateInto(leaf: Tensor, grad: Tensor, createGraph: boolean): void {
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

const frameOf = (createGraph: boolean) => ({ scope: currentScope(), grad: createGraph });

/**
 * Computes the gradient of `output` for every leaf that requires one and adds it to the leaf's `grad`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.backward.html
 */
export function backward(output: Tensor, options: BackwardOptions = {}): void {
  checkTensor('backward', output);
  checkOptions('backward', options);
  const { gradient, createGraph = false, retainGraph = createGraph } = options;
  runInFrame(frameOf(createGraph), () => {
    const edge = output._edge();
    const grad = seed('backward', output, gradient);
    run([{ edge: edge as Edge, grad }], {
      createGraph,
      retainGraph,
      accumulate: (leaf, g) => accumulateInto(leaf, g, createGraph),
      captures: null,
      capture: () => {},
      wants: () => true,
    });
  });
}

/** Options of {@link grad}. */
export interface GradOptions {
  /** dL/doutput for each output. */
  gradOutputs?: readonly (Tensor | null)[];
  retainGraph?: boolean;
  createGraph?: boolean;
  /** Return null for an input the outputs do not depend on, instead of throwing. */
  allowUnused?: boolean;
}

function tensorList(name: string, value: Tensor | readonly Tensor[]): readonly Tensor[] {
  if (value instanceof Tensor) return [value];
  if (!Array.isArray(value)) {
    throw new ArgumentError('grad', `${name} must be a Tensor or an array of Tensors, got ${valueText(value)}`, value);
  }
  for (const item of value) checkTensor('grad', item, name);
  return value;
}

/**
 * The gradients of `outputs` with respect to `inputs`, without touching any `grad` field.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.grad.html
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const outs = tensorList('outputs', outputs);
  const ins = tensorList('inputs', inputs);
  checkOptions('grad', options);
  const { gradOutputs, createGraph = false, retainGraph = createGraph, allowUnused = false } = options;
  const results = new Array<Tensor | null>(ins.length).fill(null);
  const captures = new Map<Node, Map<number, number[]>>();
  const leaves = new Map<Tensor, number[]>();
  ins.forEach((input, i) => {
    if (!input.requiresGrad) throw new AutogradError('grad', `input ${i} does not require gradients`);
    if (input.isLeaf) leaves.set(input, [...(leaves.get(input) ?? []), i]);
    else {
      const node = input._node as Node;
      const byOutput = captures.get(node) ?? new Map<number, number[]>();
      byOutput.set(input._output, [...(byOutput.get(input._output) ?? []), i]);
      captures.set(node, byOutput);
    }
  });
  const put = (index: number, g: Tensor): void => {
    const before = results[index];
    results[index] = before ? add(before, g) : g;
  };
  runInFrame(frameOf(createGraph), () => {
    const roots = outs.map((out, i) => {
      out._handle('grad');
      return { grad: seed('grad', out, gradOutputs?.[i]), edge: out._edge() as Edge };
    });
    const wantedLeaves = new Set(leaves.keys());
    const towards = nodesTowards(
      roots.map((root) => root.edge),
      new Set(captures.keys()),
      wantedLeaves,
    );
    run(roots, {
      createGraph,
      retainGraph,
      wants: ({ node, leaf }) => (node ? towards.has(node) : wantedLeaves.has(leaf as Tensor)),
      accumulate: (leaf, g) => {
        for (const index of leaves.get(leaf) ?? []) put(index, createGraph ? g : g._alias('grad'));
        if (!createGraph) g.dispose();
      },
      captures,
      capture: put,
    });
  });
  results.forEach((result, i) => {
    if (result || allowUnused) return;
    throw new AutogradError('grad', `input ${i} was not used by the outputs; pass { allowUnused: true } to get null`);
  });
  return results;
}

declare module '../tensor/tensor.js' {
  interface Tensor {
    /** See {@link backward}: accumulates gradients into the leaves this tensor was computed from. */
    backward(options?: BackwardOptions): void;
  }
}

Tensor.prototype.backward = function (options) {
  backward(this, options);
};
