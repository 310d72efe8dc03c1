/**
 * PyTorch's `torch.nn.utils.rnn`: sequences of different lengths.
 * Source: https://docs.pytorch.org/docs/2.13/nn.html#utility-functions
 * @packageDocumentation
 */
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { indexSelect } from '../../ops/indexing/indexing.js';
import { scatter } from '../../ops/indexing/scatter-reduce.js';
import { cat } from '../../ops/shape/concat.js';
import { narrow, reshape, select, transpose } from '../../ops/shape/view.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { full, tensor } from '../../tensor/create.js';
import { arange } from '../../tensor/sequence.js';
import { emptyContiguous, Tensor } from '../../tensor/tensor.js';

/** Options of {@link packPaddedSequence}. */
export interface PackOptions {
  /** The input is `[N, T, *]` instead of `[T, N, *]`. Default false. */
  batchFirst?: boolean;
  /** The sequences come longest first. Default true; false sorts them. */
  enforceSorted?: boolean;
}

/** Options of {@link padPackedSequence}. */
export interface PadPackedOptions {
  /** The output is `[N, T, *]` instead of `[T, N, *]`. Default false. */
  batchFirst?: boolean;
  /** What stands behind the end of shorter sequences. Default 0. */
  paddingValue?: number;
  /** T of the output; default: the longest length. */
  totalLength?: number | null;
}

/** Options of {@link padSequence}. */
export interface PadSequenceOptions {
  /** The output is `[N, T, *]` instead of `[T, N, *]`. Default false. */
  batchFirst?: boolean;
  /** Default 0. */
  paddingValue?: number;
  /** Default right. */
  paddingSide?: 'left' | 'right';
}

/**
 * Sequences of different lengths without padding, as recurrent layers take them: the first steps of all sequences, then
 * the second ones of those that have one, and so on. Made by {@link packPaddedSequence} and {@link packSequence}.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.PackedSequence.html
 */
export class PackedSequence {
  /** @internal */
  constructor(
    /** `[sum of lengths, *]` */
    readonly data: Tensor,
    /** How many sequences have a step t, for every t; never growing. */
    readonly batchSizes: readonly number[],
    /** Which sequence of the user's is at each place, longest first; null: they came so. */
    readonly sortedIndices: readonly number[] | null,
    /** At which place each of the user's sequences is. */
    readonly unsortedIndices: readonly number[] | null,
  ) {}

  /** The same steps with other data, `[sum of lengths, *]`. @internal */
  _with(data: Tensor): PackedSequence {
    return new PackedSequence(data, this.batchSizes, this.sortedIndices, this.unsortedIndices);
  }
}

/** The rows of `x` `[R, *]` at `rows`. */
const rowsAt = (x: Tensor, rows: readonly number[]): Tensor =>
  indexSelect(x, 0, tensor(rows as number[], { dtype: 'int64' }));

/** `[A, B, *]` as rows `[A · B, *]`. */
const flatRows = (x: Tensor): Tensor => reshape(x, [x.shape[0] * x.shape[1], ...x.shape.slice(2)]);

function lengthsOf(op: string, lengths: unknown, batch: number, longest: number): number[] {
  const list: unknown = lengths instanceof Tensor ? Array.from(lengths.dataSync(), Number) : lengths;
  if (!Array.isArray(list)) {
    throw new ArgumentError(op, `lengths must be an array of numbers or a tensor, got ${valueText(lengths)}`, lengths);
  }
  if (list.length !== batch) {
    throw new ShapeError(op, `${list.length} lengths for a batch of ${batch}`, [list.length], [batch]);
  }
  for (const length of list) {
    if (Number.isInteger(length) && length >= 1 && length <= longest) continue;
    throw new ArgumentError(op, `lengths must be integers in [1, ${longest}], got ${valueText(length)}`, lengths);
  }
  return list;
}

/** Places of the lengths, longest first, equal ones in their order. */
const longestFirst = (lengths: readonly number[]): number[] =>
  lengths.map((_, i) => i).sort((a, b) => lengths[b] - lengths[a] || a - b);

function inverseOf(order: readonly number[]): number[] {
  const inverse = new Array<number>(order.length);
  order.forEach((from, i) => {
    inverse[from] = i;
  });
  return inverse;
}

/**
 * The inverse of an order: `order[inverse[i]]` is i. An index tensor `[n]`, or null for none, as PyTorch takes them; or an
 * array, as {@link PackedSequence} holds them.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.invert_permutation.html
 * @throws ShapeError unless a tensor has one axis, DTypeError unless it is int64, ArgumentError for an array that is no order.
 */
