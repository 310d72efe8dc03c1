// A metric that goes on with the state of another one ends with the same value.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ArgumentError, io, manualSeed, metrics, rand, randint, type Tensor } from '../../lib/index.js';

const classes = (): [Tensor, Tensor] => [rand([6, 4]), randint(0, 4, [6])];
const values = (): [Tensor, Tensor] => [rand([6, 2]), rand([6, 2])];
const makers: [string, () => metrics.Metric<unknown>, () => [Tensor, Tensor]][] = [
  ['accuracy', () => metrics.accuracy(), classes],
  ['meanSquaredError', () => metrics.meanSquaredError(), values],
  ['r2Score', () => metrics.r2Score(), values],
  ['f1Score', () => metrics.f1Score({ task: 'multiclass', average: 'macro' }), classes],
  [
    'rocAuc',
    () => metrics.rocAuc({ task: 'multiclass' }),
    () => {
      const [output, target] = classes();
      return [output.softmax(1), target];
    },
  ],
];

it.each(makers)('%s', async (_, make, batch) => {
  manualSeed(3);
  const batches = [batch(), batch(), batch(), batch()];
  const whole = make();
  for (const [output, target] of batches) whole.update(output, target);
  const first = make();
  for (const [output, target] of batches.slice(0, 3)) first.update(output, target);
  const folder = await mkdtemp(join(tmpdir(), 'nabla-metric-'));
  try {
    const path = join(folder, 'state');
    await io.saveCheckpoint(path, { state: first.stateDict?.() });
    first.reset();
    const second = make();
    second.update(...batches[0]);
    second.loadStateDict?.((await io.loadCheckpoint(path)).state as never);
    second.update(...batches[3]);
    expect(await second.compute()).toEqual(await whole.compute());
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

it('the state of another kind is refused', () => {
  const metric = metrics.accuracy();
  expect(() => metric.loadStateDict?.({})).toThrow(ArgumentError);
  expect(() => metric.loadStateDict?.({ tensors: 3, numbers: { count: 1 } })).toThrow(
    /the state is that of another metric/,
  );
});
