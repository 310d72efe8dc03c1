// The fixtures of PyTorch's optimizers: test/fixtures/make_optim_fixtures.py.
import { readFileSync } from 'node:fs';
import { type DType, optim, Tensor, tensor, zeros } from '../../lib/index.js';

export const FAMILIES = ['classic', 'adaptive', 'modern', 'matrices'] as const;

type Saved = { shape: number[]; data: number[] };
export interface OptimCase {
  optimizer: string;
  options: object;
  float32: Record<string, number[][]>;
  float64: Record<string, number[][]>;
  bfloat16?: Record<string, number[][]>;
  state?: { state: Record<string, Record<string, unknown>>; param_groups: { [option: string]: unknown }[] };
}
export interface OptimFixture {
  shapes: number[][];
  params: number[][];
  grads: number[][][];
  absent: number[];
  cases: OptimCase[];
}

export const STEPS = 100;
export const SAVED = 10;

export const loadFixture = (family: string): OptimFixture =>
  JSON.parse(readFileSync(new URL(`../fixtures/optim_${family}.json`, import.meta.url), 'utf8')) as OptimFixture;

export const values = (t: Tensor): number[] => Array.from(t.dataSync(), Number);

const reshaped = (data: readonly number[], shape: number[], dtype: DType): Tensor =>
  tensor(Float64Array.from(data), { shape, dtype });

/** An optimizer of any options, by its name. */
export function make(name: string, params: Tensor[], options: object = {}): optim.Optimizer<object> {
  const constructors = optim as unknown as Record<
    string,
    new (
      params: Tensor[],
      options: object,
    ) => optim.Optimizer<object>
  >;
  return new constructors[name](params, options);
}

/** Parameters with given values; the third one lies channels-last or, as a view, with gaps. */
export function makeParams(fixture: OptimFixture, dtype: DType, layout: string, from = fixture.params): Tensor[] {
  return from.map((data, i) => {
    const plain = reshaped(data, fixture.shapes[i], dtype);
    if (layout === 'channelsLast' && i === 2) return plain.contiguous('channelsLast').detach().requiresGrad_();
    if (layout !== 'gaps') return plain.requiresGrad_();
    const wide = zeros([...plain.shape, 2], { dtype });
    wide.select(-1, 1).copy_(plain);
    return wide.select(-1, 1).detach().requiresGrad_();
  });
}

/** The gradients of a step: those of a noisy quadratic; for SparseAdam without some rows. */
export function setGrads(
  fixture: OptimFixture,
  { optimizer, options }: OptimCase,
  params: readonly Tensor[],
  step: number,
): void {
  const pull = 'maximize' in options && options.maximize === true ? -0.25 : 0.25;
  params.forEach((param, i) => {
    const shape = fixture.shapes[i];
    const noise = reshaped(fixture.grads[step % fixture.grads.length][i], shape, param.dtype);
    const grad = noise.add(param.detach().mul(pull));
    if (optimizer === 'SparseAdam') {
      for (let row = 0; row < shape[0]; row++) if ((step + row) % 3 === 0) grad.select(0, row).zero_();
    }
    param.grad = i === 1 && fixture.absent.includes(step) ? null : grad;
  });
}

/** PyTorch's state dict at step {@link SAVED}, with tensors in the place of { shape, data }. */
export function torchState(saved: NonNullable<OptimCase['state']>): optim.TorchOptimizerStateDict {
  const value = (x: unknown): unknown => {
    if (Array.isArray(x)) return x.map(value);
    if (typeof x !== 'object' || x === null || !('data' in x)) return x;
    const { shape, data } = x as Saved;
    return reshaped(data, shape, 'float64');
  };
  const state = Object.entries(saved.state).map(([index, own]) => [
    index,
    Object.fromEntries(Object.entries(own).map(([key, x]) => [key, value(x)])),
  ]);
  return {
    state: Object.fromEntries(state) as Record<number, Record<string, unknown>>,
    param_groups: saved.param_groups,
  };
}

/** Each step rounds to the size of the value it moves, so what a value came from counts as well as where it ends. */
export function expectNear(
  fixture: OptimFixture,
  params: readonly Tensor[],
  want: readonly number[][],
  relative: number,
): number {
  let worst = 0;
  params.forEach((param, i) => {
    const got = values(param);
    if (got.length !== want[i].length || got.length === 0) throw new Error(`parameter ${i} has ${got.length} elements`);
    got.forEach((v, k) => {
      const size = Math.max(Math.abs(want[i][k]), Math.abs(fixture.params[i][k]), 0.1);
      const error = Math.abs(v - want[i][k]) / size;
      if (!(error <= relative)) throw new Error(`[${i}][${k}]: ${v}, PyTorch has ${want[i][k]} (${error})`);
      worst = Math.max(worst, error);
    });
  });
  return worst;
}

/** How far PyTorch's own float32 is from its float64 there: a constant step adds up a constant rounding. */
export function roundingOf(fixture: OptimFixture, { float32, float64 }: OptimCase, step: number): number {
  const distances = float64[step].flatMap((want, i) =>
    want.map((x, k) => Math.abs(float32[step][i][k] - x) / Math.max(Math.abs(x), Math.abs(fixture.params[i][k]), 0.1)),
  );
  return Math.max(...distances);
}

export { Tensor };
