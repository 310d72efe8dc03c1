import { expect, it } from 'vitest';
import { ArgumentError, conv2d, nn, randn, relu, scope, type Tensor } from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

/** A transposed convolution that is asked for a size. */
class Sized extends nn.Module {
  constructor(
    readonly layer: nn.ConvTranspose2d,
    readonly size: readonly number[],
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.layer.forward(x, this.size);
  }
}

compareModules('nn_conv', {
  conv1d: () => new nn.Conv1d(4, 6, 3),
  'conv1d rectangular': () => new nn.Conv1d(4, 2, [4], { stride: 2, padding: 3, dilation: 2, groups: 2, bias: false }),
  'conv1d reflect': () => new nn.Conv1d(4, 3, 4, { padding: 'same', paddingMode: 'reflect' }),
  'conv1d unbatched': () => new nn.Conv1d(4, 3, 3, { padding: 2, paddingMode: 'replicate' }),
  'conv2d circular': () => new nn.Conv2d(4, 3, [3, 2], { padding: [2, 1], paddingMode: 'circular' }),
  'conv2d reflect': () => new nn.Conv2d(4, 3, 3, { padding: 'valid', paddingMode: 'reflect' }),
  'conv2d replicate': () => new nn.Conv2d(4, 3, 3, { stride: 2, padding: [0, 2], paddingMode: 'replicate' }),
  conv3d: () => new nn.Conv3d(4, 3, 2, { stride: [1, 2, 1], padding: 1 }),
  'conv3d same': () => new nn.Conv3d(4, 2, [2, 1, 3], { padding: 'same', dilation: [1, 1, 2], groups: 2 }),
  'conv3d circular': () => new nn.Conv3d(4, 2, [1, 2, 3], { padding: 1, paddingMode: 'circular', bias: false }),
  convTranspose1d: () => new nn.ConvTranspose1d(4, 3, 3),
  'convTranspose1d strided': () =>
    new nn.ConvTranspose1d(4, 2, 3, { stride: 3, padding: 1, outputPadding: 2, groups: 2, dilation: 2, bias: false }),
  convTranspose2d: () => new nn.ConvTranspose2d(4, 3, 4, { stride: 2, padding: 1 }),
  'convTranspose2d rectangular': () =>
    new nn.ConvTranspose2d(4, 6, [3, 2], { stride: [2, 1], padding: [1, 0], outputPadding: [1, 0], groups: 2 }),
  'convTranspose2d sized': () => new Sized(new nn.ConvTranspose2d(4, 3, 3, { stride: [2, 3] }), [10, 15]),
  convTranspose3d: () => new nn.ConvTranspose3d(4, 2, [2, 3, 2], { stride: [2, 1, 2], outputPadding: [1, 0, 1] }),
  unfold: () => new nn.Unfold(3, { padding: 1 }),
  'unfold rectangular': () => new nn.Unfold([2, 3], { dilation: [2, 1], stride: [1, 2] }),
  fold: () => new nn.Fold([4, 5], [2, 2], { stride: 1 }),
  'fold overlapping': () => new nn.Fold(4, 3, { dilation: 1, padding: 1, stride: 2 }),
});

it('refuses what PyTorch refuses', () => {
  const wrong: [() => unknown, RegExp][] = [
    [() => new nn.Conv1d(4, 6, [3, 3] as never), /^Conv1d: kernelSize must be an integer >= 1 or \[length\]/],
    [() => new nn.Conv3d(4, 6, 3, { groups: 4 }), /^Conv3d: groups 4 must divide inChannels 4 and outChannels 6/],
    [
      () => new nn.Conv2d(4, 6, 3, { padding: 'same', stride: 2 }),
      /^Conv2d: padding 'same' needs stride 1, got \[2, 2\]/,
    ],
    [
      () => new nn.Conv2d(4, 6, 3, { padding: 'full' as never }),
      /padding must be sizes, 'same' or 'valid', got "full"/,
    ],
    [
      () => new nn.Conv2d(4, 6, 3, { paddingMode: 'x' as never }),
      /paddingMode must be one of 'zeros', 'reflect', .* "x"/,
    ],
    [
      () => new nn.ConvTranspose2d(4, 6, 3, { paddingMode: 'reflect' as never }),
      /^ConvTranspose2d: paddingMode must be one of 'zeros', got "reflect"/,
    ],
    [() => new nn.ConvTranspose1d(4, 6, 3, { padding: 'same' as never }), /padding must be sizes, got "same"/],
    [() => new nn.Fold(0, 2), /^Fold: outputSize must be an integer >= 1/],
  ];
  for (const [make, message] of wrong) expect(make).toThrow(message);
  for (const [make] of wrong) expect(make).toThrow(ArgumentError);
});

