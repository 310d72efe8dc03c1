// Padding layers: one class per mode and number of axes, all on F.pad.
import { ArgumentError, valueText } from '../errors.js';
import { type PadMode, pad } from '../ops/shape/pad.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { floatText, tuple } from './repr.js';

/** One number for all sides, or `[left, right]`, then `[top, bottom]`, then `[front, back]`; negative ones take away. */
export type PadSize = number | readonly number[];

/** A border of fixed sizes around the last `axes` axes. @internal */
abstract class Padding extends Module {
  /** From the last axis forwards: `[left, right, top, bottom, front, back]`. */
  readonly padding: readonly number[];

  protected constructor(padding: PadSize, axes: number) {
    super();
    const list = typeof padding === 'number' ? new Array<number>(2 * axes).fill(padding) : padding;
    if (!Array.isArray(list) || list.length !== 2 * axes || !list.every((n) => Number.isSafeInteger(n))) {
      const text = `padding must be an integer or ${2 * axes} of them, got ${valueText(padding)}`;
      throw new ArgumentError(this.constructor.name, text, padding);
    }
    this.padding = [...list];
  }

  protected abstract get mode(): PadMode;

  forward(x: Tensor): Tensor {
    return pad(x, this.padding, { mode: this.mode });
  }

  override extraRepr(): string {
    return tuple(this.padding);
  }
}

abstract class ConstantPad extends Padding {
  protected constructor(
    padding: PadSize,
    readonly value: number,
    axes: number,
  ) {
    super(padding, axes);
    if (typeof value !== 'number') {
      throw new ArgumentError(this.constructor.name, `value must be a number, got ${valueText(value)}`, value);
    }
  }

  protected get mode(): PadMode {
    return 'constant';
  }

  override forward(x: Tensor): Tensor {
    return pad(x, this.padding, { value: this.value });
  }

  override extraRepr(): string {
    return `padding=${tuple(this.padding)}, value=${floatText(this.value)}`;
  }
}

/**
 * `value` around the last axis: `[..., W]` to `[..., left + W + right]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConstantPad1d.html
 */
export class ConstantPad1d extends ConstantPad {
  constructor(padding: PadSize, value: number) {
    super(padding, value, 1);
  }
}

/**
 * `value` around the last two axes: `[..., H, W]` to `[..., top + H + bottom, left + W + right]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConstantPad2d.html
 */
export class ConstantPad2d extends ConstantPad {
  constructor(padding: PadSize, value: number) {
    super(padding, value, 2);
  }
}

/**
 * `value` around the last three axes, `[..., D, H, W]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConstantPad3d.html
 */
export class ConstantPad3d extends ConstantPad {
  constructor(padding: PadSize, value: number) {
    super(padding, value, 3);
  }
}

abstract class ZeroPad extends Padding {
  protected get mode(): PadMode {
    return 'constant';
  }
}

/**
 * Zeros around the last axis: `[..., W]` to `[..., left + W + right]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ZeroPad1d.html
 */
export class ZeroPad1d extends ZeroPad {
  constructor(padding: PadSize) {
    super(padding, 1);
  }
}

/**
 * Zeros around the last two axes: `[..., H, W]` to `[..., top + H + bottom, left + W + right]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ZeroPad2d.html
 */
export class ZeroPad2d extends ZeroPad {
  constructor(padding: PadSize) {
    super(padding, 2);
  }
}

/**
 * Zeros around the last three axes, `[..., D, H, W]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ZeroPad3d.html
 */
export class ZeroPad3d extends ZeroPad {
  constructor(padding: PadSize) {
    super(padding, 3);
  }
}

abstract class ReflectionPad extends Padding {
  protected get mode(): PadMode {
    return 'reflect';
  }
}

/**
 * The last axis of `[N, C, W]` or `[C, W]`, reflected at its ends; the end itself is not repeated. Sizes must be below W.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReflectionPad1d.html
 */
export class ReflectionPad1d extends ReflectionPad {
  constructor(padding: PadSize) {
    super(padding, 1);
  }
}

/**
 * The last two axes of `[N, C, H, W]` or `[C, H, W]`, reflected at their ends.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReflectionPad2d.html
 */
export class ReflectionPad2d extends ReflectionPad {
  constructor(padding: PadSize) {
    super(padding, 2);
  }
}

/**
 * The last three axes of `[N, C, D, H, W]` or `[C, D, H, W]`, reflected at their ends.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReflectionPad3d.html
 */
export class ReflectionPad3d extends ReflectionPad {
  constructor(padding: PadSize) {
    super(padding, 3);
  }
}

abstract class ReplicationPad extends Padding {
  protected get mode(): PadMode {
    return 'replicate';
  }
}

/**
 * The element at each end of the last axis of `[N, C, W]` or `[C, W]`, repeated.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReplicationPad1d.html
 */
export class ReplicationPad1d extends ReplicationPad {
  constructor(padding: PadSize) {
    super(padding, 1);
  }
}

/**
 * The elements at the ends of the last two axes of `[N, C, H, W]` or `[C, H, W]`, repeated.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReplicationPad2d.html
 */
export class ReplicationPad2d extends ReplicationPad {
  constructor(padding: PadSize) {
    super(padding, 2);
  }
}

/**
 * The elements at the ends of the last three axes of `[N, C, D, H, W]` or `[C, D, H, W]`, repeated.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReplicationPad3d.html
 */
export class ReplicationPad3d extends ReplicationPad {
  constructor(padding: PadSize) {
    super(padding, 3);
  }
}

abstract class CircularPad extends Padding {
  protected get mode(): PadMode {
    return 'circular';
  }
}

/**
 * The last axis of `[N, C, W]` or `[C, W]` as a circle: each end goes on with the other one. Sizes must not exceed W.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.CircularPad1d.html
 */
export class CircularPad1d extends CircularPad {
  constructor(padding: PadSize) {
    super(padding, 1);
  }
}

/**
 * The last two axes of `[N, C, H, W]` or `[C, H, W]` as circles.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.CircularPad2d.html
 */
export class CircularPad2d extends CircularPad {
  constructor(padding: PadSize) {
    super(padding, 2);
  }
}

/**
 * The last three axes of `[N, C, D, H, W]` or `[C, D, H, W]` as circles.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.CircularPad3d.html
 */
export class CircularPad3d extends CircularPad {
  constructor(padding: PadSize) {
    super(padding, 3);
  }
}
