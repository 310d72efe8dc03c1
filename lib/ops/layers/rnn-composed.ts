// The gradients of a recurrent layer from ops that have gradients themselves: backpropagation through time, unrolled.
import { zerosLike } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import { matmul } from '../linalg/matmul.js';
import { add, mul, sub } from '../pointwise/arithmetic.js';
import { gt } from '../pointwise/compare.js';
import { neg, relu, sigmoid, square, tanh } from '../pointwise/unary.js';
import { sum } from '../reduce/reduce.js';
import { t } from '../shape/axes.js';
import { cat, chunk } from '../shape/concat.js';
import { narrow, to } from '../shape/view.js';
import { linear } from './linear.js';
import type { RnnRule, SavedRnn } from './rnn-rule.js';

/** Rows of one step. The first `kept` of them go on from the step computed before; the others start. */
interface Step {
  readonly start: number;
  readonly count: number;
  readonly kept: number;
}

/** In the order in which they are computed. */
function stepsOf({ reverse, spans }: RnnRule, rows: number, batch: number): Step[] {
  const counts = spans?.counts ?? new Array<number>(rows / batch).fill(batch);
  let start = 0;
  const order = counts.map((count) => {
    start += count;
    return { start: start - count, count };
  });
  if (reverse) order.reverse();
  return order.map(({ start, count }, i) => ({ start, count, kept: i > 0 ? Math.min(count, order[i - 1].count) : 0 }));
}

const rowsOf = (x: Tensor, start: number, count: number): Tensor => narrow(x, 0, start, count);

/** `head` in place of the first rows of `x`. */
function replaced(x: Tensor, head: Tensor): Tensor {
  const count = head.shape[0];
  return count === x.shape[0] ? head : cat([head, rowsOf(x, count, x.shape[0] - count)]);
}

/** What the rows of a step go on from: `before` (null in the first step), then `initial`. */
function previous(before: Tensor | null, initial: Tensor, { kept, count }: Step): Tensor {
  if (!before || kept === 0) return rowsOf(initial, 0, count);
  return replaced(rowsOf(initial, 0, count), rowsOf(before, 0, kept));
}

/** Gradients that one step finds: of its gates as x and as the state see them, and of what came before it. */
interface StepGradients {
  readonly ofX: Tensor;
  readonly ofState: Tensor;
  readonly h: Tensor;
  readonly c?: Tensor;
}

/** One step, computed again; `backward` takes the gradients of its state (before the projection) and cell. */
interface StepRun {
  /** Before the projection. */
  readonly inner: Tensor;
  readonly c: Tensor | null;
  backward(gradInner: Tensor, gradC: Tensor | null): StepGradients;
}

const oneMinus = (x: Tensor): Tensor => add(neg(x), 1);
/** The slope of sigmoid and of tanh from their values. */
const sigmoidSlope = (y: Tensor): Tensor => mul(y, oneMinus(y));
const tanhSlope = (y: Tensor): Tensor => oneMinus(square(y));

function lstmStep(ofX: Tensor, ofState: Tensor, weight: Tensor, cBefore: Tensor): StepRun {
  const [a, b, d, e] = chunk(add(ofX, ofState), 4, 1);
  const [i, f, g, o] = [sigmoid(a), sigmoid(b), tanh(d), sigmoid(e)];
  const c = add(mul(f, cBefore), mul(i, g));
  const tc = tanh(c);
  return {
    inner: mul(o, tc),
    c,
    backward: (gradInner, gradC) => {
      const through = mul(mul(gradInner, o), tanhSlope(tc));
      const all = gradC ? add(through, gradC) : through;
      const gates = cat(
        [
          mul(mul(all, g), sigmoidSlope(i)),
          mul(mul(all, cBefore), sigmoidSlope(f)),
          mul(mul(all, i), tanhSlope(g)),
          mul(mul(gradInner, tc), sigmoidSlope(o)),
        ],
        1,
      );
      return { ofX: gates, ofState: gates, h: matmul(gates, weight), c: mul(all, f) };
    },
  };
}

