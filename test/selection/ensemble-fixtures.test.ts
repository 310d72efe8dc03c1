// Numbers of scikit-learn and numpy: test/fixtures/make_selection_ensembles.py
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { selection } from '../../lib/index.js';
import { OutOfBag } from '../../lib/selection/bagging.js';

interface Decomposed {
  predictions: number[][];
  targets: number[];
  loss: number;
  bias: number;
  variance: number;
}
interface Fixture {
  outOfBag: { task: selection.Task; y: number[]; bags: number[][]; says: number[][]; score: number }[];
  squared: Decomposed;
  zeroOne: Decomposed & { unbiasedVariance: number; biasedVariance: number };
}
const fixture: Fixture = JSON.parse(
  readFileSync(new URL('../fixtures/selection_ensembles.json', import.meta.url), 'utf8'),
);

it.each(fixture.outOfBag.map((one) => [one.task, one] as const))(
  'out-of-bag score of scikit-learn, %s',
  (task, one) => {
    const seen = new OutOfBag(one.y.length);
    for (const [member, bag] of one.bags.entries()) {
      const out = seen.outside(Uint32Array.from(bag));
      const width = one.says[member].length / one.y.length;
      const rows = Array.from(out, (i) => one.says[member].slice(i * width, (i + 1) * width));
      seen.note(out, Float64Array.from(rows.flat()));
    }
    const { outOfBagScore, outOfBagCount } = seen.score(one.y, task);
    expect(outOfBagCount).toBe(one.y.length);
    expect(outOfBagScore).toBeCloseTo(one.score, 10);
  },
);

it('bias and variance by their definitions', () => {
  const { squared, zeroOne } = fixture;
  const numbers = selection.biasVariance(squared.predictions, squared.targets);
  for (const key of ['loss', 'bias', 'variance'] as const) expect(numbers[key]).toBeCloseTo(squared[key], 12);
  expect(numbers.netVariance).toBeCloseTo(squared.loss - squared.bias, 12);
  const classes = selection.biasVariance(zeroOne.predictions, zeroOne.targets, { loss: 'zeroOne' });
  for (const key of ['loss', 'bias', 'variance', 'unbiasedVariance', 'biasedVariance'] as const) {
    expect(classes[key]).toBeCloseTo(zeroOne[key], 12);
  }
});
