import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import type { AnyModule } from '../nn/module.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import '../tensor/read.js';
import { tensor as tensorOf } from '../tensor/create.js';
import { Tensor } from '../tensor/tensor.js';
import { checkEmbedding, type EmbeddingOptions, writeEmbedding, writeProjectorConfig } from './embedding.js';
import { EventFile, now } from './event-file.js';
import { traceGraph } from './graph.js';
import { type HistogramBins, histogramOf, type RawHistogram, rawHistogram } from './histogram.js';
import { type DataFormats, imageOf } from './images.js';
import { type Fields, loadEncoder } from './schema.js';
import type { HparamValue, RawPrCurve, ScalarsLayout } from './summaries.js';
import * as summaries from './summaries.js';

/** Where and under which name {@link SummaryWriter} writes. */
export interface SummaryWriterOptions {
  /** Put behind the name of the default folder. */
  comment?: string;
  /** Events of this step and later ones, left by a run that crashed, are hidden by TensorBoard. */
  purgeStep?: number;
  /** Put behind the names of the files. */
  filenameSuffix?: string;
}

/** What every event can be given. */
export interface EventOptions {
  /** Seconds since 1970. Default: now. */
  walltime?: number;
}

/** Options of {@link SummaryWriter.addScalar}. */
export interface ScalarOptions extends EventOptions, summaries.ScalarStyle {}

/** Options of {@link SummaryWriter.addHistogram}. */
export interface HistogramOptions extends EventOptions {
  /** Default `tensorflow`: limits that grow by a tenth. A number makes so many equal ones, an array is taken as it is. */
  bins?: HistogramBins;
  /** Join neighbours until there are about so many. */
  maxBins?: number;
}

/** Options of {@link SummaryWriter.addImage}. */
export interface ImageOptions extends EventOptions {
  /** What the axes are. Default `CHW`, for `addImages` `NCHW`. */
  dataformats?: DataFormats;
}

/** Options of {@link SummaryWriter.addAudio}. */
export interface AudioOptions extends EventOptions {
  /** Samples a second. Default 44100. */
  sampleRate?: number;
}

/** Options of {@link SummaryWriter.addPrCurve}. */
export interface PrCurveOptions extends EventOptions {
  /** Points of the curve. Default 127. */
  numThresholds?: number;
  /** A weight for each label. */
  weights?: Tensor;
}

/** Options of {@link SummaryWriter.addHparams}. */
export interface HparamsOptions {
  /** All values that a hyperparameter can have. */
  domainDiscrete?: Readonly<Record<string, readonly HparamValue[]>>;
  /** Folder of the session below the writer's. Default: the time. */
  runName?: string;
}

/** The number a value stands at; null: none. */
export type Step = number | null;

/**
 * Writes what TensorBoard shows: scalars, histograms, images, text, graphs and more, into event files below `logDir`
 * (default `runs/<date>_<host>`). An `add` call reads nothing and waits for nothing: values on the device are queued for
 * reading, and the file is written behind, in the order of the calls. `await close()` at the end.
 *
 * When the disk is full (or the folder cannot be written) the file keeps its whole records; the next `add`, `flush` or
 * `close` throws a `WriteError`. An event that cannot be made, such as an image without the package sharp, is left out,
 * and `flush` or `close` rejects with its error.
 *
 * Source: https://docs.pytorch.org/docs/2.13/tensorboard.html
 * @example
 * const writer = new SummaryWriter('runs/first');
 * writer.addScalar('loss', loss, step);
 * writer.addHistogram('weights', model.head.weight, step);
 * await writer.close();
 */
export class SummaryWriter {
  /** The folder of the event files. */
  readonly logDir: string;
  readonly #suffix: string;
  readonly #files = new Map<string, EventFile>();
  readonly #projector: string[] = [];
  #purgeStep: number | undefined;
  #side: Promise<unknown>[] = [];
  #sideFailure: { error: unknown } | null = null;

