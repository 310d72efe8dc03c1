// Two dropout masks must agree.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { logSoftmax } from '../nn/functional.js';
import { Module } from '../nn/module.js';
import '../ops/index.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { isGradEnabled } from '../tensor/frame.js';
import { sameShape } from '../tensor/layout.js';
import { Tensor } from '../tensor/tensor.js';
import { checkAtLeast } from './check.js';
import { checkModule } from './select.js';

/**
 * `(KL(p || q) + KL(q || p)) / 2`, the mean over the samples, where p and q are the softmax of two logits `[N, C, ...]` over
 * axis 1 (of `[N, C]` rows; further axes count as samples).
 *
 * @throws ShapeError for two shapes or fewer than two axes.
 * Source: Wu et al., R-Drop: Regularized Dropout for Neural Networks, 2021.
 */
export function rDropPenalty(a: Tensor, b: Tensor): Tensor {
  const op = 'rDropPenalty';
  checkTensor(op, a, 'a');
  checkTensor(op, b, 'b');
  if (!sameShape(a.shape, b.shape) || a.ndim < 2) {
    const text = `two logits [N, C, ...] are needed, got ${shapeText(a.shape)} and ${shapeText(b.shape)}`;
    throw new ShapeError(op, text, a.shape, b.shape);
  }
  const [p, q] = [logSoftmax(a, 1), logSoftmax(b, 1)];
  // KL(p || q) + KL(q || p) = sum (p - q)(log p - log q)
  return p.exp().sub(q.exp()).mul(p.sub(q)).sum(1).mean().div(2);
}

/** Options of {@link rDrop}. */
export interface RDropOptions {
  /** Factor of {@link rDropPenalty}. Default 1. */
  alpha?: number;
}

/** A loss that listens to a model until it is removed. */
export interface RDropLoss {
  (output: Tensor, target: Tensor): Tensor;
  /** Takes the hook away. */
  remove(): void;
}

/**
 * R-Drop: in training the model runs each batch twice, with other dropout masks, and the loss is that of both (their mean)
 * plus `alpha` times {@link rDropPenalty} of the two outputs `[N, C, ...]`. In evaluation, and for other tensors than the
 * newest output of the model, it is the loss as it was. A batch takes twice the time; batch norm sees each batch twice.
 *
 * @example
 * const loss = regularizers.rDrop(model, new nn.CrossEntropyLoss(), { alpha: 0.5 });
 * new Trainer({ model, loss, optimizer });
 *
 * @throws ArgumentError for what is no loss, or a negative `alpha`.
 * Source: Wu et al., R-Drop: Regularized Dropout for Neural Networks, 2021 (their loss, the sum over both runs, halved).
 */
export function rDrop(
  model: Module,
  loss: Module<[Tensor, Tensor]> | ((output: Tensor, target: Tensor) => Tensor),
  options: RDropOptions = {},
): RDropLoss {
  const op = 'rDrop';
  checkModule(op, model);
  checkOptions(op, options);
  const { alpha = 1 } = options;
  checkAtLeast(op, 'alpha', alpha, 0);
  if (typeof loss !== 'function' && !((loss as unknown) instanceof Module)) {
    throw new ArgumentError(op, `loss must be a Module or a function, got ${valueText(loss)}`, loss);
  }
  const run = (output: Tensor, target: Tensor): Tensor =>
    typeof loss === 'function' ? loss(output, target) : loss.forward(output, target);
  let running = false;
  let pair: { first: Tensor; second: Tensor } | null = null;
  const handle = model.registerForwardHook((_module, inputs, output) => {
    if (running || !model.training || !isGradEnabled() || !(output instanceof Tensor)) return;
    running = true;
    try {
      pair = { first: output, second: (model.forward as (...inputs: unknown[]) => Tensor)(...inputs) };
    } finally {
      running = false;
    }
  });
  const both = (output: Tensor, target: Tensor): Tensor => {
    const known = pair?.first === output ? pair : null;
    pair = null;
    if (!known) return run(output, target);
    const { first, second } = known;
    return run(first, target).add(run(second, target)).div(2).add(rDropPenalty(first, second).mul(alpha));
  };
  const remove = (): void => {
    pair = null;
    handle.remove();
  };
  return Object.assign(both, { remove });
}
