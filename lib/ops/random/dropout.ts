// Dropout: zeroes elements at random.
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { stridesLike } from '../../tensor/create.js';
import { counters32, type Draw, generatorOf } from '../../tensor/random.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { checkInPlace, inPlaceOf } from '../in-place.js';
import { checkFloating, checkProbability, type RandomOptions } from './draw.js';

// The mask is not kept: the gradient draws it again, in the memory order of the output.
const dropoutOp = defineOp({
  name: 'dropout',
  inputs: ['input'],
  forward: (x: Tensor, p: number, draw: Draw, strides: readonly number[]) => {
    const out = emptyStrided(x.shape, strides, x.dtype);
    const alike = x.strides.every((stride, i) => stride === strides[i] || x.shape[i] === 1);
    if (!alike) native.copy(out._id, x._id);
    native.dropout(out._id, alike ? x._id : out._id, p, draw.seedLo, draw.seedHi, draw.offset);
    return out;
  },
  save: (_out, _x, p, draw, strides) => ({ p, draw, strides }),
  backward: ([g], { p, draw, strides }) => [maskAgain(g, p, draw, strides)],
});

function maskAgain(g: Tensor, p: number, draw: Draw, strides: readonly number[]): Tensor {
  return dropoutOp(g, p, draw, strides);
}

const inDenseOrder = (x: Tensor): boolean => {
  const strides = stridesLike(x, x.shape);
  return x.strides.every((stride, i) => stride === strides[i] || x.shape[i] === 1);
};

/** @internal Dropout with numbers that were reserved before. */
export const dropped = (x: Tensor, p: number, draw: Draw): Tensor => dropoutOp(x, p, draw, stridesLike(x, x.shape));

const dropout_ = inPlaceOf('dropout_', dropped, (x: Tensor, p: number, draw: Draw) => {
  checkInPlace('dropout_', x, x.shape, x.dtype);
  if (inDenseOrder(x)) native.dropout(x._id, x._id, p, draw.seedLo, draw.seedHi, draw.offset);
  else native.copy(x._id, dropped(x, p, draw)._id);
});

/** Options of {@link dropout}. */
export interface DropoutOptions extends RandomOptions {
  /** Without it the input comes back as it is. Default true. */
  training?: boolean;
  /** Drop in the memory of the input, and return the input. Default false. */
  inplace?: boolean;
}

/**
 * Zeroes each element with probability `p` and scales the others by `1 / (1 - p)`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.dropout.html
 */
export function dropout(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  checkTensor('dropout', x);
  checkOptions('dropout', options);
  checkProbability('dropout', p);
  const generator = generatorOf('dropout', options.generator);
  if (!(options.training ?? true) || p === 0 || x.numel === 0) return x;
  checkFloating('dropout', x.dtype);
  const draw = generator._take(counters32(x.numel));
  if (options.inplace) return dropout_(x, p, draw);
  return dropped(x, p, draw);
}
