// Modules of pooling. They keep sizes as they were given, where PyTorch does: that is what they print.
import {
  type AvgPool1dOptions,
  type AvgPool2dOptions,
  type AvgPool3dOptions,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  type LpPool1dOptions,
  type LpPool2dOptions,
  type LpPool3dOptions,
  lpPool1d,
  lpPool2d,
  lpPool3d,
} from '../ops/layers/pool-avg.js';
import {
  type AdaptiveSize2,
  type AdaptiveSize3,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  type IndicesOption,
  type MaxPool1dOptions,
  type MaxPool2dOptions,
  type MaxPool3dOptions,
  type MaxPooled,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
  maxPool3d,
} from '../ops/layers/pool-max.js';
import type { PaddedWindowOptions, WindowOptions } from '../ops/layers/pool-windows.js';
import { type Size1, type Size2, type Size3, sizes } from '../ops/layers/sizes.js';
import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { boolText, sizeText } from './repr.js';

/** The window of a module, checked; its fields stay as they were given. */
function checkWindow(op: string, axes: number, kernelSize: unknown, options: MaxPoolOptions<unknown>): void {
  checkOptions(op, options);
  sizes(op, 'kernelSize', kernelSize, axes, 1);
  sizes(op, 'stride', options.stride ?? kernelSize, axes, 1);
  sizes(op, 'padding', options.padding ?? 0, axes, 0);
  sizes(op, 'dilation', options.dilation ?? 1, axes, 1);
}

abstract class MaxPool<S extends Size1 | Size2 | Size3, I extends boolean> extends Module<[Tensor], MaxPooled<I>> {
  readonly stride: S;
  readonly padding: S | 0;
  readonly dilation: S | 1;
  readonly ceilMode: boolean;
  readonly returnIndices: I;

  constructor(
    axes: number,
    readonly kernelSize: S,
    options: MaxPoolOptions<S, I>,
  ) {
    super();
    checkWindow(new.target.name, axes, kernelSize, options);
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
    this.ceilMode = options.ceilMode ?? false;
    this.returnIndices = options.returnIndices ?? (false as I);
  }

  override extraRepr(): string {
    return (
      `kernel_size=${sizeText(this.kernelSize)}, stride=${sizeText(this.stride)}, padding=${sizeText(this.padding)}, ` +
      `dilation=${sizeText(this.dilation)}, ceil_mode=${boolText(this.ceilMode)}`
    );
  }
}

/**
 * Largest value of each window: `[N, C, L]` or `[C, L]`; with `returnIndices` it returns `[output, indices]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxPool1d.html
 */
export class MaxPool1d<I extends boolean = false> extends MaxPool<Size1, I> {
  constructor(kernelSize: Size1, options: MaxPool1dOptions<I> = {}) {
    super(1, kernelSize, options);
  }

  forward(x: Tensor): MaxPooled<I> {
    return maxPool1d(x, this.kernelSize, this);
  }
}

/**
 * Largest value of each window: `[N, C, H, W]` or `[C, H, W]`; with `returnIndices` it returns `[output, indices]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxPool2d.html
 */
export class MaxPool2d<I extends boolean = false> extends MaxPool<Size2, I> {
  constructor(kernelSize: Size2, options: MaxPool2dOptions<I> = {}) {
    super(2, kernelSize, options);
  }

  forward(x: Tensor): MaxPooled<I> {
    return maxPool2d(x, this.kernelSize, this);
  }
}

/**
 * Largest value of each window: `[N, C, D, H, W]` or `[C, D, H, W]`; with `returnIndices` it returns `[output, indices]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxPool3d.html
 */
export class MaxPool3d<I extends boolean = false> extends MaxPool<Size3, I> {
  constructor(kernelSize: Size3, options: MaxPool3dOptions<I> = {}) {
    super(3, kernelSize, options);
  }

  forward(x: Tensor): MaxPooled<I> {
    return maxPool3d(x, this.kernelSize, this);
  }
}

abstract class AvgPool<S extends Size1 | Size2 | Size3> extends Module {
  readonly stride: S;
  readonly padding: S | 0;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;

