import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { type AnyModule, Module } from '../../nn/module.js';
import { BatchNorm1d, BatchNorm2d, BatchNorm3d } from '../../nn/norm.js';
import { checkOptions } from '../../tensor/check.js';
import { tensor } from '../../tensor/create.js';
import { sameShape } from '../../tensor/layout.js';
import { noGrad } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import { type AvgFn, getSwaMultiAvgFn, type MultiAvgFn } from './averaging.js';

/** Options of {@link AveragedModel}; at most one of the functions. */
export interface AveragedModelOptions {
  /** The new average of each tensor. Default: the mean of all models. */
  avgFn?: AvgFn | null;
  /** Changes all averages at once. */
  multiAvgFn?: MultiAvgFn | null;
  /** Averages buffers too; otherwise they are copied from the model. Default false. */
  useBuffers?: boolean;
}

function checkModule(op: string, model: unknown): asserts model is AnyModule {
  if (model instanceof Module) return;
  throw new ArgumentError(op, `a Module is needed, got ${valueText(model)}`, model);
}

/**
 * A copy of a model whose weights are an average: the mean of all (SWA) or an exponential one (EMA). Call
 * `updateParameters(model)` after each step or epoch, and use it like the model; it stands in `module`.
 *
 * @example
 * const ema = new optim.swaUtils.AveragedModel(model, { multiAvgFn: optim.swaUtils.getEmaMultiAvgFn(0.99) });
 * optimizer.step();
 * ema.updateParameters(model);
 *
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.swa_utils.AveragedModel.html
 */
export class AveragedModel<M extends AnyModule = Module> extends Module<
  Parameters<M['forward']>,
  ReturnType<M['forward']>
> {
  readonly module: M;
  declare nAveraged: Tensor;
  readonly avgFn: AvgFn | null;
  readonly multiAvgFn: MultiAvgFn | null;
  readonly useBuffers: boolean;
  /** What the counter holds, so that it need not be read, and the version of the counter that it was true for. */
  private known = { averaged: 0, version: -1 };

  /** @throws ArgumentError for both functions at once, or what is no module. */
  constructor(model: M, options: AveragedModelOptions = {}) {
    super();
    const op = 'AveragedModel';
    checkOptions(op, options);
    checkModule(op, model);
    const { avgFn = null, multiAvgFn = null, useBuffers = false } = options;
    if (avgFn !== null && multiAvgFn !== null) {
      throw new ArgumentError(op, 'Only one of avgFn and multiAvgFn should be provided');
    }
    for (const fn of [avgFn, multiAvgFn]) {
      if (fn !== null && typeof fn !== 'function') {
        throw new ArgumentError(op, `avgFn and multiAvgFn must be functions, got ${valueText(fn)}`, fn);
      }
    }
    this.module = model.clone();
    this.registerBuffer('nAveraged', tensor(0, { dtype: 'int64' }));
    this.avgFn = avgFn;
    this.multiAvgFn = multiAvgFn;
    this.useBuffers = useBuffers;
  }

  forward(...inputs: Parameters<M['forward']>): ReturnType<M['forward']> {
    return this.module.forward(...(inputs as never[])) as ReturnType<M['forward']>;
  }

  /**
   * Takes the weights of `model` into the average; the first time they are copied.
   * @throws ShapeError, ArgumentError when the model is not made like the first one.
   */
  updateParameters(model: M): void {
    const op = 'updateParameters';
    checkModule(op, model);
    const tensors = (m: AnyModule): Tensor[] => [...m.parameters(), ...(this.useBuffers ? m.buffers() : [])];
    const averages = tensors(this.module);
    const current = tensors(model);
    checkAlike(op, averages, current);
    checkAlike(op, this.module.buffers(), model.buffers());
    const averaged = this.#averaged();
    noGrad(() => {
      if (averaged === 0) copyAll(averages, current);
      else this.#average(averages, current, averaged);
      if (!this.useBuffers) copyAll(this.module.buffers(), model.buffers());
      this.nAveraged.add_(1);
    });
    this.known = { averaged: averaged + 1, version: this.nAveraged._version.n };
  }

  #averaged(): number {
    const { averaged, version } = this.known;
    return version === this.nAveraged._version.n ? averaged : this.nAveraged.itemSync();
  }

  #average(averages: Tensor[], current: Tensor[], averaged: number): void {
    const { avgFn } = this;
    if (avgFn === null) {
      (this.multiAvgFn ?? getSwaMultiAvgFn())(averages, current, averaged);
      return;
    }
    averages.forEach((average, i) => {
      average.copy_(avgFn(average.detach(), current[i].detach(), averaged));
    });
  }
}

function checkAlike(op: string, own: readonly Tensor[], other: readonly Tensor[]): void {
  if (own.length !== other.length) {
    throw new ArgumentError(op, `the model has ${other.length} tensors, the average ${own.length}`, other.length);
  }
  own.forEach((x, i) => {
    if (sameShape(x.shape, other[i].shape)) return;
    const message = `tensor ${i} has shape ${shapeText(other[i].shape)}, its average ${shapeText(x.shape)}`;
    throw new ShapeError(op, message, other[i].shape, x.shape);
  });
}

function copyAll(to: readonly Tensor[], from: readonly Tensor[]): void {
  to.forEach((x, i) => {
    x.copy_(from[i].detach());
  });
}

/**
 * Computes the running statistics of batch normalizations anew, in one pass over the batches of `loader`: tensors, or
 * arrays whose first element is one. For a model with averaged weights.
 *
 * @example
 * await optim.swaUtils.updateBn(loader, swaModel);
 *
 * @throws ArgumentError for a batch that is neither.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.swa_utils.update_bn.html
 */
export async function updateBn(
  loader: Iterable<Tensor | readonly unknown[]> | AsyncIterable<Tensor | readonly unknown[]>,
  model: AnyModule,
): Promise<void> {
  const op = 'updateBn';
  checkModule(op, model);
  const given: unknown = loader;
  const loops =
    typeof given === 'object' && given !== null && (Symbol.iterator in given || Symbol.asyncIterator in given);
  if (!loops) throw new ArgumentError(op, `batches are needed, got ${valueText(loader)}`, loader);
  const norms = model
    .modules()
    .filter((m) => m instanceof BatchNorm1d || m instanceof BatchNorm2d || m instanceof BatchNorm3d)
    .map((norm) => ({ norm: norm as { momentum: number | null }, momentum: norm.momentum }));
  if (norms.length === 0) return;
  const { training } = model;
  model.train();
  try {
    for (const { norm } of norms) {
      noGrad(() => (norm as unknown as BatchNorm1d).resetRunningStats());
      norm.momentum = null;
    }
    for await (const batch of loader) {
      const input: unknown = Array.isArray(batch) ? batch[0] : batch;
      if (!(input instanceof Tensor)) {
        throw new ArgumentError(op, `a batch must be a Tensor or begin with one, got ${valueText(input)}`, input);
      }
      noGrad(() => {
        model.forward(...([input] as never[]));
      });
    }
  } finally {
    for (const { norm, momentum } of norms) norm.momentum = momentum;
    model.train(training);
  }
}
