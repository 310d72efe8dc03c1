import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  DisposedError,
  manualSeed,
  memory,
  metrics,
  randn,
  ShapeError,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';
import { liveTensors } from '../support/garbage.js';

const numbers = (t: Tensor): number[] => Array.from(t.dataSync(), Number);

function direct(pairs: readonly (readonly [Tensor, Tensor])[], term: (difference: number) => number): number {
  const terms = pairs.flatMap(([a, b]) => {
    const [x, y] = [numbers(a), numbers(b)];
    return x.map((value, i) => term(value - y[i]));
  });
  return terms.reduce((sum, value) => sum + value, 0) / terms.length;
}

describe('accuracy', () => {
  it('is the share of samples whose largest score is at the target, over batches of any size', async () => {
    manualSeed(2);
    const metric = metrics.accuracy();
    let right = 0;
    let all = 0;
    for (const size of [1, 7, 20, 3]) {
      const scores = randn([size, 5]);
      const labels = tensor(
        Array.from({ length: size }, (_, i) => (i * 3) % 5),
        { dtype: size === 7 ? 'int32' : 'int64' },
      );
      metric.update(scores, labels);
      const rows = numbers(scores);
      numbers(labels).forEach((label, i) => {
        const row = rows.slice(5 * i, 5 * i + 5);
        if (row.indexOf(Math.max(...row)) === label) right++;
        all++;
      });
      expect(await metric.compute()).toBe(right / all);
    }
    expect(right).toBeGreaterThan(0);
    expect(right).toBeLessThan(all);
    expect(metric.name).toBe('accuracy');
  });

  it('refuses other shapes', () => {
    const metric = metrics.accuracy();
    expect(() => metric.update(zeros([2, 3]), zeros([3]))).toThrow(ShapeError);
    expect(() => metric.update(zeros([2, 3]), zeros([2, 4]))).toThrow(
      /output \[N, C, \.\.\.\] and target \[N, \.\.\.\]/,
    );
    expect(() => metric.update(zeros([2]), zeros([2]))).toThrow(ShapeError);
    expect(() => metric.update(zeros([2, 3]), [0, 1] as never)).toThrow(ArgumentError);
  });
});

describe.each([
  ['meanAbsoluteError', metrics.meanAbsoluteError, Math.abs],
  ['meanSquaredError', metrics.meanSquaredError, (d: number) => d * d],
] as const)('%s', (name, make, term) => {
  it.each(['float32', 'float64'] as const)('equals the direct computation in %s', async (dtype) => {
    manualSeed(3);
    const metric = make();
    expect(metric.name).toBe(name);
    const pairs: [Tensor, Tensor][] = [[4, 3], [1], [7, 2, 2], []].map((shape) => [
      randn(shape, { dtype }),
      randn(shape, { dtype }),
    ]);
    for (const [output, target] of pairs) metric.update(output, target);
    const want = direct(pairs, term);
    expect(Math.abs((await metric.compute()) / want - 1)).toBeLessThan(dtype === 'float32' ? 1e-6 : 1e-14);
  });

  it('adds many batches without losing small ones', async () => {
    const metric = make();
    metric.update(tensor([2 ** 24]), tensor([0]));
    for (let i = 0; i < 100; i++) metric.update(tensor([1]), tensor([0]));
    expect(await metric.compute()).toBe((term(2 ** 24) + 100) / 101);
  });

  it('does not broadcast: [N, 1] against [N] would compare every pair', () => {
    expect(() => make().update(zeros([4, 1]), zeros([4]))).toThrow(ShapeError);
    expect(() => make().update(zeros([4]), zeros([4, 1]))).toThrow(/\[4\] and \[4, 1\]/);
  });
});

describe.each([metrics.accuracy, metrics.meanAbsoluteError, metrics.meanSquaredError])('every metric (%#)', (make) => {
  const batch = (): [Tensor, Tensor] =>
    make === metrics.accuracy ? [randn([3, 2]), zeros([3])] : [randn([3]), randn([3])];

  it('needs an update before compute, also after reset', async () => {
    const metric = make();
    await expect(metric.compute()).rejects.toThrow(ArgumentError);
    metric.update(...batch());
    expect(Number.isFinite(await metric.compute())).toBe(true);
    metric.reset();
    await expect(metric.compute()).rejects.toThrow(/compute needs at least one update/);
  });

  it('outlives the scope of an update, records nothing and keeps one tensor', async () => {
    const metric = make();
    const before = liveTensors();
    for (let i = 0; i < 5; i++) {
      scope(() => {
        const [output, target] = batch();
        metric.update(output.requiresGrad_(), target);
      });
      expect(memory().tensors).toBe(before + 1);
    }
    expect(Number.isFinite(await metric.compute())).toBe(true);
    metric.reset();
    expect(memory().tensors).toBe(before);
  });

  it('a failed update changes nothing', async () => {
    const metric = make();
    metric.update(...batch());
    const value = await metric.compute();
    const [output, target] = batch();
    output.dispose();
    expect(() => metric.update(output, target)).toThrow(DisposedError);
    expect(() => metric.update(randn([5, 5]), zeros([4]))).toThrow(ShapeError);
    expect(await metric.compute()).toBe(value);
  });
});
