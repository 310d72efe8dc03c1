import { NonFiniteError } from '../../errors.js';
import type { Callback, StepInfo } from '../callback.js';

/**
 * Ends training when the loss is NaN or infinite, before the optimizer uses it: weights and history stay as they were. It
 * waits for the loss of each step while the backward pass runs behind.
 *
 * Gradients that are not finite behind a finite loss: {@link GradientMonitor}.
 * @throws NonFiniteError (out of `fit`) with the step and the epoch.
 */
export class TerminateOnNaN implements Callback {
  async onBeforeStep(info: StepInfo): Promise<void> {
    const loss = await info.loss.item();
    if (!Number.isFinite(loss)) throw new NonFiniteError('TerminateOnNaN', `the loss is ${loss}`, info, ['loss']);
  }
}
