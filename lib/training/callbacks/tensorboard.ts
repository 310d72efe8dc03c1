import { join } from 'node:path';
import { ArgumentError, valueText } from '../../errors.js';
import { checkOptions } from '../../tensor/check.js';
import { scope } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import { type HparamValue, SummaryWriter } from '../../tensorboard/index.js';
import type { Callback, EpochLog, History, StepInfo } from '../callback.js';
import type { Trainer } from '../trainer.js';

/** Makes images `[N, C, H, W]` of the model as it is, such as its filters. */
export type ImageSource = (trainer: Trainer) => Tensor | Promise<Tensor>;

/** What {@link TensorBoard} writes besides the log of each epoch and the learning rates. */
export interface TensorBoardOptions {
  /** Histograms of weights and gradients every so many epochs. Default 0: none. */
  histograms?: number;
  /** The loss of every so many steps, as `step/loss`. Default 0: none. */
  steps?: number;
  /** Images `[N, C, H, W]` by tag: a tensor is written once, what a function returns after every epoch. */
  images?: Readonly<Record<string, Tensor | ImageSource>>;
  /** An input of the model, or an array of all: its graph is written. */
  graph?: Tensor | readonly unknown[];
  /** Hyperparameters, written at the end with the values of the last epoch. */
  hparams?: Readonly<Record<string, HparamValue>>;
}

/**
 * A callback that writes TensorBoard's event files: training into `<logDir>/train`, validation into
 * `<logDir>/validation`, so that both stand in one chart (`valLoss` is `loss` there). Everything is drawn over the steps of
 * the optimizer. Learning rates are `learningRate`, or `learningRate/0`, … with several groups; weights and gradients
 * `weights/<name>` and `gradients/<name>`, the latter of the first step of an epoch, before clipping.
 *
 * A run that goes on in the same folder hides what the interrupted one wrote after its checkpoint.
 *
 * @example
 * const board = new callbacks.TensorBoard('runs/first', { histograms: 1, graph: zeros([1, 1, 28, 28]) });
 * const trainer = new Trainer({ model, loss, optimizer, callbacks: [board] });
 */
export class TensorBoard implements Callback {
  readonly name = 'TensorBoard';
  readonly runLast = true;
  readonly logDir: string;
  readonly #options: TensorBoardOptions;
  #train: SummaryWriter | null = null;
  #validation: SummaryWriter | null = null;
  #from = 0;
  /** The epoch whose gradients were written last. */
  #seen = 0;

  /** @throws ArgumentError for an option of the wrong kind. */
  constructor(logDir: string, options: TensorBoardOptions = {}) {
    const op = 'TensorBoard';
    checkOptions(op, options);
    if (typeof logDir !== 'string' || logDir === '') {
      throw new ArgumentError(op, `logDir must be a path, got ${valueText(logDir)}`, logDir);
    }
    for (const name of ['histograms', 'steps'] as const) {
      const value = options[name] ?? 0;
      if (Number.isInteger(value) && value >= 0) continue;
      throw new ArgumentError(op, `${name} must be an integer >= 0, got ${valueText(value)}`, value);
    }
    for (const [tag, image] of Object.entries(options.images ?? {})) {
      if (image instanceof Tensor || typeof image === 'function') continue;
      throw new ArgumentError(op, `images.${tag} must be a Tensor or a function, got ${valueText(image)}`, image);
    }
    this.logDir = logDir;
    this.#options = options;
  }

  /** Writes into `<logDir>/train`, for values of your own. Between the beginning and the end of `fit`. */
  get writer(): SummaryWriter {
    if (this.#train) return this.#train;
    throw new ArgumentError('TensorBoard.writer', 'is there while the trainer runs');
  }

  onFitStart(trainer: Trainer): void {
    this.#from = trainer.globalStep;
    this.#train = this.#open('train');
    const { graph, images = {} } = this.#options;
    if (graph && trainer.globalStep === 0) this.#train.addGraph(trainer.model, graph);
    for (const [tag, image] of Object.entries(images)) {
      if (image instanceof Tensor && trainer.globalStep === 0) this.#train.addImages(tag, image, 0);
    }
  }

  onBeforeStep({ step, loss, epoch }: StepInfo, trainer: Trainer): void {
    const { steps = 0 } = this.#options;
    if (steps > 0 && step % steps === 0) this.writer.addScalar('step/loss', loss, step);
    if (!this.#due(epoch) || this.#seen === epoch) return;
    this.#seen = epoch;
    for (const [name, parameter] of trainer.model.namedParameters()) {
      if (parameter.grad) this.#histogram(`gradients/${name}`, parameter.grad, step);
    }
  }

  async onEpochEnd(log: EpochLog, trainer: Trainer): Promise<void> {
    const step = trainer.globalStep;
    for (const [name, value] of Object.entries(log)) {
      const validation = /^val([A-Z].*)$/.exec(name)?.[1];
      if (validation === undefined) this.writer.addScalar(name, value, step);
      else this.#validationWriter().addScalar(validation[0].toLowerCase() + validation.slice(1), value, step);
    }
    const rates = trainer.learningRates();
    for (const [i, rate] of rates.entries()) {
      this.writer.addScalar(rates.length === 1 ? 'learningRate' : `learningRate/${i}`, rate, step);
    }
    if (this.#due(log.epoch)) {
      for (const [name, weight] of trainer.model.namedParameters()) this.#histogram(`weights/${name}`, weight, step);
    }
    await this.#addImages(trainer, step);
    await Promise.all([this.#train?.flush(), this.#validation?.flush()]);
  }

  async onFitEnd({ epochs }: History): Promise<void> {
    const { hparams } = this.#options;
    const last = epochs.at(-1);
    if (hparams && last) {
      const { epoch: _, seconds: __, samplesPerSecond: ___, ...values } = last;
      const metrics = Object.entries(values).map(([name, value]) => [`hparam/${name}`, value] as const);
      this.writer.addHparams(hparams, Object.fromEntries(metrics), null, { runName: 'hparams' });
    }
    await this.#close();
  }

  onFitError(): Promise<void> {
    return this.#close();
  }

  #due(epoch: number): boolean {
    const { histograms = 0 } = this.#options;
    return histograms > 0 && epoch % histograms === 0;
  }

  #histogram(tag: string, values: Tensor, step: number): void {
    if (values.numel > 0) scope(() => this.writer.addHistogram(tag, values, step));
  }

  async #addImages(trainer: Trainer, step: number): Promise<void> {
    for (const [tag, image] of Object.entries(this.#options.images ?? {})) {
      if (image instanceof Tensor) continue;
      await scope(async () => {
        this.writer.addImages(tag, await image(trainer), step);
      });
    }
  }

  #open(run: string): SummaryWriter {
    return new SummaryWriter(join(this.logDir, run), this.#from === 0 ? {} : { purgeStep: this.#from + 1 });
  }

  #validationWriter(): SummaryWriter {
    this.#validation ??= this.#open('validation');
    return this.#validation;
  }

  async #close(): Promise<void> {
    const writers = [this.#train, this.#validation];
    this.#train = null;
    this.#validation = null;
    await Promise.all(writers.map((writer) => writer?.close()));
  }
}
