// The blocks of torchvision.ops.misc against torchvision's.
import { expect, it } from 'vitest';
import { ArgumentError, nn, ones, ShapeError, vision, zeros } from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

const { ops } = vision;

compareModules('nn_vision_ops', {
  conv2dNormActivation: () => new ops.Conv2dNormActivation(3, 4, { dilation: [1, 2] }),
  'conv2dNormActivation bare': () =>
    new ops.Conv2dNormActivation(3, 2, {
      kernelSize: [3, 4],
      stride: 2,
      normLayer: null,
      activationLayer: (options) => new nn.SiLU(options),
      inplace: null,
    }),
  conv3dNormActivation: () =>
    new ops.Conv3dNormActivation(2, 4, { kernelSize: [1, 3, 3], groups: 2, activationLayer: null, bias: true }),
  squeezeExcitation: () =>
    new ops.SqueezeExcitation(3, 2, { activation: () => new nn.SiLU(), scaleActivation: () => new nn.Tanh() }),
  mlp: () =>
    new ops.MLP(3, [4, 2], { normLayer: (size) => new nn.LayerNorm(size), activationLayer: () => new nn.GELU() }),
  'mlp in place': () => new ops.MLP(3, [4], { inplace: true, bias: false }),
  permute: () => new ops.Permute([0, 2, 1]),
  frozenBatchNorm2d: () => new ops.FrozenBatchNorm2d(3),
});

it('FrozenBatchNorm2d loads the state of a BatchNorm2d', () => {
  const frozen = new ops.FrozenBatchNorm2d(2);
  frozen.loadStateDict(new nn.BatchNorm2d(2).stateDict());
  expect(frozen.parameters()).toEqual([]);
  expect(() => frozen.forward(zeros([1, 3, 2, 2]))).toThrow(ShapeError);
});

it('refuses wrong arguments', () => {
  expect(() => new ops.MLP(3, [])).toThrow(ArgumentError);
  expect(() => new ops.Permute(2 as never)).toThrow(ArgumentError);
  expect(() => new ops.Conv2dNormActivation(3, 4, { kernelSize: 0 })).toThrow(/^Conv2dNormActivation: kernelSize/);
  expect(new ops.SqueezeExcitation(2, 1).forward(ones([1, 2, 3, 3])).shape).toEqual([1, 2, 3, 3]);
});
