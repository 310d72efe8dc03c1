import { checkInteger, checkTokens, compareCodePoints } from '../check.js';
import { Heap } from '../heap.js';
import { BpeModel, type BpeModelOptions, type Merge } from './model.js';

/** Options of the training of byte pairs; the names are those of Hugging Face's `BpeTrainer`. */
export interface BpeTrainOptions {
  /** How many tokens to end with: special ones, characters and merges. Default 30000. */
  vocabSize?: number;
  /** Pairs that occur less often are not joined. Default 0. */
  minFrequency?: number;
  /** Tokens that get the first numbers and are never split. Default none. */
  specialTokens?: readonly string[];
}

/** @internal */
export interface ModelTrainOptions extends BpeTrainOptions, BpeModelOptions {
  /** Characters that are tokens even if they do not occur. */
  initialAlphabet?: readonly string[];
}

interface Pair {
  readonly left: number;
  readonly right: number;
  readonly count: number;
}

/** A number for a pair of token numbers. */
const PAIR = 2 ** 26;

/**
 * Learns the merges of a corpus: joins the most frequent pair of neighbours, the one with the lowest numbers of equally
 * frequent ones, until the vocabulary is full. The same tokens and merges as Hugging Face's trainer.
 * @internal
 */
export function trainModel(op: string, words: ReadonlyMap<string, number>, options: ModelTrainOptions): BpeModel {
  const { vocabSize = 30_000, minFrequency = 0, specialTokens = [] } = options;
  checkInteger(op, 'vocabSize', vocabSize, 1);
  checkInteger(op, 'minFrequency', minFrequency, 0);
  checkTokens(op, 'specialTokens', specialTokens);
  const suffix = options.endOfWordSuffix ?? '';
  const tokens = alphabetOf(words.keys(), suffix, specialTokens, options.initialAlphabet ?? []);
  const vocab = new Map(tokens.map((token, id) => [token, id]));
  const split = [...words].map(([word]) => {
    const chars = [...word];
    return chars.map((char, i) => vocab.get(i === chars.length - 1 ? char + suffix : char)!);
  });
  const pairs = new PairCounts(split, [...words.values()]);
  const merges: Merge[] = [];
  while (tokens.length < vocabSize) {
    const best = pairs.takeMostFrequent();
    if (best === null || best.count < 1 || best.count < minFrequency) break;
    const merge: Merge = [tokens[best.left], tokens[best.right]];
    const joined = merge[0] + merge[1];
    let id = vocab.get(joined);
    if (id === undefined) {
      id = tokens.length;
      tokens.push(joined);
      vocab.set(joined, id);
    }
    merges.push(merge);
    pairs.join(best, id);
  }
  return new BpeModel(vocab, merges, options);
}

/** Special tokens, then characters by code point, then those with the marker behind them. */
function alphabetOf(
  words: Iterable<string>,
  suffix: string,
  specials: readonly string[],
  initial: readonly string[],
): string[] {
  const chars = new Set(initial);
  const endings = new Set<string>();
  for (const word of words) {
    let last = '';
    for (const char of word) {
      chars.add(char);
      last = char;
    }
    if (suffix !== '' && last !== '') endings.add(last + suffix);
  }
  const sorted = (tokens: Iterable<string>) => [...tokens].sort(compareCodePoints);
  return [...new Set([...specials, ...sorted(chars), ...sorted(endings)])];
}

/** How often each pair of neighbours occurs in words that count several times, kept up while pairs are joined. */
class PairCounts {
  private readonly counts = new Map<number, number>();
  /** The words in which a pair may occur. */
  private readonly places = new Map<number, Set<number>>();
  private readonly heap = new Heap<Pair>(
    (a, b) =>
      a.count > b.count || (a.count === b.count && (a.left < b.left || (a.left === b.left && a.right < b.right))),
  );

  constructor(
    private readonly words: number[][],
    private readonly frequencies: readonly number[],
  ) {
    for (const [index, word] of words.entries()) {
      for (let i = 0; i + 1 < word.length; i++) this.change(word[i], word[i + 1], index, 1);
    }
    for (const key of this.counts.keys()) this.offer(key);
  }

  private change(left: number, right: number, index: number, sign: 1 | -1): number {
    const key = left * PAIR + right;
    this.counts.set(key, (this.counts.get(key) ?? 0) + sign * this.frequencies[index]);
    if (sign > 0) {
      const places = this.places.get(key);
      if (places === undefined) this.places.set(key, new Set([index]));
      else places.add(index);
    }
    return key;
  }

  private offer(key: number): void {
    const count = this.counts.get(key) ?? 0;
    if (count > 0) this.heap.push({ left: Math.floor(key / PAIR), right: key % PAIR, count });
  }

  /** An entry of the heap may be older than the count; it then goes back with the count of today. */
  takeMostFrequent(): Pair | null {
    for (let top = this.heap.pop(); top !== undefined; top = this.heap.pop()) {
      const key = top.left * PAIR + top.right;
      if (this.counts.get(key) === top.count) return top;
      this.offer(key);
    }
    return null;
  }

  /** Replaces a pair by one token in all words. */
  join({ left, right }: Pair, id: number): void {
    const key = left * PAIR + right;
    const changed = new Set<number>();
    for (const index of this.places.get(key) ?? []) this.joinIn(index, left, right, id, changed);
    this.counts.delete(key);
    this.places.delete(key);
    changed.delete(key);
    for (const one of changed) this.offer(one);
  }

  private joinIn(index: number, left: number, right: number, id: number, grown: Set<number>): void {
    const word = this.words[index];
    for (let i = 0; i + 1 < word.length; i++) {
      if (word[i] !== left || word[i + 1] !== right) continue;
      if (i > 0) {
        this.change(word[i - 1], left, index, -1);
        grown.add(this.change(word[i - 1], id, index, 1));
      }
      if (i + 2 < word.length) {
        this.change(right, word[i + 2], index, -1);
        grown.add(this.change(id, word[i + 2], index, 1));
      }
      word.splice(i, 2, id);
    }
  }
}
