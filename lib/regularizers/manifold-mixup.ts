// mixup inside a network.
import type { HookHandle } from '../autograd/hooks.js';
import { ArgumentError, valueText } from '../errors.js';
import type { Module } from '../nn/module.js';
import '../ops/index.js';
import { noGrad } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import type { BatchTransform } from '../training/index.js';
import { checkBatch } from './check.js';
import { Draws } from './draws.js';
import { type MixOptions, mixed, mixRules, softTarget } from './mix.js';
import { checkModule } from './select.js';

/** Options of {@link manifoldMixup}. */
export interface ManifoldMixupOptions extends MixOptions {
  /**
   * Paths of the modules whose outputs may be mixed; one of them is drawn for each batch. `''` stands for the input of the
   * model.
   */
  layers: readonly string[];
}

/** A {@link BatchTransform} that listens to a model until it is removed. */
export interface ManifoldMixup {
  (input: Tensor, target: Tensor): readonly [input: Tensor, target: Tensor];
  /** Takes the hooks away. */
  remove(): void;
}

/**
 * Manifold mixup: {@link mixup} of what a layer gives, drawn anew for each batch among `layers`. The transform mixes the
 * target and says to the layer what to do in the forward pass that follows; evaluation is not touched. Default `alpha`: 2.
 *
 * @example
 * const mix = regularizers.manifoldMixup(model, { layers: ['', 'conv1', 'conv2'], numClasses: 10 });
 * new Trainer({ model, loss, optimizer, batchTransforms: [mix] });
 *
 * @throws ArgumentError for a path that is no submodule; (in the forward pass) a layer whose output is no tensor.
 * Source: Verma et al., Manifold Mixup: Better Representations by Interpolating Hidden States, 2019.
 */
export function manifoldMixup(model: Module, options: ManifoldMixupOptions): ManifoldMixup {
  const op = 'manifoldMixup';
  checkModule(op, model);
  const rules = mixRules(op, options, 2);
  const { layers } = options;
  if (!Array.isArray(layers) || layers.length === 0) {
    throw new ArgumentError(op, `layers must be a list of paths, got ${valueText(layers)}`, layers);
  }
  let pending: { layer: number; share: number } | null = null;
  const hook = (path: string, layer: number): HookHandle[] => {
    const module = model.getSubmodule(path);
    const mix = (_module: unknown, _inputs: readonly unknown[], output: unknown): Tensor | undefined => {
      if (pending?.layer !== layer || !module.training) return undefined;
      if (!(output instanceof Tensor)) {
        throw new ArgumentError(op, `${path} must give a tensor [N, ...], got ${valueText(output)}`, output);
      }
      const { share } = pending;
      pending = null; // a module that runs twice mixes once
      return mixed(output, share);
    };
    return path === '' ? [] : [module.registerForwardHook(mix)];
  };
  const handles = layers.flatMap(hook);
  const transform: BatchTransform = (input, target) => {
    checkBatch(op, input, 1, '[N, ...]');
    return noGrad((): [Tensor, Tensor] => {
      const soft = softTarget(rules, input, target);
      const draws = new Draws(op, options.generator);
      const share = draws.beta(rules.alpha, rules.alpha);
      const layer = draws.below(layers.length);
      pending = layers[layer] === '' ? null : { layer, share };
      return [pending ? input : mixed(input, share), mixed(soft, share)];
    });
  };
  const remove = (): void => {
    pending = null;
    for (const handle of handles) handle.remove();
  };
  return Object.assign(transform, { remove });
}
