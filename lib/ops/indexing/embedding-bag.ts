// Sums, means and maxima of bags of rows of a table (native/ops/embedding_bag.h).
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { zeros } from '../../tensor/create.js';
import { isGradEnabled } from '../../tensor/frame.js';
import { sameShape } from '../../tensor/layout.js';
import { arange } from '../../tensor/sequence.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { IndexName } from '../codes.js';
import { defineOp } from '../define.js';
import { div, mul, sub } from '../pointwise/arithmetic.js';
import { lt, ne } from '../pointwise/compare.js';
import { clamp, where } from '../pointwise/select.js';
import { sum } from '../reduce/reduce.js';
import { searchsorted } from '../reduce/search.js';
import { contiguous, reshape, to, unsqueeze } from '../shape/view.js';
import { checkIndex } from './check.js';
import { checkTable, type EmbeddingOptions, frequencies, paddingOf, shorten } from './embedding.js';
import { scatterAdd } from './indexing.js';
import { addRows, indexSelect } from './rows.js';

/** What becomes of the rows of a bag. */
export type BagMode = 'sum' | 'mean' | 'max';

/** As native/ops/embedding_bag.h numbers them. */
const MODES: Readonly<Record<BagMode, number>> = { sum: 0, mean: 1, max: 2 };

interface Rule {
  readonly mode: BagMode;
  readonly padding: number;
  readonly byFrequency: boolean;
}

/** What the gradients need. */
interface Bags {
  readonly weight: Tensor;
  readonly indices: Tensor;
  readonly offsets: Tensor;
  readonly factors: Tensor | null;
  readonly rule: Rule;
}

/** from: the rows of the maxima, written by forward, kept for backward. */
const embeddingBagOp = defineOp({
  name: 'embeddingBag',
  inputs: ['weight', 'input', 'offsets', 'perSampleWeights?'],
  forward: (
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    factors: Tensor | null,
    from: Tensor | null,
    bags: number,
    { mode, padding }: Rule,
  ) => {
    const out = emptyContiguous([bags, weight.shape[1]], weight.dtype);
    const lists = [indices._id, offsets._id, factors?._id ?? 0] as const;
    native.embeddingBag(out._id, from?._id ?? 0, weight._id, ...lists, MODES[mode], padding);
    return out;
  },
  save: (_out, weight, indices, offsets, factors, from, _bags, rule) => ({
    weight,
    indices,
    offsets,
    factors,
    from,
    rule,
  }),
  backward: ([g], { from, ...bags }, needs) => {
    if (from) return [maxGradient(g, from, bags.weight.shape), null, null, null];
    const rows = contiguous(g);
    if (isGradEnabled()) return [...composedGradients(rows, bags, needs)];
    return [
      needs[0] ? tableGradient(rows, bags.indices, bags.offsets, bags.factors, bags.weight.shape, bags.rule) : null,
      null,
      null,
      needs[3] ? factorGradient(rows, bags.weight, bags.indices, bags.offsets, bags.rule.padding) : null,
    ];
  },
});

const tableGradient = defineOp({
  name: 'embeddingBagBackward',
  inputs: ['gradient', 'input', 'offsets', 'perSampleWeights?'],
  forward: (
    g: Tensor,
    indices: Tensor,
    offsets: Tensor,
    factors: Tensor | null,
    shape: readonly number[],
    { mode, padding, byFrequency }: Rule,
  ) => {
    const out = emptyContiguous(shape, g.dtype);
    const lists = [indices._id, offsets._id, factors?._id ?? 0] as const;
    native.embeddingBagBackward(out._id, g._id, ...lists, MODES[mode], padding, byFrequency);
    return out;
  },
});

const factorGradient = defineOp({
  name: 'embeddingBagFactors',
  inputs: ['gradient', 'weight', 'input', 'offsets'],
  forward: (g: Tensor, weight: Tensor, indices: Tensor, offsets: Tensor, padding: number) => {
    const out = emptyContiguous(indices.shape, g.dtype);
    native.embeddingBagFactors(out._id, g._id, weight._id, indices._id, offsets._id, padding);
    return out;
  },
});

/** Of a maximum: each column's gradient goes to the row that it is from. */
function maxGradient(g: Tensor, from: Tensor, shape: readonly number[]): Tensor {
  return scatterAdd(zeros(shape, { dtype: g.dtype }), 0, clamp(from, 0), where(lt(from, 0), 0, g));
}

/** From ops that have gradients themselves: row i of the list gets the gradient of its bag times its factor. */
function* composedGradients(g: Tensor, bags: Bags, needs: readonly boolean[]): Generator<Tensor | null> {
  const { weight, indices, offsets, factors, rule } = bags;
  const bagOf = sub(searchsorted(offsets, arange(0, indices.numel, 1, { dtype: 'int64' }), { right: true }), 1);
  const rows = indexSelect(g, 0, bagOf);
  const counts = to(ne(indices, rule.padding), g.dtype);
  let factor = factors ? mul(counts, factors) : counts;
  if (rule.mode === 'mean') {
    const sizes = scatterAdd(zeros([g.shape[0]], { dtype: g.dtype }), 0, bagOf, counts);
    factor = div(factor, clamp(indexSelect(sizes, 0, bagOf), 1));
  }
  if (rule.byFrequency) factor = div(factor, frequencies(indices, weight.shape[0], g.dtype));
  const places = { indices: [indices], dims: [0], negative: false, name: IndexName.embedding };
  yield needs[0] ? addRows(mul(rows, unsqueeze(factor, -1)), places, weight.shape, [weight.shape[1], 1]) : null;
  yield null;
  yield null;
  yield needs[3] ? mul(counts, sum(mul(rows, indexSelect(weight, 0, indices)), -1)) : null;
}

