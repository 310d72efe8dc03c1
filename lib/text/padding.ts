import { ArgumentError, valueText } from '../errors.js';
import { padSequence } from '../nn/utils/rnn.js';
import { checkOptions } from '../tensor/check.js';
import { tensor } from '../tensor/create.js';
import { Tensor } from '../tensor/tensor.js';
import { checkInteger, checkNumber } from './check.js';

/** Options of {@link padBatch} and the collate functions. */
export interface PadOptions {
  /** What stands at the free places. Default 0. */
  paddingValue?: number;
  /** Where the free places are; left for text that is to be continued. Default right. */
  paddingSide?: 'left' | 'right';
  /** Longer sequences lose what is behind. Default: no limit. */
  maxLength?: number;
}

/** Sequences of different lengths in one batch. */
export interface PaddedBatch {
  /** `[N, T, *]`, T the longest length; int64 for arrays of numbers. */
  tokens: Tensor;
  /** The length of each sequence, as `packPaddedSequence` takes them. */
  lengths: number[];
  /** `[N, T]` bool, true where there is a token. `mask.logicalNot()` is PyTorch's key padding mask. */
  mask: Tensor;
}

/** A sequence of token numbers, or a tensor `[T, *]`. */
export type TokenSequence = readonly number[] | Int32Array | Tensor;

/**
 * Puts sequences of different lengths into one batch.
 *
 * @param sequences arrays of integers, or tensors `[T, *]` that agree in `*`
 * @throws ArgumentError for no sequence at all, an empty one, and what is no integer
 * @example
 * const { tokens, lengths } = padBatch([[5, 6, 7], [8]]); // tokens [[5, 6, 7], [8, 0, 0]]
 * const packed = packPaddedSequence(tokens, lengths, { batchFirst: true, enforceSorted: false });
 */
export function padBatch(sequences: readonly TokenSequence[], options: PadOptions = {}): PaddedBatch {
  const op = 'padBatch';
  const { paddingValue, paddingSide, maxLength } = checkPad(op, options);
  if (!Array.isArray(sequences) || sequences.length === 0) {
    throw new ArgumentError(op, `a list of sequences is needed, got ${valueText(sequences)}`, sequences);
  }
  const first = sequences[0];
  const lengths = sequences.map((one) => Math.min(lengthOf(op, one, first instanceof Tensor), maxLength));
  const mask = maskOf(lengths, paddingSide);
  if (first instanceof Tensor) {
    const pieces = (sequences as readonly Tensor[]).map((one, i) => one.narrow(0, 0, lengths[i]));
    return { tokens: padSequence(pieces, { batchFirst: true, paddingValue, paddingSide }), lengths, mask };
  }
  const longest = Math.max(...lengths);
  const values = new BigInt64Array(sequences.length * longest).fill(BigInt(paddingValue));
  for (const [row, one] of (sequences as readonly ArrayLike<number>[]).entries()) {
    const start = row * longest + (paddingSide === 'left' ? longest - lengths[row] : 0);
    for (let i = 0; i < lengths[row]; i++) values[start + i] = bigOf(op, one[i]);
  }
  return { tokens: tensor(values, { shape: [sequences.length, longest] }), lengths, mask };
}

function bigOf(op: string, token: number): bigint {
  if (!Number.isSafeInteger(token)) {
    throw new ArgumentError(op, `tokens must be integers, got ${valueText(token)}`, token);
  }
  return BigInt(token);
}

function lengthOf(op: string, one: unknown, isTensor: boolean): number {
  const fits = isTensor ? one instanceof Tensor && one.ndim > 0 : Array.isArray(one) || one instanceof Int32Array;
  if (!fits) throw new ArgumentError(op, `sequences must all be arrays or all tensors, got ${valueText(one)}`, one);
  const length = one instanceof Tensor ? one.shape[0] : (one as ArrayLike<number>).length;
  if (length === 0) throw new ArgumentError(op, 'a sequence is empty', one);
  return length;
}

function maskOf(lengths: readonly number[], side: 'left' | 'right'): Tensor {
  const longest = Math.max(...lengths);
  const bits = new Uint8Array(lengths.length * longest);
  for (const [row, length] of lengths.entries()) {
    const start = row * longest + (side === 'left' ? longest - length : 0);
    bits.fill(1, start, start + length);
  }
  return tensor(bits, { shape: [lengths.length, longest], dtype: 'bool' });
}

function checkPad(op: string, options: PadOptions): Required<PadOptions> {
  checkOptions(op, options);
  const { paddingValue = 0, paddingSide = 'right', maxLength = Number.MAX_SAFE_INTEGER } = options;
  checkNumber(op, 'paddingValue', paddingValue, 'a number', () => true);
  if (paddingSide !== 'left' && paddingSide !== 'right') {
    throw new ArgumentError(op, `paddingSide must be 'left' or 'right', got ${valueText(paddingSide)}`, paddingSide);
  }
  checkInteger(op, 'maxLength', maxLength, 1);
  return { paddingValue, paddingSide, maxLength };
}

/**
 * A collate function for a DataLoader whose items are sequences.
 * @example
 * const loader = new data.DataLoader(sentences, { batchSize: 32, collateFn: text.padCollate() });
 */
export function padCollate(options: PadOptions = {}): (items: readonly TokenSequence[]) => PaddedBatch {
  checkPad('padCollate', options);
  return (items) => padBatch(items, options);
}

/**
 * A collate function for a DataLoader whose items are pairs of a sequence and a label.
 * @returns batches `[padded, labels]`, labels `[N]`: int64 when all are integers, else float32
 */
export function padCollateLabeled(
  options: PadOptions = {},
): (items: readonly (readonly [TokenSequence, number])[]) => [PaddedBatch, Tensor] {
  checkPad('padCollateLabeled', options);
  return (items) => {
    const labels = items.map(([, label]) => label);
    const dtype = labels.every(Number.isSafeInteger) ? 'int64' : 'float32';
    const padded = padBatch(
      items.map(([tokens]) => tokens),
      options,
    );
    return [padded, tensor(labels, { dtype })];
  };
}
