import { ArgumentError, ShapeError, valueText } from '../errors.js';
import { amax, amin, cat, eq, isfinite, scatterAdd, where } from '../ops/index.js';
import { bucketize } from '../ops/reduce/search.js';
import { full, onesLike, tensor, zeros } from '../tensor/create.js';
import '../tensor/read.js';
import { noGrad } from '../tensor/scope.js';
import { arange } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Fields } from './schema.js';

/** A histogram whose counts are there already, for {@link SummaryWriter.addHistogramRaw}. */
export interface RawHistogram {
  min: number;
  max: number;
  /** How many values. */
  num: number;
  sum: number;
  sumSquares: number;
  /** The upper end of each bucket. */
  bucketLimits: readonly number[];
  /** The values in each bucket. */
  bucketCounts: readonly number[];
}

/** How values are put into buckets: TensorBoard's 1549 limits, so many equal ones, or between given limits. */
export type HistogramBins = 'tensorflow' | number | readonly number[];

let limits: Float64Array | null = null;

/** TensorBoard's limits: 0, and from 1e-12 to 1e20 on both sides, each 1.1 times the one before. */
export function defaultLimits(): Float64Array {
  if (limits) return limits;
  const positive: number[] = [];
  for (let v = 1e-12; v < 1e20; v *= 1.1) positive.push(v);
  limits = Float64Array.from([...positive.map((v) => -v).reverse(), 0, ...positive]);
  return limits;
}

const OP = 'addHistogram';

/** Throws unless the bins can be used. */
function checkBins(bins: HistogramBins, maxBins: number | null): void {
  const rule = "bins must be 'tensorflow', an integer >= 1 or at least two ascending limits";
  const valid =
    typeof bins === 'number'
      ? Number.isInteger(bins) && bins >= 1
      : Array.isArray(bins)
        ? bins.length > 1 && bins.every((v, i) => Number.isFinite(v) && (i === 0 || v >= bins[i - 1]))
        : bins === 'tensorflow';
  if (!valid) throw new ArgumentError(OP, `${rule}, got ${valueText(bins)}`, bins);
  if (maxBins === null || (Number.isInteger(maxBins) && maxBins >= 1)) return;
  throw new ArgumentError(OP, `maxBins must be an integer >= 1, got ${valueText(maxBins)}`, maxBins);
}

/** The limits as a tensor; equal ones between `low` and `high`, as numpy lays them. */
function edgesOf(bins: HistogramBins, low: Tensor, high: Tensor): Tensor {
  if (typeof bins !== 'number') return tensor(bins === 'tensorflow' ? defaultLimits() : Float64Array.from(bins));
  const half = where(eq(low, high), 0.5, 0).to('float64');
  const [first, last] = [low.sub(half), high.add(half)];
  const step = last.sub(first).div(bins);
  const inner = arange(0, bins, 1, { dtype: 'float64' }).mul(step).add(first);
  return cat([inner, last.reshape([1])]);
}

/** Counts of `x` `[N]` between the edges `[B + 1]`; the last bucket holds its upper end, too. */
function countsOf(x: Tensor, edges: Tensor): Tensor {
  const buckets = edges.numel;
  const last = edges.select(0, buckets - 1);
  const at = bucketize(x, edges, { right: true });
  const index = where(eq(x, last), full(at.shape, buckets - 1, { dtype: 'int64' }), at);
  return scatterAdd(zeros([buckets + 1], { dtype: 'float64' }), 0, index, onesLike(x)).narrow(0, 1, buckets - 1);
}

/**
 * Queues the counting of all finite values and gives the message when it has run. What is not finite is left out,
 * of the sums as well.
 */
export function histogramOf(values: Tensor, bins: HistogramBins, maxBins: number | null): Promise<Fields> {
  checkBins(bins, maxBins);
  if (values.numel === 0) throw new ShapeError(OP, 'there is no value to count', values.shape);
  const [packed, size] = noGrad(() => {
    const x = values.detach().reshape([-1]).to('float64');
    const finite = isfinite(x);
    const low = amin(where(finite, x, Number.POSITIVE_INFINITY));
    const high = amax(where(finite, x, Number.NEGATIVE_INFINITY));
    const kept = where(finite, x, 0);
    const stats = [low, high, finite.sum().to('float64'), kept.sum(), kept.mul(kept).sum()];
    const edges = edgesOf(bins, low, high);
    return [cat([...stats.map((s) => s.reshape([1])), edges, countsOf(x, edges)]), edges.numel] as const;
  });
  const read = packed.data() as Promise<Float64Array>;
  packed.dispose();
  return read.then((all) => messageOf(all, size, maxBins));
}

function messageOf(all: Float64Array, size: number, maxBins: number | null): Fields {
  const [min, max, num, sum, squares] = all;
  const edges = Array.from(all.subarray(5, 5 + size));
  const counts = Array.from(all.subarray(5 + size));
  const used = trim(...merge(counts, edges, maxBins));
  const empty = num === 0;
  return {
    min: empty ? 0 : min,
    max: empty ? 0 : max,
    num,
    sum,
    sum_squares: squares,
    bucket_limit: used.limits,
    bucket: used.counts,
  };
}

/** Joins neighbours until there are about `maxBins` of them, as PyTorch does. */
function merge(counts: number[], edges: number[], maxBins: number | null): [number[], number[]] {
  if (maxBins === null || counts.length <= maxBins) return [counts, edges];
  const step = Math.floor(counts.length / maxBins);
  const joined: number[] = [];
  counts.forEach((count, i) => {
    const at = Math.floor(i / step);
    joined[at] = (joined[at] ?? 0) + count;
  });
  return [joined, [...joined.map((_, i) => edges[i * step]), edges[edges.length - 1]]];
}

/** Leaves out the empty buckets on both sides, but for one on the left: its upper end is where the values begin. */
function trim(counts: readonly number[], edges: readonly number[]): { limits: number[]; counts: number[] } {
  const first = counts.findIndex((count) => count > 0);
  if (first < 0) return { limits: [], counts: [] };
  const end = counts.findLastIndex((count) => count > 0) + 1;
  return { limits: edges.slice(first, end + 1), counts: [0, ...counts.slice(first, end)] };
}

/** The message of counts that are given. */
export function rawHistogram(histogram: RawHistogram): Fields {
  const { min, max, num, sum, sumSquares, bucketLimits, bucketCounts } = histogram;
  if (bucketLimits.length !== bucketCounts.length) {
    const text = `${bucketLimits.length} bucketLimits need as many bucketCounts, got ${bucketCounts.length}`;
    throw new ArgumentError('addHistogramRaw', text, histogram);
  }
  return { min, max, num, sum, sum_squares: sumSquares, bucket_limit: bucketLimits, bucket: bucketCounts };
}
