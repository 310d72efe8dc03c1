// Lazy convolutions: they take the number of input channels from their first input.
import { ArgumentError, ShapeError, shapeText } from '../errors.js';
import type { Size1, Size2, Size3 } from '../ops/layers/sizes.js';
import { checkTensor } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import {
  Conv1d,
  type Conv1dOptions,
  Conv2d,
  type Conv2dOptions,
  Conv3d,
  type Conv3dOptions,
  type ConvBase,
  ConvTranspose1d,
  type ConvTranspose1dOptions,
  ConvTranspose2d,
  type ConvTranspose2dOptions,
  ConvTranspose3d,
  type ConvTranspose3dOptions,
} from './conv.js';
import { become, hasHidden, hideShapes, type LazyModule, materialize } from './lazy.js';

type AnyConv = ConvBase<[Tensor]> | ConvBase<[x: Tensor, outputSize?: readonly number[]]>;

/** Takes away the shapes of weight and bias; the weight will lie in memory as that of an ordinary layer. */
function hideConv(module: AnyConv): void {
  const dims = module.kernelSize.length;
  hideShapes(module, ['weight', 'bias'], [...Array.from({ length: dims }, (_, i) => i + 2), 1, 0]);
}

/** Before the first input: as many input channels as it has. */
function learnChannels(module: AnyConv, x: Tensor, transposed: boolean): void {
  const op = module.constructor.name;
  const dims = module.kernelSize.length;
  checkTensor(op, x);
  if (module.inChannels !== 0) return;
  if (x.ndim !== dims + 1 && x.ndim !== dims + 2) {
    throw new ShapeError(op, `input of ${dims + 1} or ${dims + 2} axes is needed, got ${shapeText(x.shape)}`, x.shape);
  }
  const { weight, outChannels, kernelSize, groups } = module;
  const isNew = hasHidden(module);
  const known = isNew ? (x.shape.at(-dims - 1) as number) : transposed ? weight.shape[0] : weight.shape[1] * groups;
  if (known % groups !== 0) {
    throw new ArgumentError(op, `groups ${groups} must divide the ${known} channels of the input`, groups);
  }
  const [first, second] = transposed ? [known, outChannels] : [outChannels, known];
  materialize(module, { weight: [first, second / groups, ...kernelSize], bias: [outChannels] });
  Object.assign(module, { inChannels: known });
  if (isNew) module.resetParameters();
}

/**
 * A {@link Conv1d} that takes `inChannels` from its first input `[N, inChannels, L]` or `[inChannels, L]`, and is a `Conv1d` then.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConv1d.html
 */
export class LazyConv1d extends Conv1d implements LazyModule {
  constructor(outChannels: number, kernelSize: Size1, options: Conv1dOptions = {}) {
    super(0, outChannels, kernelSize, options);
    hideConv(this);
  }

  hasUninitializedParams(): boolean {
    return hasHidden(this);
  }

  /** Initial values, as soon as the shapes are known. */
  override resetParameters(): void {
    if (this.inChannels > 0) super.resetParameters();
  }

  override forward(x: Tensor): Tensor {
    learnChannels(this, x, false);
    become(this, LazyConv1d, Conv1d);
    return super.forward(x);
  }
}

/**
 * A {@link Conv2d} that takes `inChannels` from its first input `[N, inChannels, H, W]` or `[inChannels, H, W]`, and is a `Conv2d` then.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConv2d.html
 */
export class LazyConv2d extends Conv2d implements LazyModule {
  constructor(outChannels: number, kernelSize: Size2, options: Conv2dOptions = {}) {
    super(0, outChannels, kernelSize, options);
    hideConv(this);
  }

  hasUninitializedParams(): boolean {
    return hasHidden(this);
  }

  /** Initial values, as soon as the shapes are known. */
  override resetParameters(): void {
    if (this.inChannels > 0) super.resetParameters();
  }

