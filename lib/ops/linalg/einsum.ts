// Einstein summation. Formula: torch.einsum. Operands are contracted two at a time by a batched matrix product of views;
// of several, the pair with the smallest result goes first.
import { ArgumentError, DTypeError, ShapeError, valueText } from '../../errors.js';
import { checkTensor } from '../../tensor/check.js';
import { MAX_DIMS, numelOf } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { mul } from '../pointwise/arithmetic.js';
import { sum } from '../reduce/reduce.js';
import { permute, reshape, slice, squeeze, transpose } from '../shape/view.js';
import { matmul } from './matmul.js';

// Labels are numbers: 0 to 51 the letters, from 52 on the axes of an ellipsis, counted from the last one.
const ELLIPSIS = 52;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A tensor whose axes carry labels, each once. */
interface Labelled {
  readonly x: Tensor;
  readonly labels: readonly number[];
}

function fail(equation: string, text: string): never {
  throw new ArgumentError('einsum', `${text} in ${valueText(equation)}`, equation);
}

/** The labels of one term; `'...'` becomes `ellipsis` labels. */
function parseTerm(equation: string, term: string, ellipsis: number): number[] {
  const labels: number[] = [];
  const parts = term.split('...');
  if (parts.length > 2) fail(equation, 'more than one ellipsis in a term');
  for (const [i, part] of parts.entries()) {
    if (i > 0) for (let k = ellipsis; k > 0; k--) labels.push(ELLIPSIS + k - 1);
    for (const letter of part) {
      const label = LETTERS.indexOf(letter);
      if (label < 0) fail(equation, `${valueText(letter)} is no letter`);
      labels.push(label);
    }
  }
  return labels;
}

interface Parsed {
  readonly terms: readonly (readonly number[])[];
  readonly output: readonly number[];
}

function parse(equation: string, operands: readonly Tensor[]): Parsed {
  const [left, right, extra] = equation.replaceAll(' ', '').split('->');
  if (extra !== undefined) fail(equation, 'more than one arrow');
  const texts = left.split(',');
  if (texts.length !== operands.length) {
    fail(equation, `${texts.length} terms for ${operands.length} operands`);
  }
  let most = 0;
  const terms = texts.map((text, i) => {
    const rank = operands[i].ndim;
    const letters = text.replace('...', '').length;
    const ellipsis = text.includes('...') ? rank - letters : 0;
    most = Math.max(most, ellipsis);
    const labels = ellipsis < 0 ? [] : parseTerm(equation, text, ellipsis);
    if (ellipsis < 0 || labels.length !== rank) {
      throw new ShapeError(
        'einsum',
        `term ${valueText(text)} does not name the ${rank} axes of operand ${i}`,
        operands[i].shape,
      );
    }
    return labels;
  });
  return { terms, output: outputLabels(equation, right, terms, most) };
}

function outputLabels(
  equation: string,
  text: string | undefined,
  terms: readonly (readonly number[])[],
  ellipsis: number,
): readonly number[] {
  const counts = new Map<number, number>();
  for (const label of terms.flat()) counts.set(label, (counts.get(label) ?? 0) + 1);
  if (text === undefined) {
    // The ellipsis first, then the letters that occur once, upper case before lower case.
    const once = [...counts.keys()].filter((label) => label < ELLIPSIS && counts.get(label) === 1);
    return [...parseTerm(equation, '...', ellipsis), ...once.sort((a, b) => a - b)];
  }
  const labels = parseTerm(equation, text, ellipsis);
  for (const label of labels) {
    if (label < ELLIPSIS && !counts.has(label)) fail(equation, `output letter ${LETTERS[label]} is in no term`);
  }
  if (new Set(labels).size !== labels.length) fail(equation, 'a letter appears twice in the output');
  return labels;
}