  constructor(logDir?: string | null, options: SummaryWriterOptions = {}) {
    checkOptions('SummaryWriter', options);
    if (logDir !== undefined && logDir !== null && typeof logDir !== 'string') {
      throw new ArgumentError('SummaryWriter', `logDir must be a string, got ${valueText(logDir)}`, logDir);
    }
    const { comment = '', purgeStep, filenameSuffix = '' } = options;
    if (purgeStep !== undefined) checkStep('SummaryWriter', purgeStep);
    this.logDir = logDir || join('runs', `${dateText(new Date())}_${hostname()}${comment}`);
    this.#suffix = filenameSuffix;
    this.#purgeStep = purgeStep;
    this.#file();
  }

  /** The folder of the event files. */
  getLogdir(): string {
    return this.logDir;
  }

  /**
   * Adds one number, or a tensor of one element. `newStyle` stores it as a tensor, with `doublePrecision` of float64.
   * @throws ArgumentError, ShapeError for anything else.
   */
  addScalar(tag: string, value: number | Tensor, globalStep: Step = null, options: ScalarOptions = {}): void {
    const op = 'addScalar';
    const event = this.#event(op, tag, globalStep, options);
    const make = (v: number): Fields => event([summaries.scalar(tag, v, options)]);
    const read = numberOf(op, value);
    this.#file().add(typeof read === 'number' ? make(read) : read.then(make));
  }

  /** Adds several numbers that share one chart; each goes into a run of its own, `<logDir>/<mainTag>_<name>`. */
  addScalars(
    mainTag: string,
    values: Readonly<Record<string, number | Tensor>>,
    globalStep: Step = null,
    options: EventOptions = {},
  ): void {
    const op = 'addScalars';
    const event = this.#event(op, mainTag, globalStep, options);
    const reads = Object.entries(values).map(([name, value]) => [name, numberOf(op, value)] as const);
    for (const [name, read] of reads) {
      const make = (v: number): Fields => event([summaries.scalar(mainTag, v, {})]);
      const file = this.#file(`${mainTag.replaceAll('/', '_')}_${name}`);
      file.add(typeof read === 'number' ? make(read) : read.then(make));
    }
  }

  /**
   * Adds the distribution of the values of a tensor of any shape. They are counted on the device; NaN and infinities are
   * left out. @throws ShapeError when there is no value.
   */
  addHistogram(
    tag: string,
    values: Tensor | readonly number[],
    globalStep: Step = null,
    options: HistogramOptions = {},
  ): void {
    const op = 'addHistogram';
    const event = this.#event(op, tag, globalStep, options);
    const x = Array.isArray(values) ? tensorOf(Float64Array.from(values as readonly number[])) : (values as Tensor);
    checkTensor(op, x, 'values');
    const message = histogramOf(x, options.bins ?? 'tensorflow', options.maxBins ?? null);
    if (x !== values) x.dispose();
    this.#file().add(message.then((histo) => event([{ tag, histo }])));
  }

  /** Adds a histogram that was counted elsewhere. */
  addHistogramRaw(tag: string, histogram: RawHistogram, globalStep: Step = null, options: EventOptions = {}): void {
    const event = this.#event('addHistogramRaw', tag, globalStep, options);
    this.#file().add(event([{ tag, histo: rawHistogram(histogram) }]));
  }

  /**
   * Adds an image with 1, 3 or 4 channels: uint8, or other numbers from 0 to 1. Needs the package sharp.
   * @param image `[C, H, W]`, or as `dataformats` says
   */
  addImage(tag: string, image: Tensor, globalStep: Step = null, options: ImageOptions = {}): void {
    this.#addImage('addImage', tag, image, globalStep, { dataformats: 'CHW', ...options });
  }

  /** Adds several images as one, 8 in a row. @param images `[N, C, H, W]`, or as `dataformats` says */
  addImages(tag: string, images: Tensor, globalStep: Step = null, options: ImageOptions = {}): void {
    this.#addImage('addImages', tag, images, globalStep, { dataformats: 'NCHW', ...options });
  }

