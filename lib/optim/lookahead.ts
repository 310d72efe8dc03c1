import { ArgumentError, valueText } from '../errors.js';
import { alignedBuffer, FlatStep } from '../ops/optim/flat-step.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { noGrad } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { checkCount } from './check.js';
import { Optimizer, type ParamGroup } from './optimizer.js';
import { isObject, type OptimizerStateDict } from './state-dict.js';

/** Options of {@link Lookahead}. */
export interface LookaheadOptions {
  /** Steps of the inner optimizer between two of the slow weights. Default 5. */
  k?: number;
  /** How far the slow weights go towards the fast ones; in [0, 1]. Default 0.5. */
  alpha?: number;
}

/** The state of a {@link Lookahead}: that of the inner optimizer, and the slow weights by the number of the parameter. */
export interface LookaheadStateDict {
  optimizer: OptimizerStateDict;
  slow: { [index: number]: Tensor };
  steps: number;
}

/**
 * Wraps an optimizer: every `k` steps the slow weights move by `alpha` towards the fast ones, which go on from there.
 * Schedules take it in the place of the optimizer.
 *
 * @example
 * const optimizer = new optim.Lookahead(new optim.Adam(model.parameters()), { k: 5, alpha: 0.5 });
 *
 * @throws ArgumentError for options outside their ranges, or what is no optimizer.
 * Source: Zhang et al., Lookahead Optimizer: k steps forward, 1 step back, 2019, algorithm 1. Not in PyTorch.
 */
export class Lookahead<O extends object> {
  readonly optimizer: Optimizer<O>;
  readonly k: number;
  readonly alpha: number;
  readonly #slow = new Map<Tensor, Tensor>();
  #steps = 0;

  constructor(optimizer: Optimizer<O>, options: LookaheadOptions = {}) {
    const op = 'Lookahead';
    checkOptions(op, options);
    if (!(optimizer instanceof Optimizer)) {
      throw new ArgumentError(op, `an optimizer is needed, got ${valueText(optimizer)}`, optimizer);
    }
    const { k = 5, alpha = 0.5 } = options;
    if (!(typeof alpha === 'number' && alpha >= 0 && alpha <= 1)) {
      throw new ArgumentError(op, `alpha must be a number in [0, 1], got ${valueText(alpha)}`, alpha);
    }
    this.optimizer = optimizer;
    this.k = checkCount(op, 'k', k);
    this.alpha = alpha;
  }

  get paramGroups(): ParamGroup<O>[] {
    return this.optimizer.paramGroups;
  }

  get defaults(): Readonly<O> {
    return this.optimizer.defaults;
  }

  /** Takes the gradients of all parameters away, as the optimizer inside does. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    this.optimizer.zeroGrad(options);
  }

  /** A step of the inner optimizer, and of the slow weights where it is their turn. */
  step(): undefined;
  step<R>(closure: () => R): R;
  step<R>(closure?: () => R): R | undefined {
    this.#begin();
    if (closure === undefined) {
      this.optimizer.step();
      this.#end();
      return undefined;
    }
    const result = this.optimizer.step(closure);
    if (result instanceof Promise) {
      return result.then((value: unknown) => {
        this.#end();
        return value;
      }) as R;
    }
    this.#end();
    return result;
  }

  get #params(): Tensor[] {
    return this.paramGroups.flatMap((group) => group.params);
  }

  /** The slow weights begin where the parameters are before their first step. */
  #begin(): void {
    for (const param of this.#params) {
      if (this.#slow.has(param)) continue;
      const slow = alignedBuffer('Lookahead', 'slow', param, null);
      noGrad(() => slow.copy_(param.detach()));
      this.#slow.set(param, slow);
    }
  }

  #end(): void {
    this.#steps++;
    if (this.#steps % this.k !== 0) return;
    const flat = new FlatStep();
    const params = this.#params;
    for (const param of params) flat.add('Lookahead', param, null);
    const slow = params.map((param) => {
      const aligned = alignedBuffer('Lookahead', 'slow', param, this.#slow.get(param) as Tensor);
      this.#slow.set(param, aligned);
      return aligned;
    });
    flat.run('lookahead', [slow], { alpha: this.alpha });
  }

  /** Everything that a later run needs to go on. The tensors are not copied. */
  stateDict(): LookaheadStateDict {
    const slow: LookaheadStateDict['slow'] = {};
    this.#params.forEach((param, i) => {
      const own = this.#slow.get(param);
      if (own) slow[i] = own;
    });
    return { optimizer: this.optimizer.stateDict(), slow, steps: this.#steps };
  }

  /**
   * Takes over a `stateDict`; tensors are copied.
   * @throws ArgumentError when it does not fit; nothing has changed then.
   */
  loadStateDict(stateDict: LookaheadStateDict): void {
    const op = 'Lookahead.loadStateDict';
    checkOptions(op, stateDict);
    const params = this.#params;
    checkCount(op, 'steps', stateDict.steps, 0);
    if (!isObject(stateDict.slow)) throw new ArgumentError(op, 'the slow weights are missing', stateDict);
    const given = Object.entries(stateDict.slow).map(([key, value]: [string, unknown]) => {
      const param = params[Number(key)];
      if (!param) throw new ArgumentError(op, `slow weights of parameter ${key}, which is in no group`, key);
      if (!(value instanceof Tensor)) {
        throw new ArgumentError(
          op,
          `slow weights of parameter ${key} must be a Tensor, got ${valueText(value)}`,
          value,
        );
      }
      checkTensor(op, value, 'slow');
      if (String(value.shape) === String(param.shape)) return [param, value] as const;
      throw new ArgumentError(op, `slow weights of parameter ${key} have shape [${value.shape}]`, value.shape);
    });
    this.optimizer.loadStateDict(stateDict.optimizer);
    // Copied before the old ones go: they may be those that are loaded.
    const copies = given.map(([param, value]) => {
      const copy = alignedBuffer(op, 'slow', param, null);
      noGrad(() => copy.copy_(value));
      return [param, copy] as const;
    });
    for (const old of this.#slow.values()) old.dispose();
    this.#slow.clear();
    for (const [param, copy] of copies) this.#slow.set(param, copy);
    this.#steps = stateDict.steps;
  }
}
