// Normalization over the last axes: layer norm and RMS norm, fused forward and backward (native/ops/layer_norm.h).
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { zeros } from '../../tensor/create.js';
import { computeDType, isFloating } from '../../tensor/dtype.js';
import { isGradEnabled } from '../../tensor/frame.js';
import { numelOf, sameShape } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { add, mul, sub } from '../pointwise/arithmetic.js';
import { rsqrt, square } from '../pointwise/unary.js';
import { mean } from '../reduce/reduce.js';
import { contiguous, sumTo } from '../shape/view.js';

/** Options of {@link layerNorm} and {@link groupNorm}. */
export interface NormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
}

/** Options of {@link rmsNorm}. */
export interface RmsNormOptions {
  /** Added to the mean square. Default: the spacing of numbers at 1 in the input's dtype. */
  eps?: number | null;
}

/** What normalized each row, written by forward and kept for backward. */
interface Used {
  mean: Tensor | null;
  rstd: Tensor | null;
}

interface Rule {
  /** The axes that are normalized together: the last ones. */
  readonly shape: readonly number[];
  readonly eps: number;
  /** Subtract the mean. */
  readonly centered: boolean;
}

const id = (x: Tensor | null): number => x?._id ?? 0;

function runForward(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  { shape, eps, centered }: Rule,
  used: Used,
): Tensor {
  const width = numelOf(shape);
  const out = emptyContiguous(x.shape, x.dtype);
  const rows = width > 0 ? x.numel / width : 0;
  used.mean = centered ? emptyContiguous([rows], x.dtype) : null;
  used.rstd = emptyContiguous([rows], x.dtype);
  native.layerNorm(out._id, x._id, id(weight), id(bias), id(used.mean), used.rstd._id, width, eps);
  return out;
}

function normOp(name: string) {
  return defineOp({
    name,
    inputs: ['input', 'weight?', 'bias?'],
    narrow: 'mixed',
    forward: runForward,
    save: (_out, x, weight, _bias, rule, used) => ({ x, weight, mean: used.mean, rstd: used.rstd, rule }),
    backward: ([g], { x, weight, mean, rstd, rule }, needs) => {
      if (isGradEnabled()) return composedGradients(g, x, weight, rule, needs);
      const { shape } = rule;
      if (x.numel === 0) {
        return needs.map((needed, i) => (needed ? zeros(i === 0 ? x.shape : shape, { dtype: x.dtype }) : null));
      }
      const outputs = backwardOp(contiguous(g), x, weight, mean, rstd as Tensor, shape, needs);
      let next = 0;
      return needs.map((needed) => (needed ? outputs[next++] : null));
    },
  });
}

const layerNormOp = normOp('layerNorm');
const rmsNormOp = normOp('rmsNorm');

const backwardOp = defineOp({
  name: 'layerNormBackward',
  inputs: ['gradient', 'input', 'weight?'],
  forward: (
    g: Tensor,
    x: Tensor,
    weight: Tensor | null,
    mean: Tensor | null,
    rstd: Tensor,
    shape: readonly number[],
    needs: readonly boolean[],
  ): readonly Tensor[] => {
    const outputs = needs.map((needed, i) => (needed ? emptyContiguous(i === 0 ? x.shape : shape, x.dtype) : null));
    const [gradX, gradWeight, gradBias] = outputs.map(id);
    native.layerNormBackward(gradX, gradWeight, gradBias, g._id, x._id, id(weight), id(mean), rstd._id, numelOf(shape));
    return outputs.filter((output) => output !== null);
  },
});

/** The same gradients from ops that have gradients themselves. */
function composedGradients(
  g: Tensor,
  x: Tensor,
  weight: Tensor | null,
  { shape, eps, centered }: Rule,
  needs: readonly boolean[],
): readonly (Tensor | null)[] {
  const dims = shape.map((_, i) => x.ndim - 1 - i);
  const average = (t: Tensor): Tensor => mean(t, dims, { keepdim: true });
  const deviation = centered ? sub(x, average(x)) : x;
  const rstd = rsqrt(add(average(square(deviation)), eps));
  const normal = mul(deviation, rstd);
  const u = weight ? mul(g, weight) : g;
  const towards = sub(centered ? sub(u, average(u)) : u, mul(normal, average(mul(u, normal))));
  return [mul(towards, rstd), needs[1] ? sumTo(mul(g, normal), shape) : null, needs[2] ? sumTo(g, shape) : null];
}

