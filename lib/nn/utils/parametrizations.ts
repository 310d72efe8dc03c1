/**
 * PyTorch's `torch.nn.utils.parametrizations`: weights of given norm, of given largest singular value, and
 * orthogonal ones.
 * @packageDocumentation
 */
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { normalize } from '../../ops/layers/group-norm.js';
import { matmul } from '../../ops/linalg/matmul.js';
import { div } from '../../ops/pointwise/arithmetic.js';
import { randn } from '../../ops/random/random.js';
import { clone, transpose } from '../../ops/shape/view.js';
import { checkOptions } from '../../tensor/check.js';
import { checkDim } from '../../tensor/layout.js';
import { noGrad } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkSize } from '../linear.js';
import { stateName } from '../members.js';
import { type AnyModule, Module } from '../module.js';
import { asMatrix, normDim, normExceptDim, outputDim, scaledDirection, turn } from './norms.js';
import { Orthogonal, type OrthogonalMap } from './orthogonal.js';
import { registerParametrization } from './parametrize.js';

/** Options of {@link weightNorm}. */
export type { OrthogonalMap } from './orthogonal.js';
/** Options of {@link weightNorm}. */
export interface WeightNormOptions {
  /** The axis along which each slice has a norm of its own; null: one norm for all. Default 0. */
  dim?: number | null;
}

class _WeightNorm extends Module<[g: Tensor, v: Tensor]> {
  constructor(readonly dim: number | null) {
    super();
  }

  forward(g: Tensor, v: Tensor): Tensor {
    return scaledDirection(v, g, this.dim);
  }

  rightInverse(weight: Tensor): Tensor[] {
    return [normExceptDim(weight, this.dim), weight];
  }
}

function tensorAt(op: string, module: AnyModule, field: string): Tensor {
  if (!(module instanceof Module)) {
    throw new ArgumentError(op, `module must be a Module, got ${valueText(module)}`, module);
  }
  const value: unknown = Reflect.get(module, field);
  if (value instanceof Tensor) return value;
  throw new ArgumentError(op, `${(module as AnyModule).constructor.name} has no tensor ${valueText(field)}`, field);
}

/**
 * A weight as length times direction, `g * v / norm(v)`, which are trained apart (Salimans & Kingma 2016). In the state
 * dict: `parametrizations.weight.original0` (g, `[O, 1, ...]` for a weight `[O, ...]`) and `original1` (v). Files with the
 * older names `weight_g` and `weight_v` load too.
 *
 * @example
 * const layer = nn.utils.parametrizations.weightNorm(new nn.Linear(20, 40));
 *
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrizations.weight_norm.html
 */
export function weightNorm<M extends AnyModule>(module: M, field = 'weight', options: WeightNormOptions = {}): M {
  const weight = tensorAt('weightNorm', module, field);
  checkOptions('weightNorm', options);
  const dim = normDim(options.dim);
  if (dim !== null) checkDim('weightNorm', dim, weight.ndim);
  registerParametrization(module, field, new _WeightNorm(dim), { unsafe: true });
  const name = stateName(field);
  module.registerLoadStateDictPreHook((_module, state, prefix) => {
    const [g, v] = [`${prefix}${name}_g`, `${prefix}${name}_v`];
    if (!(g in state && v in state)) return;
    state[`${prefix}parametrizations.${name}.original0`] = state[g];
    state[`${prefix}parametrizations.${name}.original1`] = state[v];
    delete state[g];
    delete state[v];
  });
  return module;
}

/** Options of {@link spectralNorm}. */
export interface SpectralNormOptions {
  /** Steps of the power method each time the weight is read in training mode. Default 1. */
  nPowerIterations?: number;
  /** Least norm that is divided by. Default 1e-12. */
  eps?: number;
  /** The axis of the outputs. Default 0, for transposed convolutions 1. */
  dim?: number;
}

