// Dropout for convolutional networks: blocks of feature maps, and whole branches.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { forgets } from '../../nn/forgetful.js';
import { Module } from '../../nn/module.js';
import { boolText, floatText } from '../../nn/repr.js';
import { maxPool2d, maxPool3d } from '../../ops/layers/pool-max.js';
import { div, mul, sub } from '../../ops/pointwise/arithmetic.js';
import { mul_ } from '../../ops/pointwise/inplace.js';
import type { RandomOptions } from '../../ops/random/draw.js';
import { bernoulli } from '../../ops/random/sample.js';
import { sum } from '../../ops/reduce/reduce.js';
import { pad } from '../../ops/shape/pad.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { empty } from '../../tensor/create.js';
import { generatorOf } from '../../tensor/random.js';
import { noGrad } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';

/** Options of {@link DropBlock2d} and {@link DropBlock3d}. */
export interface DropBlockModuleOptions {
  /** Drop in the memory of the input. Default false. */
  inplace?: boolean;
  /** Added to the number of elements that stay. Default 1e-6. */
  eps?: number;
}

/** Options of {@link dropBlock2d} and {@link dropBlock3d}. */
export interface DropBlockOptions extends DropBlockModuleOptions, RandomOptions {
  /** Without it the input comes back as it is. Default true. */
  training?: boolean;
}

function checkP(op: string, p: unknown): void {
  if (typeof p === 'number' && p >= 0 && p <= 1) return;
  throw new ArgumentError(op, `p must lie in [0, 1], got ${valueText(p)}`, p);
}

function checkBlock(op: string, size: unknown): void {
  if (typeof size === 'number' && Number.isSafeInteger(size) && size >= 1) return;
  throw new ArgumentError(op, `blockSize must be an integer >= 1, got ${valueText(size)}`, size);
}

/** 1 where elements stay: blocks grow from centres that leave them inside the map. */
function blockMask(op: string, x: Tensor, p: number, size: number, options: DropBlockOptions): Tensor {
  const sides = x.shape.slice(2);
  const product = (values: readonly number[]): number => values.reduce((a, b) => a * b, 1);
  const places = sides.map((side) => side - size + 1);
  const gamma = (p * product(sides)) / (size ** sides.length * product(places));
  const half = Math.floor(size / 2);
  const centres = bernoulli(empty([...x.shape.slice(0, 2), ...places], { dtype: x.dtype }), Math.min(1, gamma), {
    generator: generatorOf(op, options.generator),
  });
  const padded = pad(centres, new Array<number>(2 * sides.length).fill(half));
  const pool = sides.length === 2 ? maxPool2d : maxPool3d;
  const stay = sub(1, pool(padded, size, { stride: 1, padding: half }));
  return mul(stay, div(stay.numel, sum(stay).add(options.eps ?? 1e-6)));
}

function dropBlock(
  op: string,
  axes: number,
  x: Tensor,
  p: number,
  blockSize: number,
  options: DropBlockOptions,
): Tensor {
  checkTensor(op, x);
  checkOptions(op, options);
  checkP(op, p);
  checkBlock(op, blockSize);
  generatorOf(op, options.generator);
  if (x.ndim !== axes) throw new ShapeError(op, `input of ${axes} axes is needed, got ${shapeText(x.shape)}`, x.shape);
  if (options.training === false || p === 0 || x.numel === 0) return x;
  const size = Math.min(blockSize, ...x.shape.slice(2));
  if (size % 2 === 0) throw new ArgumentError(op, `the block size must be odd, got ${size}`, size);
  const mask = noGrad(() => blockMask(op, x, p, size, options));
  return options.inplace ? mul_(x, mask) : mul(x, mask);
}

/**
 * DropBlock: squares of `blockSize` pixels are dropped from the feature maps `[N, C, H, W]`, and the rest is scaled so that
 * as much comes out; `p` is about the part that is dropped. A block larger than the map is the map; its size must be odd.
 *
 * @throws ArgumentError for a `p` outside [0, 1] or an even block size; ShapeError for other than four axes.
 * Source: Ghiasi, Lin, Le, DropBlock, 2018; https://docs.pytorch.org/vision/stable/generated/torchvision.ops.drop_block2d.html
 */
