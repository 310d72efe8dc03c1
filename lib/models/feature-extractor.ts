import { ArgumentError, valueText } from '../errors.js';
import { type AnyModule, Module } from '../nn/module.js';
import type { Parameter } from '../nn/parameter.js';
import { Tensor } from '../tensor/tensor.js';

/** Paths of modules, or the names of their outputs by path. */
export type ReturnNodes = readonly string[] | Readonly<Record<string, string>>;

/** A module, which of its runs counts, and the name of that output. */
interface Tap {
  readonly path: string;
  readonly run: number;
  readonly name: string;
}

const DONE = Symbol('all outputs are there');

/**
 * A model that returns outputs from inside: see {@link createFeatureExtractor}. Parameters, buffers and their names are
 * those of the model, which it shares.
 */
export class FeatureExtractor extends Module<[Tensor], Record<string, Tensor>> {
  /** @internal Use {@link createFeatureExtractor}. */
  constructor(
    readonly model: AnyModule,
    private readonly taps: readonly Tap[],
  ) {
    super();
    this.training = model.training;
  }

  /** @internal */
  override *_ownModules(): Generator<[string, AnyModule]> {
    yield* this.model._ownModules();
  }

  /** @internal */
  override *_ownParameters(): Generator<[string, Parameter]> {
    yield* this.model._ownParameters();
  }

  /** @internal */
  override *_ownBuffers(): Generator<[string, Tensor, { persistent: boolean }]> {
    yield* this.model._ownBuffers();
  }

  /** @internal */
  override _setOwn(name: string, value: Tensor | AnyModule | null): void {
    this.model._setOwn(name, value);
  }

  override train(mode = true): this {
    this.model.train(mode);
    return super.train(mode);
  }

  /** Runs the model as far as needed; the outputs in the order in which they were asked for. */
  forward(x: Tensor): Record<string, Tensor> {
    const found = new Map<string, Tensor>();
    const runs = new Map<string, number>();
    const watched = [...new Set(this.taps.map(({ path }) => path))];
    const handles = watched.map((path) =>
      this.model.getSubmodule(path).registerForwardHook((_module, _inputs, output) => {
        const run = runs.get(path) ?? 0;
        runs.set(path, run + 1);
        for (const tap of this.taps) {
          if (tap.path !== path || tap.run !== run) continue;
          if (!(output instanceof Tensor)) {
            throw new ArgumentError('FeatureExtractor', `${path} returns ${valueText(output)}, not a Tensor`, path);
          }
          found.set(tap.name, output);
        }
        if (found.size === this.taps.length) throw DONE;
      }),
    );
    try {
      (this.model as unknown as Module).forward(x);
    } catch (error) {
      if (error !== DONE) throw error;
    } finally {
      for (const handle of handles) handle.remove();
    }
    return Object.fromEntries(this.taps.map((tap) => [tap.name, this.taken(found, tap)]));
  }

  private taken(found: ReadonlyMap<string, Tensor>, { name, path, run }: Tap): Tensor {
    const output = found.get(name);
    if (output) return output;
    throw new ArgumentError('FeatureExtractor', `${path} did not run${run > 0 ? ` ${run + 1} times` : ''}`, path);
  }
}

/** `relu_2` is the third run of `relu`, unless there is a module of that name. */
function tapOf(model: AnyModule, paths: ReadonlySet<string>, node: string, name: string): Tap {
  if (paths.has(node)) return { path: node, run: 0, name };
  const [, path, run] = /^(.*)_([1-9]\d*)$/.exec(node) ?? [];
  if (path && paths.has(path)) return { path, run: Number(run), name };
  const near = [...paths].filter((known) => known.startsWith(node.split('.')[0])).slice(0, 8);
  const hint = near.length > 0 ? near : [...paths].slice(0, 8);
  throw new ArgumentError(
    'createFeatureExtractor',
    `${model.constructor.name} has no module ${valueText(node)}; there are ${hint.join(', ')}, …`,
    node,
  );
}

/**
 * A module that returns the outputs of some modules inside of `model`, by name, and does not run what comes after them:
 * `createFeatureExtractor(resnet50(), ['layer3'])`, or with names of your own `{ layer1: 'low', layer4: 'high' }`. Of a
 * module that runs several times, `name_1` is the second run. Input `[N, ...]` as the model takes it. The model is shared,
 * not copied; an output that a later layer changes in place shows the change, as in PyTorch.
 * Source: https://docs.pytorch.org/vision/0.28/generated/torchvision.models.feature_extraction.create_feature_extractor.html
 * @throws ArgumentError for a path without a module
 */
export function createFeatureExtractor(model: AnyModule, returnNodes: ReturnNodes): FeatureExtractor {
  const op = 'createFeatureExtractor';
  if (!(model instanceof Module)) throw new ArgumentError(op, `a Module is needed, got ${valueText(model)}`, model);
  if (typeof returnNodes !== 'object' || returnNodes === null) {
    throw new ArgumentError(op, `returnNodes must be paths of modules, got ${valueText(returnNodes)}`, returnNodes);
  }
  const pairs: [unknown, unknown][] = Array.isArray(returnNodes)
    ? returnNodes.map((node: unknown) => [node, node])
    : Object.entries(returnNodes);
  const paths = new Set([...model.namedModules()].map(([path]) => path).filter((path) => path !== ''));
  const taps = pairs.map(([node, name]) => {
    if (typeof node === 'string' && typeof name === 'string') return tapOf(model, paths, node, name);
    throw new ArgumentError(op, `returnNodes must be paths of modules, got ${valueText(node)}`, returnNodes);
  });
  if (taps.length === 0 || new Set(taps.map(({ name }) => name)).size < taps.length) {
    throw new ArgumentError(op, 'at least one path is needed, and different names', returnNodes);
  }
  return new FeatureExtractor(model, taps);
}
