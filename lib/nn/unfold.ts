import { type Size2, sizes } from '../ops/layers/sizes.js';
import { fold, type UnfoldOptions, unfold } from '../ops/layers/unfold.js';
import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { sizeText } from './repr.js';

function checkWindows(op: string, kernelSize: Size2, options: UnfoldOptions): void {
  checkOptions(op, options);
  sizes(op, 'kernelSize', kernelSize, 2, 1);
  sizes(op, 'dilation', options.dilation ?? 1, 2, 1);
  sizes(op, 'padding', options.padding ?? 0, 2, 0);
  sizes(op, 'stride', options.stride ?? 1, 2, 1);
}

const windowsText = ({ dilation = 1, padding = 0, stride = 1 }: UnfoldOptions): string =>
  `dilation=${sizeText(dilation)}, padding=${sizeText(padding)}, stride=${sizeText(stride)}`;

/**
 * Every window of an image as a column: `[N, C, H, W]` to `[N, C·kH·kW, L]`, L window positions; without a batch too.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Unfold.html
 */
export class Unfold extends Module {
  constructor(
    readonly kernelSize: Size2,
    readonly options: UnfoldOptions = {},
  ) {
    super();
    checkWindows('Unfold', kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return unfold(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return `kernel_size=${sizeText(this.kernelSize)}, ${windowsText(this.options)}`;
  }
}

/**
 * Adds columns into their windows of an image: `[N, C·kH·kW, L]` to `[N, C, ...outputSize]`; without a batch too.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Fold.html
 */
export class Fold extends Module {
  constructor(
    readonly outputSize: Size2,
    readonly kernelSize: Size2,
    readonly options: UnfoldOptions = {},
  ) {
    super();
    sizes('Fold', 'outputSize', outputSize, 2, 1);
    checkWindows('Fold', kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return fold(x, this.outputSize, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return `output_size=${sizeText(this.outputSize)}, kernel_size=${sizeText(this.kernelSize)}, ${windowsText(this.options)}`;
  }
}