  #addImage(op: string, tag: string, image: Tensor, step: Step, options: ImageOptions): void {
    const event = this.#event(op, tag, step, options);
    checkTensor(op, image, 'image');
    const message = imageOf(op, image, options.dataformats as string);
    this.#file().add(message.then((fields) => event([{ tag, image: fields }])));
  }

  /** Adds sound of one channel. @param sound `[L]` or `[1, L]` from -1 to 1 */
  addAudio(tag: string, sound: Tensor, globalStep: Step = null, options: AudioOptions = {}): void {
    const op = 'addAudio';
    const event = this.#event(op, tag, globalStep, options);
    checkTensor(op, sound, 'sound');
    const { sampleRate = 44100 } = options;
    checkCount(op, 'sampleRate', sampleRate, 1);
    this.#file().add(summaries.audio(tag, sound, sampleRate).then((value) => event([value])));
  }

  /** Adds text, shown as Markdown. */
  addText(tag: string, text: string, globalStep: Step = null, options: EventOptions = {}): void {
    const event = this.#event('addText', tag, globalStep, options);
    if (typeof text !== 'string') throw new ArgumentError('addText', `text is needed, got ${valueText(text)}`, text);
    this.#file().add(summaries.text(tag, text).then((value) => event([value])));
  }

  /**
   * Adds the graph of a model: runs it once, in evaluation mode and without gradients. Modules are the scopes, every op
   * inside is a node with the shapes of its results. What a `forward` changes in place by itself is not shown.
   * @param inputs the argument of `forward`, or an array of all
   */
  addGraph(model: AnyModule, inputs: Tensor | readonly unknown[], options: EventOptions = {}): void {
    const op = 'addGraph';
    checkOptions(op, options);
    const wall_time = options.walltime ?? now();
    const graph = traceGraph(model, inputs instanceof Tensor ? [inputs] : inputs);
    const event = loadEncoder().then((encode) => ({ wall_time, graph_def: encode('GraphDef', graph) }));
    this.#file().add(event);
  }

  /**
   * Adds the hyperparameters of a run with what came of it, as a session of its own in a folder below.
   * @throws ArgumentError for values that are no number, string, boolean or null.
   */
  addHparams(
    hparams: Readonly<Record<string, HparamValue>>,
    metrics: Readonly<Record<string, number>>,
    globalStep: Step = null,
    options: HparamsOptions = {},
  ): void {
    const op = 'addHparams';
    for (const [name, value] of Object.entries({ hparams, metrics })) {
      if (typeof value !== 'object' || value === null) {
        throw new ArgumentError(op, `${name} must be an object, got ${valueText(value)}`, value);
      }
    }
    const event = this.#event(op, op, globalStep, options as EventOptions);
    const { domainDiscrete = {}, runName = String(now()) } = options;
    summaries.checkHparams(hparams, metrics, domainDiscrete);
    const all = summaries.hparamSummaries(hparams, metrics, domainDiscrete);
    const file = this.#file(runName);
    for (const i of [0, 1, 2]) file.add(all.then((values) => event([values[i]])));
    for (const [tag, value] of Object.entries(metrics)) file.add(event([summaries.scalar(tag, value, {})]));
  }

  /**
   * Adds a precision-recall curve. @param labels 0 and 1, or booleans @param predictions the probability of 1, of as many
   * elements; those outside of 0 to 1 are left out
   */
  addPrCurve(
    tag: string,
    labels: Tensor,
    predictions: Tensor,
    globalStep: Step = null,
    options: PrCurveOptions = {},
  ): void {
    const op = 'addPrCurve';
    const event = this.#event(op, tag, globalStep, options);
    const { numThresholds = 127, weights } = options;
    checkCount(op, 'numThresholds', numThresholds, 2);
    for (const [name, x] of Object.entries({ labels, predictions, ...(weights && { weights }) })) {
      checkTensor(op, x, name);
      if (x.numel === labels.numel) continue;
      const text = `${name} ${shapeText(x.shape)} must have as many elements as labels ${shapeText(labels.shape)}`;
      throw new ShapeError(op, text, x.shape, labels.shape);
    }
    const curve = summaries.prCurve(labels, predictions, numThresholds, weights ?? null);
    const value = curve.then((counts) => summaries.prCurveRaw(tag, counts, numThresholds));
    this.#file().add(value.then((fields) => event([fields])));
  }

  /** Adds a precision-recall curve whose counts are known. */
  addPrCurveRaw(tag: string, curve: RawPrCurve, globalStep: Step = null, options: EventOptions = {}): void {
    const op = 'addPrCurveRaw';
    const event = this.#event(op, tag, globalStep, options);
    const { length } = curve.recall;
    if (Object.values(curve).some((row: readonly number[]) => row.length !== length)) {
      throw new ArgumentError(op, 'all counts must have one length', curve);
    }
    this.#file().add(summaries.prCurveRaw(tag, curve, length).then((value) => event([value])));
  }

  /** Lays out charts of several scalars each, under Custom scalars. Once for a writer. */
  addCustomScalars(layout: ScalarsLayout): void {
    const event = this.#event('addCustomScalars', 'layout', null, {});
    summaries.checkLayout('addCustomScalars', layout);
    this.#file().add(summaries.customScalars(layout).then((value) => event([value])));
  }

  /**
   * Adds the rows of a matrix `[N, D]` for the projector, with labels and pictures. Its files stand beside the event file
   * and are written at once.
   */
  addEmbedding(mat: Tensor, globalStep: Step = null, options: EmbeddingOptions = {}): void {
    const op = 'addEmbedding';
    this.#event(op, options.tag ?? 'default', globalStep, {});
    checkTensor(op, mat, 'mat');
    checkEmbedding(mat, options);
    const files = writeEmbedding(this.logDir, mat, globalStep ?? 0, options);
    const [before] = this.#side.slice(-1);
    const work = files.then(async (info) => {
      await before;
      this.#projector.push(info);
      await writeProjectorConfig(this.logDir, this.#projector);
    });
    this.#side.push(
      work.catch((error: unknown) => {
        this.#sideFailure ??= { error };
      }),
    );
  }

  /** Waits until everything added so far is in the files. @throws the first error there was. */
  async flush(): Promise<void> {
    await this.#settle([...this.#files.values()].map((file) => file.flush()));
  }

  /** {@link flush}, then closes the files. Adding more opens new ones. */
  async close(): Promise<void> {
    const files = [...this.#files.values()];
    this.#files.clear();
    await this.#settle(files.map((file) => file.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #settle(work: readonly Promise<void>[]): Promise<void> {
    const results = await Promise.allSettled(work);
    await Promise.all(this.#side.splice(0));
    const failed = results.find((result) => result.status === 'rejected');
    const side = this.#sideFailure;
    this.#sideFailure = null;
    if (failed) throw failed.reason;
    if (side) throw side.error;
  }

  /** The file of this writer, or of a run below it. */
  #file(run = ''): EventFile {
    const known = this.#files.get(run);
    if (known) return known;
    const file = new EventFile(run === '' ? resolve(this.logDir) : resolve(this.logDir, run), this.#suffix);
    this.#files.set(run, file);
    if (run === '' && this.#purgeStep !== undefined) {
      const step = this.#purgeStep;
      this.#purgeStep = undefined;
      file.add({ wall_time: now(), step, file_version: 'brain.Event:2' });
      file.add({ wall_time: now(), step, session_log: { status: 1 } });
    }
    return file;
  }

  /** Checks what all events have, and makes the event around summaries. The time is that of the call. */
  #event(op: string, tag: unknown, step: Step, options: EventOptions): (values: readonly Fields[]) => Fields {
    checkOptions(op, options);
    if (typeof tag !== 'string') throw new ArgumentError(op, `the tag must be a string, got ${valueText(tag)}`, tag);
    if (step !== null) checkStep(op, step);
    const wall_time = options.walltime ?? now();
    return (value) => ({ wall_time, ...(step !== null && { step }), summary: { value } });
  }
}

function checkStep(op: string, step: unknown): void {
  if (typeof step === 'number' && Number.isSafeInteger(step)) return;
  throw new ArgumentError(op, `the step must be an integer, got ${valueText(step)}`, step);
}

function checkCount(op: string, name: string, value: unknown, least: number): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least) return;
  throw new ArgumentError(op, `${name} must be an integer >= ${least}, got ${valueText(value)}`, value);
}

/** A number as it is, that of a tensor when it has been read. */
function numberOf(op: string, value: unknown): number | Promise<number> {
  if (typeof value === 'number') return value;
  checkTensor(op, value, 'value');
  if (value.numel === 1) return value.item();
  throw new ShapeError(op, `one element is needed, got shape ${shapeText(value.shape)}`, value.shape);
}

/** `Nov21_19-36-48`. */
function dateText(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const month = date.toLocaleString('en-US', { month: 'short' });
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join('-');
  return `${month}${two(date.getDate())}_${time}`;
}
