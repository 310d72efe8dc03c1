// One step of a recurrent layer, for loops of one's own.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../errors.js';
import { rnnLayer } from '../ops/layers/rnn.js';
import { GATES, type RnnKind } from '../ops/layers/rnn-rule.js';
import { squeeze, unsqueeze } from '../ops/shape/view.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { getDefaultDType, zeros } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import { emptyContiguous, type Tensor } from '../tensor/tensor.js';
import { uniform_ } from './init.js';
import { checkFloatDType, checkSize } from './linear.js';
import { Module } from './module.js';
import { type Parameter, parameterOf } from './parameter.js';
import { boolText } from './repr.js';
import { checkState, type LSTMState } from './rnn.js';

/** Options of {@link LSTMCell} and {@link GRUCell}. */
export interface RecurrentCellOptions {
  /** Default true. */
  bias?: boolean;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/** Options of {@link RNNCell}. */
export interface RNNCellOptions extends RecurrentCellOptions {
  /** Default tanh. */
  nonlinearity?: 'tanh' | 'relu';
}

abstract class RecurrentCell<State> extends Module<[input: Tensor, state?: State], State> {
  /** `[gates · H, I]` */
  readonly weightIh: Parameter;
  /** `[gates · H, H]` */
  readonly weightHh: Parameter;
  readonly biasIh: Parameter | null;
  readonly biasHh: Parameter | null;
  private readonly kind: RnnKind;

  /** @internal */
  constructor(
    kind: RnnKind,
    readonly inputSize: number,
    readonly hiddenSize: number,
    options: RecurrentCellOptions,
  ) {
    super();
    const op = new.target.name;
    checkSize(op, 'inputSize', inputSize);
    checkSize(op, 'hiddenSize', hiddenSize);
    checkOptions(op, options);
    this.kind = kind;
    const dtype = checkFloatDType(op, options.dtype ?? getDefaultDType());
    const rows = GATES[kind] * hiddenSize;
    const bias = (): Parameter | null => (options.bias === false ? null : parameterOf(emptyContiguous([rows], dtype)));
    this.weightIh = parameterOf(emptyContiguous([rows, inputSize], dtype));
    this.weightHh = parameterOf(emptyContiguous([rows, hiddenSize], dtype));
    this.biasIh = bias();
    this.biasHh = bias();
    this.resetParameters();
  }

  /** Draws every parameter from U(−1/√H, 1/√H). */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound);
  }

  /** @internal The next states from `given`, zeros where it is null. */
  protected next(x: Tensor, given: readonly Tensor[] | null, names: readonly string[]): Tensor[] {
    const op = this.constructor.name;
    checkTensor(op, x);
    if ((x.ndim !== 1 && x.ndim !== 2) || x.shape[x.ndim - 1] !== this.inputSize) {
      const text = `input must be [N, ${this.inputSize}] or [${this.inputSize}], got ${shapeText(x.shape)}`;
      throw new ShapeError(op, text, x.shape, [this.inputSize]);
    }
    const { dtype } = this.weightIh;
    if (x.dtype !== dtype) {
      throw new DTypeError(op, `input is ${x.dtype}, the parameters are ${dtype}`, x.dtype, dtype);
    }
    const single = x.ndim === 1;
    const shape = [...x.shape.slice(0, -1), this.hiddenSize];
    const states = names.map((name, i) => {
      if (given) checkState(op, name, given[i], shape, dtype);
      const state = given ? given[i] : zeros(shape, { dtype });
      return single ? unsqueeze(state, 0) : state;
    });
    const weights = {
      inputWeight: this.weightIh,
      stateWeight: this.weightHh,
      inputBias: this.biasIh,
      stateBias: this.biasHh,
      project: null,
    };
    const rule = { kind: this.kind, reverse: false, spans: null };
    const [, ...after] = rnnLayer(single ? unsqueeze(x, 0) : x, states[0], states[1] ?? null, weights, rule);
    return single ? after.map((state) => squeeze(state, 0)) : after;
  }

  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.biasIh ? '' : `, bias=${boolText(false)}`}`;
  }
}

abstract class PlainCell extends RecurrentCell<Tensor> {
  /** `input` `[N, I]` or `[I]`, `h` `[N, H]` or `[H]`, default zeros; returns the next state. */
  forward(input: Tensor, h?: Tensor): Tensor {
    return this.next(input, h === undefined ? null : [h], ['h'])[0];
  }
}

/**
 * h' = tanh(W x + b + V h + c), or relu: x `[N, I]`, h `[N, H]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.RNNCell.html
 */
export class RNNCell extends PlainCell {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(inputSize: number, hiddenSize: number, options: RNNCellOptions = {}) {
    const nonlinearity = options?.nonlinearity ?? 'tanh';
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu') {
      const text = `nonlinearity must be 'tanh' or 'relu', got ${valueText(nonlinearity)}`;
      throw new ArgumentError('RNNCell', text, nonlinearity);
    }
    super(nonlinearity === 'tanh' ? 'rnnTanh' : 'rnnRelu', inputSize, hiddenSize, options);
    this.nonlinearity = nonlinearity;
  }

  override extraRepr(): string {
    return super.extraRepr() + (this.nonlinearity === 'tanh' ? '' : `, nonlinearity=${this.nonlinearity}`);
  }
}

/**
 * One step of a `GRU`: x `[N, I]`, h `[N, H]`; gates in the order r, z, n.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.GRUCell.html
 */
export class GRUCell extends PlainCell {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}) {
    super('gru', inputSize, hiddenSize, options);
  }
}

/**
 * One step of an `LSTM`: x `[N, I]`, h and c `[N, H]`; gates in the order i, f, g, o.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LSTMCell.html
 */
export class LSTMCell extends RecurrentCell<LSTMState> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}) {
    super('lstm', inputSize, hiddenSize, options);
  }

  /** `input` `[N, I]` or `[I]`, `state` `[h, c]`, each `[N, H]` or `[H]`, default zeros; returns the next `[h, c]`. */
  forward(input: Tensor, state?: LSTMState): LSTMState {
    if (state !== undefined && (!Array.isArray(state) || state.length !== 2)) {
      throw new ArgumentError('LSTMCell', `the state must be [h, c], got ${valueText(state)}`, state);
    }
    const [h, c] = this.next(input, state ?? null, ['h', 'c']);
    return [h, c];
  }
}
