// Medians, spreads and ratios of interleaved times.

/** Linear between neighbours, as numpy does it. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.ceil(at);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Half of what lies between the 10th and the 90th percentile, as a part of the median. */
export const spread = (values: readonly number[]): number =>
  (quantile(values, 0.9) - quantile(values, 0.1)) / 2 / median(values);

/** The rival's median through ours, turn by turn; of these the median: a slow spell then hits both sides alike. */
export function ratioOf(ours: readonly number[][], rival: readonly number[][]): number | null {
  const turns = Math.min(ours.length, rival.length);
  if (turns === 0) return null;
  return median(Array.from({ length: turns }, (_, i) => median(rival[i]) / median(ours[i])));
}

/** e to the mean logarithm: the one mean of ratios that does not depend on which side is below the line. */
export const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
