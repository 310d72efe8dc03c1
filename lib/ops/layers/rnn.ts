// Recurrent layers: one direction of one layer over a whole sequence, fused forward and backward (native/ops/rnn.h).
import { DTypeError } from '../../errors.js';
import { native } from '../../native.js';
import { zeros } from '../../tensor/create.js';
import { type DType, isFloating } from '../../tensor/dtype.js';
import { isGradEnabled } from '../../tensor/frame.js';
import { emptyContiguous, emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { sum } from '../reduce/reduce.js';
import { t } from '../shape/axes.js';
import { clone, contiguous, narrow } from '../shape/view.js';
import { composedGradients } from './rnn-composed.js';
import { GATES, KINDS, type RnnKind, type RnnRule, type SavedRnn } from './rnn-rule.js';

/** What backward needs of forward; empty when nothing is recorded. */
interface Kept {
  readonly wanted: boolean;
  gates: Tensor | null;
  cells: Tensor | null;
  inner: Tensor | null;
}

/** The kernels take one floating-point dtype. */
function checkSameFloat(op: string, [x, ...others]: readonly [Tensor, ...(Tensor | null)[]]): void {
  if (!isFloating(x.dtype)) throw new DTypeError(op, `input is ${x.dtype}, a floating-point dtype is needed`, x.dtype);
  for (const other of others) {
    if (other && other.dtype !== x.dtype) {
      throw new DTypeError(op, `tensors are ${x.dtype} and ${other.dtype}`, x.dtype, other.dtype);
    }
  }
}

const id = (x: Tensor | null): number => x?._id ?? 0;

/** Rows that are written side by side: at distances of a power of two they would push each other out of the cache. */
function emptyRows(rows: number, width: number, dtype: DType): Tensor {
  const bytes = dtype === 'float64' ? 8 : 4;
  const distance = (width * bytes) % 1024 === 0 ? width + 64 / bytes : width;
  return emptyStrided([rows, width], [distance, 1], dtype);
}

const rnnLayerOp = defineOp({
  name: 'rnnLayer',
  inputs: ['input', 'h0', 'c0?', 'weightIh', 'weightHh', 'biasIh?', 'biasHh?', 'weightHr?'],
  forward: (
    x: Tensor,
    h0: Tensor,
    c0: Tensor | null,
    inputWeight: Tensor,
    stateWeight: Tensor,
    inputBias: Tensor | null,
    stateBias: Tensor | null,
    project: Tensor | null,
    { kind, reverse, spans }: RnnRule,
    kept: Kept,
  ): readonly Tensor[] => {
    const { dtype } = x;
    checkSameFloat('rnnLayer', [x, h0, c0, inputWeight, stateWeight, inputBias, stateBias, project]);
    const [rows] = x.shape;
    const [batch, states] = h0.shape;
    const hidden = stateWeight.shape[0] / GATES[kind];
    const lstm = kind === 'lstm';
    const out = emptyContiguous([rows, states], dtype);
    const hN = emptyContiguous([batch, states], dtype);
    const cN = lstm ? emptyContiguous([batch, hidden], dtype) : null;
    if (kept.wanted) {
      if (GATES[kind] > 1) kept.gates = emptyRows(rows, 4 * hidden, dtype);
      if (lstm) kept.cells = emptyContiguous([rows, hidden], dtype);
      if (project) kept.inner = emptyContiguous([rows, hidden], dtype);
    }
    native.rnnForward(
      out._id,
      hN._id,
      id(cN),
      id(kept.gates),
      id(kept.cells),
      id(kept.inner),
      x._id,
      h0._id,
      id(c0),
      inputWeight._id,
      stateWeight._id,
      id(inputBias),
      id(stateBias),
      id(project),
      id(spans?.tensor ?? null),
      KINDS.indexOf(kind),
      reverse,
    );
    return cN ? [out, hN, cN] : [out, hN];
  },
  save: (results, x, h0, c0, inputWeight, stateWeight, inputBias, stateBias, project, rule, kept) => ({
    out: results[0],
    x,
    h0,
    c0,
    inputWeight,
    stateWeight,
    inputBias,
    stateBias,
    project,
    rule,
    gates: kept.gates,
    cells: kept.cells,
    inner: kept.inner,
    steps: rule.spans?.tensor ?? null,
  }),
  backward: (grads: readonly (Tensor | null | undefined)[], saved, needs) => {
    const [gradOut = null, gradH = null, gradC = null] = grads;
    return isGradEnabled()
      ? composedGradients(saved, gradOut, gradH, gradC)
      : fusedGradients(saved, gradOut, gradH, gradC, needs);
  },
});

/** out = beta * out + a b */
function product(out: Tensor, a: Tensor, b: Tensor, beta = 0): Tensor {
  native.gemm(out._id, a._id, b._id, 1, beta);
  return out;
}

/** The gradients of the gates of every step; `gradH` and `gradC` become those of the initial state. */
function gateGradients(
  { out, h0, c0, stateWeight, project, rule, gates, cells }: SavedRnn,
  gradOut: Tensor | null,
  gradH: Tensor,
  gradC: Tensor | null,
  first: boolean,
): { gateGrads: Tensor; stateGrads: Tensor | null } {
  const { kind, reverse, spans } = rule;
  const [rows, states] = out.shape;
  const hidden = stateWeight.shape[0] / GATES[kind];
  const gateGrads = emptyRows(rows, (GATES[kind] > 1 ? 4 : 1) * hidden, out.dtype);
  const stateGrads = project ? emptyContiguous([rows, states], out.dtype) : null;
  native.rnnBackward(
    gateGrads._id,
    gradH._id,
    id(gradC),
    id(stateGrads),
    id(gradOut),
    id(gates),
    id(cells),
    out._id,
    h0._id,
    id(c0),
    stateWeight._id,
    id(project),
    id(spans?.tensor ?? null),
    KINDS.indexOf(kind),
    reverse,
    first,
  );
  return { gateGrads, stateGrads };
}

/** Where the gradients of the gates of x lie: [column, row of the weights, size]. A GRU has n twice, of state and x. */
function inputParts(kind: RnnKind, hidden: number): readonly (readonly [number, number, number])[] {
  if (kind !== 'gru') return [[0, 0, GATES[kind] * hidden]];
  return [
    [0, 0, 2 * hidden],
    [3 * hidden, 2 * hidden, hidden],
  ];
}

function previousStates({ out, h0, rule }: SavedRnn): Tensor {
  const previous = emptyContiguous(out.shape, out.dtype);
  native.rnnPrevious(previous._id, out._id, h0._id, id(rule.spans?.tensor ?? null), rule.reverse);
  return previous;
}

function fusedGradients(
  saved: SavedRnn,
  gradOut: Tensor | null,
  gradHN: Tensor | null,
  gradCN: Tensor | null,
  needs: readonly boolean[],
): readonly (Tensor | null)[] {
  const { x, h0, c0, inputWeight, stateWeight, project, rule, inner } = saved;
  const { dtype } = x;
  const gradH = gradHN ? clone(contiguous(gradHN)) : zeros(h0.shape, { dtype });
  const gradC = c0 ? (gradCN ? clone(contiguous(gradCN)) : zeros(c0.shape, { dtype })) : null;
  const rowsOfGrad = gradOut && (gradOut.strides[1] === 1 ? gradOut : contiguous(gradOut));
  const { gateGrads, stateGrads } = gateGradients(saved, rowsOfGrad, gradH, gradC, needs[1]);
  const [gateRows] = stateWeight.shape;
  const parts = inputParts(rule.kind, gateRows / GATES[rule.kind]);
  const columns = (from: number, size: number): Tensor => narrow(gateGrads, 1, from, size);
  const grads: (Tensor | null)[] = needs.map(() => null);
  if (needs[0]) {
    const gradX = emptyContiguous(x.shape, dtype);
    parts.forEach(([column, row, size], i) => {
      product(gradX, columns(column, size), narrow(inputWeight, 0, row, size), i > 0 ? 1 : 0);
    });
    grads[0] = gradX;
  }
  if (needs[1]) grads[1] = gradH;
  if (needs[2]) grads[2] = gradC;
  if (needs[3]) {
    const gradWeight = emptyContiguous(inputWeight.shape, dtype);
    for (const [column, row, size] of parts) product(narrow(gradWeight, 0, row, size), t(columns(column, size)), x);
    grads[3] = gradWeight;
  }
  const ofState = columns(0, gateRows);
  if (needs[4]) grads[4] = product(emptyContiguous(stateWeight.shape, dtype), t(ofState), previousStates(saved));
  if (needs[5] && parts.length > 1) {
    const gradBias = emptyContiguous([gateRows], dtype);
    for (const [column, row, size] of parts) narrow(gradBias, 0, row, size).copy_(sum(columns(column, size), 0));
    grads[5] = gradBias;
  } else if (needs[5]) grads[5] = sum(ofState, 0);
  if (needs[6]) grads[6] = parts.length === 1 && grads[5] ? clone(grads[5]) : sum(ofState, 0);
  if (needs[7] && project && stateGrads && inner) {
    grads[7] = product(emptyContiguous(project.shape, dtype), t(stateGrads), inner);
  }
  return grads;
}

/** The tensors of one direction of one layer. */
export interface RnnLayerWeights {
  /** `[gates · H, I]` */
  readonly inputWeight: Tensor;
  /** `[gates · H, P]` */
  readonly stateWeight: Tensor;
  /** `[gates · H]` */
  readonly inputBias: Tensor | null;
  readonly stateBias: Tensor | null;
  /** `[P, H]`, or null: P is H. */
  readonly project: Tensor | null;
}

/**
 * @internal One direction of one layer: `x` `[rows, I]`, `h0` `[N, P]`, `c0` `[N, H]` (LSTM); the rows are the steps one
 * behind the other. Returns the states of every step `[rows, P]`, the last ones `[N, P]` and (LSTM) the last cells `[N, H]`.
 * The caller has checked the shapes.
 * @throws DTypeError for other dtypes than one floating-point dtype.
 */
export function rnnLayer(
  x: Tensor,
  h0: Tensor,
  c0: Tensor | null,
  weights: RnnLayerWeights,
  rule: RnnRule,
): readonly Tensor[] {
  const { inputWeight, stateWeight, inputBias, stateBias, project } = weights;
  const tensors = [x, h0, c0, inputWeight, stateWeight, inputBias, stateBias, project];
  const wanted = isGradEnabled() && tensors.some((one) => one?.requiresGrad);
  const dense = (one: Tensor | null): Tensor | null => one && contiguous(one);
  return rnnLayerOp(
    contiguous(x),
    contiguous(h0),
    dense(c0),
    contiguous(inputWeight),
    contiguous(stateWeight),
    dense(inputBias),
    dense(stateBias),
    dense(project),
    rule,
    { wanted, gates: null, cells: null, inner: null },
  );
}