function checkShape(op: string, x: Tensor, shape: unknown): readonly number[] {
  const sizes = typeof shape === 'number' ? [shape] : shape;
  if (!Array.isArray(sizes) || sizes.length === 0 || sizes.some((size) => !Number.isInteger(size))) {
    throw new ArgumentError(op, `normalizedShape must be a size or an array of sizes, got ${valueText(shape)}`, shape);
  }
  if (x.ndim >= sizes.length && sameShape(x.shape.slice(x.ndim - sizes.length), sizes)) return sizes;
  const text = `input ${shapeText(x.shape)} does not end in normalizedShape ${shapeText(sizes)}`;
  throw new ShapeError(op, text, x.shape, sizes);
}

function checkParameter(
  op: string,
  name: string,
  x: Tensor,
  parameter: Tensor | null | undefined,
  shape: readonly number[],
): Tensor | null {
  if (parameter === null || parameter === undefined) return null;
  checkTensor(op, parameter, name);
  if (!sameShape(parameter.shape, shape)) {
    const text = `${name} has shape ${shapeText(parameter.shape)}, ${shapeText(shape)} is needed`;
    throw new ShapeError(op, text, parameter.shape, shape);
  }
  // Beside a bfloat16 or float16 input the parameters may be float32, as in PyTorch.
  if (parameter.dtype !== x.dtype && parameter.dtype !== computeDType(x.dtype)) {
    throw new DTypeError(op, `input is ${x.dtype}, ${name} is ${parameter.dtype}`, x.dtype, parameter.dtype);
  }
  return contiguous(parameter);
}

/** The input of a normalization: floating-point. */
export function checkNormInput(op: string, x: Tensor, options: object): void {
  checkTensor(op, x);
  checkOptions(op, options);
  if (!isFloating(x.dtype)) throw new DTypeError(op, `input must be floating-point, got ${x.dtype}`, x.dtype);
}

export function checkEps(op: string, eps: unknown): number {
  if (typeof eps === 'number') return eps;
  throw new ArgumentError(op, `eps must be a number, got ${valueText(eps)}`, eps);
}

/** Runs a norm op and gives back what only its backward pass keeps. */
function normalized(run: (used: Used) => Tensor): Tensor {
  const used: Used = { mean: null, rstd: null };
  const out = run(used);
  used.mean?.dispose();
  used.rstd?.dispose();
  return out;
}

/**
 * `(x - mean) / sqrt(var + eps) * weight + bias` with mean and (biased) variance over the last axes (Ba et al., 2016).
 *
 * @param x `[..., *normalizedShape]`
 * @param normalizedShape the sizes of the last axes, or the size of the last one
 * @param weight `normalizedShape`, or nothing
 * @param bias `normalizedShape`, or nothing
 * @throws ShapeError when the input does not end in `normalizedShape`, or a parameter does not have it.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.layer_norm.html
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: number | readonly number[],
  weight?: Tensor | null,
  bias?: Tensor | null,
  options: NormOptions = {},
): Tensor {
  checkNormInput('layerNorm', x, options);
  const shape = checkShape('layerNorm', x, normalizedShape);
  const eps = checkEps('layerNorm', options.eps ?? 1e-5);
  const w = checkParameter('layerNorm', 'weight', x, weight, shape);
  const b = checkParameter('layerNorm', 'bias', x, bias, shape);
  return normalized((used) => layerNormOp(contiguous(x), w, b, { shape, eps, centered: true }, used));
}

const SPACING: Readonly<Record<string, number>> = {
  float64: 2 ** -52,
  float32: 2 ** -23,
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
};

/**
 * `x / sqrt(mean(x^2) + eps) * weight` over the last axes (Zhang and Sennrich, 2019).
 *
 * @param x `[..., *normalizedShape]`
 * @param normalizedShape the sizes of the last axes, or the size of the last one
 * @param weight `normalizedShape`, or nothing
 * @throws ShapeError when the input does not end in `normalizedShape`, or the weight does not have it.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.rms_norm.html
 */
export function rmsNorm(
  x: Tensor,
  normalizedShape: number | readonly number[],
  weight?: Tensor | null,
  options: RmsNormOptions = {},
): Tensor {
  checkNormInput('rmsNorm', x, options);
  const shape = checkShape('rmsNorm', x, normalizedShape);
  const eps = checkEps('rmsNorm', options.eps ?? SPACING[x.dtype]);
  const w = checkParameter('rmsNorm', 'weight', x, weight, shape);
  return normalized((used) => rmsNormOp(contiguous(x), w, null, { shape, eps, centered: false }, used));
}
