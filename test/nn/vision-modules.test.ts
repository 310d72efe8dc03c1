import { describe, expect, it } from 'vitest';
import { ArgumentError, nn } from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

compareModules('nn_vision', {
  constantPad1d: () => new nn.ConstantPad1d(2, 3.5),
  constantPad2d: () => new nn.ConstantPad2d([1, 0, -1, 2], 2),
  constantPad3d: () => new nn.ConstantPad3d(1, -0.5),
  zeroPad1d: () => new nn.ZeroPad1d([1, 2]),
  zeroPad2d: () => new nn.ZeroPad2d(1),
  zeroPad3d: () => new nn.ZeroPad3d([1, 0, 0, 1, 2, 0]),
  reflectionPad1d: () => new nn.ReflectionPad1d([3, 1]),
  reflectionPad2d: () => new nn.ReflectionPad2d([2, 1, 0, 2]),
  reflectionPad3d: () => new nn.ReflectionPad3d(1),
  replicationPad1d: () => new nn.ReplicationPad1d(3),
  replicationPad2d: () => new nn.ReplicationPad2d([1, 0, 2, -1]),
  replicationPad3d: () => new nn.ReplicationPad3d([1, 2, 0, 1, 1, 0]),
  circularPad1d: () => new nn.CircularPad1d([0, 4]),
  circularPad2d: () => new nn.CircularPad2d([1, 2, 3, 0]),
  circularPad3d: () => new nn.CircularPad3d([3, 1, 1, 0, 2, 0]),
  upsample: () => new nn.Upsample({ scaleFactor: 2 }),
  'upsample to a size': () => new nn.Upsample({ size: [5, 3], mode: 'bilinear' }),
  'upsample aligned': () => new nn.Upsample({ scaleFactor: [2, 1.5], mode: 'bicubic', alignCorners: true }),
  'upsample of volumes': () => new nn.Upsample({ size: 4, mode: 'trilinear' }),
  upsamplingNearest2d: () => new nn.UpsamplingNearest2d({ scaleFactor: 3 }),
  upsamplingBilinear2d: () => new nn.UpsamplingBilinear2d({ size: [4, 7] }),
  pixelShuffle: () => new nn.PixelShuffle(2),
  pixelUnshuffle: () => new nn.PixelUnshuffle(2),
  channelShuffle: () => new nn.ChannelShuffle(3),
});

describe('wrong arguments', () => {
  it.each<[() => unknown, RegExp]>([
    [() => new nn.ZeroPad2d([1, 2]), /^ZeroPad2d: padding must be an integer or 4 of them/],
    [() => new nn.ReflectionPad1d(1.5), /^ReflectionPad1d: padding must be an integer or 2 of them/],
    [() => new nn.ConstantPad1d(1, 'x' as never), /^ConstantPad1d: value must be a number/],
    [() => new nn.Upsample(), /^Upsample: one of size and scaleFactor is needed/],
    [() => new nn.PixelShuffle(0), /^PixelShuffle: upscaleFactor must be an integer >= 1/],
  ])('%s', (make, message) => {
    expect(make).toThrow(ArgumentError);
    expect(make).toThrow(message);
  });
});
