// Augmentation policies: AutoAugment, RandAugment, TrivialAugment and AugMix, drawn for each image of a batch.
import { ArgumentError, valueText } from '../../errors.js';
import { ColorCode } from '../../ops/codes.js';
import { indexCopy, indexSelect } from '../../ops/indexing/rows.js';
import { type ColorStep, sharpen } from '../../ops/layers/color.js';
import { add, mul } from '../../ops/pointwise/arithmetic.js';
import { to } from '../../ops/shape/view.js';
import { tensor } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import { Tensor } from '../../tensor/tensor.js';
import { type SampleInfo, Transform, type TransformOptions } from './base.js';
import type { Draws } from './draws.js';
import { boundOf, checkColors, checkImageDType, onBatch, runColors } from './image.js';
import type { AffineParams } from './matrix.js';
import type { Fill } from './parts.js';
import {
  AUTO_POLICIES,
  AUTO_SPACE,
  type AutoAugmentPolicy,
  augMixSpace,
  type Magnitudes,
  type PolicyOpName,
  type PolicySpace,
  RAND_SPACE,
  TRIVIAL_SPACE,
} from './policy-tables.js';
import { Image, type ImageSize } from './sample.js';
import { affineImages, rotation, type WarpInterpolation } from './turn.js';

/** Options of the augmentation policies. */
export interface PolicyOptions extends TransformOptions {
  /** How moved images read pixels. Default `'nearest'`; of {@link AugMix} `'bilinear'`. */
  readonly interpolation?: WarpInterpolation;
  /** What comes into pixels outside of an image. Default null: zeros. */
  readonly fill?: Fill | null;
}

/** An operation with its magnitude. */
export type PolicyOp = readonly [name: PolicyOpName, magnitude: number];

const PLAIN: AffineParams = { angle: 0, translate: [0, 0], scale: 1, shear: [0, 0] };
const degrees = (slope: number): number => (Math.atan(slope) * 180) / Math.PI;

/** The affine map of a geometric operation. */
function mapOf([name, m]: PolicyOp): AffineParams | null {
  if (name === 'ShearX') return { ...PLAIN, shear: [degrees(m), 0] };
  if (name === 'ShearY') return { ...PLAIN, shear: [0, degrees(m)] };
  if (name === 'TranslateX') return { ...PLAIN, translate: [Math.trunc(m), 0] };
  if (name === 'TranslateY') return { ...PLAIN, translate: [0, Math.trunc(m)] };
  return name === 'Rotate' ? rotation(m) : null;
}

function stepOf([name, m]: PolicyOp, bound: number): ColorStep | null {
  if (name === 'Brightness') return [ColorCode.brightness, 1 + m];
  if (name === 'Color') return [ColorCode.saturation, 1 + m];
  if (name === 'Contrast') return [ColorCode.contrast, 1 + m];
  if (name === 'Posterize') return [ColorCode.posterize, Math.trunc(m)];
  if (name === 'Solarize') return [ColorCode.solarize, bound * m];
  if (name === 'AutoContrast') return [ColorCode.autocontrast];
  if (name === 'Equalize') return [ColorCode.equalize];
  return name === 'Invert' ? [ColorCode.invert] : null;
}

/** Runs `fn` on the images that have something, and puts the results among the others. */
function among<T>(
  images: Tensor,
  items: readonly (T | null)[],
  fn: (some: Tensor, items: readonly T[]) => Tensor,
): Tensor {
  const chosen = items.flatMap((item, i) => (item === null ? [] : [i]));
  if (chosen.length === 0) return images;
  const own = chosen.map((i) => items[i] as T);
  if (chosen.length === items.length) return fn(images, own);
  const at = tensor(Int32Array.from(chosen));
  return indexCopy(images, 0, at, fn(indexSelect(images, 0, at), own));
}