export function dropBlock2d(x: Tensor, p: number, blockSize: number, options: DropBlockOptions = {}): Tensor {
  return dropBlock('dropBlock2d', 4, x, p, blockSize, options);
}

/**
 * {@link dropBlock2d} with cubes, for `[N, C, D, H, W]`.
 *
 * @throws ArgumentError for a `p` outside [0, 1] or an even block size; ShapeError for other than five axes.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.ops.drop_block3d.html
 */
export function dropBlock3d(x: Tensor, p: number, blockSize: number, options: DropBlockOptions = {}): Tensor {
  return dropBlock('dropBlock3d', 5, x, p, blockSize, options);
}

/** The module of {@link dropBlock2d}, for `[N, C, H, W]`; active in training. */
export class DropBlock2d extends Module {
  readonly inplace: boolean;
  readonly eps: number;

  constructor(
    readonly p: number,
    readonly blockSize: number,
    options: DropBlockModuleOptions = {},
  ) {
    super();
    checkOptions(new.target.name, options);
    checkP(new.target.name, p);
    checkBlock(new.target.name, blockSize);
    this.inplace = options.inplace ?? false;
    this.eps = options.eps ?? 1e-6;
  }

  forward(x: Tensor): Tensor {
    return dropBlock2d(x, this.p, this.blockSize, this);
  }

  override extraRepr(): string {
    return `p=${floatText(this.p)}, block_size=${this.blockSize}, inplace=${boolText(this.inplace)}`;
  }
}

/** The module of {@link dropBlock3d}, for `[N, C, D, H, W]`; active in training. */
export class DropBlock3d extends DropBlock2d {
  override forward(x: Tensor): Tensor {
    return dropBlock3d(x, this.p, this.blockSize, this);
  }
}

/** What {@link stochasticDepth} drops: the whole batch, or each sample (row) for itself. */
export type StochasticDepthMode = 'batch' | 'row';

/** Options of {@link stochasticDepth}. */
export interface StochasticDepthOptions extends RandomOptions {
  /** Without it the input comes back as it is. Default true. */
  training?: boolean;
}

function checkMode(op: string, mode: unknown): void {
  if (mode === 'batch' || mode === 'row') return;
  throw new ArgumentError(op, `mode must be "batch" or "row", got ${valueText(mode)}`, mode);
}

/**
 * Stochastic depth: a residual branch `[N, ...]` is dropped with probability `p`, for the batch or for each sample, and
 * scaled by `1 / (1 - p)` otherwise.
 *
 * @throws ArgumentError for a `p` outside [0, 1] or another mode.
 * Source: Huang et al., Deep Networks with Stochastic Depth, 2016;
 * https://docs.pytorch.org/vision/stable/generated/torchvision.ops.stochastic_depth.html
 */
export function stochasticDepth(
  x: Tensor,
  p: number,
  mode: StochasticDepthMode,
  options: StochasticDepthOptions = {},
): Tensor {
  const op = 'stochasticDepth';
  checkTensor(op, x);
  checkOptions(op, options);
  checkP(op, p);
  checkMode(op, mode);
  const generator = generatorOf(op, options.generator);
  if (options.training === false || p === 0) return x;
  if (x.ndim === 0) throw new ShapeError(op, 'a batch [N, ...] is needed, got a tensor of no axes', x.shape);
  const shape = x.shape.map((size, i) => (i === 0 && mode === 'row' ? size : 1));
  const mask = noGrad(() => {
    const kept = bernoulli(empty(shape, { dtype: x.dtype }), 1 - p, { generator });
    return p < 1 ? div(kept, 1 - p) : kept;
  });
  return mul(x, mask);
}

/** The module of {@link stochasticDepth}, for `[N, ...]`; active in training. */
export class StochasticDepth extends Module {
  constructor(
    readonly p: number,
    readonly mode: StochasticDepthMode,
  ) {
    super();
    checkP('StochasticDepth', p);
    checkMode('StochasticDepth', mode);
  }

  forward(x: Tensor): Tensor {
    return stochasticDepth(x, this.p, this.mode, { training: this.training });
  }

  override extraRepr(): string {
    return `p=${floatText(this.p)}, mode=${this.mode}`;
  }
}

forgets(StochasticDepth, DropBlock2d);
