// What fine-tuning a trained model needs: frozen layers, a new head, learning rates by layer.
import { ArgumentError, valueText } from '../errors.js';
import { Conv2d, Linear, Module, Sequential } from '../nn/index.js';
import { checkSize } from '../nn/linear.js';
import type { AnyModule } from '../nn/module.js';
import type { Parameter } from '../nn/parameter.js';
import { checkOptions } from '../tensor/check.js';
import { type NamePattern, pathMatchers } from './patterns.js';

/** Options of {@link freeze} and {@link unfreeze}. */
export interface FreezeOptions {
  /** Parameters that stay as they are, in the same way as the patterns. Default: none. */
  exclude?: NamePattern;
}

function checkModel(op: string, model: unknown): asserts model is AnyModule {
  if (!(model instanceof Module)) throw new ArgumentError(op, `a Module is needed, got ${valueText(model)}`, model);
}

function setTrained(
  op: string,
  model: AnyModule,
  patterns: NamePattern,
  options: FreezeOptions,
  on: boolean,
): string[] {
  checkModel(op, model);
  checkOptions(op, options);
  const wanted = pathMatchers(op, patterns);
  const spared = options.exclude === undefined ? [] : pathMatchers(op, options.exclude);
  const parameters = [...model.namedParameters()];
  for (const { pattern, fits } of [...wanted, ...spared]) {
    if (parameters.some(([name]) => fits(name))) continue;
    throw new ArgumentError(op, `no parameter of ${model.constructor.name} fits ${String(pattern)}`, pattern);
  }
  const chosen = parameters.filter(
    ([name]) => wanted.some((one) => one.fits(name)) && !spared.some((one) => one.fits(name)),
  );
  for (const [, parameter] of chosen) parameter.requiresGrad = on;
  return chosen.map(([name]) => name);
}

/**
 * Takes parameters out of training: `freeze(model, ['conv1', 'layer[12]'])`, `freeze(model, '*', { exclude: 'fc' })`. A
 * pattern is the path of a parameter or of a module, whose parameters then all fit, with `*` and `?`, or a regular
 * expression for paths. Batch normalizations go on counting: call `eval()` of what shall not change at all.
 *
 * @returns the names of what was frozen
 * @throws ArgumentError for a pattern that fits nothing
 */
export const freeze = (model: AnyModule, patterns: NamePattern = '*', options: FreezeOptions = {}): string[] =>
  setTrained('freeze', model, patterns, options, false);

/** Puts parameters back into training: see {@link freeze}. */
export const unfreeze = (model: AnyModule, patterns: NamePattern = '*', options: FreezeOptions = {}): string[] =>
  setTrained('unfreeze', model, patterns, options, true);

/**
 * Puts a new layer with `numClasses` outputs in the place of the last linear layer or 2-d convolution of a classifier, by
 * the order in which layers are registered, with the same inputs and PyTorch's first values.
 *
 * @returns the new layer
 * @throws ArgumentError for a model without such a layer
 */
export function replaceHead(model: AnyModule, numClasses: number): Linear | Conv2d {
  const op = 'replaceHead';
  checkModel(op, model);
  checkSize(op, 'numClasses', numClasses);
  const found = [...model.namedModules()].filter(([, layer]) => layer instanceof Linear || layer instanceof Conv2d);
  const [path, old] = (found.at(-1) ?? []) as [string?, (Linear | Conv2d)?];
  if (!path || !old) throw new ArgumentError(op, `${model.constructor.name} has no linear layer or convolution`, model);
  const bias = old.bias !== null;
  const { dtype } = old.weight;
  const head =
    old instanceof Linear ? new Linear(old.inFeatures, numClasses, { bias, dtype }) : likeConv(old, numClasses);
  head.training = old.training;
  model.setSubmodule(path, head as AnyModule);
  return head;
}

