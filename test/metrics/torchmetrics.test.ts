// Every metric against torchmetrics, over several batches: test/fixtures/make_metrics.py.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { metrics, type Tensor, tensor } from '../../lib/index.js';
import type { Metric } from '../../lib/metrics/index.js';

interface Stored {
  shape: number[];
  float: boolean;
  data: number[];
}

interface Case {
  name: string;
  options: Record<string, unknown>;
  data: string;
  first?: number;
  value: unknown;
}

const file = new URL('../fixtures/metrics.json', import.meta.url);
const { data, cases } = JSON.parse(readFileSync(file, 'utf8')) as {
  data: Record<string, [Stored, Stored][]>;
  cases: Case[];
};

const make = ({ shape, float, data }: Stored): Tensor =>
  tensor(Float64Array.from(data), { shape }).to(float ? 'float64' : 'int64');

const api = metrics as unknown as Record<string, (...args: unknown[]) => Metric<unknown>>;

/** Curves are tuples there. */
const FIELDS: Record<string, readonly string[]> = {
  rocCurve: ['fpr', 'tpr', 'thresholds'],
  precisionRecallCurve: ['precision', 'recall', 'thresholds'],
};

/** Numbers of any nesting; curves of several classes come as columns where thresholds are given. */
function flat(value: unknown, name: string): number[] {
  if (typeof value === 'number') return [value];
  if (value === 'NaN') return [Number.NaN];
  if (Array.isArray(value)) return value.flatMap((item) => flat(item, name));
  return FIELDS[name].flatMap((field) => flat((value as Record<string, unknown>)[field], name));
}

function ordered({ name, value, options }: Case, got: unknown): [number[], number[]] {
  const fields = FIELDS[name];
  if (!fields || !Array.isArray(got)) return [flat(got, name), flat(value, name)];
  const tuple = value as unknown[][];
  const want = got.map((_, c) =>
    fields.map((f, i) => (f === 'thresholds' && options.thresholds ? tuple[i] : tuple[i][c])),
  );
  return [flat(got, name), flat(want, name)];
}

const groups = [...new Set(cases.map(({ name }) => name))];

describe.each(groups)('%s', (name) => {
  const own = cases.filter((one) => one.name === name);
  it.each(own.map((one) => [`${one.first ?? ''} ${one.data} ${JSON.stringify(one.options)}`, one] as const))(
    '%s',
    async (_, one) => {
      const metric = api[name](...(one.first === undefined ? [] : [one.first]), one.options);
      expect(metric.name).toBe(name);
      for (const [output, target] of data[one.data]) metric.update(make(output), make(target));
      const [got, want] = ordered(one, await metric.compute());
      expect(got.length).toBe(want.length);
      expect(got.length).toBeGreaterThan(0);
      want.forEach((value, i) => {
        if (Number.isNaN(value)) expect(got[i]).toBeNaN();
        else expect(Math.abs(got[i] - value)).toBeLessThanOrEqual(2e-6 * Math.max(1, Math.abs(value)));
      });
    },
  );
});

it('every exported metric has a case', () => {
  expect(Object.keys(metrics).filter((name) => !groups.includes(name))).toEqual([]);
});
