import { ArgumentError, valueText } from '../errors.js';
import { dot } from '../ops/linalg/matmul.js';
import { mul, sub } from '../ops/pointwise/arithmetic.js';
import { addcmul } from '../ops/pointwise/ternary.js';
import { abs, neg } from '../ops/pointwise/unary.js';
import { amax, sum } from '../ops/reduce/reduce.js';
import { cat } from '../ops/shape/concat.js';
import { clone, narrow, reshape, to } from '../ops/shape/view.js';
import { checkOptions } from '../tensor/check.js';
import { zeros } from '../tensor/create.js';
import { computeDType } from '../tensor/dtype.js';
import { enableGrad, noGrad } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { checkCommon, checkCount, checkNotNegative } from './check.js';
import { type Point, strongWolfe } from './line-search.js';
import { Optimizer, type ParamGroup, type ParamGroupInput, type Params, withDefaults } from './optimizer.js';
import { disposeState, type ParamState } from './state-dict.js';

/** Options of {@link LBFGS}. */
export interface LBFGSOptions {
  /** Learning rate; the first step length with a line search. Default 1. */
  lr: number;
  /** Iterations of one step. Default 20. */
  maxIter: number;
  /** Evaluations of one step; null: a quarter more than iterations. Default null. */
  maxEval: number | null;
  /** Ends when no gradient is larger. Default 1e-7. */
  toleranceGrad: number;
  /** Ends when neither parameters nor loss change more. Default 1e-9. */
  toleranceChange: number;
  /** Number of past steps that are remembered. Default 100. */
  historySize: number;
  /** How the step length is chosen; null: always `lr`. Default null. */
  lineSearchFn: 'strong_wolfe' | null;
}

const DEFAULTS: LBFGSOptions = {
  lr: 1,
  maxIter: 20,
  maxEval: null,
  toleranceGrad: 1e-7,
  toleranceChange: 1e-9,
  historySize: 100,
  lineSearchFn: null,
};

/** What the algorithm waits for: values, or the closure. */
type Request = { read: readonly Tensor[] } | { evaluate: true };
type Task<R> = Generator<Request, R, unknown>;

function* read(...tensors: Tensor[]): Task<number[]> {
  return (yield { read: tensors }) as number[];
}

/** A tensor outside every scope; whoever asks for it frees it. */
const own = (fn: () => Tensor): Tensor => noGrad(fn).keep();

/** What one step remembers for the next one. */
interface Memory {
  funcEvals: number;
  nIter: number;
  d?: Tensor;
  t: number;
  oldDirs: Tensor[];
  oldStps: Tensor[];
  ro: number[];
  HDiag: number;
  prevFlatGrad?: Tensor;
  prevLoss: number;
}

/** A loss with the gradient of all parameters as one vector, and its largest magnitude. */
interface Evaluated {
  loss: number;
  grad: Tensor;
  gradMax: number;
}

/**
 * L-BFGS: a quasi-Newton method for full batches. `step(closure)` needs a closure that clears the gradients, computes the
 * loss, calls `backward()` and returns the loss; it is run several times.
 *
 * The method decides by values. With an async closure `await optimizer.step(closure)` waits for them without holding the
 * event loop; with a synchronous one `step` blocks, as `itemSync()` does.
 *
 * @example
 * const loss = await optimizer.step(async () => {
 *   optimizer.zeroGrad();
 *   const loss = F.mseLoss(model.forward(x), y);
 *   loss.backward();
 *   return loss;
 * });
 *
 * @throws ArgumentError for options outside their ranges, more than one group, or a step without a closure.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.LBFGS.html
 */
