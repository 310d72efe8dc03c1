// Gradient clipping, on the device: nothing here waits for a value.
import { ArgumentError, ValueError, valueText } from '../../errors.js';
import { add, div, mul } from '../../ops/pointwise/arithmetic.js';
import { clamp } from '../../ops/pointwise/select.js';
import { norm } from '../../ops/reduce/moments.js';
import { stack } from '../../ops/shape/concat.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { zeros } from '../../tensor/create.js';
import { noGrad } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';

/** One tensor or several. */
export type Parameters = Tensor | Iterable<Tensor>;

function listOf(op: string, parameters: Parameters): Tensor[] {
  if (parameters instanceof Tensor) return [parameters];
  if (typeof parameters !== 'object' || parameters === null || !(Symbol.iterator in parameters)) {
    throw new ArgumentError(op, `parameters must be a Tensor or several, got ${valueText(parameters)}`, parameters);
  }
  return [...parameters];
}

function gradientsOf(op: string, parameters: Parameters): Tensor[] {
  return listOf(op, parameters).flatMap((parameter) => {
    if (!(parameter instanceof Tensor)) {
      throw new ArgumentError(op, `parameters must be Tensors, got ${valueText(parameter)}`, parameter);
    }
    return parameter._grad ? [parameter._grad] : [];
  });
}

function checkPositive(op: string, name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0) return;
  throw new ArgumentError(op, `${name} must be a number of at least 0, got ${valueText(value)}`, value);
}

/** Options of {@link getTotalNorm}. */
export interface TotalNormOptions {
  /** Throw when the norm is NaN or infinite: this waits for its value. Default false. */
  errorIfNonfinite?: boolean;
}

/**
 * The norm of several tensors as if they were one vector. 0 for none. Their dtypes may differ.
 * @throws ValueError with `errorIfNonfinite`, when the norm is NaN or infinite.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.get_total_norm.html
 */
export function getTotalNorm(tensors: Parameters, normType = 2, options: TotalNormOptions = {}): Tensor {
  const list = listOf('getTotalNorm', tensors);
  checkOptions('getTotalNorm', options);
  if (list.length === 0) return zeros([]);
  const total = noGrad(() => norm(stack(list.map((x) => norm(x, normType))), normType));
  if (options.errorIfNonfinite && !Number.isFinite(total.itemSync())) {
    throw new ValueError('getTotalNorm', `the norm of order ${normType} is not finite`);
  }
  return total;
}

/** Options of {@link clipGradNorm_}. */
export interface ClipGradNormOptions extends TotalNormOptions {
  /** Order of the norm; `Infinity` takes the largest magnitude. Default 2. */
  normType?: number;
}

/**
 * Scales the gradients of the parameters in place so that their common norm is at most `maxNorm`, and returns the norm
 * that they had (a tensor without axes, not read here).
 *
 * @example
 * loss.backward();
 * nn.utils.clipGradNorm_(model.parameters(), 1);
 * optimizer.step();
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.clip_grad_norm_.html
 */
export function clipGradNorm_(parameters: Parameters, maxNorm: number, options: ClipGradNormOptions = {}): Tensor {
  checkOptions('clipGradNorm_', options);
  checkPositive('clipGradNorm_', 'maxNorm', maxNorm);
  const list = listOf('clipGradNorm_', parameters);
  const total = getTotalNorm(gradientsOf('clipGradNorm_', list), options.normType ?? 2, options);
  clipGradsWithNorm_(list, maxNorm, total);
  return total;
}

/**
 * Scales the gradients of the parameters in place by `min(maxNorm / (totalNorm + 1e-6), 1)`: {@link clipGradNorm_} with a
 * norm that is already there.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.clip_grads_with_norm_.html
 */
export function clipGradsWithNorm_(parameters: Parameters, maxNorm: number, totalNorm: Tensor): void {
  checkPositive('clipGradsWithNorm_', 'maxNorm', maxNorm);
  checkTensor('clipGradsWithNorm_', totalNorm, 'totalNorm');
  const gradients = gradientsOf('clipGradsWithNorm_', parameters);
  noGrad(() => {
    const factor = clamp(mul(div(1, add(totalNorm, 1e-6)), maxNorm), null, 1);
    for (const gradient of gradients) gradient.mul_(factor);
  });
}

/**
 * Cuts every element of the gradients to [-clipValue, clipValue], in place.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.clip_grad_value_.html
 */
export function clipGradValue_(parameters: Parameters, clipValue: number): void {
  checkPositive('clipGradValue_', 'clipValue', clipValue);
  const gradients = gradientsOf('clipGradValue_', parameters);
  noGrad(() => {
    for (const gradient of gradients) gradient.clamp_(-clipValue, clipValue);
  });
}
