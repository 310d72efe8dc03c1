// Recurrent layers over whole sequences.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../errors.js';
import { indexSelect } from '../ops/indexing/indexing.js';
import { type RnnLayerWeights, rnnLayer } from '../ops/layers/rnn.js';
import { GATES, type RnnKind, type Spans, spansOf } from '../ops/layers/rnn-rule.js';
import { dropout } from '../ops/random/dropout.js';
import { cat, stack } from '../ops/shape/concat.js';
import { contiguous, reshape, select, squeeze, transpose, unsqueeze } from '../ops/shape/view.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { getDefaultDType, tensor, zeros } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import { sameShape } from '../tensor/layout.js';
import { emptyContiguous, type Tensor } from '../tensor/tensor.js';
import { uniform_ } from './init.js';
import { checkFloatDType, checkSize } from './linear.js';
import { Module } from './module.js';
import { type Parameter, parameterOf } from './parameter.js';
import { boolText, floatText } from './repr.js';
import { PackedSequence } from './utils/rnn.js';

/** Options of {@link LSTM} and {@link GRU}. */
export interface RecurrentOptions {
  /** Layers one above the other. Default 1. */
  numLayers?: number;
  /** Default true. */
  bias?: boolean;
  /** Input and output are `[N, T, *]` instead of `[T, N, *]`; states stay `[layers, N, *]`. Default false. */
  batchFirst?: boolean;
  /** Probability of the dropout behind every layer but the last. Default 0. */
  dropout?: number;
  /** A second set of weights runs from the end to the beginning. Default false. */
  bidirectional?: boolean;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/** Options of {@link RNN}. */
export interface RNNOptions extends RecurrentOptions {
  /** Default tanh. */
  nonlinearity?: 'tanh' | 'relu';
}

/** Options of {@link LSTM}. */
export interface LSTMOptions extends RecurrentOptions {
  /** The state is projected to this size. Default 0: it is not. */
  projSize?: number;
}

/** Last states: `hN` `[D · layers, N, P]` and `cN` `[D · layers, N, H]`; D is 2 for bidirectional layers, else 1. */
export type LSTMState = readonly [h: Tensor, c: Tensor];

interface Sizes extends Required<RecurrentOptions> {
  readonly projSize: number;
}

/** What all layers of one forward pass share. */
interface Sequence {
  readonly rows: Tensor;
  readonly batch: number;
  readonly spans: Spans | null;
}

function checkProbability(op: string, p: unknown): number {
  if (typeof p === 'number' && p >= 0 && p <= 1) return p;
  throw new ArgumentError(op, `dropout must lie in [0, 1], got ${valueText(p)}`, p);
}

/** Throws unless an initial state has the shape and dtype that are needed. @internal */
export function checkState(op: string, name: string, state: Tensor, wanted: readonly number[], dtype: DType): void {
  checkTensor(op, state, name);
  if (!sameShape(state.shape, wanted)) {
    const text = `${name} has shape ${shapeText(state.shape)}, ${shapeText(wanted)} is needed`;
    throw new ShapeError(op, text, state.shape, wanted);
  }
  if (state.dtype !== dtype) {
    throw new DTypeError(op, `input is ${dtype}, ${name} is ${state.dtype}`, dtype, state.dtype);
  }
}

abstract class RecurrentModule<State> extends Module<
  [input: Tensor | PackedSequence, state?: State],
  [Tensor | PackedSequence, State]
> {
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  readonly projSize: number;
  private readonly kind: RnnKind;

  /** @internal */
  constructor(
    kind: RnnKind,
    readonly inputSize: number,
    readonly hiddenSize: number,
    options: Partial<Sizes>,
  ) {
    super();
    const op = new.target.name;
    checkOptions(op, options);
    checkSize(op, 'inputSize', inputSize);
    checkSize(op, 'hiddenSize', hiddenSize);
    this.kind = kind;
    this.numLayers = checkSize(op, 'numLayers', options.numLayers ?? 1);
    this.bias = options.bias ?? true;
    this.batchFirst = options.batchFirst ?? false;
    this.dropout = checkProbability(op, options.dropout ?? 0);
    this.bidirectional = options.bidirectional ?? false;
    this.projSize = checkSize(op, 'projSize', options.projSize ?? 0, 0);
    if (this.projSize >= hiddenSize) {
      throw new ArgumentError(
        op,
        `projSize ${this.projSize} must be smaller than hiddenSize ${hiddenSize}`,
        this.projSize,
      );
    }
    const dtype = checkFloatDType(op, options.dtype ?? getDefaultDType());
    for (let layer = 0; layer < this.numLayers; layer++) {
      for (let direction = 0; direction < this.directions; direction++) this.addLayer(layer, direction, dtype);
    }
    this.resetParameters();
  }

  private get directions(): number {
    return this.bidirectional ? 2 : 1;
  }

  /** Size of the state that goes on, P. */
  private get stateSize(): number {
    return this.projSize || this.hiddenSize;
  }

  private addLayer(layer: number, direction: number, dtype: DType): void {
    const suffix = `L${layer}${direction ? 'Reverse' : ''}`;
    const rows = GATES[this.kind] * this.hiddenSize;
    const inputs = layer === 0 ? this.inputSize : this.directions * this.stateSize;
    const add = (name: string, shape: readonly number[]): void =>
      this.registerParameter(`${name}${suffix}`, parameterOf(emptyContiguous(shape, dtype)));
    add('weightIh', [rows, inputs]);
    add('weightHh', [rows, this.stateSize]);
    if (this.bias) add('biasIh', [rows]);
    if (this.bias) add('biasHh', [rows]);
    if (this.projSize) add('weightHr', [this.projSize, this.hiddenSize]);
  }

  /** Draws every parameter from U(−1/√H, 1/√H). */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound);
  }

  private weightsOf(layer: number, direction: number): RnnLayerWeights {
    const suffix = `L${layer}${direction ? 'Reverse' : ''}`;
    const at = (name: string): Tensor => Reflect.get(this, `${name}${suffix}`) as Parameter;
    return {
      inputWeight: at('weightIh'),
      stateWeight: at('weightHh'),
      inputBias: this.bias ? at('biasIh') : null,
      stateBias: this.bias ? at('biasHh') : null,
      project: this.projSize ? at('weightHr') : null,
    };
  }

  /** Rows of all steps through every layer; `states` are `[D · layers, N, P]` and (LSTM) `[D · layers, N, H]`. */
  private runLayers({ rows, batch, spans }: Sequence, states: readonly Tensor[]): { rows: Tensor; last: Tensor[] } {
    const last: Tensor[][] = states.map(() => []);
    let current = rows;
    for (let layer = 0; layer < this.numLayers; layer++) {
      const outputs: Tensor[] = [];
      for (let direction = 0; direction < this.directions; direction++) {
        const at = layer * this.directions + direction;
        const [h0, c0 = null] = states.map((state) => select(state, 0, at));
        const rule = { kind: this.kind, reverse: direction === 1, spans };
        const [out, ...ends] = rnnLayer(current, h0, c0, this.weightsOf(layer, direction), rule);
        outputs.push(out);
        ends.forEach((end, i) => {
          last[i].push(end);
        });
      }
      current = outputs.length > 1 ? cat(outputs, 1) : outputs[0];
      if (layer + 1 < this.numLayers && this.training && this.dropout > 0) current = dropout(current, this.dropout);
    }
    return { rows: current, last: last.map((ends) => reshape(stack(ends), [ends.length, batch, ends[0].shape[1]])) };
  }

  private checkInput(x: Tensor, name: string, sizes: number): void {
    const op = this.constructor.name;
    if (x.shape[sizes - 1] !== this.inputSize) {
      const text = `${name} ${shapeText(x.shape)} must end in inputSize ${this.inputSize}`;
      throw new ShapeError(op, text, x.shape, [this.inputSize]);
    }
    const { dtype } = this.weightsOf(0, 0).inputWeight;
    if (x.dtype !== dtype) {
      throw new DTypeError(op, `input is ${x.dtype}, the parameters are ${dtype}`, x.dtype, dtype);
    }
  }

  /** The initial states `[D · layers, N, size]`, zeros unless given. */
  private initialStates(
    given: readonly Tensor[] | null,
    sizes: readonly number[],
    batch: number,
    unbatched: boolean,
    dtype: DType,
  ) {
    const op = this.constructor.name;
    const layers = this.numLayers * this.directions;
    return sizes.map((size, i) => {
      const name = i === 0 ? 'h0' : 'c0';
      if (!given) return zeros([layers, batch, size], { dtype });
      const state = given[i];
      checkState(op, name, state, unbatched ? [layers, size] : [layers, batch, size], dtype);
      return unbatched ? unsqueeze(state, 1) : state;
    });
  }

  /** @internal `given`: the initial states, in the order h, c. */
  protected runTensor(x: Tensor, given: readonly Tensor[] | null, sizes: readonly number[]): [Tensor, Tensor[]] {
    const op = this.constructor.name;
    checkTensor(op, x);
    if (x.ndim !== 2 && x.ndim !== 3) {
      const text = `input must be ${this.batchFirst ? '[N, T, I]' : '[T, N, I]'} or [T, I], got ${shapeText(x.shape)}`;
      throw new ShapeError(op, text, x.shape);
    }
    this.checkInput(x, 'input', x.ndim);
    const unbatched = x.ndim === 2;
    const turned = !unbatched && this.batchFirst;
    const steps = unbatched ? unsqueeze(x, 1) : turned ? transpose(x, 0, 1) : x;
    const [length, batch] = steps.shape;
    if (length === 0) {
      throw new ShapeError(op, `a sequence of at least one step is needed, got ${shapeText(x.shape)}`, x.shape);
    }
    const rows = reshape(contiguous(steps), [length * batch, this.inputSize]);
    const states = this.initialStates(given, sizes, batch, unbatched, x.dtype);
    const { rows: out, last } = this.runLayers({ rows, batch, spans: null }, states);
    const shaped = reshape(out, [length, batch, out.shape[1]]);
    if (unbatched) return [squeeze(shaped, 1), last.map((state) => squeeze(state, 1))];
    return [turned ? transpose(shaped, 0, 1) : shaped, last];
  }

  /** @internal */
  protected runPacked(
    sequence: PackedSequence,
    given: readonly Tensor[] | null,
    sizes: readonly number[],
  ): [PackedSequence, Tensor[]] {
    const { data, batchSizes, sortedIndices, unsortedIndices } = sequence;
    if (data.ndim !== 2) {
      const text = `packed data must be [rows, inputSize], got ${shapeText(data.shape)}`;
      throw new ShapeError(this.constructor.name, text, data.shape);
    }
    this.checkInput(data, 'packed data', 2);
    const [batch] = batchSizes;
    const inOrder = (state: Tensor, order: readonly number[] | null): Tensor =>
      order ? indexSelect(state, 1, tensor(order as number[], { dtype: 'int64' })) : state;
    const states = this.initialStates(given, sizes, batch, false, data.dtype).map((state) =>
      given ? inOrder(state, sortedIndices) : state,
    );
    const spans = spansOf(batchSizes);
    const { rows, last } = this.runLayers({ rows: data, batch, spans }, states);
    return [sequence._with(rows), last.map((state) => inOrder(state, unsortedIndices))];
  }

  /** @internal */
  protected runAny(
    input: Tensor | PackedSequence,
    given: readonly Tensor[] | null,
    sizes: readonly number[],
  ): [Tensor | PackedSequence, Tensor[]] {
    return input instanceof PackedSequence ? this.runPacked(input, given, sizes) : this.runTensor(input, given, sizes);
  }

  override extraRepr(): string {
    const parts = [`${this.inputSize}, ${this.hiddenSize}`];
    if (this.projSize) parts.push(`proj_size=${this.projSize}`);
    if (this.numLayers !== 1) parts.push(`num_layers=${this.numLayers}`);
    if (!this.bias) parts.push(`bias=${boolText(false)}`);
    if (this.batchFirst) parts.push(`batch_first=${boolText(true)}`);
    if (this.dropout !== 0) parts.push(`dropout=${floatText(this.dropout)}`);
    if (this.bidirectional) parts.push(`bidirectional=${boolText(true)}`);
    return parts.join(', ');
  }
}

