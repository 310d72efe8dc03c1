// Random numbers whose distribution is given element by element or row by row.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { emptyLikeLayout, zerosLike } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import { contiguousStrides } from '../../tensor/layout.js';
import { counters64, type Draw, generatorOf } from '../../tensor/random.js';
import { emptyContiguous, emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { BinaryOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { checkFloating, checkProbability, coinFlips, denseOf, drawInto, type RandomOptions } from './draw.js';

const bernoulliOp = defineOp({
  name: 'bernoulli',
  inputs: ['input'],
  forward: (x: Tensor, draw: Draw) => {
    const p = denseOf(x);
    const out = emptyLikeLayout(p);
    native.checkDomain(out._id, p._id, 0);
    native.uniform(out._id, 0, 1, draw.seedLo, draw.seedHi, draw.offset);
    const yes = emptyLikeLayout(p, 'bool');
    native.binary(BinaryOp.lt, yes._id, out._id, p._id);
    native.copy(out._id, yes._id);
    yes.dispose();
    if (p !== x) p.dispose();
    return out;
  },
  save: (out) => ({ out }),
  backward: (_g, { out }) => [zerosLike(out)],
});

/**
 * Zeros and ones: 1 with probability `p`, or with the probability that each element of `x` states, in the dtype and
 * shape of `x`. Its gradient is 0.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.bernoulli.html
 * @throws ArgumentError when `p` is not in [0, 1]; such an element of `x` rejects the reads of the result.
 */
export function bernoulli(x: Tensor, p?: number | null, options: RandomOptions = {}): Tensor {
  checkTensor('bernoulli', x);
  checkOptions('bernoulli', options);
  const generator = generatorOf('bernoulli', options.generator);
  if (p !== undefined && p !== null) {
    checkProbability('bernoulli', p);
    return drawInto(emptyLikeLayout(x), coinFlips(p), generator);
  }
  checkFloating('bernoulli', x.dtype);
  return bernoulliOp(x, generator._take(counters64(x.numel)));
}

/** Row-major elements: what the kernels of this file walk. */
function rowMajor(x: Tensor): Tensor {
  if (x.isContiguous()) return x;
  const out = emptyStrided(x.shape, contiguousStrides(x.shape), x.dtype);
  native.copy(out._id, x._id);
  return out;
}

const poissonOp = defineOp({
  name: 'poisson',
  inputs: ['input'],
  forward: (x: Tensor, draw: Draw) => {
    const rates = rowMajor(x);
    const out = emptyContiguous(x.shape, x.dtype);
    native.poisson(out._id, rates._id, draw.seedLo, draw.seedHi, draw.offset);
    if (rates !== x) rates.dispose();
    return out;
  },
  save: (out) => ({ out }),
  backward: (_g, { out }) => [zerosLike(out)],
});

/**
 * Whole numbers of Poisson's distribution with the mean that each element of `x` states, in the dtype and shape of `x`.
 * Its gradient is 0.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.poisson.html
 * @throws DTypeError unless `x` is floating-point. A rate that is negative, NaN or infinite rejects the reads of the result.
 */
export function poisson(x: Tensor, options: RandomOptions = {}): Tensor {
  checkTensor('poisson', x);
  checkOptions('poisson', options);
  checkFloating('poisson', x.dtype);
  return poissonOp(x, generatorOf('poisson', options.generator)._take(counters64(x.numel)));
}

const multinomialOp = defineOp({
  name: 'multinomial',
  inputs: ['input'],
  forward: (x: Tensor, samples: number, replacement: boolean, draw: Draw) => {
    const weights = rowMajor(x);
    const out = emptyContiguous([...x.shape.slice(0, -1), samples], 'int64');
    native.multinomial(out._id, weights._id, replacement, draw.seedLo, draw.seedHi, draw.offset);
    if (weights !== x) weights.dispose();
    return out;
  },
});

/** Options of {@link multinomial}. */
export interface MultinomialOptions extends RandomOptions {
  /** Whether a column may come twice in a row. Default false. */
  replacement?: boolean;
}

const MOST_CATEGORIES = 2 ** 24;

function checkMultinomial(x: Tensor, samples: number, replacement: boolean): void {
  if (x.ndim !== 1 && x.ndim !== 2) {
    throw new ShapeError('multinomial', `weights must have 1 or 2 dimensions, got ${shapeText(x.shape)}`, x.shape);
  }
  if (!isFloating(x.dtype))
    throw new DTypeError('multinomial', `weights must be floating-point, got ${x.dtype}`, x.dtype);
  if (!Number.isSafeInteger(samples) || samples <= 0) {
    throw new ArgumentError('multinomial', `numSamples must be an integer > 0, got ${valueText(samples)}`, samples);
  }
  const columns = x.shape[x.ndim - 1];
  if (columns > MOST_CATEGORIES) {
    throw new ShapeError('multinomial', `at most 2^24 columns, got ${shapeText(x.shape)}`, x.shape);
  }
  if (replacement ? columns === 0 : samples > columns) {
    const kind = replacement ? 'with' : 'without';
    const text = `${samples} samples cannot be drawn ${kind} replacement from ${columns} columns (${shapeText(x.shape)})`;
    throw new ShapeError('multinomial', text, x.shape);
  }
}

/**
 * Columns of `[n]` or `[m, n]` weights, each as likely as its weight in its row: `[numSamples]` or `[m, numSamples]`,
 * int64. Without replacement no column comes twice in a row, in the order in which they would be drawn.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.multinomial.html
 * @throws ArgumentError, ShapeError and DTypeError as PyTorch does. Weights that are negative, NaN or infinite, or add up to
 * 0, reject the reads of the result with a `ValueError`.
 */
export function multinomial(x: Tensor, numSamples: number, options: MultinomialOptions = {}): Tensor {
  checkTensor('multinomial', x);
  checkOptions('multinomial', options);
  const { replacement = false } = options;
  if (typeof replacement !== 'boolean') {
    throw new ArgumentError('multinomial', `replacement must be a boolean, got ${valueText(replacement)}`, replacement);
  }
  checkMultinomial(x, numSamples, replacement);
  const rows = x.ndim === 1 ? 1 : x.shape[0];
  const draws = rows * (replacement ? numSamples : x.shape[x.ndim - 1]);
  const draw = generatorOf('multinomial', options.generator)._take(counters64(draws));
  return multinomialOp(x, numSamples, replacement, draw);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link bernoulli}. */
    bernoulli(p?: number | null, options?: RandomOptions): Tensor;
    /** See {@link multinomial}. */
    multinomial(numSamples: number, options?: MultinomialOptions): Tensor;
  }
}

addMethods({ bernoulli, multinomial });
