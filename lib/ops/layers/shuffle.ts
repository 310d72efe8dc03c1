// Channels to pixels and back, and channels of groups mixed: torch.nn.functional.pixel_shuffle and its kin.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkTensor } from '../../tensor/check.js';
import type { Tensor } from '../../tensor/tensor.js';
import { permute, reshape, transpose } from '../shape/view.js';

function checkFactor(op: string, name: string, factor: number): void {
  if (!Number.isSafeInteger(factor) || factor < 1) {
    throw new ArgumentError(op, `${name} must be an integer >= 1, got ${valueText(factor)}`, factor);
  }
}

/** Images whose memory runs N, H, W, C stay so. */
const keepsLast = (x: Tensor): boolean => x.ndim === 4 && x.isChannelsLast() && !x.isContiguous();

/**
 * Channels to pixels: `[..., C * r * r, H, W]` to `[..., C, H * r, W * r]`;
 * `out[c, h * r + i, w * r + j] = input[c * r * r + i * r + j, h, w]`. Keeps channels-last memory.
 * @throws ShapeError for fewer than 3 axes or channels that `r * r` does not divide.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.pixel_shuffle.html
 */
export function pixelShuffle(input: Tensor, upscaleFactor: number): Tensor {
  checkTensor('pixelShuffle', input);
  checkFactor('pixelShuffle', 'upscaleFactor', upscaleFactor);
  const r = upscaleFactor;
  const [c, h, w] = input.shape.slice(-3);
  if (input.ndim < 3 || c % (r * r) !== 0) {
    const text = `[..., C, H, W] with C a multiple of ${r * r} is needed, got ${shapeText(input.shape)}`;
    throw new ShapeError('pixelShuffle', text, input.shape);
  }
  const batch = input.shape.slice(0, -3);
  const channels = c / (r * r);
  if (keepsLast(input)) {
    const parts = permute(reshape(permute(input, [0, 2, 3, 1]), [...batch, h, w, channels, r, r]), [0, 1, 4, 2, 5, 3]);
    return permute(reshape(parts, [...batch, h * r, w * r, channels]), [0, 3, 1, 2]);
  }
  const n = batch.reduce((a, b) => a * b, 1);
  const parts = permute(reshape(input, [n, channels, r, r, h, w]), [0, 1, 4, 2, 5, 3]);
  return reshape(parts, [...batch, channels, h * r, w * r]);
}

/**
 * Pixels to channels, the reverse of {@link pixelShuffle}: `[..., C, H * r, W * r]` to `[..., C * r * r, H, W]`. Keeps
 * channels-last memory.
 * @throws ShapeError for fewer than 3 axes or a height or width that `r` does not divide.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.pixel_unshuffle.html
 */
export function pixelUnshuffle(input: Tensor, downscaleFactor: number): Tensor {
  checkTensor('pixelUnshuffle', input);
  checkFactor('pixelUnshuffle', 'downscaleFactor', downscaleFactor);
  const r = downscaleFactor;
  const [c, h, w] = input.shape.slice(-3);
  if (input.ndim < 3 || h % r !== 0 || w % r !== 0) {
    const text = `[..., C, H, W] with H and W multiples of ${r} is needed, got ${shapeText(input.shape)}`;
    throw new ShapeError('pixelUnshuffle', text, input.shape);
  }
  const batch = input.shape.slice(0, -3);
  if (keepsLast(input)) {
    const parts = permute(reshape(permute(input, [0, 2, 3, 1]), [...batch, h / r, r, w / r, r, c]), [0, 1, 3, 5, 2, 4]);
    return permute(reshape(parts, [...batch, h / r, w / r, c * r * r]), [0, 3, 1, 2]);
  }
  const n = batch.reduce((a, b) => a * b, 1);
  const parts = permute(reshape(input, [n, c, h / r, r, w / r, r]), [0, 1, 3, 5, 2, 4]);
  return reshape(parts, [...batch, c * r * r, h / r, w / r]);
}

/**
 * Mixes the channels of `groups` groups: `[N, C, ...]`, channel `g * (C / groups) + k` becomes `k * groups + g`. Keeps
 * channels-last memory of images.
 * @throws ShapeError for fewer than 3 axes or channels that `groups` does not divide.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ChannelShuffle.html
 */
export function channelShuffle(input: Tensor, groups: number): Tensor {
  checkTensor('channelShuffle', input);
  checkFactor('channelShuffle', 'groups', groups);
  const [n, c, ...rest] = input.shape;
  if (input.ndim < 3 || c % groups !== 0) {
    const text = `[N, C, ...] with C a multiple of ${groups} is needed, got ${shapeText(input.shape)}`;
    throw new ShapeError('channelShuffle', text, input.shape);
  }
  if (keepsLast(input)) {
    const parts = transpose(reshape(permute(input, [0, 2, 3, 1]), [n, ...rest, groups, c / groups]), 3, 4);
    return permute(reshape(parts, [n, ...rest, c]), [0, 3, 1, 2]);
  }
  return reshape(transpose(reshape(input, [n, groups, c / groups, ...rest]), 1, 2), input.shape);
}