export function invertPermutation(permutation: null): null;
export function invertPermutation(permutation: Tensor): Tensor;
export function invertPermutation(permutation: readonly number[]): number[];
export function invertPermutation(permutation: Tensor | readonly number[] | null): Tensor | number[] | null;
export function invertPermutation(permutation: Tensor | readonly number[] | null): Tensor | number[] | null {
  const op = 'invertPermutation';
  if (permutation === null) return null;
  if (Array.isArray(permutation)) {
    const seen = new Set<unknown>(permutation);
    if (permutation.every((_, i) => seen.has(i))) return inverseOf(permutation);
    throw new ArgumentError(op, `every number below ${permutation.length} must be there once`, permutation);
  }
  const order: unknown = permutation;
  checkTensor(op, order, 'permutation');
  if (order.ndim !== 1) {
    throw new ShapeError(op, `permutation must have one axis, got ${shapeText(order.shape)}`, order.shape);
  }
  if (order.dtype !== 'int64') throw new DTypeError(op, `permutation must be int64, got ${order.dtype}`, order.dtype);
  return scatter(emptyContiguous(order.shape, 'int64'), 0, order, arange(order.numel, { dtype: 'int64' }));
}

/** How many of the lengths reach beyond each step. */
const batchSizesOf = (lengths: readonly number[]): number[] =>
  Array.from({ length: Math.max(0, ...lengths) }, (_, t) => lengths.filter((length) => length > t).length);

/**
 * Packs a padded batch `[T, N, *]` (`[N, T, *]` with batchFirst) of sequences with these lengths, in `[1, T]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.pack_padded_sequence.html
 * @throws ShapeError, ArgumentError for wrong lengths, and for unsorted ones unless enforceSorted is false.
 */
export function packPaddedSequence(
  input: Tensor,
  lengths: readonly number[] | Tensor,
  options: PackOptions = {},
): PackedSequence {
  const op = 'packPaddedSequence';
  checkTensor(op, input);
  checkOptions(op, options);
  if (input.ndim < 2) {
    throw new ShapeError(op, `input must be [T, N, *], got ${shapeText(input.shape)}`, input.shape);
  }
  const { batchFirst = false, enforceSorted = true } = options;
  const [batch, longest] = batchFirst ? input.shape : [input.shape[1], input.shape[0]];
  if (batch === 0) throw new ShapeError(op, 'a batch of at least one sequence is needed', input.shape);
  const own = lengthsOf(op, lengths, batch, longest);
  const order = enforceSorted ? null : longestFirst(own);
  const sorted = order ? order.map((i) => own[i]) : own;
  if (sorted.some((length, i) => i > 0 && length > sorted[i - 1])) {
    throw new ArgumentError(op, `lengths must not grow unless enforceSorted is false, got [${own}]`, lengths);
  }
  const batchSizes = batchSizesOf(sorted);
  const rows = batchSizes.flatMap((count, t) =>
    Array.from({ length: count }, (_, place) => {
      const sequence = order ? order[place] : place;
      return batchFirst ? sequence * longest + t : t * batch + sequence;
    }),
  );
  return new PackedSequence(rowsAt(flatRows(input), rows), batchSizes, order, order && inverseOf(order));
}

/** The lengths of the sequences, in the order of the pack. */
function packedLengths({ batchSizes }: PackedSequence): number[] {
  return Array.from({ length: batchSizes[0] ?? 0 }, (_, place) => batchSizes.filter((count) => count > place).length);
}

/**
 * The padded batch `[T, N, *]` (`[N, T, *]` with batchFirst) of a pack, and the lengths of its sequences.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.pad_packed_sequence.html
 * @throws ArgumentError when totalLength is shorter than a sequence.
 */
