// Layers that resize images and move pixels to channels.
import { ArgumentError } from '../errors.js';
import { type InterpolateMode, type InterpolateOptions, interpolate } from '../ops/layers/interpolate.js';
import { channelShuffle, pixelShuffle, pixelUnshuffle } from '../ops/layers/shuffle.js';
import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkSize } from './linear.js';
import { Module } from './module.js';
import { floatText, sizeText } from './repr.js';

/** Options of {@link Upsample}: exactly one of `size` and `scaleFactor` is needed when it runs. */
export type UpsampleOptions = Omit<InterpolateOptions, 'antialias'>;

/** Options of {@link UpsamplingNearest2d} and {@link UpsamplingBilinear2d}. */
export type UpsamplingOptions = Pick<InterpolateOptions, 'size' | 'scaleFactor'>;

/** Python's repr of a float or of several. */
function factorText(factor: number | readonly number[]): string {
  const one = (value: number) => (Number.isInteger(value) ? `${value}.0` : floatText(value));
  if (typeof factor === 'number') return one(factor);
  return factor.length === 1 ? `(${one(factor[0])},)` : `(${factor.map(one).join(', ')})`;
}

const given = (size: number | readonly number[]): string =>
  typeof size !== 'number' && size.length === 1
    ? `(${size[0]},)`
    : sizeText(typeof size === 'number' ? size : [...size]);

/**
 * Resizes `[N, C, W]`, `[N, C, H, W]` or `[N, C, D, H, W]` behind the channels, as `F.interpolate`: to `size`, or to
 * `floor(W * scaleFactor)` and so on. `mode`: `'nearest'` (default), `'linear'`, `'bilinear'`, `'bicubic'`, `'trilinear'`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Upsample.html
 */
export class Upsample extends Module {
  readonly size: number | readonly number[] | null;
  readonly scaleFactor: number | readonly number[] | null;
  readonly mode: InterpolateMode;
  readonly alignCorners: boolean | null;
  readonly recomputeScaleFactor: boolean | null;

  constructor(options: UpsampleOptions = {}) {
    super();
    checkOptions(this.constructor.name, options);
    this.size = options.size ?? null;
    this.scaleFactor = options.scaleFactor || null;
    this.mode = options.mode ?? 'nearest';
    this.alignCorners = options.alignCorners ?? null;
    this.recomputeScaleFactor = options.recomputeScaleFactor ?? null;
    if (this.size === null && this.scaleFactor === null) {
      throw new ArgumentError(this.constructor.name, 'one of size and scaleFactor is needed', options);
    }
  }

  forward(x: Tensor): Tensor {
    const { size, scaleFactor, mode, alignCorners, recomputeScaleFactor } = this;
    return interpolate(x, { size, scaleFactor, mode, alignCorners, recomputeScaleFactor });
  }

  override extraRepr(): string {
    const { size, scaleFactor, mode } = this;
    const what = scaleFactor !== null ? `scale_factor=${factorText(scaleFactor)}` : `size=${given(size ?? 0)}`;
    return `${what}, mode='${mode}'`;
  }
}

/**
 * {@link Upsample} of images `[N, C, H, W]` with mode `'nearest'`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.UpsamplingNearest2d.html
 */
export class UpsamplingNearest2d extends Upsample {
  constructor(options: UpsamplingOptions = {}) {
    checkOptions('UpsamplingNearest2d', options);
    super({ size: options.size, scaleFactor: options.scaleFactor, mode: 'nearest' });
  }
}

/**
 * {@link Upsample} of images `[N, C, H, W]` with mode `'bilinear'` and `alignCorners`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.UpsamplingBilinear2d.html
 */
export class UpsamplingBilinear2d extends Upsample {
  constructor(options: UpsamplingOptions = {}) {
    checkOptions('UpsamplingBilinear2d', options);
    super({ size: options.size, scaleFactor: options.scaleFactor, mode: 'bilinear', alignCorners: true });
  }
}

/**
 * Channels to pixels: `[..., C * r * r, H, W]` to `[..., C, H * r, W * r]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.PixelShuffle.html
 */
export class PixelShuffle extends Module {
  constructor(readonly upscaleFactor: number) {
    super();
    checkSize('PixelShuffle', 'upscaleFactor', upscaleFactor);
  }

  forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.upscaleFactor);
  }

  override extraRepr(): string {
    return `upscale_factor=${this.upscaleFactor}`;
  }
}

/**
 * Pixels to channels: `[..., C, H * r, W * r]` to `[..., C * r * r, H, W]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.PixelUnshuffle.html
 */
export class PixelUnshuffle extends Module {
  constructor(readonly downscaleFactor: number) {
    super();
    checkSize('PixelUnshuffle', 'downscaleFactor', downscaleFactor);
  }

  forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.downscaleFactor);
  }

  override extraRepr(): string {
    return `downscale_factor=${this.downscaleFactor}`;
  }
}

/**
 * Mixes the channels of groups: `[N, C, ...]`, channel `g * (C / groups) + k` becomes `k * groups + g`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ChannelShuffle.html
 */
export class ChannelShuffle extends Module {
  constructor(readonly groups: number) {
    super();
    checkSize('ChannelShuffle', 'groups', groups);
  }

  forward(x: Tensor): Tensor {
    return channelShuffle(x, this.groups);
  }

  override extraRepr(): string {
    return `groups=${this.groups}`;
  }
}