/** Options of {@link embeddingBag}. */
export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** Default 'mean'. */
  mode?: BagMode;
  /** What each row counts, of the shape of `input`; for 'sum' only. */
  perSampleWeights?: Tensor | null;
  /** The last offset is where the last bag ends. Default false. */
  includeLastOffset?: boolean;
}

const OP = 'embeddingBag';

/** The list of indices, where each bag begins, and how many bags there are. */
function bagsOf(input: Tensor, given: Tensor | null, last: boolean): readonly [Tensor, Tensor, number] {
  if (input.ndim !== 1 && input.ndim !== 2) {
    throw new ShapeError(OP, `input must be [B, n] or a list, got ${shapeText(input.shape)}`, input.shape);
  }
  const list = contiguous(to(input.ndim === 1 ? input : reshape(input, [input.numel]), 'int64'));
  if (input.ndim === 2) {
    if (given) throw new ArgumentError(OP, 'the rows of a 2-d input are the bags: offsets must be left out', given);
    const [bags, size] = input.shape;
    return [list, mul(arange(0, bags, 1, { dtype: 'int64' }), size), bags];
  }
  if (!given) throw new ArgumentError(OP, 'a 1-d input needs offsets', given);
  checkIndex(OP, given);
  const bags = given.ndim === 1 ? given.shape[0] - (last ? 1 : 0) : -1;
  if (bags < 0 || (bags === 0 && list.numel > 0)) {
    const text = `offsets ${shapeText(given.shape)} do not give the bags of ${list.numel} indices`;
    throw new ShapeError(OP, text, given.shape);
  }
  return [list, contiguous(to(given, 'int64')), bags];
}

function factorsOf(input: Tensor, weight: Tensor, factors: Tensor | null | undefined, mode: BagMode): Tensor | null {
  if (!factors) return null;
  checkTensor(OP, factors, 'perSampleWeights');
  if (mode !== 'sum') throw new ArgumentError(OP, `perSampleWeights go with mode 'sum', not '${mode}'`, mode);
  if (!sameShape(factors.shape, input.shape)) {
    const text = `perSampleWeights ${shapeText(factors.shape)} must have the shape of input ${shapeText(input.shape)}`;
    throw new ShapeError(OP, text, factors.shape, input.shape);
  }
  if (factors.dtype !== weight.dtype) {
    throw new DTypeError(
      OP,
      `weight is ${weight.dtype}, perSampleWeights ${factors.dtype}`,
      weight.dtype,
      factors.dtype,
    );
  }
  return contiguous(factors.ndim === 1 ? factors : reshape(factors, [factors.numel]));
}

/**
 * Sums, means or maxima of bags of rows of a table, without the rows in between: for bag b with the indices `i` it is
 * `sum(perSampleWeights[i] * weight[i])`, `mean(weight[i])` or `max(weight[i])` per column. An empty bag gives 0.
 *
 * @param input `[B, n]`: each row a bag of n indices; or all indices in one list `[n]` (int64 or int32)
 * @param weight `[rows, D]`
 * @param offsets `[B]`, where each bag begins in a list `input`, the first at 0; null for `[B, n]`
 * @returns `[B, D]`
 * @throws ShapeError, ArgumentError when the arguments do not go together. An index out of range, or offsets that fall,
 * reject the reads of the result.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.embedding_bag.html
 */
export function embeddingBag(
  input: Tensor,
  weight: Tensor,
  offsets: Tensor | null = null,
  options: EmbeddingBagOptions = {},
): Tensor {
  checkIndex(OP, input);
  checkTable(OP, weight);
  checkOptions(OP, options);
  const { mode = 'mean', scaleGradByFreq = false } = options;
  if (!Object.hasOwn(MODES, mode)) {
    throw new ArgumentError(OP, `mode must be 'sum', 'mean' or 'max', got ${valueText(mode)}`, mode);
  }
  if (mode === 'max' && scaleGradByFreq) {
    throw new ArgumentError(OP, "scaleGradByFreq does not go with mode 'max'", scaleGradByFreq);
  }
  const factors = factorsOf(input, weight, options.perSampleWeights, mode);
  const [list, starts, bags] = bagsOf(input, offsets, options.includeLastOffset === true);
  const padding = paddingOf(OP, weight, options.paddingIdx);
  shorten(OP, weight, list, options);
  const table = weight.strides[1] === 1 || weight.shape[1] <= 1 ? weight : contiguous(weight);
  const from = mode === 'max' ? emptyContiguous([bags, weight.shape[1]], 'int64') : null;
  const rule = { mode, padding, byFrequency: scaleGradByFreq === true };
  const out = embeddingBagOp(table, list, starts, factors, from, bags, rule);
  from?.dispose(); // what backward needs stays
  return out;
}
