import { ArgumentError, AutogradError, DTypeError, ShapeError, shapeText, valueText } from '../errors.js';
import { add } from '../ops/pointwise/arithmetic.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { onesLike, zerosLike } from '../tensor/create.js';
import { isGradEnabled, runInFrame } from '../tensor/frame.js';
import type { Edge, Node } from '../tensor/graph.js';
import { sameShape } from '../tensor/layout.js';
import { Tensor } from '../tensor/tensor.js';
import { accumulateInto, frameOf, nodesTowards, type Pass, run } from './pass.js';

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

interface Root {
  readonly edge: Edge;
  readonly grad: Tensor;
}

type PassOptions = Pick<Pass, 'createGraph' | 'retainGraph' | 'intoLeaves'>;

/** The tensors whose gradients are asked for, and what to do with each. */
class Targets {
  readonly #leaves = new Map<Tensor, number[]>();
  readonly #captures = new Map<Node, Map<number, number[]>>();

  constructor(op: string, tensors: readonly Tensor[]) {
    tensors.forEach((tensor, i) => {
      if (!tensor.requiresGrad) throw new AutogradError(op, `input ${i} does not require gradients`);
      if (tensor.isLeaf) {
        this.#leaves.set(tensor, [...(this.#leaves.get(tensor) ?? []), i]);
        return;
      }
      const node = tensor._node as Node;
      const byOutput = this.#captures.get(node) ?? new Map<number, number[]>();
      byOutput.set(tensor._output, [...(byOutput.get(tensor._output) ?? []), i]);
      this.#captures.set(node, byOutput);
    });
  }

  /** Runs what leads to the targets; `put` gets a handle of its own for each gradient that arrives. */
  run(roots: readonly Root[], options: PassOptions, put: Pass['capture']): void {
    const edges = roots.map((root) => root.edge);
    const leaves = new Set(this.#leaves.keys());
    const towards = nodesTowards(edges, new Set(this.#captures.keys()), leaves);
    run(roots, {
      ...options,
      wants: ({ node, leaf }) => (node ? towards.has(node) : leaves.has(leaf as Tensor)),
      accumulate: (leaf, g) => {
        for (const index of this.#leaves.get(leaf) ?? []) put(index, options.createGraph ? g : g._alias('grad'));
        if (!options.createGraph) g.dispose();
      },
      captures: this.#captures,
      capture: put,
    });
  }
}

/** Options of {@link backward}. */
export interface GraphOptions {
  /** Keep the tape for another backward. Default: the value of `createGraph`. */
  retainGraph?: boolean;
  /** Record the backward pass itself, for higher derivatives. */
  createGraph?: boolean;
  /** Accumulate only into the `grad` of these tensors, which need not be leaves. Default: all leaves. */
  inputs?: Tensor | readonly Tensor[];
}

/** Options of `tensor.backward()`. */
export interface BackwardOptions extends GraphOptions {
  /** dL/dself; required unless the tensor has one element. */
  gradient?: Tensor;
}

function tensorList(op: string, name: string, value: Tensor | readonly Tensor[]): readonly Tensor[] {
  if (!(value instanceof Tensor) && !Array.isArray(value)) {
    throw new ArgumentError(op, `${name} must be a Tensor or an array of Tensors, got ${valueText(value)}`, value);
  }
  const list = value instanceof Tensor ? [value] : (value as readonly Tensor[]);
  for (const item of list) checkTensor(op, item, name);
  return list;
}

function rootsOf(op: string, outputs: readonly Tensor[], gradients: readonly (Tensor | null | undefined)[]): Root[] {
  if (gradients.length > outputs.length) {
    throw new ArgumentError(op, `${gradients.length} gradients for ${outputs.length} tensors`, gradients);
  }
  return outputs.map((output, i) => ({
    grad: seed(op, output, gradients[i]),
    edge: output._edge() as Edge,
  }));
}

/**
 * Computes the gradients of `tensors` (their sum, weighed with `gradTensors`) for every leaf that requires one and adds
 * them to the leaf's `grad`. What the tape had saved is freed on the way, unless `retainGraph` is set.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.backward.html
 * @param gradTensors dL/dtensor for each; null for tensors with one element.
 */
export function backward(
  tensors: Tensor | readonly Tensor[],
  gradTensors: Tensor | readonly (Tensor | null)[] | null = null,
  options: GraphOptions = {},
): void {
  const outputs = tensorList('backward', 'tensors', tensors);
  checkOptions('backward', options);
  const gradients = gradTensors instanceof Tensor ? [gradTensors] : (gradTensors ?? []);
  if (!Array.isArray(gradients)) {
    throw new ArgumentError('backward', `gradTensors must be Tensors, got ${valueText(gradTensors)}`, gradTensors);
  }
  const { createGraph = false, retainGraph = createGraph, inputs } = options;
  const wanted = inputs === undefined ? null : tensorList('backward', 'inputs', inputs);
  if (wanted?.length === 0) throw new ArgumentError('backward', 'inputs cannot be empty', inputs);
  const targets = wanted && new Targets('backward', wanted);
  runInFrame(frameOf(createGraph), () => {
    const roots = rootsOf('backward', outputs, gradients);
    const into = (leaf: Tensor, g: Tensor): void => accumulateInto(leaf, g, createGraph);
    if (wanted && targets) {
      targets.run(roots, { createGraph, retainGraph, intoLeaves: true }, (i, g) => into(wanted[i], g));
      return;
    }
    run(roots, {
      createGraph,
      retainGraph,
      accumulate: into,
      intoLeaves: true,
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
  /** Return zeros for such an input. */
  materializeGrads?: boolean;
}

/**
 * The gradients of `outputs` with respect to `inputs`, without touching any `grad` field. Only what lies between the two
 * is computed.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.grad.html
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const outs = tensorList('grad', 'outputs', outputs);
  const ins = tensorList('grad', 'inputs', inputs);
  checkOptions('grad', options);
  const { gradOutputs = [], createGraph = false, retainGraph = createGraph, materializeGrads = false } = options;
  const { allowUnused = materializeGrads } = options;
  if (materializeGrads && !allowUnused) {
    throw new ArgumentError('grad', 'allowUnused must not be false when materializeGrads is set', allowUnused);
  }
  const results = new Array<Tensor | null>(ins.length).fill(null);
  const targets = new Targets('grad', ins);
  runInFrame(frameOf(createGraph), () => {
    targets.run(rootsOf('grad', outs, gradOutputs), { createGraph, retainGraph, intoLeaves: false }, (index, g) => {
      const before = results[index];
      results[index] = before ? add(before, g) : g;
    });
  });
  return results.map((result, i) => {
    if (result) return result;
    if (materializeGrads) return zerosLike(ins[i]);
    if (allowUnused) return null;
    throw new AutogradError('grad', `input ${i} was not used by the outputs; pass { allowUnused: true } to get null`);
  });
}

declare module '../tensor/tensor.js' {
  interface Tensor {
    /**
     * Accumulates gradients into the leaves this tensor was computed from; see {@link backward}.
     * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.backward.html
     */
    backward(options?: BackwardOptions): void;
  }
}

Tensor.prototype.backward = function (options = {}) {
  checkOptions('backward', options);
  const { gradient, ...rest } = options;
  backward(this, gradient ?? null, rest);
};