/** @internal One operation for each image `[N, C, H, W]`, or one for all; null for none. */
export function applyPolicyOps(
  op: string,
  images: Tensor,
  ops: readonly (PolicyOp | null)[],
  options: PolicyOptions,
): Tensor {
  const { interpolation = 'nearest', fill = null } = options;
  const warp = { interpolation, fill };
  const maps = ops.map((one) => (one === null ? null : mapOf(one)));
  const shear = ops.map((one, i) => (one?.[0].startsWith('Shear') ? maps[i] : null));
  const moves = maps.map((map, i) => (shear[i] === null ? map : null));
  const bound = boundOf(images);
  const steps = ops.map((one) => (one === null ? null : stepOf(one, bound)));
  const factors = ops.map((one) => (one?.[0] === 'Sharpness' ? 1 + one[1] : Number.NaN));
  let x = among(images, shear, (some, params) => affineImages(op, some, params, [0, 0], warp));
  x = among(x, moves, (some, params) => affineImages(op, some, params, null, warp));
  if (steps.some((step) => step !== null)) {
    x = runColors(
      x,
      steps.map((step) => (step === null ? [] : [step])),
    );
  }
  return factors.every(Number.isNaN) ? x : onBatch(x, (batch) => sharpen(batch, factors));
}

/** What the policies share. */
abstract class Policy<P> extends Transform<P> {
  readonly interpolation: WarpInterpolation;
  readonly fill: Fill | null;

  constructor(options: PolicyOptions, interpolation: WarpInterpolation = 'nearest') {
    super(options);
    this.interpolation = options.interpolation ?? interpolation;
    this.fill = options.fill ?? null;
  }

  /** @throws ArgumentError for masks and boxes: colours and moves are drawn for the image alone. */
  protected override checkSample(info: SampleInfo): void {
    const other = info.parts.find((part) => !(part instanceof Tensor || part instanceof Image));
    if (other === undefined) return;
    throw new ArgumentError(this.name, `takes images only, got a ${other.constructor.name}`, other);
  }

  protected checkImages(images: Tensor): void {
    checkImageDType(this.name, images);
    checkColors(this.name, images);
  }

  /** The operations of each image, one after the other. */
  protected runOps(images: Tensor, lists: readonly (readonly PolicyOp[])[]): Tensor {
    let x = images;
    const most = Math.max(0, ...lists.map((ops) => ops.length));
    for (let k = 0; k < most; k++) {
      x = applyPolicyOps(
        this.name,
        x,
        lists.map((ops) => ops[k] ?? null),
        { interpolation: this.interpolation, fill: this.fill },
      );
    }
    return x;
  }

  override extraRepr(): string {
    return `interpolation=${this.interpolation}, fill=${this.fill === null ? 'None' : valueText(this.fill)}`;
  }
}

/** A policy that is a list of operations for each image. */
abstract class ListPolicy extends Policy<readonly PolicyOp[]> {
  protected image(images: Tensor, params: readonly (readonly PolicyOp[])[]): Tensor {
    this.checkImages(images);
    return this.runOps(images, params);
  }
}

/** An operation with the magnitude of a bin, its sign drawn. */
function withMagnitude(
  draws: Draws,
  name: PolicyOpName,
  { values, signed }: Magnitudes,
  bins: number,
  bin: () => number,
  size: ImageSize,
): PolicyOp {
  const magnitudes = values(bins, size);
  if (magnitudes === null) return [name, 0];
  const magnitude = magnitudes[bin()];
  return [name, signed && draws.chance(0.5) ? -magnitude : magnitude];
}

function drawn(draws: Draws, space: PolicySpace, bins: number, bin: () => number, size: ImageSize): PolicyOp {
  const [name, magnitudes] = space[draws.below(space.length)];
  return withMagnitude(draws, name, magnitudes, bins, bin, size);
}

function checkCount(op: string, name: string, value: unknown, least: number, most = Infinity): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return;
  const text = most < Infinity ? `an integer of [${least}, ${most}]` : `an integer >= ${least}`;
  throw new ArgumentError(op, `${name} must be ${text}, got ${valueText(value)}`, value);
}

/**
 * AutoAugment: one of 25 pairs of operations, learned on ImageNet, CIFAR-10 or SVHN, each with its probability. Images
 * `[..., 1 or 3, H, W]`, best of bytes.
 *
 * @throws ArgumentError for another policy.
 * Source: Cubuk et al., AutoAugment, 2018; https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.AutoAugment.html
 */
export class AutoAugment extends ListPolicy {
  constructor(
    readonly policy: AutoAugmentPolicy = 'imagenet',
    options: PolicyOptions = {},
  ) {
    super(options);
    if (Object.hasOwn(AUTO_POLICIES, policy)) return;
    const names = Object.keys(AUTO_POLICIES).join(', ');
    throw new ArgumentError(this.name, `policy must be one of ${names}, got ${valueText(policy)}`, policy);
  }

