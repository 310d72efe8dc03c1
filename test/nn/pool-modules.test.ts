import { expect, it } from 'vitest';
import { ArgumentError, F, manualSeed, nn, randn, ShapeError, type Tensor, zeros } from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

type Pool = nn.Module<[Tensor], readonly [Tensor, Tensor]>;
type Unpool = nn.Module<[x: Tensor, indices: Tensor, outputSize?: readonly number[]]>;

class PoolAndBack extends nn.Module {
  constructor(
    readonly pool: Pool,
    readonly unpool: Unpool,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    const [values, indices] = this.pool.forward(x);
    return this.unpool.forward(values.mul(2), indices, x.shape);
  }
}

compareModules('nn_pool', {
  maxPool1d: () => new nn.MaxPool1d(3, { stride: 2, padding: 1 }),
  'maxPool1d in tuples': () => new nn.MaxPool1d([2], { dilation: [2], ceilMode: true }),
  maxPool3d: () => new nn.MaxPool3d([2, 3, 2], { stride: [2, 1, 2], padding: [1, 1, 0] }),
  avgPool1d: () => new nn.AvgPool1d(3, { padding: 1, countIncludePad: false }),
  avgPool3d: () => new nn.AvgPool3d([2, 1, 3], { stride: 2, ceilMode: true, divisorOverride: 5 }),
  lpPool1d: () => new nn.LPPool1d(2, 3),
  lpPool2d: () => new nn.LPPool2d(2.5, [3, 2], { stride: [2, 1], ceilMode: true }),
  lpPool3d: () => new nn.LPPool3d(2, 2),
  adaptiveMaxPool1d: () => new nn.AdaptiveMaxPool1d(4),
  adaptiveMaxPool2d: () => new nn.AdaptiveMaxPool2d([null, 3]),
  adaptiveMaxPool3d: () => new nn.AdaptiveMaxPool3d([3, null, 4]),
  adaptiveAvgPool1d: () => new nn.AdaptiveAvgPool1d(4),
  adaptiveAvgPool2d: () => new nn.AdaptiveAvgPool2d([1, 1]),
  'adaptiveAvgPool2d uneven': () => new nn.AdaptiveAvgPool2d([4, null]),
  adaptiveAvgPool3d: () => new nn.AdaptiveAvgPool3d(2),
  fractionalMaxPool2d: () => new nn.FractionalMaxPool2d(2, { outputSize: [4, 3], _randomSamples: zeros([2, 3, 2]) }),
  fractionalMaxPool3d: () =>
    new nn.FractionalMaxPool3d([1, 2, 3], { outputRatio: [0.75, 0.7, 0.5], _randomSamples: zeros([1, 2, 3]) }),
  maxUnpool1d: () => new PoolAndBack(new nn.MaxPool1d(2, { returnIndices: true }), new nn.MaxUnpool1d(2)),
  maxUnpool2d: () =>
    new PoolAndBack(
      new nn.MaxPool2d([2, 3], { stride: 3, padding: 1, returnIndices: true }),
      new nn.MaxUnpool2d([2, 3], { stride: 3, padding: 1 }),
    ),
  maxUnpool3d: () => new PoolAndBack(new nn.MaxPool3d(2, { returnIndices: true }), new nn.MaxUnpool3d([2, 2, 2])),
});

it('returns indices when asked to', () => {
  const x = randn([2, 3, 6, 6]);
  const [values, indices] = new nn.AdaptiveMaxPool2d(2, { returnIndices: true }).forward(x);
  const [, again] = new nn.FractionalMaxPool2d(2, { outputRatio: 0.5, returnIndices: true }).forward(x);
  const plain: Tensor = new nn.MaxPool2d(3).forward(x);
  expect([values.shape, indices.dtype, again.shape]).toEqual([[2, 3, 2, 2], 'int64', [2, 3, 3, 3]]);
  expect(values.toArraySync()).toEqual(plain.toArraySync());
});

it('draws the starts of fractional windows from the generator', () => {
  const x = randn([1, 4, 40]).reshape([1, 1, 4, 40]);
  const pool = new nn.FractionalMaxPool2d([1, 2], { outputSize: [4, 17] });
  const draw = (seed: number): unknown => {
    manualSeed(seed);
    return pool.forward(x).toArraySync();
  };
  expect(draw(1)).toEqual(draw(1));
  expect(new Set([1, 2, 3, 4, 5, 6].map((seed) => JSON.stringify(draw(seed)))).size).toBeGreaterThan(1);
  expect(Object.keys(pool.stateDict())).toEqual([]);
});

it('refuses wrong sizes when a module is made', () => {
  for (const make of [
    () => new nn.MaxPool1d(0),
    () => new nn.MaxPool3d([2, 2] as never),
    () => new nn.AvgPool1d(2, { stride: 1.5 }),
    () => new nn.AvgPool3d(2, { padding: -1 }),
    () => new nn.LPPool2d(2, 'x' as never),
    () => new nn.AdaptiveAvgPool2d([1, 2, 3] as never),
    () => new nn.AdaptiveMaxPool3d(null as never),
    () => new nn.MaxUnpool2d([1] as never),
    () => new nn.FractionalMaxPool2d(2, {}),
    () => new nn.FractionalMaxPool2d(2, { outputSize: 3, outputRatio: 0.5 }),
    () => new nn.FractionalMaxPool3d(2, { outputRatio: 1 }),
  ]) {
    expect(make, String(make)).toThrow(ArgumentError);
  }
  expect(() => new nn.AdaptiveAvgPool2d(1).forward(zeros([4]))).toThrow(ShapeError);
  expect(() => F.fractionalMaxPool2d(zeros([1, 4, 4]), 5, { outputSize: 1 })).toThrow(ShapeError);
});
