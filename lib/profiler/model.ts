import { ArgumentError, valueText } from '../errors.js';
import { type AnyModule, Module } from '../nn/module.js';
import { checkFunction, checkOptions } from '../tensor/check.js';
import { isFloating } from '../tensor/dtype.js';
import { getRngState, setRngState } from '../tensor/random.js';
import { synchronize } from '../tensor/read.js';
import { noGrad, scope } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import type { Profile } from './profile.js';
import { recordFunction, start } from './start.js';

/** A tensor, or the arguments of `forward`. */
export type ProfileInput = Tensor | readonly unknown[];

/** Options of {@link profile}. */
export interface ProfileOptions {
  /** Steps that are profiled; the rows are medians over them. Default 5. */
  steps?: number;
  /** Steps before, which are not. Default 2. */
  warmup?: number;
  /** Whether each step runs backward too. Default: when a parameter needs a gradient. */
  backward?: boolean;
  /** A number to run backward from, of what the model returned. Default: the sum of all floating-point outputs. */
  loss?: (output: unknown) => Tensor;
}

const OP = 'profile';

function checkCount(name: string, value: unknown, least: number): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least) return;
  throw new ArgumentError(OP, `${name} must be a whole number of at least ${least}, got ${valueText(value)}`, value);
}

/** The sum of all tensors that can have a gradient. */
function sumOf(output: unknown): Tensor {
  const list = (value: unknown): Tensor[] => {
    if (value instanceof Tensor) return isFloating(value.dtype) && value.requiresGrad ? [value] : [];
    return typeof value === 'object' && value !== null ? Object.values(value).flatMap(list) : [];
  };
  const parts = list(output).map((x) => x.sum());
  if (parts.length === 0)
    throw new ArgumentError(OP, 'the output has nothing that needs a gradient; give a loss', output);
  return parts.reduce((a, b) => a.add(b));
}

/** Takes gradients and copies of the buffers away; the function it returns puts them back. */
function setAside(model: AnyModule): () => void {
  const parameters = model.parameters().map((leaf) => ({ leaf, grad: leaf.grad }));
  for (const { leaf } of parameters) leaf.grad = null;
  const copies = noGrad(() => model.buffers().map((buffer) => ({ buffer, copy: buffer.clone().keep() })));
  const random = getRngState();
  return () => {
    for (const { leaf, grad } of parameters) leaf.grad = grad;
    noGrad(() => {
      for (const { buffer, copy } of copies) {
        buffer.copy_(copy);
        copy.dispose();
      }
    });
    setRngState(random);
  };
}

/**
 * Runs a model on an input and says where the time goes: each layer and each op, forward and backward. Gradients,
 * buffers and the random state are afterwards what they were. Layers run one by one while they are watched: a
 * convolution is not fused with the ReLU behind it.
 *
 * @param input a tensor, or the list of the arguments of `forward`
 * @throws ArgumentError for wrong options, or when there is nothing to run backward from.
 * @example
 * const found = await nabla.profile(models.deepConvNet(), randn([100, 1, 28, 28]));
 * console.log(found.table());
 * await found.saveChart('where-the-time-goes.png');
 * await found.saveTrace('trace.json');
 * @see https://docs.pytorch.org/docs/2.13/profiler.html
 */
export async function profile(model: AnyModule, input: ProfileInput, options: ProfileOptions = {}): Promise<Profile> {
  checkOptions(OP, options);
  if (!(model instanceof Module)) throw new ArgumentError(OP, `model must be a Module, got ${valueText(model)}`, model);
  const { steps = 5, warmup = 2, loss = sumOf } = options;
  const { backward = model.parameters().some((leaf) => leaf.requiresGrad) } = options;
  checkCount('steps', steps, 1);
  checkCount('warmup', warmup, 0);
  checkFunction(OP, loss);
  const inputs = (input instanceof Tensor ? [input] : input) as readonly never[];
  const forward = (): unknown => (model as Module<never[], unknown>).forward(...inputs);
  const step = (): void =>
    scope(() => {
      for (const leaf of model.parameters()) leaf.grad = null;
      if (!backward) noGrad(forward);
      else {
        const output = forward();
        recordFunction('loss', () => loss(output)).backward();
      }
    });
  const restore = setAside(model);
  try {
    for (let i = 0; i < warmup; i++) step();
    await synchronize();
    const profiler = start({ model });
    try {
      for (let i = 0; i < steps; i++) {
        step();
        await synchronize(); // the queue of one step does not hide in the next
        profiler.step();
      }
    } finally {
      profiler.stop();
    }
    return profiler.stop();
  } finally {
    restore();
  }
}
