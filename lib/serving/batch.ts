// Several samples through the model at once, and what comes out taken apart.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { Module } from '../nn/module.js';
import { stack } from '../ops/shape/concat.js';
import { unsqueeze } from '../ops/shape/view.js';
import type { TypedArray } from '../tensor/dtype.js';
import { runInAsyncFrame } from '../tensor/frame.js';
import { noGrad } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';

/** What a sample gets of the output: for a tensor `[N, ...]` its elements `[...]`, of an array or object the same of each. */
export type Prediction<Output> = Output extends Tensor ? TypedArray : { [K in keyof Output]: TypedArray };

/** What runs a batch. */
export type Runner = (batch: Tensor) => unknown;

/** An output that cannot be taken apart: no smaller batch will make it better. */
export class OutputError extends Error {}

/** A module in evaluation mode, whatever mode it is in: somebody may be training it in between. */
export function runnerOf(model: Module<[Tensor], unknown> | Runner): Runner {
  if (!(model instanceof Module)) return model;
  return (batch) => {
    const training = model.modules().filter((module) => module.training);
    for (const module of training) module.training = false;
    try {
      return model.forward(batch);
    } finally {
      for (const module of training) module.training = true;
    }
  };
}

/**
 * The predictions of the samples, in their order. The tensors made on the way are freed, the inputs stay.
 * @throws OutputError with the reason as its `cause`; whatever the model throws or its kernels find.
 */
export async function runBatch(run: Runner, inputs: readonly Tensor[]): Promise<unknown[]> {
  // In no scope but its own: the code that asked first may have closed its scope, or keep it open for long.
  const output = await runInAsyncFrame({ scope: null, grad: false }, () =>
    noGrad(() => run(inputs.length === 1 ? unsqueeze(inputs[0], 0) : stack(inputs))),
  );
  const tensors = tensorsOf(output);
  try {
    for (const tensor of tensors.values()) checkRows(tensor, inputs.length);
    const reads = await Promise.all([...tensors.values()].map((tensor) => tensor.data()));
    const rows = new Map([...tensors.keys()].map((key, i) => [key, reads[i]]));
    return inputs.map((_, i) => rowOf(output, rows, i, inputs.length));
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
}

/** By name; a single tensor has none. */
function tensorsOf(output: unknown): Map<string, Tensor> {
  if (output instanceof Tensor) return new Map([['', output]]);
  const plain =
    typeof output === 'object' &&
    output !== null &&
    (Array.isArray(output) || Object.getPrototypeOf(output) === Object.prototype);
  const entries = plain ? Object.entries(output) : [];
  if (entries.length === 0 || !entries.every(([, value]) => value instanceof Tensor)) {
    const reason = `the model must return a Tensor, or a plain array or object of them, got ${valueText(output)}`;
    throw new OutputError(reason, { cause: new ArgumentError('MicroBatcher', reason, output) });
  }
  return new Map(entries);
}

function checkRows(tensor: Tensor, samples: number): void {
  if (tensor.ndim > 0 && tensor.shape[0] === samples) return;
  const reason = `the model was given ${samples} samples and returned shape ${shapeText(tensor.shape)}`;
  throw new OutputError(reason, { cause: new ShapeError('MicroBatcher', reason, tensor.shape) });
}

/** The part of one sample: views of what was read, nothing is copied. */
function rowOf(output: unknown, rows: ReadonlyMap<string, TypedArray>, at: number, samples: number): unknown {
  const part = (key: string): TypedArray => {
    const all = rows.get(key) as TypedArray;
    const size = all.length / samples;
    return all.subarray(at * size, (at + 1) * size);
  };
  if (output instanceof Tensor) return part('');
  if (Array.isArray(output)) return output.map((_, i) => part(String(i)));
  return Object.fromEntries([...rows.keys()].map((key) => [key, part(key)]));
}
