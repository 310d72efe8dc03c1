import { ArgumentError, valueText } from '../errors.js';
import { ModuleList } from '../nn/container.js';
import { oneHot, softmax } from '../nn/functional.js';
import { assertModule, Module } from '../nn/module.js';
import type { StateDict } from '../nn/state-dict.js';
import { add, div, mul } from '../ops/index.js';
import { to } from '../ops/shape/view.js';
import { checkOptions } from '../tensor/check.js';
import { tensor } from '../tensor/create.js';
import { isFloating } from '../tensor/dtype.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkOneOf } from './check.js';

/** How the members of an ensemble decide together. */
export type Combine = 'mean' | 'soft' | 'hard';

/** Options of {@link Ensemble}. */
export interface EnsembleOptions {
  /**
   * `'mean'`: the mean of the outputs. `'soft'`: the mean of the probabilities that logits `[N, C]` stand for.
   * `'hard'`: every member has one vote; the shares of the votes. Default `'mean'`.
   */
  combine?: Combine;
  /** How much each member counts. Default: all the same. */
  weights?: readonly number[];
}

/**
 * Several modules as one. Outputs of `'soft'` and `'hard'` are shares `[N, C]` that add up to 1; `argmax(1)` is the class.
 * The weights are in the state dict.
 *
 * @example
 * const model = new Ensemble([a, b, c], { combine: 'soft' });
 * const labels = model.eval().forward(images).argmax(1);
 *
 * @throws ArgumentError for no members, or other numbers of weights than members
 * Source: Zhou, "Ensemble Methods" (2012), chapter 4.
 */
export class Ensemble extends Module {
  readonly members: ModuleList;
  readonly combine: Combine;
  declare readonly weights: Tensor;

  constructor(members: readonly Module[], options: EnsembleOptions = {}) {
    super();
    const op = 'Ensemble';
    checkOptions(op, options);
    this.combine = checkOneOf(op, 'combine', options.combine ?? 'mean', ['mean', 'soft', 'hard']);
    if (!Array.isArray(members) || members.length === 0) {
      throw new ArgumentError(op, `members must be a list of modules, got ${valueText(members)}`, members);
    }
    members.forEach((member: unknown, i) => {
      assertModule(op, member, `member ${i}`);
    });
    const weights = options.weights ?? members.map(() => 1);
    const total = Array.isArray(weights) ? weights.reduce((a: number, b: number) => a + b, 0) : Number.NaN;
    if (weights.length !== members.length || !(total > 0 && Number.isFinite(total)) || weights.some((w) => w < 0)) {
      throw new ArgumentError(op, `${members.length} weights >= 0 are needed, got ${valueText(weights)}`, weights);
    }
    this.members = new ModuleList(members);
    this.registerBuffer('weights', tensor(Float32Array.from(weights, (w) => w / total)));
  }

  forward(x: Tensor): Tensor {
    let sum: Tensor | null = null;
    for (let i = 0; i < this.members.items.length; i++) {
      const part = mul(this.opinion(this.members.items[i].forward(x)), this.weights.select(0, i));
      sum = sum === null ? part : add(sum, part);
    }
    return sum as Tensor;
  }

  private opinion(output: Tensor): Tensor {
    if (this.combine === 'mean') return output;
    if (this.combine === 'soft') return softmax(output, -1);
    return to(oneHot(output.argmax(-1), output.shape.at(-1)), output.dtype);
  }

  override extraRepr(): string {
    return `combine=${this.combine}`;
  }
}

/**
 * The mean of several state dicts, tensor by tensor: checkpoints of one run averaged into one model. Tensors that are not
 * floating-point are those of the last state. For averages during training see `callbacks.WeightAveraging`.
 *
 * @example
 * const saved = await Promise.all(files.map((file) => io.loadSafetensors(file)));
 * model.loadStateDict(averageStateDicts(saved.map(({ tensors }) => tensors)));
 *
 * @throws ArgumentError for no states, or states with other keys
 */
export function averageStateDicts(states: readonly Readonly<StateDict>[]): StateDict {
  const op = 'averageStateDicts';
  if (!Array.isArray(states) || states.length === 0) {
    throw new ArgumentError(op, `a list of state dicts is needed, got ${valueText(states)}`, states);
  }
  const keys = Object.keys(states[0]);
  states.forEach((state: Readonly<StateDict>, i) => {
    const missing = keys.find((key) => !(key in state)) ?? Object.keys(state).find((key) => !keys.includes(key));
    if (missing !== undefined) throw new ArgumentError(op, `state ${i} and state 0 differ in ${missing}`, missing);
  });
  return noGrad(() => {
    const averages: StateDict = {};
    for (const key of keys) {
      const last = states[states.length - 1][key];
      const all = states.map((state: Readonly<StateDict>) => state[key]);
      averages[key] = isFloating(last.dtype)
        ? div(
            all.reduce((a: Tensor, b: Tensor) => add(a, b)),
            states.length,
          )
        : last.clone();
    }
    return averages;
  });
}
