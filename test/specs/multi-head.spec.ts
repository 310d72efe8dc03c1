import { ArgumentError, DTypeError, F, ones, ShapeError, type Tensor, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

type Args = { heads: number; needWeights: boolean; causal: boolean; same: boolean };

/** Attention with 2 heads of 2, whose inputs and masks are given. */
const attend = (
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: F.MultiHeadAttentionForwardOptions = {},
  bias = zeros([12]),
) =>
  F.multiHeadAttentionForward(q, k, v, 4, 2, zeros([12, 4]), bias, null, null, false, 0, zeros([4, 4]), null, options);
const [x, y] = [zeros([3, 2, 4]), zeros([5, 2, 4])].map((t) => t.keep());

family('multi_head', {
  multiHeadAttentionForward: {
    covers: ['splitHeads'],
    call: (inputs: Tensor[], { heads, needWeights, causal, same }: Args) => {
      const [q, k, v, w, b, o, c] = same ? [inputs[0], inputs[0], inputs[0], ...inputs.slice(1)] : inputs;
      const attnMask = causal ? ones([q.shape[0], k.shape[0]], { dtype: 'bool' }).triu(1) : null;
      const [out, weights] = F.multiHeadAttentionForward(q, k, v, q.shape[2], heads, w, b, null, null, false, 0, o, c, {
        needWeights,
        attnMask,
        averageAttnWeights: false,
      });
      return weights ? [out, weights] : out;
    },
    errors: [
      [() => attend(x, y, x), ShapeError, /key \[5, 2, 4\] and value \[3, 2, 4\] do not go together/],
      [() => attend(zeros([3, 2, 6]), y, y), ShapeError, /query \[3, 2, 6\] must end in embedDim 4/],
      [() => attend(zeros([3, 1, 4]), y, y), ShapeError, /query \[3, 1, 4\] and key \[5, 2, 4\] differ in the batch/],
      [() => attend(zeros([3, 4]), y, y), ShapeError, /2 without a batch: key is \[5, 2, 4\], query \[3, 4\]/],
      [
        () => attend(x, y, y, { attnMask: zeros([5, 3]) }),
        ShapeError,
        /attnMask has shape \[5, 3\], \[3, 5\] or \[4, 3, 5\] is needed/,
      ],
      [
        () => attend(x, y, y, { keyPaddingMask: zeros([5, 2]) }),
        ShapeError,
        /keyPaddingMask has shape \[5, 2\], \[2, 5\] is needed/,
      ],
      [() => attend(x, y, y, { attnMask: zeros([3, 5], { dtype: 'int64' }) }), DTypeError, /attnMask must be bool or/],
      [() => attend(x, y, y, { isCausal: true }), ArgumentError, /isCausal says that attnMask is causal/],
      [() => attend(x, y, y, { staticK: zeros([4, 5, 3]) }), ShapeError, /staticK has shape \[4, 5, 3\], \[4, S, 2\]/],
      [() => attend(x, y, y, {}, zeros([4])), ShapeError, /inProjBias has shape \[4\], \[12\] is needed/],
    ],
  },
});
