// The older weight and spectral normalization of torch.nn.utils, for files with their names (`weight_g`, `weight_orig`).
import { ArgumentError, valueText } from '../../errors.js';
import { normalize } from '../../ops/layers/group-norm.js';
import { matmul } from '../../ops/linalg/matmul.js';
import { div } from '../../ops/pointwise/arithmetic.js';
import { randn } from '../../ops/random/random.js';
import { clone, transpose } from '../../ops/shape/view.js';
import { checkOptions } from '../../tensor/check.js';
import { checkDim } from '../../tensor/layout.js';
import { noGrad } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type ComputedField, computedFields, dropComputed, setComputed, setField } from '../computed.js';
import { checkSize } from '../linear.js';
import { type AnyModule, Module } from '../module.js';
import { Parameter } from '../parameter.js';
import { asMatrix, normDim, normExceptDim, outputDim, scaledDirection, turn } from './norms.js';
import type { SpectralNormOptions, WeightNormOptions } from './parametrizations.js';

/** A field computed from other fields of the same module, named by their endings. */
interface NormedField extends ComputedField {
  readonly kind: 'weightNorm' | 'spectralNorm';
}

const tensorOf = (module: AnyModule, field: string): Tensor => Reflect.get(module, field) as Tensor;

function parameterAt(op: string, module: AnyModule, field: string): Parameter {
  if (!(module instanceof Module)) {
    throw new ArgumentError(op, `module must be a Module, got ${valueText(module)}`, module);
  }
  const value: unknown = Object.hasOwn(module, field) && Reflect.get(module, field);
  if (value instanceof Parameter) return value;
  throw new ArgumentError(op, `${(module as AnyModule).constructor.name} has no parameter ${valueText(field)}`, field);
}

function refuseAssignment(kind: string, field: string): never {
  throw new ArgumentError(
    kind,
    `${field} is computed: assign to what it is made of, or remove the normalization first`,
  );
}

function checkNormed(op: string, kind: NormedField['kind'], module: AnyModule, field: string): void {
  const computed = module instanceof Module ? computedFields(module).get(field) : undefined;
  if (computed && 'kind' in computed && computed.kind === kind) return;
  throw new ArgumentError(op, `${valueText(field)} has no ${kind}`, field);
}

function replaceParts(module: AnyModule, field: string, endings: readonly string[], value: Parameter): void {
  dropComputed(module, field);
  for (const ending of endings) {
    module._dropBuffer(field + ending);
    Reflect.deleteProperty(module, field + ending);
  }
  setField(module, field, value);
}

/**
 * A weight as `g * v / norm(v)`, in fields and files with PyTorch's older names: `weightG` (`weight_g`) and `weightV`
 * (`weight_v`). New code uses {@link parametrizations.weightNorm}, which reads such files too.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.weight_norm.html
 */
export function weightNorm<M extends AnyModule>(module: M, field = 'weight', options: WeightNormOptions = {}): M {
  const weight = parameterAt('weightNorm', module, field);
  checkOptions('weightNorm', options);
  const dim = normDim(options.dim);
  const lengths = noGrad(() => normExceptDim(weight, dim));
  setField(module, `${field}G`, new Parameter(lengths, weight.requiresGrad));
  setField(module, `${field}V`, new Parameter(weight, weight.requiresGrad));
  const computed: NormedField = {
    kind: 'weightNorm',
    get: (m) => scaledDirection(tensorOf(m, `${field}V`), tensorOf(m, `${field}G`), dim),
    set: () => refuseAssignment('weightNorm', field),
  };
  setComputed(module, field, computed);
  return module;
}

/**
 * Makes the weight of {@link weightNorm} a parameter again.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.remove_weight_norm.html
 */
export function removeWeightNorm<M extends AnyModule>(module: M, field = 'weight'): M {
  checkNormed('removeWeightNorm', 'weightNorm', module, field);
  const value = noGrad(() => tensorOf(module, field));
  replaceParts(module, field, ['G', 'V'], new Parameter(value));
  return module;
}

function spectrallyNormed(module: AnyModule, field: string, dim: number, times: number, eps: number): Tensor {
  const [weight, left, right] = ['Orig', 'U', 'V'].map((ending) => tensorOf(module, field + ending));
  const matrix = asMatrix(weight, dim);
  if (module.training) {
    noGrad(() => {
      for (let i = 0; i < times; i++) {
        turn(right, transpose(matrix, 0, 1), left, eps);
        turn(left, matrix, right, eps);
      }
    });
  }
  return div(weight, matmul(clone(left), matmul(matrix, clone(right))));
}

/**
 * A weight divided by its largest singular value, in fields and files with PyTorch's older names:
 * `weightOrig` (`weight_orig`) and the buffers `weightU`, `weightV`. In training mode each reading of the weight is a step
 * of the power method. New code uses {@link parametrizations.spectralNorm}.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.spectral_norm.html
 */
export function spectralNorm<M extends AnyModule>(module: M, field = 'weight', options: SpectralNormOptions = {}): M {
  const weight = parameterAt('spectralNorm', module, field);
  checkOptions('spectralNorm', options);
  const { nPowerIterations = 1, eps = 1e-12 } = options;
  checkSize('spectralNorm', 'nPowerIterations', nPowerIterations);
  const dim = checkDim('spectralNorm', options.dim ?? outputDim(module), weight.ndim);
  noGrad(() => {
    const { shape } = asMatrix(weight, dim);
    setField(module, `${field}Orig`, weight);
    for (const [i, ending] of ['U', 'V'].entries()) {
      module.registerBuffer(field + ending, normalize(randn([shape[i]], { dtype: weight.dtype }), { dim: 0, eps }));
    }
  });
  const computed: NormedField = {
    kind: 'spectralNorm',
    get: (m) => spectrallyNormed(m, field, dim, nPowerIterations, eps),
    set: () => refuseAssignment('spectralNorm', field),
  };
  setComputed(module, field, computed);
  return module;
}

/**
 * Makes the weight of {@link spectralNorm} a parameter again.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.remove_spectral_norm.html
 */
export function removeSpectralNorm<M extends AnyModule>(module: M, field = 'weight'): M {
  checkNormed('removeSpectralNorm', 'spectralNorm', module, field);
  const { training } = module;
  module.training = false;
  const value = noGrad(() => tensorOf(module, field));
  module.training = training;
  replaceParts(module, field, ['Orig', 'U', 'V'], new Parameter(value));
  return module;
}
