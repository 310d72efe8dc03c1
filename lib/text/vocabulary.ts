// Source: https://docs.pytorch.org/text/0.18.0/vocab.html
import { ArgumentError, FormatError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import {
  checkBoolean,
  checkInteger,
  checkString,
  checkTexts,
  checkTokens,
  compareCodePoints,
  readJson,
  writeJson,
} from './check.js';

/** Options of {@link Vocabulary}. */
export interface VocabularyOptions {
  /** The number that unknown tokens get. Default null: they are an error. */
  defaultIndex?: number | null;
}

/** Options of {@link Vocabulary.fromCounts} and {@link Vocabulary.fromTokens}. */
export interface VocabularyBuildOptions {
  /** Tokens that occur less often are left out. Default 1. */
  minFrequency?: number;
  /** The most tokens, special ones included. Default: no limit. */
  maxSize?: number;
  /** Tokens that are always there, such as `['<pad>', '<unk>']`. Default none. */
  specials?: readonly string[];
  /** Whether the specials come before the other tokens. Default true. */
  specialFirst?: boolean;
  /** The special token that stands for unknown ones; its number becomes the default index. Default none. */
  unknown?: string;
}

/** What {@link Vocabulary.toJSON} gives. */
export interface VocabularyJson {
  type: 'Vocabulary';
  tokens: string[];
  defaultIndex: number | null;
}

/**
 * Tokens and their numbers, from 0 without gaps; torchtext's `Vocab`.
 *
 * @example
 * const vocabulary = Vocabulary.fromTokens(sentences, { specials: ['<pad>', '<unk>'], unknown: '<unk>' });
 * vocabulary.lookupIndices(['the', 'cat']); // [2, 7]
 */
export class Vocabulary {
  private readonly tokens: string[] = [];
  private readonly indices = new Map<string, number>();
  private fallback: number | null = null;

  /**
   * @param tokens the token of each number
   * @throws ArgumentError when a token comes twice or the default index is no token's
   */
  constructor(tokens: readonly string[], options: VocabularyOptions = {}) {
    checkTokens('Vocabulary', 'tokens', tokens);
    checkOptions('Vocabulary', options);
    for (const token of tokens) this.appendToken(token);
    this.setDefaultIndex(options.defaultIndex ?? null);
  }

  /**
   * The tokens by falling frequency, equally frequent ones by code points, with the specials before or behind them.
   *
   * @param counts how often each token occurs
   * @throws ArgumentError when there is no token at all, for counts that are no numbers, and when `maxSize` has no room
   * for the specials
   */
  static fromCounts(
    counts: ReadonlyMap<string, number> | Readonly<Record<string, number>>,
    options: VocabularyBuildOptions = {},
  ): Vocabulary {
    const op = 'Vocabulary.fromCounts';
    checkOptions(op, counts);
    const { minFrequency, maxSize, specials, specialFirst, unknown } = checkBuild(op, options);
    const entries = [...(counts instanceof Map ? counts : Object.entries(counts))] as [string, number][];
    for (const [token, count] of entries) {
      checkString(op, 'a token', token);
      if (typeof count === 'number' && count >= 0) continue;
      throw new ArgumentError(
        op,
        `the count of ${valueText(token)} must be a number >= 0, got ${valueText(count)}`,
        count,
      );
    }
    const known = new Set(specials);
    const words = entries
      .filter(([token, count]) => count >= minFrequency && !known.has(token))
      .sort(([a, m], [b, n]) => n - m || compareCodePoints(a, b))
      .slice(0, maxSize - specials.length)
      .map(([token]) => token);
    const tokens = specialFirst ? [...specials, ...words] : [...words, ...specials];
    if (tokens.length === 0) throw new ArgumentError(op, 'the corpus is empty: there is no token', counts);
    return new Vocabulary(tokens, { defaultIndex: unknown === undefined ? null : tokens.indexOf(unknown) });
  }

  /** {@link Vocabulary.fromCounts} of the tokens of some texts; torchtext's `build_vocab_from_iterator`. */
  static fromTokens(texts: Iterable<Iterable<string>>, options: VocabularyBuildOptions = {}): Vocabulary {
    checkTexts('Vocabulary.fromTokens', texts);
    const counts = new Map<string, number>();
    for (const tokens of texts) {
      checkTexts('Vocabulary.fromTokens', tokens);
      for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    return Vocabulary.fromCounts(counts, options);
  }

  /** How many tokens there are. */
  get length(): number {
    return this.tokens.length;
  }

  /** Whether the token stands in it. */
  has(token: string): boolean {
    return this.indices.has(token);
  }

  /**
   * The number of a token, or the default index.
   * @throws ArgumentError for an unknown token when there is no default index
   */
  lookupIndex(token: string): number {
    const index = this.indices.get(token) ?? this.fallback;
    if (index === null) throw unknownToken('Vocabulary.lookupIndex', token);
    return index;
  }

  /** The numbers of some tokens. */
  lookupIndices(tokens: Iterable<string>): number[] {
    checkTexts('Vocabulary.lookupIndices', typeof tokens === 'string' ? null : tokens);
    return Array.from(tokens, (token) => this.lookupIndex(token));
  }

  /** @throws ArgumentError for a number that no token has */
  lookupToken(index: number): string {
    const token = this.tokens[index];
    if (token !== undefined) return token;
    const range = `[0, ${this.length})`;
    throw new ArgumentError('Vocabulary.lookupToken', `index ${valueText(index)} is out of range ${range}`, index);
  }

  /** The tokens with some numbers. */
  lookupTokens(indices: Iterable<number>): string[] {
    checkTexts('Vocabulary.lookupTokens', indices);
    return Array.from(indices, (index) => this.lookupToken(index));
  }

  /** The number that unknown tokens get; null: they are an error. */
  getDefaultIndex(): number | null {
    return this.fallback;
  }

  /** What a token that is not in it gets; null: an error. */
  setDefaultIndex(index: number | null): void {
    if (index !== null && !(Number.isInteger(index) && index >= 0 && index < this.length)) {
      const rule = `must be null or in [0, ${this.length})`;
      throw new ArgumentError('Vocabulary', `the default index ${rule}, got ${valueText(index)}`, index);
    }
    this.fallback = index;
  }

  /** Gives a new token the next number. */
  appendToken(token: string): void {
    this.insertToken(token, this.length);
  }

  /** Puts a new token at a place; the tokens from there on move up by one, and so does a default index there. */
  insertToken(token: string, index: number): void {
    const op = 'Vocabulary.insertToken';
    checkString(op, 'a token', token);
    if (this.indices.has(token)) throw new ArgumentError(op, `${valueText(token)} is there already`, token);
    checkInteger(op, 'index', index, 0);
    if (index > this.length) throw new ArgumentError(op, `index ${index} is above ${this.length}`, index);
    this.tokens.splice(index, 0, token);
    for (let i = index; i < this.length; i++) this.indices.set(this.tokens[i], i);
    if (this.fallback !== null && this.fallback >= index) this.fallback++;
  }

  /** The tokens in the order of their numbers. */
  getItos(): string[] {
    return [...this.tokens];
  }

  /** The number of each token. */
  getStoi(): Map<string, number> {
    return new Map(this.indices);
  }

  /** It as plain data. */
  toJSON(): VocabularyJson {
    return { type: 'Vocabulary', tokens: this.getItos(), defaultIndex: this.fallback };
  }

  /**
   * What {@link toJSON} gave.
   * @param path named in errors
   * @throws FormatError for anything else
   */
  static fromJSON(json: unknown, path = 'vocabulary'): Vocabulary {
    const op = 'Vocabulary.fromJSON';
    const { type, tokens, defaultIndex = null } = (json ?? {}) as Partial<VocabularyJson>;
    if (type !== 'Vocabulary') throw new FormatError(op, path, `type must be "Vocabulary", got ${valueText(type)}`);
    try {
      return new Vocabulary(tokens as string[], { defaultIndex });
    } catch (error) {
      if (error instanceof ArgumentError) throw new FormatError(op, path, error.message.replace(/^[^:]*: /, ''));
      throw error;
    }
  }

  /** Writes the vocabulary as JSON. */
  save(path: string): Promise<void> {
    return writeJson(path, this);
  }

  /** @throws FormatError when the file is no vocabulary */
  static async load(path: string): Promise<Vocabulary> {
    return Vocabulary.fromJSON(await readJson('Vocabulary.load', path), path);
  }
}

/** The error of a token that a vocabulary without a default index does not have. @internal */
export const unknownToken = (op: string, token: unknown): ArgumentError =>
  new ArgumentError(op, `the token ${valueText(token)} is unknown, and there is no default index`, token);

function checkBuild(op: string, options: VocabularyBuildOptions) {
  checkOptions(op, options);
  const { minFrequency = 1, maxSize = Number.MAX_SAFE_INTEGER, specials = [], specialFirst = true, unknown } = options;
  checkInteger(op, 'minFrequency', minFrequency, 0);
  checkInteger(op, 'maxSize', maxSize, 1);
  checkTokens(op, 'specials', specials);
  checkBoolean(op, 'specialFirst', specialFirst);
  if (specials.length > maxSize) {
    throw new ArgumentError(op, `maxSize is ${maxSize}, the specials alone are ${specials.length}`, maxSize);
  }
  if (unknown !== undefined && !specials.includes(unknown)) {
    throw new ArgumentError(op, `unknown must be one of the specials, got ${valueText(unknown)}`, unknown);
  }
  return { minFrequency, maxSize, specials, specialFirst, unknown };
}
