// Which parameters of a model a regularizer is for.
import { ArgumentError, valueText } from '../errors.js';
import type { Parameter } from '../nn/index.js';
import { Module } from '../nn/module.js';
import { checkOptions } from '../tensor/check.js';

/** Whether a parameter is meant, by its path (`block.conv.weight`) and itself. */
export type SelectParameters = (name: string, parameter: Parameter) => boolean;

/** Options of regularizers of weights. */
export interface ParameterOptions {
  /** Which parameters are meant. Default: those of two or more axes, so no biases and no norms. */
  parameters?: SelectParameters;
}

const weightsOnly: SelectParameters = (_, { ndim }) => ndim >= 2;

/** @internal */
export function selectOf(op: string, options: ParameterOptions): SelectParameters {
  checkOptions(op, options);
  const { parameters = weightsOnly } = options;
  if (typeof parameters === 'function') return parameters;
  throw new ArgumentError(op, `parameters must be a function, got ${valueText(parameters)}`, parameters);
}

/** @internal */
export const selected = (model: Module, select: SelectParameters): Parameter[] =>
  [...model.namedParameters()].filter(([name, parameter]) => select(name, parameter)).map(([, parameter]) => parameter);

/** @internal */
export function checkModule(op: string, model: unknown): asserts model is Module {
  if (model instanceof Module) return;
  throw new ArgumentError(op, `model must be a Module, got ${valueText(model)}`, model);
}