/** Axes with one label become their diagonal. */
function diagonals(equation: string, x: Tensor, labels: readonly number[]): Labelled {
  for (let i = 0; i < labels.length; i++) {
    const j = labels.indexOf(labels[i], i + 1);
    if (j < 0) continue;
    const [n, m] = [x.shape[i], x.shape[j]];
    if (n !== m) {
      throw new ShapeError('einsum', `letter ${LETTERS[labels[i]]} has sizes ${n} and ${m} in ${equation}`, x.shape);
    }
    const front = permute(
      x,
      [i, j, ...labels.keys()].filter((d, at) => at < 2 || (d !== i && d !== j)),
    );
    const flat = reshape(front, [n * n, ...front.shape.slice(2)]);
    const line = slice(flat, 0, 0, n === 0 ? 0 : n * n, n + 1);
    return diagonals(equation, line, [labels[i], ...labels.filter((_, d) => d !== i && d !== j)]);
  }
  return { x, labels };
}

/** The size of every label; an axis of size 1 broadcasts. */
function sizesOf(operands: readonly Labelled[]): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const { x, labels } of operands) {
    for (const [i, label] of labels.entries()) {
      const known = sizes.get(label) ?? 1;
      const size = x.shape[i];
      if (known !== 1 && size !== 1 && known !== size) {
        const name = label < ELLIPSIS ? `letter ${LETTERS[label]}` : 'the ellipsis';
        throw new ShapeError('einsum', `${name} has sizes ${known} and ${size}`, x.shape);
      }
      sizes.set(label, known === 1 ? size : known);
    }
  }
  return sizes;
}

/** Sums over the axes whose label is not in `kept`, and drops axes of size 1 that only broadcast. */
function reduced({ x, labels }: Labelled, kept: ReadonlySet<number>, sizes: ReadonlyMap<number, number>): Labelled {
  const gone = [...labels.keys()].filter((d) => !kept.has(labels[d]));
  let value = gone.length > 0 ? sum(x, gone, { dtype: x.dtype }) : x;
  let names = labels.filter((label) => kept.has(label));
  for (let d = names.length - 1; d >= 0; d--) {
    if (value.shape[d] !== 1 || sizes.get(names[d]) === 1) continue;
    value = squeeze(value, d);
    names = names.filter((_, i) => i !== d);
  }
  return { x: value, labels: names };
}

const permuted = ({ x, labels }: Labelled, order: readonly number[]): Tensor =>
  permute(
    x,
    order.map((label) => labels.indexOf(label)),
  );

/** The product of two operands, summed over the labels that are not in `kept`. */
function contract(a: Labelled, b: Labelled, kept: ReadonlySet<number>): Labelled {
  const both = a.labels.filter((label) => b.labels.includes(label));
  const batch = both.filter((label) => kept.has(label));
  const inner = both.filter((label) => !kept.has(label));
  const left = a.labels.filter((label) => !both.includes(label));
  const right = b.labels.filter((label) => !both.includes(label));
  const labels = [...batch, ...left, ...right];
  if (inner.length === 0) {
    const x = permuted(a, [...batch, ...left]);
    const y = permuted(b, [...batch, ...right]);
    return { x: mul(reshape(x, [...x.shape, ...right.map(() => 1)]), withOnes(y, batch.length, left.length)), labels };
  }
  const size = (t: Labelled, names: readonly number[]) => names.map((label) => t.x.shape[t.labels.indexOf(label)]);
  // Batch axes stay apart, so that no copy is needed to join them; too many of them are joined.
  const joined = batch.length > MAX_DIMS - 2 ? [numelOf(size(a, batch))] : size(a, batch);
  const [rows, cols, depth] = [size(a, left), size(b, right), size(a, inner)];
  const x = reshape(permuted(a, [...batch, ...left, ...inner]), [...joined, numelOf(rows), numelOf(depth)]);
  const y = reshape(permuted(b, [...batch, ...right, ...inner]), [...joined, numelOf(cols), numelOf(depth)]);
  const product = matmul(x, transpose(y, -2, -1));
  return { x: reshape(product, [...size(a, batch), ...rows, ...cols]), labels };
}

/** `x` with `count` axes of size 1 after the first `at`. */
function withOnes(x: Tensor, at: number, count: number): Tensor {
  return reshape(x, [...x.shape.slice(0, at), ...Array<number>(count).fill(1), ...x.shape.slice(at)]);
}

