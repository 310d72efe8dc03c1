import { ArgumentError, valueText } from '../../errors.js';
import { checkFunction } from '../../tensor/check.js';
import { withoutInitialValues } from '../fill.js';
import { type AnyModule, Module } from '../module.js';

/**
 * A module whose parameters have no initial values, because others will be loaded: what the functions of `nn.init` would
 * write is left out, and no random numbers are drawn. Constant values (batch normalization's ones and zeros) stay.
 *
 * @example
 * const layer = nn.utils.skipInit(nn.Linear, 4096, 4096, { bias: false });
 * layer.loadStateDict(state);
 *
 * @throws ArgumentError when the class is no Module.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.skip_init.html
 */
export function skipInit<A extends readonly unknown[], M extends AnyModule>(
  moduleClass: new (...args: A) => M,
  ...args: A
): M {
  checkFunction('skipInit', moduleClass);
  if (!(moduleClass.prototype instanceof Module)) {
    throw new ArgumentError('skipInit', `a class of modules is needed, got ${valueText(moduleClass)}`, moduleClass);
  }
  return withoutInitialValues(() => new moduleClass(...args));
}
