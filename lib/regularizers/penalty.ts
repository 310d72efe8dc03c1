// What is added to a loss: for large weights, for large activations.
import type { HookHandle } from '../autograd/hooks.js';
import { ArgumentError, valueText } from '../errors.js';
import type { AnyModule, Module } from '../nn/module.js';
import { type WeightPenaltyOptions, weightPenalty } from '../nn/utils/regularize.js';
import '../ops/index.js';
import { checkOptions } from '../tensor/check.js';
import { zeros } from '../tensor/create.js';
import { isFloating } from '../tensor/dtype.js';
import { isGradEnabled } from '../tensor/frame.js';
import { Tensor } from '../tensor/tensor.js';
import { checkAtLeast } from './check.js';
import { checkModule, type ParameterOptions, selected, selectOf } from './select.js';

/** What the Trainer's `penalty` option takes: called after each forward pass in training. */
export type Penalty = (model: Module) => Tensor;

/** Options of {@link elasticNet}. */
export interface ElasticNetOptions extends WeightPenaltyOptions, ParameterOptions {}

/**
 * `l1 * sum |w| + l2 * sum w²` over the weights of a model: L1 (lasso), L2 (ridge) or both. By default weights of two or
 * more axes count, biases and norms do not. `l2` has the gradient of `weightDecay = 2 * l2`.
 *
 * @example
 * new Trainer({ model, loss, optimizer, penalty: regularizers.elasticNet({ l1: 1e-5, l2: 1e-4 }) });
 *
 * @throws ArgumentError for a negative factor.
 * Source: Zou, Hastie, Regularization and variable selection via the elastic net, 2005.
 */
export function elasticNet(options: ElasticNetOptions): Penalty {
  const op = 'elasticNet';
  const select = selectOf(op, options);
  const { l1 = 0, l2 = 0 } = options;
  checkAtLeast(op, 'l1', l1, 0);
  checkAtLeast(op, 'l2', l2, 0);
  return (model) => {
    checkModule(op, model);
    return weightPenalty(selected(model, select), { l1, l2 });
  };
}

/** The sum of several penalties. */
export function penalties(...terms: readonly Penalty[]): Penalty {
  for (const term of terms) {
    if (typeof term === 'function') continue;
    throw new ArgumentError('penalties', `functions are needed, got ${valueText(term)}`, term);
  }
  return (model) => terms.reduce((sum, term) => sum.add(term(model)), zeros([]));
}

/** Options of {@link activityPenalty}. */
export interface ActivityPenaltyOptions extends WeightPenaltyOptions {
  /** Paths of the modules whose outputs are meant: `['features.3', 'classifier.0']`. */
  layers: readonly string[];
}

/** A {@link Penalty} that listens to modules until it is removed. */
export interface ActivityPenalty extends Penalty {
  /** Takes the hooks away. */
  remove(): void;
}

/** The outputs of some modules since they were last asked for; a new forward pass of the model begins anew. */
class Listener {
  private outputs: Tensor[] = [];
  private readonly handles: HookHandle[];

  constructor(model: Module, layers: readonly string[]) {
    const found = layers.map((path) => model.getSubmodule(path));
    this.handles = [
      model.registerForwardPreHook(() => this.clear(), { prepend: true }),
      ...found.map((layer) => layer.registerForwardHook((module, _inputs, output) => this.hear(module, output))),
    ];
  }

  private clear(): undefined {
    this.outputs = [];
  }

  private hear(module: AnyModule, output: unknown): undefined {
    if (!module.training || !isGradEnabled()) return;
    if (!(output instanceof Tensor) || !isFloating(output.dtype) || output.ndim === 0) {
      const text = `${module.constructor.name} must give a floating-point tensor [N, ...], got ${valueText(output)}`;
      throw new ArgumentError('activityPenalty', text, output);
    }
    this.outputs.push(output);
  }

  take(): Tensor[] {
    const { outputs } = this;
    this.outputs = [];
    return outputs;
  }

  remove(): void {
    for (const handle of this.handles) handle.remove();
    this.outputs = [];
  }
}

/**
 * `(l1 * sum |a| + l2 * sum a²) / N` over the outputs `[N, ...]` of some layers in the newest forward pass in training: it
 * asks for few or small activations. Give it to the Trainer as `penalty`, or add it to a loss yourself.
 *
 * @example
 * const sparse = regularizers.activityPenalty(model, { layers: ['encoder.1'], l1: 1e-4 });
 * const loss = F.mseLoss(model.forward(x), x).add(sparse(model));
 *
 * @throws ArgumentError for a path that is no submodule, a negative factor, or (in the forward pass) a layer whose output
 * is no tensor.
 * Source: Keras' activity regularization; Glorot, Bordes, Bengio, Deep Sparse Rectifier Neural Networks, 2011.
 */
export function activityPenalty(model: Module, options: ActivityPenaltyOptions): ActivityPenalty {
  const op = 'activityPenalty';
  checkModule(op, model);
  checkOptions(op, options);
  const { layers, l1 = 0, l2 = 0 } = options;
  checkAtLeast(op, 'l1', l1, 0);
  checkAtLeast(op, 'l2', l2, 0);
  if (!Array.isArray(layers) || layers.length === 0) {
    throw new ArgumentError(op, `layers must be a list of paths, got ${valueText(layers)}`, layers);
  }
  const listener = new Listener(model, layers);
  const penalty = (): Tensor => {
    const terms = listener.take().map((x) => weightPenalty(x, { l1, l2 }).div(Math.max(1, x.shape[0])));
    return terms.length === 0 ? zeros([]) : terms.reduce((sum, term) => sum.add(term));
  };
  return Object.assign(penalty, { remove: () => listener.remove() });
}