/** Where in the list the next two operands stand: those whose product is smallest against what it replaces. */
function cheapestPair(operands: readonly Labelled[], output: readonly number[], sizes: ReadonlyMap<number, number>) {
  let best: [number, number] = [0, 1];
  if (operands.length === 2) return best;
  let lowest = Number.POSITIVE_INFINITY;
  const volume = (labels: Iterable<number>) => [...labels].reduce((n, label) => n * (sizes.get(label) ?? 1), 1);
  for (let i = 0; i < operands.length; i++) {
    for (let j = i + 1; j < operands.length; j++) {
      const others = operands.filter((_, k) => k !== i && k !== j).flatMap((t) => t.labels);
      const all = new Set([...operands[i].labels, ...operands[j].labels]);
      const kept = [...all].filter((label) => output.includes(label) || others.includes(label));
      const cost = volume(kept) - volume(operands[i].labels) - volume(operands[j].labels) + volume(all) * 1e-6;
      if (cost < lowest) [lowest, best] = [cost, [i, j]];
    }
  }
  return best;
}

function checkOperands(equation: unknown, operands: readonly unknown[]): readonly Tensor[] {
  if (typeof equation !== 'string') {
    throw new ArgumentError('einsum', `the equation must be a string, got ${valueText(equation)}`, equation);
  }
  const list = operands.length === 1 && Array.isArray(operands[0]) ? (operands[0] as unknown[]) : operands;
  if (list.length === 0) throw new ArgumentError('einsum', 'at least one operand is needed');
  const tensors = list.map((x, i) => {
    checkTensor('einsum', x, `operand ${i}`);
    return x;
  });
  for (const x of tensors) {
    if (x.dtype !== tensors[0].dtype) {
      throw new DTypeError(
        'einsum',
        `the operands need one dtype, got ${tensors[0].dtype} and ${x.dtype}`,
        tensors[0].dtype,
        x.dtype,
      );
    }
  }
  return tensors;
}

/**
 * Sums of products by Einstein's convention, in PyTorch's syntax: one term of letters per operand, a letter twice in a
 * term is a diagonal, `...` stands for further axes that broadcast, and letters that are not in the output are summed.
 * Without `->` the output has the ellipsis and the letters that occur once, in alphabetical order. The operands follow
 * one by one or as an array.
 *
 * @example
 * einsum('bij,bjk->bik', a, b);   // a batch of matrix products
 * einsum('ii->', a);              // the trace
 * einsum('...ij->...ji', a);      // transposed matrices
 *
 * @throws ArgumentError for a malformed equation, ShapeError when sizes do not fit.
 */
export function einsum(equation: string, ...operands: readonly Tensor[] | readonly [readonly Tensor[]]): Tensor {
  const tensors = checkOperands(equation, operands);
  const { terms, output } = parse(equation, tensors);
  let list = tensors.map((x, i) => diagonals(equation, x, terms[i]));
  const sizes = sizesOf(list);
  // A letter of one operand only is summed there.
  list = list.map((t, i) => {
    const others = list.filter((_, k) => k !== i).flatMap((other) => other.labels);
    return reduced(t, new Set([...output, ...others.filter((label) => !broadcasts(list, label, i))]), sizes);
  });
  while (list.length > 1) {
    const [i, j] = cheapestPair(list, output, sizes);
    const others = list.filter((_, k) => k !== i && k !== j);
    const kept = new Set([...output, ...others.flatMap((t) => t.labels)]);
    list = [contract(list[i], list[j], kept), ...others];
  }
  const [{ x, labels }] = list;
  return placed(x, labels, output, sizes);
}

/** Whether every other operand only has size 1 for this label, while operand `i` has more. */
function broadcasts(list: readonly Labelled[], label: number, i: number): boolean {
  const size = (t: Labelled) => t.x.shape[t.labels.indexOf(label)];
  return list.every((t, k) => k === i || !t.labels.includes(label) || (size(t) === 1 && size(list[i]) !== 1));
}

/** The axes in the order of the output; labels that were dropped because of size 1 come back as such. */
function placed(
  x: Tensor,
  labels: readonly number[],
  output: readonly number[],
  sizes: ReadonlyMap<number, number>,
): Tensor {
  const present = output.filter((label) => labels.includes(label));
  const ordered = permuted({ x, labels }, present);
  if (present.length === output.length) return ordered === x ? x : ordered;
  return reshape(
    ordered,
    output.map((label) => (labels.includes(label) ? ordered.shape[present.indexOf(label)] : (sizes.get(label) ?? 1))),
  );
}