function gruStep(ofX: Tensor, ofState: Tensor, weight: Tensor, hBefore: Tensor): StepRun {
  const [xr, xz, xn] = chunk(ofX, 3, 1);
  const [hr, hz, hn] = chunk(ofState, 3, 1);
  const [r, z] = [sigmoid(add(xr, hr)), sigmoid(add(xz, hz))];
  const n = tanh(add(xn, mul(r, hn)));
  return {
    inner: add(mul(oneMinus(z), n), mul(z, hBefore)),
    c: null,
    backward: (gradH) => {
      const gradN = mul(mul(gradH, oneMinus(z)), tanhSlope(n));
      const gradR = mul(mul(gradN, hn), sigmoidSlope(r));
      const gradZ = mul(mul(gradH, sub(hBefore, n)), sigmoidSlope(z));
      const ofState = cat([gradR, gradZ, mul(gradN, r)], 1);
      return { ofX: cat([gradR, gradZ, gradN], 1), ofState, h: add(mul(gradH, z), matmul(ofState, weight)) };
    },
  };
}

function plainStep(ofX: Tensor, ofState: Tensor, weight: Tensor, rectified: boolean): StepRun {
  const h = rectified ? relu(add(ofX, ofState)) : tanh(add(ofX, ofState));
  return {
    inner: h,
    c: null,
    backward: (gradH) => {
      const gates = mul(gradH, rectified ? to(gt(h, 0), h.dtype) : tanhSlope(h));
      return { ofX: gates, ofState: gates, h: matmul(gates, weight) };
    },
  };
}

interface Unrolled {
  readonly step: Step;
  readonly run: StepRun;
  readonly hBefore: Tensor;
}

/** The forward pass once more. */
function unroll(saved: SavedRnn, steps: readonly Step[]): Unrolled[] {
  const { x, h0, c0, inputWeight, stateWeight, inputBias, stateBias, project, rule } = saved;
  const fromX = linear(x, inputWeight, inputBias);
  let h: Tensor | null = null;
  let c: Tensor | null = null;
  return steps.map((step) => {
    const hBefore = previous(h, h0, step);
    const ofX = rowsOf(fromX, step.start, step.count);
    const ofState = linear(hBefore, stateWeight, stateBias);
    let run: StepRun;
    if (c0) run = lstmStep(ofX, ofState, stateWeight, previous(c, c0, step));
    else if (rule.kind === 'gru') run = gruStep(ofX, ofState, stateWeight, hBefore);
    else run = plainStep(ofX, ofState, stateWeight, rule.kind === 'rnnRelu');
    h = project ? matmul(run.inner, t(project)) : run.inner;
    c = run.c;
    return { step, run, hBefore };
  });
}

/** @internal One gradient per input of the record, null for absent ones. */
export function composedGradients(
  saved: SavedRnn,
  gradOut: Tensor | null,
  gradHN: Tensor | null,
  gradCN: Tensor | null,
): readonly (Tensor | null)[] {
  const { x, h0, c0, inputWeight, inputBias, stateBias, project, rule } = saved;
  const steps = stepsOf(rule, x.shape[0], h0.shape[0]);
  let gradH = gradHN ?? zerosLike(h0);
  let gradC = c0 && (gradCN ?? zerosLike(c0));
  const found = unroll(saved, steps)
    .reverse()
    .map(({ step, run, hBefore }) => {
      const { start, count } = step;
      let state = rowsOf(gradH, 0, count);
      if (gradOut) state = add(state, rowsOf(gradOut, start, count));
      const gradInner = project ? matmul(state, project) : state;
      const grads = run.backward(gradInner, gradC && rowsOf(gradC, 0, count));
      gradH = replaced(gradH, grads.h);
      if (gradC && grads.c) gradC = replaced(gradC, grads.c);
      return { start, hBefore, inner: run.inner, state, ofX: grads.ofX, ofState: grads.ofState };
    })
    .sort((a, b) => a.start - b.start);
  const all = (key: 'hBefore' | 'inner' | 'state' | 'ofX' | 'ofState'): Tensor => cat(found.map((one) => one[key]));
  const [ofX, ofState] = [all('ofX'), all('ofState')];
  return [
    matmul(ofX, inputWeight),
    gradH,
    gradC,
    matmul(t(ofX), x),
    matmul(t(ofState), all('hBefore')),
    inputBias && sum(ofX, 0),
    stateBias && sum(ofState, 0),
    project && matmul(t(all('state')), all('inner')),
  ];
}