  override forward(x: Tensor): Tensor {
    learnChannels(this, x, false);
    become(this, LazyConv2d, Conv2d);
    return super.forward(x);
  }
}

/**
 * A {@link Conv3d} that takes `inChannels` from its first input `[N, inChannels, D, H, W]` or
 * `[inChannels, D, H, W]`, and is a `Conv3d` then.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConv3d.html
 */
export class LazyConv3d extends Conv3d implements LazyModule {
  constructor(outChannels: number, kernelSize: Size3, options: Conv3dOptions = {}) {
    super(0, outChannels, kernelSize, options);
    hideConv(this);
  }

  hasUninitializedParams(): boolean {
    return hasHidden(this);
  }

  /** Initial values, as soon as the shapes are known. */
  override resetParameters(): void {
    if (this.inChannels > 0) super.resetParameters();
  }

  override forward(x: Tensor): Tensor {
    learnChannels(this, x, false);
    become(this, LazyConv3d, Conv3d);
    return super.forward(x);
  }
}

/**
 * A {@link ConvTranspose1d} that takes `inChannels` from its first input `[N, inChannels, L]` or `[inChannels, L]`, and is a `ConvTranspose1d` then.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConvTranspose1d.html
 */
export class LazyConvTranspose1d extends ConvTranspose1d implements LazyModule {
  constructor(outChannels: number, kernelSize: Size1, options: ConvTranspose1dOptions = {}) {
    super(0, outChannels, kernelSize, options);
    hideConv(this);
  }

  hasUninitializedParams(): boolean {
    return hasHidden(this);
  }

  /** Initial values, as soon as the shapes are known. */
  override resetParameters(): void {
    if (this.inChannels > 0) super.resetParameters();
  }

  override forward(x: Tensor, outputSize?: readonly number[]): Tensor {
    learnChannels(this, x, true);
    become(this, LazyConvTranspose1d, ConvTranspose1d);
    return super.forward(x, outputSize);
  }
}

/**
 * A {@link ConvTranspose2d} that takes `inChannels` from its first input `[N, inChannels, H, W]` or `[inChannels, H, W]`, and is a `ConvTranspose2d` then.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConvTranspose2d.html
 */
export class LazyConvTranspose2d extends ConvTranspose2d implements LazyModule {
  constructor(outChannels: number, kernelSize: Size2, options: ConvTranspose2dOptions = {}) {
    super(0, outChannels, kernelSize, options);
    hideConv(this);
  }

  hasUninitializedParams(): boolean {
    return hasHidden(this);
  }

  /** Initial values, as soon as the shapes are known. */
  override resetParameters(): void {
    if (this.inChannels > 0) super.resetParameters();
  }

  override forward(x: Tensor, outputSize?: readonly number[]): Tensor {
    learnChannels(this, x, true);
    become(this, LazyConvTranspose2d, ConvTranspose2d);
    return super.forward(x, outputSize);
  }
}

/**
 * A {@link ConvTranspose3d} that takes `inChannels` from its first input `[N, inChannels, D, H, W]` or
 * `[inChannels, D, H, W]`, and is a `ConvTranspose3d` then.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConvTranspose3d.html
 */
export class LazyConvTranspose3d extends ConvTranspose3d implements LazyModule {
  constructor(outChannels: number, kernelSize: Size3, options: ConvTranspose3dOptions = {}) {
    super(0, outChannels, kernelSize, options);
    hideConv(this);
  }

  hasUninitializedParams(): boolean {
    return hasHidden(this);
  }

  /** Initial values, as soon as the shapes are known. */
  override resetParameters(): void {
    if (this.inChannels > 0) super.resetParameters();
  }

  override forward(x: Tensor, outputSize?: readonly number[]): Tensor {
    learnChannels(this, x, true);
    become(this, LazyConvTranspose3d, ConvTranspose3d);
    return super.forward(x, outputSize);
  }
}
