import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StateTree } from '../../data/state.js';
import { ArgumentError, valueText } from '../../errors.js';
import { linkCheckpoint } from '../../io/checkpoint.js';
import { checkOptions } from '../../tensor/check.js';
import type { Callback, EpochLog } from '../callback.js';
import type { Trainer } from '../trainer.js';
import { checkCount, checkMode, checkName, isBetter, type MonitorMode, monitored } from './monitor.js';

/** Options of {@link Checkpoint}. */
export interface CheckpointOptions {
  /** Where the files go; made when missing. */
  folder: string;
  /** After every so many-th epoch. Default 1; `Infinity`: never. */
  everyEpochs?: number;
  /** After every so many-th step of the optimizer, too. Default `Infinity`: never. */
  everySteps?: number;
  /** The newest so many are kept under names of their own, `epoch-0003` or `step-00001200`. Default 0; `Infinity`: all. */
  keep?: number;
  /** The value of the epoch log that tells the best epoch, which is kept as `best`. Default: none. */
  monitor?: string;
  /** Default `min`. */
  mode?: MonitorMode;
}

const file = (name: string): string => `${name}.safetensors`;

/**
 * Writes checkpoints: `last.safetensors`, and as wished `best.safetensors` and the newest with their numbers. Each is
 * complete or not there, `last` is replaced at the very end, and old ones go when the new one is on the disk. `fit` with
 * `resume: true` goes on with `last` when it is there.
 *
 * @example
 * const checkpoint = new callbacks.Checkpoint({ folder: 'runs/7', everySteps: 500, monitor: 'valAccuracy', mode: 'max' });
 * await new Trainer({ ..., callbacks: [checkpoint] }).fit(loader, { epochs: 10, validation, resume: true });
 *
 * @throws ArgumentError for options out of range; in `fit`, before the first epoch, when there is no value to monitor, and
 * CheckpointError when a file cannot be written: training can go on with `resume: true`.
 */
export class Checkpoint implements Callback {
  readonly runLast = true;
  readonly folder: string;
  /** The best value so far; null before the first one. */
  best: number | null = null;
  /** Numbered files that are there, oldest first. */
  private kept: string[] = [];
  private readonly options: Required<Omit<CheckpointOptions, 'folder' | 'monitor'>>;
  private readonly monitor: string | null;
  private savedStep = 0;

  constructor(options: CheckpointOptions) {
    const op = 'Checkpoint';
    checkOptions(op, options);
    const { folder, everyEpochs = 1, everySteps = Number.POSITIVE_INFINITY, keep = 0, monitor, mode = 'min' } = options;
    if (typeof folder !== 'string' || folder === '') {
      throw new ArgumentError(op, `folder must be a path, got ${valueText(folder)}`, folder);
    }
    this.folder = folder;
    this.monitor = monitor === undefined ? null : checkName(op, monitor);
    this.options = {
      everyEpochs: checkCount(op, 'everyEpochs', everyEpochs, 1),
      everySteps: checkCount(op, 'everySteps', everySteps, 1),
      keep: checkCount(op, 'keep', keep, 0),
      mode: checkMode(op, mode),
    };
  }

  /** The path of `last.safetensors`. */
  get last(): string {
    return join(this.folder, file('last'));
  }

  /** The path of `best.safetensors`. */
  get bestPath(): string {
    return join(this.folder, file('best'));
  }

  onFitStart(trainer: Trainer): void {
    if (this.monitor !== null) trainer.checkMonitor('Checkpoint', this.monitor);
    this.savedStep = trainer.globalStep;
    if (trainer.isResuming) return;
    this.best = null;
    this.kept = [];
  }

  async onBatchEnd(_batch: number, _loss: number | undefined, trainer: Trainer): Promise<void> {
    const { globalStep } = trainer;
    if (globalStep === this.savedStep || globalStep % this.options.everySteps !== 0) return;
    await this.write(trainer, `step-${String(globalStep).padStart(8, '0')}`, this.best);
    this.savedStep = globalStep;
  }

  async onEpochEnd(log: EpochLog, trainer: Trainer): Promise<void> {
    const { mode, everyEpochs } = this.options;
    const value = this.monitor === null ? null : monitored('Checkpoint', log, this.monitor);
    const better = value !== null && isBetter(mode, value, this.best);
    if (!better && log.epoch % everyEpochs !== 0) return;
    await this.write(trainer, `epoch-${String(log.epoch).padStart(4, '0')}`, better ? value : this.best, better);
  }

  /** The state in the file must be that behind the save, and where it fails that of before. */
  private async write(trainer: Trainer, name: string, best: number | null, isBest = false): Promise<void> {
    const before = { best: this.best, kept: this.kept };
    const { keep } = this.options;
    const all = keep === 0 ? this.kept : [...this.kept.filter((other) => other !== name), name];
    const targets = [
      ...(isBest ? [this.bestPath] : []),
      ...(keep > 0 ? [join(this.folder, file(name))] : []),
      this.last,
    ];
    this.best = best;
    this.kept = keep === 0 ? [] : all.slice(-keep);
    try {
      // Killed anywhere in between, the run goes on with the old `last` and does all of this again.
      await trainer.save(targets[0]);
      for (const other of targets.slice(1, -1)) await linkCheckpoint(targets[0], other);
      for (const old of all.slice(0, all.length - this.kept.length))
        await rm(join(this.folder, file(old)), { force: true });
      if (targets.length > 1) await linkCheckpoint(targets[0], this.last);
    } catch (error) {
      Object.assign(this, before);
      throw error;
    }
  }

  async newestCheckpoint(): Promise<string | undefined> {
    try {
      await access(this.last);
      return this.last;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  stateDict(): StateTree {
    return { best: this.best, kept: [...this.kept] };
  }

  loadStateDict(state: StateTree): void {
    this.best = state.best as number | null;
    this.kept = [...(state.kept as string[])];
  }
}