  constructor(
    axes: number,
    readonly kernelSize: S,
    options: PaddedWindowOptions<S> & { countIncludePad?: boolean },
  ) {
    super();
    checkWindow(new.target.name, axes, kernelSize, options);
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.ceilMode = options.ceilMode ?? false;
    this.countIncludePad = options.countIncludePad ?? true;
  }

  override extraRepr(): string {
    return `kernel_size=${sizeText(this.kernelSize)}, stride=${sizeText(this.stride)}, padding=${sizeText(this.padding)}`;
  }
}

const single = (size: Size1): readonly [number] => (typeof size === 'number' ? [size] : size);

/**
 * Mean of each window: `[N, C, L]` or `[C, L]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AvgPool1d.html
 */
export class AvgPool1d extends AvgPool<Size1> {
  constructor(kernelSize: Size1, options: AvgPool1dOptions = {}) {
    checkWindow('AvgPool1d', 1, kernelSize, options);
    const { stride, padding, ...rest } = options;
    super(1, single(kernelSize), { ...rest, stride: single(stride ?? kernelSize), padding: single(padding ?? 0) });
  }

  forward(x: Tensor): Tensor {
    return avgPool1d(x, this.kernelSize, this);
  }
}

/**
 * Mean of each window: `[N, C, H, W]` or `[C, H, W]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AvgPool2d.html
 */
export class AvgPool2d extends AvgPool<Size2> {
  readonly divisorOverride: number | null;

  constructor(kernelSize: Size2, options: AvgPool2dOptions = {}) {
    super(2, kernelSize, options);
    this.divisorOverride = options.divisorOverride ?? null;
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this);
  }
}

/**
 * Mean of each window: `[N, C, D, H, W]` or `[C, D, H, W]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AvgPool3d.html
 */
export class AvgPool3d extends AvgPool<Size3> {
  readonly divisorOverride: number | null;

  constructor(kernelSize: Size3, options: AvgPool3dOptions = {}) {
    super(3, kernelSize, options);
    this.divisorOverride = options.divisorOverride ?? null;
  }

  forward(x: Tensor): Tensor {
    return avgPool3d(x, this.kernelSize, this);
  }
}

abstract class LPPool<S extends Size1 | Size2 | Size3> extends Module {
  readonly stride: S | null;
  readonly ceilMode: boolean;

  constructor(
    axes: number,
    readonly normType: number,
    readonly kernelSize: S,
    options: WindowOptions<S>,
  ) {
    super();
    checkWindow(new.target.name, axes, kernelSize, options);
    this.stride = options.stride ?? null;
    this.ceilMode = options.ceilMode ?? false;
  }

  override extraRepr(): string {
    const stride = this.stride === null ? 'None' : sizeText(this.stride);
    const size = sizeText(this.kernelSize);
    return `norm_type=${this.normType}, kernel_size=${size}, stride=${stride}, ceil_mode=${boolText(this.ceilMode)}`;
  }
}

/**
 * p-norm of each window: `[N, C, L]` or `[C, L]`, p = `normType`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LPPool1d.html
 */
export class LPPool1d extends LPPool<Size1> {
  constructor(normType: number, kernelSize: Size1, options: LpPool1dOptions = {}) {
    super(1, normType, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return lpPool1d(x, this.normType, this.kernelSize, this);
  }
}

/**
 * p-norm of each window: `[N, C, H, W]` or `[C, H, W]`, p = `normType`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LPPool2d.html
 */
export class LPPool2d extends LPPool<Size2> {
  constructor(normType: number, kernelSize: Size2, options: LpPool2dOptions = {}) {
    super(2, normType, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return lpPool2d(x, this.normType, this.kernelSize, this);
  }
}

/**
 * p-norm of each window: `[N, C, D, H, W]` or `[C, D, H, W]`, p = `normType`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LPPool3d.html
 */
export class LPPool3d extends LPPool<Size3> {
  constructor(normType: number, kernelSize: Size3, options: LpPool3dOptions = {}) {
    super(3, normType, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return lpPool3d(x, this.normType, this.kernelSize, this);
  }
}

type AnySize = Size1 | AdaptiveSize2 | AdaptiveSize3;

function checkOutputSize(op: string, axes: number, outputSize: AnySize): void {
  sizes(op, 'outputSize', Array.isArray(outputSize) ? outputSize.map((n) => n ?? 1) : outputSize, axes, 0);
}

abstract class AdaptiveMaxPool<S extends AnySize, I extends boolean> extends Module<[Tensor], MaxPooled<I>> {
  readonly returnIndices: I;