/** Moves `u` and `v` towards the singular vectors of the largest singular value, in place. */
function powerMethod(matrix: Tensor, u: Tensor, v: Tensor, times: number, eps: number): void {
  noGrad(() => {
    for (let i = 0; i < times; i++) {
      turn(u, matrix, v, eps);
      turn(v, transpose(matrix, 0, 1), u, eps);
    }
  });
}

class _SpectralNorm extends Module {
  declare _u: Tensor;
  declare _v: Tensor;
  readonly dim: number;

  constructor(
    weight: Tensor,
    readonly nPowerIterations: number,
    dim: number,
    readonly eps: number,
  ) {
    super();
    this.dim = checkDim('spectralNorm', dim, weight.ndim);
    if (weight.ndim <= 1) return;
    noGrad(() => {
      const matrix = asMatrix(weight, this.dim);
      for (const [i, field] of ['_u', '_v'].entries()) {
        this.registerBuffer(field, normalize(randn([matrix.shape[i]], { dtype: weight.dtype }), { dim: 0, eps }));
      }
      powerMethod(matrix, this._u, this._v, 15, eps);
    });
  }

  forward(weight: Tensor): Tensor {
    if (weight.ndim <= 1) return normalize(weight, { dim: 0, eps: this.eps });
    const matrix = asMatrix(weight, this.dim);
    if (this.training) powerMethod(matrix, this._u, this._v, this.nPowerIterations, this.eps);
    // Copies: the next iteration must not change what backward needs.
    const [u, v] = [clone(this._u), clone(this._v)];
    return div(weight, matmul(u, matmul(matrix, v)));
  }

  rightInverse(value: Tensor): Tensor {
    return value;
  }
}

/**
 * A weight divided by its largest singular value, which the power method follows (Miyato et al. 2018). More than two axes
 * count as the matrix of the slices along `dim`; a vector is divided by its norm. Buffers of the parametrization: `_u`,
 * `_v`, changed whenever the weight is read in training mode.
 *
 * @example
 * const layer = nn.utils.parametrizations.spectralNorm(new nn.Conv2d(3, 16, 3));
 *
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrizations.spectral_norm.html
 */
export function spectralNorm<M extends AnyModule>(module: M, field = 'weight', options: SpectralNormOptions = {}): M {
  const weight = tensorAt('spectralNorm', module, field);
  checkOptions('spectralNorm', options);
  const { nPowerIterations = 1, eps = 1e-12, dim = outputDim(module) } = options;
  checkSize('spectralNorm', 'nPowerIterations', nPowerIterations);
  return registerParametrization(module, field, new _SpectralNorm(weight, nPowerIterations, dim, eps));
}

/** Options of {@link orthogonal}. */
export interface OrthogonalOptions {
  /**
   * How an unconstrained matrix becomes an orthogonal one: the exponential of a skew-symmetric matrix, its Cayley transform,
   * or a product of reflections. Default: 'matrixExp' for square weights, else 'householder'.
   */
  orthogonalMap?: OrthogonalMap;
  /** Start from the weight as it is, kept in the buffer `base` (Lezcano-Casado 2019). Default true. */
  useTrivialization?: boolean;
}

/**
 * A weight `[..., M, N]` with orthonormal columns (M >= N) or rows, that stays so in training.
 *
 * @example
 * const layer = nn.utils.parametrizations.orthogonal(new nn.Linear(20, 40));
 *
 * @throws ShapeError for fewer than two axes.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrizations.orthogonal.html
 */
export function orthogonal<M extends AnyModule>(module: M, field = 'weight', options: OrthogonalOptions = {}): M {
  const weight = tensorAt('orthogonal', module, field);
  checkOptions('orthogonal', options);
  if (weight.ndim < 2) {
    throw new ShapeError('orthogonal', `a matrix or several are needed, got ${shapeText(weight.shape)}`, weight.shape);
  }
  const square = weight.shape[weight.ndim - 1] === weight.shape[weight.ndim - 2];
  const { orthogonalMap = square ? 'matrixExp' : 'householder', useTrivialization = true } = options;
  const map = new Orthogonal(weight.shape, orthogonalMap, useTrivialization);
  return registerParametrization(module, field, map, { unsafe: true });
}