/** The layers whose state is one tensor. */
abstract class PlainRecurrent extends RecurrentModule<Tensor> {
  /**
   * `input` `[T, N, I]` (`[N, T, I]` with batchFirst), `[T, I]` or packed; `h0` `[D · layers, N, H]`, default zeros.
   * Returns the output `[T, N, D · H]`, packed for a packed input, and the last states `[D · layers, N, H]`.
   */
  forward(input: Tensor, h0?: Tensor): [output: Tensor, hN: Tensor];
  forward(input: PackedSequence, h0?: Tensor): [output: PackedSequence, hN: Tensor];
  forward(input: Tensor | PackedSequence, h0?: Tensor): [Tensor | PackedSequence, Tensor] {
    const [output, [hN]] = this.runAny(input, h0 === undefined ? null : [h0], [this.hiddenSize]);
    return [output, hN];
  }
}

/**
 * Elman's recurrent layers: hₜ = tanh(W xₜ + b + V hₜ₋₁ + c), or relu. Parameters of layer k: `weightIhLk` `[H, I]`,
 * `weightHhLk` `[H, H]`, `biasIhLk`, `biasHhLk` `[H]`, and the same with `Reverse`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.RNN.html
 */
export class RNN extends PlainRecurrent {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(inputSize: number, hiddenSize: number, options: RNNOptions = {}) {
    const { nonlinearity = 'tanh', ...rest } = options ?? {};
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu') {
      const text = `nonlinearity must be 'tanh' or 'relu', got ${valueText(nonlinearity)}`;
      throw new ArgumentError('RNN', text, nonlinearity);
    }
    super(nonlinearity === 'tanh' ? 'rnnTanh' : 'rnnRelu', inputSize, hiddenSize, rest);
    this.nonlinearity = nonlinearity;
  }
}