it('chooses between the sizes of a transposed convolution', () =>
  scope(() => {
    const layer = new nn.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1 });
    const x = randn([2, 4, 5, 5]);
    expect(layer.forward(x).shape).toEqual([2, 6, 9, 9]);
    expect(layer.forward(x, [10, 9]).shape).toEqual([2, 6, 10, 9]);
    expect(layer.forward(x, [2, 6, 9, 10]).shape).toEqual([2, 6, 9, 10]);
    expect(layer.forward(x.select(0, 0), [6, 10, 10]).shape).toEqual([6, 10, 10]);
    expect(() => layer.forward(x, [11, 9])).toThrow(
      /^ConvTranspose2d: outputSize \[11, 9\] must lie between \[9, 9\] and \[10, 10\] \(input \[2, 4, 5, 5\]\)/,
    );
    expect(() => layer.forward(x, [10])).toThrow(/outputSize must have 2 or 4 sizes, got \[10\]/);
  }));

it('starts with values as large as PyTorch makes them', () =>
  scope(async () => {
    // The weight of a transposed convolution counts its outputs as its fan.
    const layers = [
      [new nn.Conv1d(50, 20, 5), 250],
      [new nn.Conv3d(8, 30, 3, { groups: 2 }), 108],
      [new nn.ConvTranspose2d(100, 40, 2, { groups: 4 }), 40],
    ] as const;
    for (const [layer, fan] of layers) {
      const bound = 1 / Math.sqrt(fan);
      const largest = await layer.weight.abs().max().item();
      expect(largest).toBeLessThanOrEqual(bound);
      expect(largest).toBeGreaterThan(0.98 * bound);
      expect(await (layer.bias as Tensor).abs().max().item()).toBeLessThanOrEqual(bound);
    }
  }));

it('runs a ReLU behind it in the same kernel, with the same bits', () =>
  scope(async () => {
    for (const [layer, shape] of [
      [new nn.Conv1d(3, 5, 3, { padding: 1, paddingMode: 'reflect' }), [2, 3, 9]],
      [new nn.Conv3d(2, 4, 2), [2, 2, 4, 3, 5]],
    ] as const) {
      const x = randn(shape);
      const fused = new nn.Sequential(layer, new nn.ReLU()).forward(x);
      expect(await fused.equal(relu(layer.forward(x)))).toBe(true);
    }
  }));

it('keeps channels-last memory through layers of sequences and volumes', () =>
  scope(() => {
    const sequence = new nn.Sequential(new nn.Conv1d(3, 8, 3), new nn.BatchNorm1d(8), new nn.ConvTranspose1d(8, 4, 3));
    expect(sequence.forward(randn([2, 3, 9])).isChannelsLast()).toBe(true);
    const volume = new nn.Sequential(new nn.Conv3d(3, 8, 3), new nn.BatchNorm3d(8), new nn.Sigmoid());
    expect(volume.forward(randn([2, 3, 4, 5, 6])).isChannelsLast()).toBe(true);
  }));

it('gives the input gradient of a convolution', () =>
  scope(async () => {
    const x = randn([2, 3, 8, 9], { dtype: 'float64', requiresGrad: true });
    const weight = randn([5, 3, 3, 2], { dtype: 'float64' });
    const options = { stride: 2, padding: 1, dilation: [1, 3], groups: 1 } as const;
    const y = conv2d(x, weight, null, options);
    const g = randn(y.shape, { dtype: 'float64' });
    y.backward({ gradient: g });
    const layer = new nn.ConvTranspose2d(5, 3, [3, 2], { ...options, bias: false, dtype: 'float64' });
    layer.loadStateDict({ weight });
    const error = layer.forward(g, [8, 9]).sub(x.grad as Tensor);
    expect(await error.abs().max().item()).toBe(0);
  }));
