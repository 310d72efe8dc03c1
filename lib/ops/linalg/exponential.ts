// The matrix exponential. Formula: torch.linalg.matrix_exp; gradient: R. Mathias, A chain rule for matrix functions and
// applications (1996).
import { native } from '../../native.js';
import { zeros } from '../../tensor/create.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { cat } from '../shape/concat.js';
import { narrow } from '../shape/view.js';
import { adjoint, checkSquare, rowsOf } from './parts.js';

const matrixExpOp = defineOp({
  name: 'linalg.matrixExp',
  inputs: ['input'],
  forward: (a: Tensor) => {
    const out = emptyContiguous(a.shape, a.dtype);
    native.linalgExp(out._id, a._id);
    return out;
  },
  save: (_out, a) => ({ a }),
  backward: ([g], { a }) => {
    // exp([[A^T, G], [0, A^T]]) holds the derivative of exp at A^T in direction G in its upper right corner.
    const n = rowsOf(a);
    const at = adjoint(a);
    const block = cat([cat([at, g], -1), cat([zeros(a.shape, { dtype: a.dtype }), at], -1)], -2);
    return [narrow(narrow(matrixExp(block), -2, 0, n), -1, n, n)];
  },
});

/** `e^A` of square matrices `[..., N, N]`. Infinity or NaN in a matrix makes its result NaN. */
export function matrixExp(a: Tensor): Tensor {
  checkSquare('linalg.matrixExp', a);
  return matrixExpOp(a);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link matrixExp}. */
    matrixExp(): Tensor;
  }
}

addMethods({ matrixExp });
