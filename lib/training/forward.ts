// One batch through the user's functions, with what they return checked.
import type { Metric } from '../metrics/index.js';
import { Module } from '../nn/module.js';
import { Tensor } from '../tensor/tensor.js';
import { checkPair, prefixed } from './loop.js';
import { check, type TrainerOptions } from './options.js';

export function transformed(
  { batchTransforms = [] }: TrainerOptions,
  input: Tensor,
  target: Tensor,
): readonly [Tensor, Tensor] {
  let pair: readonly [Tensor, Tensor] = [input, target];
  for (const [i, transform] of batchTransforms.entries()) {
    pair = checkPair('Trainer.fit', `what batchTransforms[${i}] returns`, transform(...pair));
  }
  return pair;
}

export function forward(model: Module, input: Tensor): Tensor {
  const output = model.forward(input);
  check(output instanceof Tensor, `${model.constructor.name}.forward must return a Tensor`, output);
  return output;
}

export function lossOf({ loss }: TrainerOptions, output: Tensor, target: Tensor): Tensor {
  const value = loss instanceof Module ? loss.forward(output, target) : loss(output, target);
  check(value instanceof Tensor, 'the loss must be a Tensor', value);
  return value;
}

export function penaltyOf({ penalty, model }: TrainerOptions): Tensor | null {
  if (!penalty) return null;
  const value = penalty(model);
  check(value instanceof Tensor, 'penalty must return a Tensor', value);
  return value;
}

export async function metricValues(metrics: readonly Metric<unknown>[]): Promise<Record<string, number>> {
  const values: Record<string, number> = {};
  for (const metric of metrics) {
    const value = await metric.compute();
    if (typeof value === 'number') values[metric.name] = value;
  }
  return values;
}

/** The names that the log of an epoch will have; those of metrics that give no number do not get there. */
export function logNames({ metrics = [], callbacks = [], penalty }: TrainerOptions, validation: boolean): Set<string> {
  const values = ['loss', ...metrics.map((metric) => metric.name)];
  return new Set([
    ...values,
    ...(penalty ? ['penalty'] : []),
    ...(validation ? values.map((name) => prefixed('val', name)) : []),
    ...callbacks.flatMap((callback) => callback.logs ?? []),
    'seconds',
    'samplesPerSecond',
  ]);
}