export class LBFGS extends Optimizer<LBFGSOptions> {
  constructor(params: Params<LBFGSOptions>, options: Partial<LBFGSOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  override addParamGroup(group: ParamGroupInput<LBFGSOptions>): void {
    if (this.paramGroups.length > 0) {
      throw new ArgumentError('LBFGS', "LBFGS doesn't support per-parameter options (parameter groups)", group);
    }
    super.addParamGroup(group);
  }

  protected checkGroup(op: string, group: LBFGSOptions): void {
    checkCommon(op, group);
    checkCount(op, 'maxIter', group.maxIter, 0);
    if (group.maxEval !== null) checkCount(op, 'maxEval', group.maxEval, 0);
    checkNotNegative(op, 'toleranceGrad value', group.toleranceGrad);
    checkNotNegative(op, 'toleranceChange value', group.toleranceChange);
    checkCount(op, 'historySize', group.historySize);
    const search: unknown = group.lineSearchFn;
    if (search === null || search === 'strong_wolfe') return;
    throw new ArgumentError(op, `only 'strong_wolfe' is supported, got ${valueText(search)}`, search);
  }

  protected stepGroup(): void {
    throw new ArgumentError('LBFGS', 'step needs a closure');
  }

  /** Minimizes the loss by up to `maxIter` iterations; the first loss comes back. */
  protected override runStep<R>(closure?: () => R): R | undefined {
    if (closure === undefined) throw new ArgumentError('LBFGS', 'step needs a closure');
    this.checkGroup('LBFGS', this.paramGroups[0]);
    const result = enableGrad(closure);
    if (result instanceof Promise) return this.#later(result, closure) as R;
    const loss = checkedLoss(result);
    const task = this.#minimize(loss);
    for (let next = task.next(); !next.done; ) {
      const request = next.value;
      try {
        next = task.next(
          'read' in request ? request.read.map((x) => Number(x.itemSync())) : checkedLoss(enableGrad(closure)),
        );
      } catch (error) {
        next = task.throw(error);
      }
    }
    return result;
  }

  async #later(first: Promise<unknown>, closure: () => unknown): Promise<unknown> {
    const loss = checkedLoss(await first);
    const task = this.#minimize(loss);
    for (let next = task.next(); !next.done; ) {
      const request = next.value;
      try {
        const answer =
          'read' in request
            ? (await Promise.all(request.read.map((x) => x.item()))).map(Number)
            : checkedLoss(await enableGrad(closure));
        next = task.next(answer);
      } catch (error) {
        next = task.throw(error);
      }
    }
    return loss;
  }

