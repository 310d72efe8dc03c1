// Transforms of transforms.
import { ArgumentError, valueText } from '../../errors.js';
import { checkFunction } from '../../tensor/check.js';
import type { Generator } from '../../tensor/random.js';
import { checkProbability, runTransform, SampleTransform, type TransformLike, type TransformOptions } from './base.js';
import { Draws } from './draws.js';
import { runByWay } from './groups.js';
import { Normalize, ToDtype } from './pixel-transforms.js';

function checkTransforms(op: string, transforms: unknown): asserts transforms is readonly TransformLike[] {
  if (!Array.isArray(transforms) || transforms.length === 0) {
    throw new ArgumentError(op, `an array of transforms is needed, got ${valueText(transforms)}`, transforms);
  }
  const other = transforms.find((t) => !(t instanceof SampleTransform) && typeof t !== 'function');
  if (other === undefined) return;
  throw new ArgumentError(op, `transforms are Transform objects or functions, got ${valueText(other)}`, other);
}

/** A transform that runs others. */
export abstract class TransformList extends SampleTransform {
  constructor(
    readonly transforms: readonly TransformLike[],
    options: TransformOptions = {},
  ) {
    super(options);
    checkTransforms(this.name, transforms);
  }

  override extraRepr(): string {
    const lines = this.transforms.map((t) => (t instanceof SampleTransform ? `${t}` : t.name || 'function'));
    return `\n  ${lines.join('\n').replaceAll('\n', '\n  ')}\n`;
  }

  protected runAll(sample: unknown, generator: Generator | undefined, order?: readonly number[]): unknown {
    let result = sample;
    for (const i of order ?? this.transforms.keys()) result = runTransform(this.transforms[i], result, generator);
    return result;
  }
}

/**
 * One transform after the other; functions of a sample are taken too.
 *
 * @throws ArgumentError without transforms.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.Compose.html
 */
export class Compose extends TransformList {
  protected override run(sample: unknown, generator: Generator | undefined): unknown {
    let result = sample;
    this.transforms.forEach((transform, i) => {
      // Bytes that are scaled and then normalized: Normalize does both in one pass, with the same bits.
      if (transform instanceof ToDtype && isPlainNormalize(this.transforms[i + 1]) && transform._onlyScales(result)) {
        new Draws(transform.name, generator ?? transform.generator); // as many random numbers as ever
        return;
      }
      result = runTransform(transform, result, generator);
    });
    return result;
  }
}

const isPlainNormalize = (transform: TransformLike | undefined): boolean =>
  transform instanceof Normalize && transform.constructor === Normalize && !transform.inplace;

/**
 * All transforms, or none, with probability `p`.
 *
 * @throws ArgumentError without transforms, or for a `p` outside [0, 1].
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomApply.html
 */
export class RandomApply extends TransformList {
  constructor(
    transforms: readonly TransformLike[],
    readonly p = 0.5,
    options: TransformOptions = {},
  ) {
    super(transforms, options);
    checkProbability(this.name, p);
  }

  protected override run(sample: unknown, generator: Generator | undefined): unknown {
    const draws = new Draws(this.name, generator);
    const draw = (): boolean => draws.chance(this.p);
    return runByWay(this.name, sample, this.perSample, draw, (part, apply) =>
      apply ? this.runAll(part, generator) : part,
    );
  }
}

/** Options of {@link RandomChoice}. */
export interface RandomChoiceOptions extends TransformOptions {
  /** How likely each transform is, in proportion. Default: all alike. */
  readonly p?: readonly number[];
}

/**
 * One of several transforms.
 *
 * @throws ArgumentError without transforms, or unless there is one `p` >= 0 for each and a sum above 0.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomChoice.html
 */
export class RandomChoice extends TransformList {
  readonly p: readonly number[];

  constructor(transforms: readonly TransformLike[], options: RandomChoiceOptions = {}) {
    super(transforms, options);
    const p = options.p ?? transforms.map(() => 1);
    const sum = Array.isArray(p) ? p.reduce((a: number, b: number) => a + b, 0) : Number.NaN;
    if (p.length !== transforms.length || !p.every((x) => x >= 0) || !(sum > 0 && sum < Infinity)) {
      const text = `p must have ${transforms.length} numbers >= 0 with a sum above 0, got ${valueText(p)}`;
      throw new ArgumentError(this.name, text, p);
    }
    this.p = p.map((x) => x / sum);
  }

  protected override run(sample: unknown, generator: Generator | undefined): unknown {
    const draws = new Draws(this.name, generator);
    const draw = (): number => {
      let at = draws.uniform();
      const chosen = this.p.findIndex((p) => {
        at -= p;
        return at < 0;
      });
      return chosen >= 0 ? chosen : this.p.findLastIndex((p) => p > 0);
    };
    return runByWay(this.name, sample, this.perSample, draw, (part, i) =>
      runTransform(this.transforms[i], part, generator),
    );
  }
}

/**
 * All transforms, in random order.
 *
 * @throws ArgumentError without transforms.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomOrder.html
 */
export class RandomOrder extends TransformList {
  protected override run(sample: unknown, generator: Generator | undefined): unknown {
    const draws = new Draws(this.name, generator);
    const draw = (): readonly number[] => [...draws.permutation(this.transforms.length)];
    return runByWay(this.name, sample, this.perSample, draw, (part, order) => this.runAll(part, generator, order));
  }
}

/**
 * A function of a sample as a transform. The sample is handed over whole; torchvision hands over each tensor.
 *
 * @throws ArgumentError unless `fn` is a function.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.Lambda.html
 */
export class Lambda extends SampleTransform {
  /** @param fn gets the sample and gives what stands for it */
  constructor(readonly fn: (sample: never) => unknown) {
    super();
    checkFunction('Lambda', fn);
  }

  protected override run(sample: unknown): unknown {
    return (this.fn as (sample: unknown) => unknown)(sample);
  }
}