  protected makeParams(draws: Draws, info: SampleInfo): readonly PolicyOp[] {
    const policies = AUTO_POLICIES[this.policy];
    return policies[draws.below(policies.length)].flatMap(([name, probability, index]): PolicyOp[] => {
      if (!draws.chance(probability)) return [];
      const found = AUTO_SPACE.find(([known]) => known === name);
      return found ? [withMagnitude(draws, name, found[1], 10, () => index ?? 0, info.size)] : [];
    });
  }

  override extraRepr(): string {
    return `policy=${this.policy}, ${super.extraRepr()}`;
  }
}

/** Options of {@link RandAugment}. */
export interface RandAugmentOptions extends PolicyOptions {
  /** Operations for each image. Default 2. */
  readonly numOps?: number;
  /** Which of the bins, for all operations. Default 9. */
  readonly magnitude?: number;
  /** Default 31. */
  readonly numMagnitudeBins?: number;
}

/**
 * RandAugment: `numOps` operations drawn from 14, all of one magnitude. Images `[..., 1 or 3, H, W]`, best of bytes.
 *
 * @throws ArgumentError for other than whole numbers, or a magnitude that is no bin.
 * Source: Cubuk et al., RandAugment, 2019; https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandAugment.html
 */
export class RandAugment extends ListPolicy {
  readonly numOps: number;
  readonly magnitude: number;
  readonly numMagnitudeBins: number;

  constructor(options: RandAugmentOptions = {}) {
    super(options);
    const { numOps = 2, magnitude = 9, numMagnitudeBins = 31 } = options;
    checkCount(this.name, 'numOps', numOps, 0);
    checkCount(this.name, 'numMagnitudeBins', numMagnitudeBins, 2);
    checkCount(this.name, 'magnitude', magnitude, 0, numMagnitudeBins - 1);
    this.numOps = numOps;
    this.magnitude = magnitude;
    this.numMagnitudeBins = numMagnitudeBins;
  }

  protected makeParams(draws: Draws, { size }: SampleInfo): readonly PolicyOp[] {
    const bin = (): number => this.magnitude;
    return Array.from({ length: this.numOps }, () => drawn(draws, RAND_SPACE, this.numMagnitudeBins, bin, size));
  }

  override extraRepr(): string {
    const { numOps, magnitude, numMagnitudeBins } = this;
    return `num_ops=${numOps}, magnitude=${magnitude}, num_magnitude_bins=${numMagnitudeBins}, ${super.extraRepr()}`;
  }
}

/** Options of {@link TrivialAugmentWide}. */
export interface TrivialAugmentOptions extends PolicyOptions {
  /** Default 31. */
  readonly numMagnitudeBins?: number;
}

/**
 * TrivialAugment: one operation of 14, of a random magnitude. Images `[..., 1 or 3, H, W]`, best of bytes.
 *
 * @throws ArgumentError for other than whole numbers.
 * Source: Müller, Hutter, TrivialAugment, 2021; https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.TrivialAugmentWide.html
 */
export class TrivialAugmentWide extends ListPolicy {
  readonly numMagnitudeBins: number;

  constructor(options: TrivialAugmentOptions = {}) {
    super(options);
    this.numMagnitudeBins = options.numMagnitudeBins ?? 31;
    checkCount(this.name, 'numMagnitudeBins', this.numMagnitudeBins, 2);
  }

  protected makeParams(draws: Draws, { size }: SampleInfo): readonly PolicyOp[] {
    const bins = this.numMagnitudeBins;
    return [drawn(draws, TRIVIAL_SPACE, bins, () => draws.below(bins), size)];
  }

  override extraRepr(): string {
    return `num_magnitude_bins=${this.numMagnitudeBins}, ${super.extraRepr()}`;
  }
}

/** Options of {@link AugMix}. */
export interface AugMixOptions extends PolicyOptions {
  /** Magnitudes are drawn from the lowest so many of ten. Default 3. */
  readonly severity?: number;
  /** Chains of operations. Default 3. */
  readonly mixtureWidth?: number;
  /** Operations of a chain; below 1: one to three, drawn. Default -1. */
  readonly chainDepth?: number;
  /** Of the distributions that the weights come from. Default 1. */
  readonly alpha?: number;
  /** With brightness, contrast, saturation and sharpness. Default true. */
  readonly allOps?: boolean;
}