  get #params(): readonly Tensor[] {
    return this.paramGroups[0].params;
  }

  #flatGrad(): Tensor {
    const parts = this.#params.map((param) => {
      const dtype = computeDType(param.dtype);
      return param._grad ? reshape(to(param._grad, dtype), [-1]) : zeros([param.numel], { dtype });
    });
    return cat(parts);
  }

  /** The loss and the gradient that the last call of the closure left. */
  *#look(loss: Tensor): Task<Evaluated> {
    const grad = own(() => this.#flatGrad());
    const most = own(() => (grad.numel === 0 ? zeros([]) : amax(abs(grad))));
    const [value, gradMax] = yield* read(loss, most);
    most.dispose();
    return { loss: value, grad, gradMax };
  }

  *#evaluate(): Task<Evaluated> {
    return yield* this.#look((yield { evaluate: true }) as Tensor);
  }

  /** Moves the parameters along a vector. */
  #move(step: number, direction: Tensor): void {
    let offset = 0;
    noGrad(() => {
      for (const param of this.#params) {
        param.add_(reshape(narrow(direction, 0, offset, param.numel), param.shape), { alpha: step });
        offset += param.numel;
      }
    });
  }

  #memory(): Memory {
    const state = this.stateOf(this.#params[0]) as ParamState & Partial<Memory>;
    const { funcEvals = 0, nIter = 0, d, t = 0, ro = [], HDiag = 1, prevFlatGrad, prevLoss = 0 } = state;
    const lists = { oldDirs: [...(state.oldDirs ?? [])], oldStps: [...(state.oldStps ?? [])], ro: [...ro] };
    return { funcEvals, nIter, d, t, HDiag, prevFlatGrad, prevLoss, ...lists };
  }

  /** Makes a memory the state, and frees what only the one before held. */
  #remember(memory: Memory): void {
    const param = this.#params[0];
    const before = this.stateOf(param);
    const after = Object.fromEntries(Object.entries(memory).filter(([, value]) => value !== undefined)) as ParamState;
    const held = new Set<unknown>(Object.values(after).flatMap((value): unknown[] => [value].flat()));
    const gone = Object.values(before).flatMap((value): unknown[] => [value].flat());
    disposeState(Object.fromEntries(gone.flatMap((x, i) => (x instanceof Tensor && !held.has(x) ? [[i, x]] : []))));
    this.state.set(param, after);
  }

  *#minimize(firstLoss: Tensor): Task<void> {
    const group = this.paramGroups[0];
    const maxEval = group.maxEval ?? Math.floor((group.maxIter * 5) / 4);
    let now = yield* this.#look(firstLoss);
    const memory = this.#memory();
    memory.funcEvals++;
    this.#remember(memory);
    let evaluations = 1;
    for (let i = 1; i <= group.maxIter && !(now.gradMax <= group.toleranceGrad); i++) {
      memory.nIter++;
      yield* this.#direction(memory, now, group.historySize);
      this.#remember(memory);
      const d = memory.d as Tensor;
      const products = own(() => dot(now.grad, d));
      const sizes = own(() => amax(abs(d)));
      const lengths = own(() => sum(abs(now.grad)));
      const [gtd, dMax, gradSum] = yield* read(products, sizes, lengths);
      for (const x of [products, sizes, lengths]) x.dispose();
      memory.t = memory.nIter === 1 ? Math.min(1, 1 / gradSum) * group.lr : group.lr;
      if (gtd > -group.toleranceChange) break;
      const used = yield* this.#advance(group, memory, {
        now,
        gtd,
        dMax,
        last: i === group.maxIter,
        maxEval: maxEval - evaluations,
      });
      now = used.now;
      evaluations += used.evaluations;
      memory.funcEvals += used.evaluations;
      if (evaluations >= maxEval || dMax * Math.abs(memory.t) <= group.toleranceChange) break;
      if (Math.abs(now.loss - memory.prevLoss) < group.toleranceChange) break;
    }
    if (now.grad !== memory.prevFlatGrad) now.grad.dispose();
    this.#remember(memory);
  }

  /** The next direction, from the gradients and steps so far; they take in the last ones. */
  *#direction(memory: Memory, now: Evaluated, historySize: number): Task<void> {
    const { d, prevFlatGrad } = memory;
    if (memory.nIter === 1 || !d || !prevFlatGrad) {
      memory.d = own(() => neg(now.grad));
      Object.assign(memory, { oldDirs: [], oldStps: [], ro: [], HDiag: 1 });
    } else {
      const y = own(() => sub(now.grad, prevFlatGrad));
      const s = own(() => mul(d, memory.t));
      const products = [own(() => dot(y, s)), own(() => dot(y, y))];
      const [ys, yy] = yield* read(...products);
      for (const x of products) x.dispose();
      if (ys > 1e-10) {
        if (memory.oldDirs.length === historySize)
          for (const list of [memory.oldDirs, memory.oldStps, memory.ro]) list.shift();
        memory.oldDirs.push(y);
        memory.oldStps.push(s);
        memory.ro.push(1 / ys);
        memory.HDiag = ys / yy;
      } else {
        y.dispose();
        s.dispose();
      }
      memory.d = own(() => approximateProduct(memory, now.grad));
    }
    memory.prevFlatGrad = now.grad;
    memory.prevLoss = now.loss;
  }

  /** Moves along the direction: by the line search, or by the rate. */
  *#advance(
    group: ParamGroup<LBFGSOptions>,
    memory: Memory,
    at: { now: Evaluated; gtd: number; dMax: number; last: boolean; maxEval: number },
  ): Task<{ now: Evaluated; evaluations: number }> {
    const d = memory.d as Tensor;
    if (group.lineSearchFn === null) {
      this.#move(memory.t, d);
      // The loss behind the last iteration would not be used.
      if (at.last) return { now: at.now, evaluations: 0 };
      return { now: yield* this.#evaluate(), evaluations: 1 };
    }
    const start = { t: 0, f: at.now.loss, g: at.now, gtd: at.gtd };
    const options = { dNorm: at.dMax, toleranceChange: group.toleranceChange, maxEvaluations: at.maxEval };
    const search = strongWolfe<Evaluated>(start, memory.t, options);
    const seen: Evaluated[] = [];
    let next = search.next();
    while (!next.done) {
      const point: Point<Evaluated> = yield* this.#pointAt(next.value, d);
      seen.push(point.g);
      next = search.next(point);
    }
    const { point, evaluations } = next.value;
    for (const { grad } of seen) if (grad !== point.g.grad) grad.dispose();
    memory.t = point.t;
    this.#move(point.t, d);
    return { now: point.g, evaluations };
  }

  /** Evaluates at a distance and comes back, also when the closure throws. */
  *#pointAt(t: number, d: Tensor): Task<Point<Evaluated>> {
    const before = this.#params.map((param) => own(() => clone(param.detach())));
    try {
      this.#move(t, d);
      const g = yield* this.#evaluate();
      const product = own(() => dot(g.grad, d));
      const [gtd] = yield* read(product);
      product.dispose();
      return { t, f: g.loss, g, gtd };
    } finally {
      noGrad(() => {
        this.#params.forEach((param, i) => {
          param.copy_(before[i]);
        });
      });
      for (const x of before) x.dispose();
    }
  }
}

/** Minus the gradient, multiplied by the inverse Hessian that the remembered steps suggest. */
function approximateProduct({ oldDirs, oldStps, ro, HDiag }: Memory, grad: Tensor): Tensor {
  const al: Tensor[] = [];
  let q = neg(grad);
  for (let i = oldDirs.length - 1; i >= 0; i--) {
    al[i] = mul(dot(oldStps[i], q), ro[i]);
    q = addcmul(q, oldDirs[i], al[i], { value: -1 });
  }
  let r = mul(q, HDiag);
  for (let i = 0; i < oldDirs.length; i++) {
    const beta = mul(dot(oldDirs[i], r), ro[i]);
    r = addcmul(r, oldStps[i], sub(al[i], beta));
  }
  return r;
}

function checkedLoss(loss: unknown): Tensor {
  if (loss instanceof Tensor && loss.numel === 1) return loss;
  throw new ArgumentError('LBFGS', `closure must return a loss of one element, got ${valueText(loss)}`, loss);
}
