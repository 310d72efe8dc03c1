// Batch normalization folded into the layer before it, for evaluation.
import { ArgumentError } from '../../errors.js';
import { add, mul, sub } from '../../ops/pointwise/arithmetic.js';
import { rsqrt } from '../../ops/pointwise/unary.js';
import { reshape, to, unsqueeze } from '../../ops/shape/view.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { onesLike, zeros, zerosLike } from '../../tensor/create.js';
import type { DType } from '../../tensor/dtype.js';
import { noGrad } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type AnyModule, Module } from '../module.js';
import { Parameter } from '../parameter.js';

/** A convolution or a linear layer. */
export type FusableLayer = AnyModule & { readonly weight: Parameter; readonly bias: Parameter | null };

/** A batch normalization with running statistics. */
export type FusableNorm = AnyModule & {
  readonly numFeatures: number;
  readonly eps: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
};

/** Options of {@link fuseConvBnEval} and {@link fuseConvBnWeights}. */
export interface FuseConvOptions {
  /** The weight is `[I, O, ...]`, that of a transposed convolution. Default false. */
  transpose?: boolean;
}

/** Scale and shift of the outputs: `x * scale + shift`. */
interface Affine {
  readonly scale: Tensor;
  readonly shift: (bias: Tensor | null) => Tensor;
}

function affineOf(mean: Tensor, variance: Tensor, eps: number, weight: Tensor | null, bias: Tensor | null): Affine {
  const scale = mul(weight ?? onesLike(mean), rsqrt(add(variance, eps)));
  const base = bias ?? zerosLike(mean);
  return { scale, shift: (given) => add(mul(sub(given ?? zerosLike(mean), mean), scale), base) };
}

const parameter = (value: Tensor, dtype: DType, requiresGrad: boolean): Parameter =>
  new Parameter(to(value, dtype), requiresGrad);

/**
 * Weight and bias of the convolution that does what a convolution and a batch normalization behind it do in evaluation:
 * `weight * bnWeight / sqrt(bnVar + bnEps)` per output channel, and the bias that goes with it.
 * @param weight `[O, I, ...]`, or `[I, O, ...]` with `transpose`
 * @param bias `[O]` or null, as `bnWeight` and `bnBias`; `bnMean` and `bnVar` are `[O]`
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.fusion.fuse_conv_bn_weights.html
 */
export function fuseConvBnWeights(
  weight: Tensor,
  bias: Tensor | null,
  bnMean: Tensor,
  bnVar: Tensor,
  bnEps: number,
  bnWeight: Tensor | null,
  bnBias: Tensor | null,
  options: FuseConvOptions = {},
): [weight: Parameter, bias: Parameter] {
  for (const [name, tensor] of Object.entries({ weight, bnMean, bnVar })) {
    checkTensor('fuseConvBnWeights', tensor, name);
  }
  checkOptions('fuseConvBnWeights', options);
  const channels = options.transpose ? 1 : 0;
  const { scale, shift } = affineOf(bnMean, bnVar, bnEps, bnWeight, bnBias);
  const sized = reshape(
    scale,
    weight.shape.map((_, i) => (i === channels ? -1 : 1)),
  );
  return [
    parameter(mul(weight, sized), weight.dtype, weight.requiresGrad),
    parameter(shift(bias), (bias ?? weight).dtype, bias?.requiresGrad ?? false),
  ];
}

/**
 * {@link fuseConvBnWeights} for a linear layer: weight `[O, I]`, statistics `[O]` or `[1]`.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.fusion.fuse_linear_bn_weights.html
 */
export function fuseLinearBnWeights(
  weight: Tensor,
  bias: Tensor | null,
  bnMean: Tensor,
  bnVar: Tensor,
  bnEps: number,
  bnWeight: Tensor | null,
  bnBias: Tensor | null,
): [weight: Parameter, bias: Parameter] {
  for (const [name, tensor] of Object.entries({ weight, bnMean, bnVar })) {
    checkTensor('fuseLinearBnWeights', tensor, name);
  }
  const { scale, shift } = affineOf(bnMean, bnVar, bnEps, bnWeight, bnBias);
  const given = bias ?? zeros([weight.shape[0]], { dtype: weight.dtype });
  return [
    parameter(mul(weight, unsqueeze(scale, -1)), weight.dtype, weight.requiresGrad),
    parameter(shift(given), given.dtype, bias?.requiresGrad ?? false),
  ];
}

type Statistics = readonly [mean: Tensor, variance: Tensor, eps: number, weight: Tensor | null, bias: Tensor | null];

function statisticsOf(op: string, layer: FusableLayer, norm: FusableNorm): Statistics {
  for (const module of [layer, norm]) {
    if (!(module instanceof Module))
      throw new ArgumentError(op, 'a layer and a batch normalization are needed', module);
    if (module.training) throw new ArgumentError(op, 'both modules must be in evaluation mode: call eval() first');
  }
  const { runningMean, runningVar, eps, weight, bias } = norm;
  if (!runningMean || !runningVar) throw new ArgumentError(op, 'the batch normalization has no running statistics');
  return [runningMean, runningVar, eps, weight, bias];
}

function withParameters<M extends FusableLayer>(layer: M, make: () => [Parameter, Parameter]): M {
  const fused = layer.clone() as M;
  const [weight, bias] = noGrad(make);
  Reflect.set(fused, 'weight', weight);
  Reflect.set(fused, 'bias', bias);
  return fused;
}

/**
 * A copy of a convolution that does what it and the batch normalization behind it do in evaluation.
 *
 * @example
 * const fused = nn.utils.fuseConvBnEval(conv.eval(), norm.eval());
 *
 * @throws ArgumentError when one of them is in training mode, or there are no running statistics.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.fusion.fuse_conv_bn_eval.html
 */
export function fuseConvBnEval<M extends FusableLayer>(conv: M, bn: FusableNorm, options: FuseConvOptions = {}): M {
  const statistics = statisticsOf('fuseConvBnEval', conv, bn);
  return withParameters(conv, () => fuseConvBnWeights(conv.weight, conv.bias, ...statistics, options));
}

/**
 * A copy of a linear layer that does what it and the batch normalization behind it do in evaluation.
 * @throws ArgumentError when one of them is in training mode, when there are no running statistics, or when they are
 * neither of one feature nor of as many as the layer has outputs.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.fusion.fuse_linear_bn_eval.html
 */
export function fuseLinearBnEval<M extends FusableLayer>(linear: M, bn: FusableNorm): M {
  const statistics = statisticsOf('fuseLinearBnEval', linear, bn);
  const outputs = linear.weight.shape[0];
  if (bn.numFeatures !== outputs && bn.numFeatures !== 1) {
    const text = `the layer has ${outputs} outputs, the batch normalization ${bn.numFeatures} features`;
    throw new ArgumentError('fuseLinearBnEval', text, bn.numFeatures);
  }
  return withParameters(linear, () => fuseLinearBnWeights(linear.weight, linear.bias, ...statistics));
}