/** The chains of one image, and their weights; that of the image itself comes first. */
interface Mixture {
  readonly weights: readonly number[];
  readonly chains: readonly (readonly PolicyOp[])[];
}

/** A number of the gamma distribution, after Marsaglia and Tsang (2000). */
function gammaNumber(draws: Draws, shape: number): number {
  if (shape < 1) return gammaNumber(draws, shape + 1) * (1 - draws.uniform()) ** (1 / shape);
  const d = shape - 1 / 3;
  for (;;) {
    const radius = Math.sqrt(-2 * Math.log(1 - draws.uniform()));
    const x = radius * Math.cos(2 * Math.PI * draws.uniform());
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - draws.uniform()) < x * x * 0.5 + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Weights with a sum of 1. */
function dirichlet(draws: Draws, alpha: number, count: number): number[] {
  const all = Array.from({ length: count }, () => Math.max(gammaNumber(draws, alpha), Number.MIN_VALUE));
  const sum = all.reduce((a, b) => a + b, 0);
  return all.map((v) => v / sum);
}

/**
 * AugMix: a blend of the image with several chains of operations on it, weighted at random. Images `[..., 1 or 3, H, W]`; of
 * bytes the blend is rounded down.
 *
 * @throws ArgumentError for a severity outside [1, 10], a width below 1, or an alpha that is not above 0.
 * Source: Hendrycks et al., AugMix, 2019; https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.AugMix.html
 */
export class AugMix extends Policy<Mixture> {
  readonly severity: number;
  readonly mixtureWidth: number;
  readonly chainDepth: number;
  readonly alpha: number;
  readonly allOps: boolean;

  constructor(options: AugMixOptions = {}) {
    super(options, 'bilinear');
    const { severity = 3, mixtureWidth = 3, chainDepth = -1, alpha = 1, allOps = true } = options;
    checkCount(this.name, 'severity', severity, 1, 10);
    checkCount(this.name, 'mixtureWidth', mixtureWidth, 1);
    checkCount(this.name, 'chainDepth', chainDepth, -Infinity);
    if (!(alpha > 0 && alpha < Infinity)) {
      throw new ArgumentError(this.name, `alpha must be a finite number > 0, got ${valueText(alpha)}`, alpha);
    }
    this.severity = severity;
    this.mixtureWidth = mixtureWidth;
    this.chainDepth = chainDepth;
    this.alpha = alpha;
    this.allOps = allOps;
  }

  protected makeParams(draws: Draws, { size }: SampleInfo): Mixture {
    const space = augMixSpace(this.allOps);
    const [own, rest] = dirichlet(draws, this.alpha, 2);
    const weights = dirichlet(draws, this.alpha, this.mixtureWidth).map((w) => w * rest);
    const bin = (): number => draws.below(this.severity);
    const chains = weights.map(() => {
      const depth = this.chainDepth > 0 ? this.chainDepth : 1 + draws.below(3);
      return Array.from({ length: depth }, () => drawn(draws, space, 10, bin, size));
    });
    return { weights: [own, ...weights], chains };
  }

  protected image(images: Tensor, params: readonly Mixture[]): Tensor {
    this.checkImages(images);
    const dtype = isFloating(images.dtype) ? images.dtype : 'float32';
    const weight = (k: number): Tensor => {
      const values = Float64Array.from(params, (p) => p.weights[k]);
      return to(tensor(values, { shape: [params.length, 1, 1, 1] }), dtype);
    };
    let mix = mul(to(images, dtype), weight(0));
    for (let k = 0; k < this.mixtureWidth; k++) {
      const changed = this.runOps(
        images,
        params.map((p) => p.chains[k]),
      );
      mix = add(mix, mul(to(changed, dtype), weight(k + 1)));
    }
    return to(mix, images.dtype);
  }

  override extraRepr(): string {
    const { severity, mixtureWidth, chainDepth, alpha, allOps } = this;
    const fields = `severity=${severity}, mixture_width=${mixtureWidth}, chain_depth=${chainDepth}, alpha=${alpha}`;
    return `${fields}, all_ops=${allOps ? 'True' : 'False'}, ${super.extraRepr()}`;
  }
}
