// Image models against torchvision's: names and shapes of all, outputs and gradients of chosen cases. To add a family: its
// line in test/fixtures/make_model_fixtures.py, run that for the family, then `compareModels('<family>')` in
// test/models/<family>.test.ts. Weights come from a formula, the same on both sides.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { models, type nn, noGrad, synchronizeSync, Tensor, tensor } from '../../lib/index.js';
import { withoutInitialValues } from '../../lib/nn/fill.js';
import { expectNoLeak } from './leaks.js';

interface Values {
  shape: number[];
  data: number[];
}

interface Case {
  model: models.ModelName;
  name: string;
  shape: number[];
  /** 'frozen': training, but for the batch normalizations. */
  mode: 'train' | 'eval' | 'frozen';
  dtype: 'float32' | 'float64';
  options: object;
  outputs: Record<string, Values>;
  /** Sum with random signs, and norm. */
  gradients: Record<string, [sum: number, norm: number]>;
}

interface Layout {
  parameters: number;
  state: Record<string, number[]>;
}

const fixture = (name: string): URL => new URL(`../fixtures/${name}`, import.meta.url);

/** Names and shapes of torchvision's models. */
export const layouts = JSON.parse(gunzipSync(readFileSync(fixture('torchvision_models.json.gz'))).toString()) as Record<
  string,
  Layout
>;

/** A model whose first weights are left out: they will be written anyway. */
export const empty = (name: models.ModelName, options: object = {}): nn.AnyModule =>
  withoutInitialValues(() => models.create(name, options as never)) as unknown as nn.AnyModule;

const HALF = 2 ** 23;

/** Numbers in [-1, 1) that depend on the key and the place; `pattern` of the script. */
export function pattern(key: string, count: number): Float64Array {
  let seed = 2166136261;
  for (const byte of Buffer.from(key)) seed = Math.imul(seed ^ byte, 16777619);
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let h = i ^ seed;
    h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
    h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
    out[i] = ((h ^ (h >>> 16)) >>> 8) / HALF - 1;
  }
  return out;
}

function weightOf(key: string, shape: readonly number[]): Float32Array {
  const last = key.split('.').at(-1) as string;
  const count = shape.reduce((a, b) => a * b, 1);
  const u = pattern(key, count);
  let [shift, scale] = [0, 0.125];
  if (last.endsWith('weight') && shape.length > 1) scale = Math.sqrt(6 / (count / shape[0]));
  else if (last === 'weight') [shift, scale] = [1, 0.25];
  else if (last === 'running_var') [shift, scale] = [1, 0.5];
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) out[i] = shift + scale * u[i];
  return out;
}

/** Loads, strictly, a state dict with the layout of torchvision's and weights from the formula. */
export function fillState(model: nn.AnyModule, layout?: Record<string, number[]>): void {
  const own = model.stateDict();
  const shapes = layout ?? Object.fromEntries(Object.entries(own).map(([key, value]) => [key, value.shape]));
  const state = Object.entries(shapes).map(([key, shape]): [string, Tensor] => {
    if (key.endsWith('num_batches_tracked')) return [key, tensor(0, { dtype: 'int64' })];
    return [key, tensor(weightOf(key, shape), { shape: [...shape] })];
  });
  model.loadStateDict(Object.fromEntries(state));
}

function sum(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
}

const numbers = (x: Tensor): Float64Array => new Float64Array(x.dataSync() as Float32Array | Float64Array);
const patternTensor = (key: string, shape: readonly number[], dtype: 'float32' | 'float64'): Tensor =>
  tensor(
    pattern(
      key,
      shape.reduce((a, b) => a * b, 1),
    ),
    { shape: [...shape] },
  ).to(dtype);

/** Largest difference against the largest wanted value. */
function compareOutputs(got: Record<string, Tensor>, want: Case['outputs'], tolerance: number): void {
  expect(Object.keys(got)).toEqual(Object.keys(want));
  for (const [key, { shape, data }] of Object.entries(want)) {
    expect(got[key].shape, key).toEqual(shape);
    const scale = Math.max(...data.map(Math.abs));
    const worst = Math.max(...numbers(got[key]).map((x, i) => (Math.abs(x - data[i]) <= tolerance * scale ? 0 : 1)));
    expect([key, worst, scale > 0]).toEqual([key, 0, true]);
  }
}

const fieldsOf = (output: unknown): Record<string, Tensor> =>
  output instanceof Tensor ? { output } : (output as Record<string, Tensor>);

function check(one: Case, dtype: 'float32' | 'float64', gradients: boolean): void {
  const model = empty(one.model, one.options);
  fillState(model);
  model.to(dtype).train(one.mode !== 'eval');
  for (const layer of model.modules()) if (one.mode === 'frozen' && 'runningMean' in layer) layer.eval();
  const x = patternTensor('input', one.shape, dtype).requiresGrad_(gradients);
  const outputs = fieldsOf((model as unknown as nn.Module).forward(x));
  compareOutputs(outputs, one.outputs, dtype === 'float64' ? 1e-9 : 1e-4);
  if (gradients) {
    const parts = Object.entries(outputs).map(([key, y]) => y.mul(patternTensor(key, y.shape, dtype)).sum());
    parts.reduce((a, b) => a.add(b)).backward();
    const named: [string, Tensor][] = [['input', x], ...model.namedParameters()];
    const got = named.filter(([, p]) => p.grad !== null);
    expect(got.map(([key]) => key)).toEqual(Object.keys(one.gradients));
    const [tolerance, least] = dtype === 'float64' ? [1e-7, 1e-6] : [1e-3, 1e-3];
    // A gradient far below the others is 0 but for rounding: that of a shift which the next normalization takes away.
    const floor = least * Math.max(...Object.values(one.gradients).map(([, norm]) => norm));
    for (const [key, p] of got) {
      const [wantSum, wantNorm] = one.gradients[key];
      const g = numbers(p.grad as Tensor);
      const norm = Math.sqrt(sum(g, g));
      const near = (a: number, b: number): boolean => Math.abs(a - b) <= tolerance * Math.max(wantNorm, floor) + 1e-30;
      const fits = near(sum(pattern(key, g.length), g), wantSum) && near(norm, wantNorm);
      expect([key, fits]).toEqual([key, true]);
    }
  }
  synchronizeSync();
}

/** Outputs (1e-9 in float64, 1e-4 in float32) and gradients of the cases in test/fixtures/models_<family>.json. */
export function compareModels(family: string): void {
  const cases = JSON.parse(readFileSync(fixture(`models_${family}.json`), 'utf8')) as Case[];
  describe.each(cases)('$name', (one) => {
    it(`has torchvision's outputs and gradients in ${one.dtype}, and gives all memory back`, () =>
      expectNoLeak(() => check(one, one.dtype, true)));
    if (one.dtype === 'float64' && one.mode === 'eval') {
      it("has torchvision's outputs in float32", () => {
        // As in use: layers run joined then.
        noGrad(() => check(one, 'float32', false));
      });
    }
  });
}