export function padPackedSequence(
  sequence: PackedSequence,
  options: PadPackedOptions = {},
): [padded: Tensor, lengths: number[]] {
  const op = 'padPackedSequence';
  if (!(sequence instanceof PackedSequence)) {
    throw new ArgumentError(op, `a PackedSequence is needed, got ${valueText(sequence)}`, sequence);
  }
  checkOptions(op, options);
  const { batchFirst = false, paddingValue = 0, totalLength = null } = options;
  const { data, batchSizes, unsortedIndices } = sequence;
  const longest = totalLength ?? batchSizes.length;
  if (!Number.isInteger(longest) || longest < batchSizes.length) {
    const text = `totalLength must be an integer >= ${batchSizes.length}, the longest length, got ${valueText(totalLength)}`;
    throw new ArgumentError(op, text, totalLength);
  }
  const inPack = packedLengths(sequence);
  const places = unsortedIndices ?? inPack.map((_, i) => i);
  const lengths = places.map((place) => inPack[place]);
  let start = 0;
  const starts = batchSizes.map((count) => {
    start += count;
    return start - count;
  });
  // The row behind the data is the padding.
  const rowOf = (t: number, n: number): number => (t < lengths[n] ? starts[t] + places[n] : start);
  const batch = places.length;
  const rows = Array.from({ length: longest * batch }, (_, i) =>
    batchFirst ? rowOf(i % longest, Math.floor(i / longest)) : rowOf(Math.floor(i / batch), i % batch),
  );
  const rest = data.shape.slice(1);
  const padded = lengths.some((length) => length < longest);
  const source = padded ? cat([data, full([1, ...rest], paddingValue, { dtype: data.dtype })]) : data;
  const shape = batchFirst ? [batch, longest] : [longest, batch];
  return [reshape(rowsAt(source, rows), [...shape, ...rest]), lengths];
}

function checkSequences(op: string, sequences: readonly Tensor[]): void {
  if (!Array.isArray(sequences) || sequences.length === 0) {
    throw new ArgumentError(op, `an array of at least one Tensor is needed, got ${valueText(sequences)}`, sequences);
  }
  const [first] = sequences;
  for (const one of sequences) {
    checkTensor(op, one, 'a sequence');
    const same =
      one.ndim > 0 && one.ndim === first.ndim && one.shape.every((size, i) => i === 0 || size === first.shape[i]);
    if (!same) {
      const text = `sequences must be [L, *] with the same sizes behind L, got ${shapeText(first.shape)} and ${shapeText(one.shape)}`;
      throw new ShapeError(op, text, first.shape, one.shape);
    }
  }
}

/**
 * Sequences `[L, *]` of different lengths as one batch `[T, N, *]` (`[N, T, *]` with batchFirst), T the longest length.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.pad_sequence.html
 */
export function padSequence(sequences: readonly Tensor[], options: PadSequenceOptions = {}): Tensor {
  const op = 'padSequence';
  checkSequences(op, sequences);
  checkOptions(op, options);
  const { batchFirst = false, paddingValue = 0, paddingSide = 'right' } = options;
  if (paddingSide !== 'left' && paddingSide !== 'right') {
    throw new ArgumentError(op, `paddingSide must be 'left' or 'right', got ${valueText(paddingSide)}`, paddingSide);
  }
  const longest = Math.max(...sequences.map(({ shape }) => shape[0]));
  const [first] = sequences;
  const rest = first.shape.slice(1);
  const pieces = sequences.flatMap((one) => {
    const missing = longest - one.shape[0];
    if (missing === 0) return [one];
    const padding = full([missing, ...rest], paddingValue, { dtype: first.dtype });
    return paddingSide === 'left' ? [padding, one] : [one, padding];
  });
  const batch = reshape(cat(pieces), [sequences.length, longest, ...rest]);
  return batchFirst ? batch : transpose(batch, 0, 1).contiguous();
}

/**
 * The sequences `[L, *]` of a padded batch `[T, N, *]` (`[N, T, *]` with batchFirst).
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.unpad_sequence.html
 */
export function unpadSequence(
  padded: Tensor,
  lengths: readonly number[] | Tensor,
  options: { batchFirst?: boolean } = {},
): Tensor[] {
  checkTensor('unpadSequence', padded);
  checkOptions('unpadSequence', options);
  const { batchFirst = false } = options;
  if (padded.ndim < 2) {
    throw new ShapeError('unpadSequence', `input must be [T, N, *], got ${shapeText(padded.shape)}`, padded.shape);
  }
  const [batch, longest] = batchFirst ? padded.shape : [padded.shape[1], padded.shape[0]];
  return lengthsOf('unpadSequence', lengths, batch, longest).map((length, n) =>
    narrow(select(padded, batchFirst ? 0 : 1, n), 0, 0, length),
  );
}

/**
 * Packs sequences `[L, *]`. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.pack_sequence.html
 */
export function packSequence(
  sequences: readonly Tensor[],
  options: Pick<PackOptions, 'enforceSorted'> = {},
): PackedSequence {
  checkSequences('packSequence', sequences);
  checkOptions('packSequence', options);
  const lengths = sequences.map(({ shape }) => shape[0]);
  return packPaddedSequence(padSequence(sequences), lengths, options);
}

/**
 * The sequences of a pack. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.unpack_sequence.html
 */
export function unpackSequence(sequence: PackedSequence): Tensor[] {
  const [padded, lengths] = padPackedSequence(sequence);
  return unpadSequence(padded, lengths);
}
