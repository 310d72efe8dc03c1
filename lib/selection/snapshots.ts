import { ArgumentError } from '../errors.js';
import type { Module } from '../nn/module.js';
import type { ScheduledOptimizer } from '../optim/lr-scheduler/scheduler.js';
import { LambdaLR } from '../optim/lr-scheduler/steps.js';
import { checkOptions } from '../tensor/check.js';
import type { Callback } from '../training/callback.js';
import type { Trainer } from '../training/trainer.js';
import { checkInteger } from './check.js';
import { Ensemble, type EnsembleOptions } from './ensemble.js';

/** Options of {@link Snapshots}. */
export interface SnapshotOptions {
  /** Steps of the optimizer in all. */
  steps: number;
  /** How often the rate falls to 0 and a copy is taken. Default 5. */
  cycles?: number;
}

/**
 * Snapshot ensembles: one training, several models. The learning rate falls to almost 0 along a cosine, a copy of the model
 * is taken, and the rate jumps back. A callback of the Trainer; its schedule runs with it.
 *
 * @example
 * const snapshots = new Snapshots(optimizer, { steps: epochs * loader.length, cycles: 4 });
 * await new Trainer({ model, loss, optimizer, callbacks: [snapshots] }).fit(loader, { epochs });
 * const model = snapshots.ensemble(3); // of the last three
 *
 * Source: Huang et al., "Snapshot Ensembles: Train 1, Get M for Free" (2017), equation 2.
 */
export class Snapshots implements Callback {
  /** Copies of the model, in order, in evaluation mode. */
  readonly models: Module[] = [];
  /** Steps of one cycle. */
  readonly length: number;
  private readonly schedule: LambdaLR;

  /** @throws ArgumentError for fewer steps than cycles */
  constructor(optimizer: ScheduledOptimizer, options: SnapshotOptions) {
    const op = 'Snapshots';
    checkOptions(op, options);
    const cycles = checkInteger(op, 'cycles', options.cycles ?? 5, 1);
    this.length = Math.ceil(checkInteger(op, 'steps', options.steps, cycles) / cycles);
    this.schedule = new LambdaLR(
      optimizer,
      (step) => 0.5 * (Math.cos((Math.PI * (step % this.length)) / this.length) + 1),
    );
  }

  onStepEnd(step: number, trainer: Trainer): void {
    if (step % this.length === 0) this.models.push(trainer.model.clone().eval());
    this.schedule.step();
  }

  /** The newest `count` models (default: all) as one; combined by their probabilities unless `options` say otherwise. */
  ensemble(count = this.models.length, options: EnsembleOptions = { combine: 'soft' }): Ensemble {
    checkInteger('Snapshots', 'count', count, 1);
    if (count > this.models.length) {
      throw new ArgumentError('Snapshots', `there are ${this.models.length} models, ${count} were asked for`, count);
    }
    return new Ensemble(this.models.slice(-count), options);
  }
}