  constructor(
    axes: number,
    readonly outputSize: S,
    options: IndicesOption<I>,
  ) {
    super();
    checkOptions(new.target.name, options);
    checkOutputSize(new.target.name, axes, outputSize);
    this.returnIndices = options.returnIndices ?? (false as I);
  }

  override extraRepr(): string {
    return `output_size=${sizeText(this.outputSize)}`;
  }
}

/**
 * Largest value of each of `outputSize` windows that share out `[N, C, L]` or `[C, L]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveMaxPool1d.html
 */
export class AdaptiveMaxPool1d<I extends boolean = false> extends AdaptiveMaxPool<Size1, I> {
  constructor(outputSize: Size1, options: IndicesOption<I> = {}) {
    super(1, outputSize, options);
  }

  forward(x: Tensor): MaxPooled<I> {
    return adaptiveMaxPool1d(x, this.outputSize, this);
  }
}

/**
 * Largest value of each of `outputSize` windows that share out `[N, C, H, W]` or `[C, H, W]`; null keeps the input's size.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveMaxPool2d.html
 */
export class AdaptiveMaxPool2d<I extends boolean = false> extends AdaptiveMaxPool<AdaptiveSize2, I> {
  constructor(outputSize: AdaptiveSize2, options: IndicesOption<I> = {}) {
    super(2, outputSize, options);
  }

  forward(x: Tensor): MaxPooled<I> {
    return adaptiveMaxPool2d(x, this.outputSize, this);
  }
}

/**
 * Largest value of each of `outputSize` windows that share out `[N, C, D, H, W]` or `[C, D, H, W]`; null keeps the input's
 * size. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveMaxPool3d.html
 */
export class AdaptiveMaxPool3d<I extends boolean = false> extends AdaptiveMaxPool<AdaptiveSize3, I> {
  constructor(outputSize: AdaptiveSize3, options: IndicesOption<I> = {}) {
    super(3, outputSize, options);
  }

  forward(x: Tensor): MaxPooled<I> {
    return adaptiveMaxPool3d(x, this.outputSize, this);
  }
}

abstract class AdaptiveAvgPool<S extends AnySize> extends Module {
  constructor(
    axes: number,
    readonly outputSize: S,
  ) {
    super();
    checkOutputSize(new.target.name, axes, outputSize);
  }

  override extraRepr(): string {
    return `output_size=${sizeText(this.outputSize)}`;
  }
}

/**
 * Mean of each of `outputSize` windows that share out `[N, C, L]` or `[C, L]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveAvgPool1d.html
 */
export class AdaptiveAvgPool1d extends AdaptiveAvgPool<Size1> {
  constructor(outputSize: Size1) {
    super(1, outputSize);
  }

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool1d(x, this.outputSize);
  }
}

/**
 * Mean of each of `outputSize` windows that share out `[N, C, H, W]` or `[C, H, W]`; null keeps the input's size.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveAvgPool2d.html
 */
export class AdaptiveAvgPool2d extends AdaptiveAvgPool<AdaptiveSize2> {
  constructor(outputSize: AdaptiveSize2) {
    super(2, outputSize);
  }

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }
}

/**
 * Mean of each of `outputSize` windows that share out `[N, C, D, H, W]` or `[C, D, H, W]`; null keeps the input's size.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveAvgPool3d.html
 */
export class AdaptiveAvgPool3d extends AdaptiveAvgPool<AdaptiveSize3> {
  constructor(outputSize: AdaptiveSize3) {
    super(3, outputSize);
  }

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool3d(x, this.outputSize);
  }
}
