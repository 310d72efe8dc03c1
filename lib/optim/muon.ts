import { ArgumentError, ShapeError, valueText } from '../errors.js';
import { matmul } from '../ops/linalg/matmul.js';
import { FlatStep } from '../ops/optim/flat-step.js';
import { add, div, mul } from '../ops/pointwise/arithmetic.js';
import { clamp } from '../ops/pointwise/select.js';
import { lerp } from '../ops/pointwise/ternary.js';
import { norm } from '../ops/reduce/moments.js';
import { to, transpose } from '../ops/shape/view.js';
import { checkOptions } from '../tensor/check.js';
import { computeDType } from '../tensor/dtype.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkBooleans, checkCommon, checkNotNegative, checkNumbers } from './check.js';
import { Optimizer, type ParamGroup, type ParamGroupInput, type Params, withDefaults } from './optimizer.js';

/** Options of {@link Muon}. */
export interface MuonOptions {
  /** Learning rate. Default 1e-3. */
  lr: number;
  /** Decoupled. Default 0.1. */
  weightDecay: number;
  /** Default 0.95. */
  momentum: number;
  /** Default true. */
  nesterov: boolean;
  /** The polynomial of the iteration. Default [3.4445, -4.775, 2.0315]. */
  nsCoefficients: readonly [number, number, number];
  /** Least norm that a gradient is divided by. Default 1e-7. */
  eps: number;
  /** Iterations, below 100. Default 5. */
  nsSteps: number;
  /** Scale of a step for matrices [A, B]: sqrt(max(1, A / B)) (`original`, and null) or 0.2 * sqrt(max(A, B)). Default null. */
  adjustLrFn: 'original' | 'match_rms_adamw' | null;
}

const DEFAULTS: MuonOptions = {
  lr: 1e-3,
  weightDecay: 0.1,
  momentum: 0.95,
  nesterov: true,
  nsCoefficients: [3.4445, -4.775, 2.0315],
  eps: 1e-7,
  nsSteps: 5,
  adjustLrFn: null,
};

/** Newton and Schulz's iteration towards the nearest orthogonal matrix. */
function orthogonalized(matrix: Tensor, group: MuonOptions): Tensor {
  const [a, b, c] = group.nsCoefficients;
  const tall = matrix.shape[0] > matrix.shape[1];
  let x = tall ? transpose(matrix, 0, 1) : matrix;
  x = div(x, clamp(norm(x), group.eps));
  for (let i = 0; i < group.nsSteps; i++) {
    const gram = matmul(x, transpose(x, 0, 1));
    const factor = add(mul(gram, b), mul(matmul(gram, gram), c));
    x = add(mul(x, a), matmul(factor, x));
  }
  return tall ? transpose(x, 0, 1) : x;
}

/**
 * Muon: momentum whose matrix is made orthogonal, for the 2-d weights of hidden layers. Biases, norms, embeddings and the
 * last layer belong to another optimizer.
 *
 *     B = momentum * B + (1 - momentum) * g,  U = nesterov ? (1 - momentum) * g + momentum * B : B
 *     p = (1 - lr * weightDecay) * p - adjusted lr * orthogonalized(U)
 *
 * The iteration runs in the dtype of the parameter (float32 for 16-bit ones); PyTorch rounds it to bfloat16.
 * @throws ArgumentError for options outside their ranges; ShapeError for a parameter that is no matrix.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.Muon.html
 */
export class Muon extends Optimizer<MuonOptions> {
  constructor(params: Params<MuonOptions>, options: Partial<MuonOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  override addParamGroup(group: ParamGroupInput<MuonOptions>): void {
    super.addParamGroup(group);
    const wrong = this.paramGroups.at(-1)?.params.find((param) => param.ndim !== 2);
    if (!wrong) return;
    this.paramGroups.pop();
    throw new ShapeError(
      this.constructor.name,
      `Muon only supports 2D parameters whereas we found a parameter with size: [${wrong.shape}]`,
      wrong.shape,
    );
  }

  protected checkGroup(op: string, group: MuonOptions): void {
    checkCommon(op, group);
    checkNotNegative(op, 'momentum value', group.momentum);
    checkBooleans(op, { ...group }, 'nesterov');
    checkNumbers(op, 'nsCoefficients', group.nsCoefficients, 3);
    const { nsSteps, adjustLrFn } = group;
    if (!(Number.isInteger(nsSteps) && nsSteps >= 0 && nsSteps < 100)) {
      throw new ArgumentError(op, `nsSteps must be an integer below 100, got ${valueText(nsSteps)}`, nsSteps);
    }
    if (adjustLrFn === null || adjustLrFn === 'original' || adjustLrFn === 'match_rms_adamw') return;
    throw new ArgumentError(op, `Adjust learning rate function ${valueText(adjustLrFn)} is not supported`, adjustLrFn);
  }

  protected stepGroup(group: ParamGroup<MuonOptions>, params: readonly Tensor[]): void {
    const op = this.constructor.name;
    const { lr, weightDecay, momentum, nesterov, adjustLrFn } = group;
    const average = new FlatStep();
    const buffers = params.map((param) => this.bufferOf(param, 'momentumBuffer'));
    params.forEach((param, i) => {
      average.add(op, buffers[i], param._grad);
    });
    average.run('lerp', [], { weight: 1 - momentum });
    noGrad(() => {
      const move = new FlatStep();
      params.forEach((param, i) => {
        const [grad, buffer] = [param._grad as Tensor, buffers[i]].map((x) => to(x, computeDType(param.dtype)));
        const direction = orthogonalized(nesterov ? lerp(grad, buffer, momentum) : buffer, group);
        const [rows, columns] = param.shape;
        const scale =
          adjustLrFn === 'match_rms_adamw'
            ? 0.2 * Math.sqrt(Math.max(rows, columns))
            : Math.sqrt(Math.max(1, rows / columns));
        move.add(op, param, to(mul(direction, scale), param.dtype));
      });
      move.run('decayedStep', [], { shrink: 1 - lr * weightDecay, stepSize: lr });
    });
  }
}