function likeConv(old: Conv2d, outputs: number): Conv2d {
  const { inChannels, kernelSize, stride, padding, dilation, paddingMode, bias, weight } = old;
  const size = (values: readonly number[]): [number, number] => [values[0], values[1]];
  return new Conv2d(inChannels, outputs, size(kernelSize), {
    stride: size(stride),
    padding: typeof padding === 'string' ? padding : size(padding),
    dilation: size(dilation),
    paddingMode,
    bias: bias !== null,
    dtype: weight.dtype,
  });
}

/** Options of {@link paramGroups}. */
export interface ParamGroupsOptions {
  /** The learning rate of the last layer. Default 1e-3. */
  lr?: number;
  /** The rate of each layer is this times that of the next one. Default 1: all the same. */
  layerDecay?: number;
  /** The layers from the input on, as patterns of {@link freeze}. Default: the parts of the model, those of a Sequential one by one. */
  layers?: readonly NamePattern[];
  /** Decay of the weights; given, biases and normalizations (fewer than two axes) get a group without decay. */
  weightDecay?: number;
}

/** A group of {@link paramGroups}, as optimizers take it. */
export interface LayerGroup {
  params: Parameter[];
  lr: number;
  weightDecay?: number;
  /** Names of the parameters. */
  names: string[];
}

/** The layers of a model that have parameters, by their paths; a Sequential is not a layer itself. */
function layerPaths(module: AnyModule, prefix: string): string[] {
  return [...module.namedChildren()].flatMap(([name, child]) => {
    const path = prefix + name;
    if (child.parameters().length === 0) return [];
    return child instanceof Sequential ? layerPaths(child as AnyModule, `${path}.`) : [path];
  });
}

/** For each layer what belongs to it; what belongs to none stands with the first one. */
function byLayer(op: string, model: AnyModule, layers: readonly NamePattern[] | undefined): [string, Parameter][][] {
  const chosen = layers ?? layerPaths(model, '');
  const tests = chosen.map((pattern) => pathMatchers(op, pattern));
  const parts = chosen.length > 0 ? chosen.map((): [string, Parameter][] => []) : [[]];
  for (const [name, parameter] of model.namedParameters()) {
    const at = tests.findIndex((test) => test.some(({ fits }) => fits(name)));
    if (parameter.requiresGrad) parts[Math.max(at, 0)].push([name, parameter]);
  }
  return parts;
}

/**
 * Groups for an optimizer, one for each layer from the last to the first, with learning rates that fall towards the input:
 * `new optim.AdamW(models.paramGroups(model, { lr: 1e-3, layerDecay: 0.8 }))`. Frozen parameters are left out; parameters
 * of no layer go with the first one.
 * Source: Howard & Ruder, "Universal Language Model Fine-tuning for Text Classification", https://arxiv.org/abs/1801.06146
 * @throws ArgumentError for a rate or decay out of range, or a model that has nothing to train
 */
export function paramGroups(model: AnyModule, options: ParamGroupsOptions = {}): LayerGroup[] {
  const op = 'paramGroups';
  checkModel(op, model);
  checkOptions(op, options);
  const { lr = 1e-3, layerDecay = 1, weightDecay } = options;
  for (const [name, value] of Object.entries({ lr, layerDecay, weightDecay: weightDecay ?? 0 })) {
    if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) continue;
    throw new ArgumentError(op, `${name} must be a number of at least 0, got ${valueText(value)}`, value);
  }
  const parts = byLayer(op, model, options.layers).reverse();
  const groups = parts.flatMap((part, depth): LayerGroup[] => {
    const group = (members: [string, Parameter][], decay?: number): LayerGroup[] => {
      if (members.length === 0) return [];
      const [names, params] = [members.map(([name]) => name), members.map(([, p]) => p)];
      return [{ params, lr: lr * layerDecay ** depth, ...(decay === undefined ? {} : { weightDecay: decay }), names }];
    };
    if (weightDecay === undefined) return group(part);
    return [
      ...group(
        part.filter(([, p]) => p.ndim >= 2),
        weightDecay,
      ),
      ...group(
        part.filter(([, p]) => p.ndim < 2),
        0,
      ),
    ];
  });
  if (groups.length === 0) throw new ArgumentError(op, 'the model has no parameter that requires gradients', model);
  return groups;
}