/**
 * Gated recurrent units; r multiplies what comes from the state after its matrix (as in PyTorch and cuDNN). Gates lie in
 * the order r, z, n: `weightIhLk` `[3 · H, I]`, `weightHhLk` `[3 · H, H]`, `biasIhLk`, `biasHhLk` `[3 · H]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.GRU.html
 */
export class GRU extends PlainRecurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super('gru', inputSize, hiddenSize, { ...options, projSize: 0 });
  }
}

/**
 * Long short-term memory. Gates lie in the order i, f, g, o: `weightIhLk` `[4 · H, I]`, `weightHhLk` `[4 · H, P]`,
 * `biasIhLk`, `biasHhLk` `[4 · H]`, with projSize P also `weightHrLk` `[P, H]`; without it P is H.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LSTM.html
 */
export class LSTM extends RecurrentModule<LSTMState> {
  constructor(inputSize: number, hiddenSize: number, options: LSTMOptions = {}) {
    super('lstm', inputSize, hiddenSize, options);
  }

  /**
   * `input` `[T, N, I]` (`[N, T, I]` with batchFirst), `[T, I]` or packed; `state` `[h0, c0]`, `[D · layers, N, P]` and
   * `[D · layers, N, H]`, default zeros. Returns the output `[T, N, D · P]`, packed for a packed input, and `[hN, cN]`.
   */
  forward(input: Tensor, state?: LSTMState): [output: Tensor, state: LSTMState];
  forward(input: PackedSequence, state?: LSTMState): [output: PackedSequence, state: LSTMState];
  forward(input: Tensor | PackedSequence, state?: LSTMState): [Tensor | PackedSequence, LSTMState] {
    if (state !== undefined && (!Array.isArray(state) || state.length !== 2)) {
      throw new ArgumentError('LSTM', `the state must be [h0, c0], got ${valueText(state)}`, state);
    }
    const [output, [hN, cN]] = this.runAny(input, state ?? null, [this.projSize || this.hiddenSize, this.hiddenSize]);
    return [output, [hN, cN]];
  }
}
