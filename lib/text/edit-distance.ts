import { ArgumentError, valueText } from '../errors.js';

/** Tokens, or a string that is split. */
export type Tokens = string | readonly (string | number)[];

/** Token numbers of two lists, the same for equal tokens. */
function numbered(a: readonly unknown[], b: readonly unknown[]): [Int32Array, Int32Array] {
  const numbers = new Map<unknown, number>();
  const numberOf = (token: unknown): number => {
    const known = numbers.get(token);
    if (known !== undefined) return known;
    numbers.set(token, numbers.size);
    return numbers.size - 1;
  };
  return [Int32Array.from(a, numberOf), Int32Array.from(b, numberOf)];
}

/**
 * Levenshtein's distance: the least number of insertions, deletions and replacements that make one sequence of the other.
 * Strings are compared by code points.
 * Source: Levenshtein, Soviet Physics Doklady 10 (8), 1966; the method of Wagner and Fischer, 1974.
 *
 * @example
 * editDistance('kitten', 'sitting'); // 3
 */
export function editDistance(a: Tokens, b: Tokens): number {
  return distance(tokensOf('editDistance', a, characters), tokensOf('editDistance', b, characters));
}

function distance(left: readonly unknown[], right: readonly unknown[]): number {
  const [a, b] = numbered(left, right);
  let start = 0;
  let aEnd = a.length;
  let bEnd = b.length;
  while (start < aEnd && start < bEnd && a[start] === b[start]) start++;
  for (; aEnd > start && bEnd > start && a[aEnd - 1] === b[bEnd - 1]; aEnd--) bEnd--;
  const row = Int32Array.from({ length: bEnd - start + 1 }, (_, j) => j);
  for (let i = start; i < aEnd; i++) {
    let diagonal = row[0];
    row[0] = i - start + 1;
    for (let j = 1; j < row.length; j++) {
      const above = row[j];
      const replaced = diagonal + (a[i] === b[start + j - 1] ? 0 : 1);
      row[j] = Math.min(replaced, above + 1, row[j - 1] + 1);
      diagonal = above;
    }
  }
  return row[row.length - 1];
}

const characters = (text: string): string[] => [...text];
/** @internal */
export const words = (text: string): string[] => text.match(/\P{White_Space}+/gu) ?? [];

/** @internal */
export function tokensOf(op: string, value: unknown, split: (text: string) => string[]): readonly unknown[] {
  if (typeof value === 'string') return split(value);
  if (Array.isArray(value)) return value;
  throw new ArgumentError(op, `a string or an array of tokens is needed, got ${valueText(value)}`, value);
}

function errorRate(
  op: string,
  hypotheses: readonly Tokens[],
  references: readonly (Tokens | readonly (readonly (string | number)[])[])[],
  split: (text: string) => string[],
): number {
  checkCounts(op, hypotheses, references);
  let errors = 0;
  let length = 0;
  for (const [i, value] of hypotheses.entries()) {
    const hypothesis = tokensOf(op, value, split);
    const reference = references[i];
    const several = Array.isArray(reference) && reference.length > 0 && Array.isArray(reference[0]);
    const allowed = (several ? reference : [reference]) as readonly unknown[];
    let least = Number.POSITIVE_INFINITY;
    let leastLength = 0;
    for (const one of allowed.map((tokens) => tokensOf(op, tokens, split))) {
      const now = distance(hypothesis, one);
      if (now >= least) continue;
      least = now;
      leastLength = one.length;
    }
    errors += least;
    length += leastLength;
  }
  if (length === 0) throw new ArgumentError(op, 'the references have no token', references);
  return errors / length;
}

/** Throws unless there is a reference for each hypothesis, and at least one. @internal */
export function checkCounts(op: string, hypotheses: unknown, references: unknown): void {
  if (!Array.isArray(hypotheses) || !Array.isArray(references)) {
    throw new ArgumentError(op, 'hypotheses and references must be arrays, one entry for each text', hypotheses);
  }
  if (hypotheses.length === references.length && hypotheses.length > 0) return;
  const counts = `${hypotheses.length} hypotheses and ${references.length} references`;
  throw new ArgumentError(op, `each hypothesis needs a reference, got ${counts}`, hypotheses);
}

/**
 * Edits per word of the references, over all texts together. May be above 1.
 *
 * @param hypotheses texts, or arrays of tokens
 * @param references the right texts; an array of arrays of tokens gives several right ones, of which the nearest counts
 * @throws ArgumentError when the counts differ or there is no word at all
 */
export const wordErrorRate = (
  hypotheses: readonly Tokens[],
  references: readonly (Tokens | readonly (readonly (string | number)[])[])[],
): number => errorRate('wordErrorRate', hypotheses, references, words);

/** {@link wordErrorRate} of phonemes, which stand apart by blanks or in arrays. */
export const phonemeErrorRate = (
  hypotheses: readonly Tokens[],
  references: readonly (Tokens | readonly (readonly (string | number)[])[])[],
): number => errorRate('phonemeErrorRate', hypotheses, references, words);

/** Edits per character (code point) of the references, over all texts together. */
export const characterErrorRate = (hypotheses: readonly string[], references: readonly string[]): number =>
  errorRate('characterErrorRate', hypotheses, references, characters);
