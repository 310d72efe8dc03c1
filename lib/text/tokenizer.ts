import { ArgumentError, FormatError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { checkBoolean, checkString, checkTexts, readJson, writeJson } from './check.js';
import { Vocabulary, type VocabularyBuildOptions, type VocabularyJson } from './vocabulary.js';

/** Turns text into numbers and back. */
export interface Tokenizer {
  /** How many tokens there are: the size of an embedding, and of the scores for the next token. */
  readonly vocabularySize: number;
  /** The pieces of a text. */
  tokenize(text: string): string[];
  /** The numbers of the pieces of a text. */
  encode(text: string): number[];
  /** The text that some numbers stand for. */
  decode(ids: Iterable<number>): string;
}

/** Options of {@link CharTokenizer.train}. */
export interface CharTokenizerOptions extends VocabularyBuildOptions {
  /** Lower-case the text first. Default false. */
  lowercase?: boolean;
}

/** Options of {@link WordTokenizer.train}. */
export interface WordTokenizerOptions extends CharTokenizerOptions {
  /** What a token is; with flags `g` and `u`. Default: {@link WORDS}. */
  pattern?: RegExp;
}

/** Runs of letters, digits and underscores, and runs of everything else that is not white space. */
export const WORDS =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu;

/** A tokenizer as plain data. */
export interface TokenizerJson {
  type: string;
  lowercase: boolean;
  pattern?: string;
  flags?: string;
  vocabulary: VocabularyJson;
}

/** A tokenizer that splits a text and looks the pieces up. */
abstract class SplittingTokenizer implements Tokenizer {
  constructor(
    private readonly type: string,
    readonly vocabulary: Vocabulary,
    readonly lowercase: boolean,
  ) {}

  protected abstract split(text: string): string[];
  protected abstract join(tokens: string[]): string;

  get vocabularySize(): number {
    return this.vocabulary.length;
  }

  tokenize(text: string): string[] {
    checkString(`${this.type}.tokenize`, 'text', text);
    return this.split(this.lowercase ? text.toLowerCase() : text);
  }

  /** @throws ArgumentError for an unknown piece when the vocabulary has no default index */
  encode(text: string): number[] {
    return this.vocabulary.lookupIndices(this.tokenize(text));
  }

  /** @throws ArgumentError for a number that no token has */
  decode(ids: Iterable<number>): string {
    return this.join(this.vocabulary.lookupTokens(ids));
  }

  /** It as plain data. */
  toJSON(): TokenizerJson {
    return { type: this.type, lowercase: this.lowercase, vocabulary: this.vocabulary.toJSON() };
  }

  /** Writes the tokenizer as JSON. */
  save(path: string): Promise<void> {
    return writeJson(path, this);
  }
}

/**
 * One token per character (Unicode code point).
 *
 * @example
 * const tokenizer = CharTokenizer.train(['anna', 'bert'], { specials: ['<pad>'] });
 * tokenizer.encode('tab'); // [6, 1, 3]
 */
export class CharTokenizer extends SplittingTokenizer {
  constructor(vocabulary: Vocabulary, options: { lowercase?: boolean } = {}) {
    super('CharTokenizer', checkVocabulary('CharTokenizer', vocabulary), lowercaseOf('CharTokenizer', options));
  }

  /** A tokenizer of the characters of some texts, by falling frequency. */
  static train(texts: Iterable<string>, options: CharTokenizerOptions = {}): CharTokenizer {
    const lowercase = lowercaseOf('CharTokenizer.train', options);
    return new CharTokenizer(
      buildVocabulary('CharTokenizer.train', texts, (text) => [...text], options),
      { lowercase },
    );
  }

  protected split(text: string): string[] {
    return [...text];
  }

  protected join(tokens: string[]): string {
    return tokens.join('');
  }

  /** @throws FormatError when the file is no such tokenizer */
  static async load(path: string): Promise<CharTokenizer> {
    const json = checkJson('CharTokenizer', await readJson('CharTokenizer.load', path), path);
    return new CharTokenizer(Vocabulary.fromJSON(json.vocabulary, path), { lowercase: json.lowercase });
  }
}

/**
 * One token per word and per run of punctuation; `decode` puts blanks between them.
 *
 * @example
 * const tokenizer = WordTokenizer.train(lines, { specials: ['<unk>'], unknown: '<unk>', minFrequency: 2 });
 * tokenizer.tokenize("Don't panic!"); // ['Don', "'", 't', 'panic', '!']
 */
export class WordTokenizer extends SplittingTokenizer {
  readonly pattern: RegExp;

  constructor(vocabulary: Vocabulary, options: { lowercase?: boolean; pattern?: RegExp } = {}) {
    super('WordTokenizer', checkVocabulary('WordTokenizer', vocabulary), lowercaseOf('WordTokenizer', options));
    this.pattern = patternOf('WordTokenizer', options);
  }

  /** A tokenizer of the words of some texts, by falling frequency. */
  static train(texts: Iterable<string>, options: WordTokenizerOptions = {}): WordTokenizer {
    const lowercase = lowercaseOf('WordTokenizer.train', options);
    const pattern = patternOf('WordTokenizer.train', options);
    const split = (text: string): string[] => text.match(pattern) ?? [];
    return new WordTokenizer(buildVocabulary('WordTokenizer.train', texts, split, options), { lowercase, pattern });
  }

  protected split(text: string): string[] {
    return text.match(this.pattern) ?? [];
  }

  protected join(tokens: string[]): string {
    return tokens.join(' ');
  }

  override toJSON(): TokenizerJson {
    return { ...super.toJSON(), pattern: this.pattern.source, flags: this.pattern.flags };
  }

  /** @throws FormatError when the file is no such tokenizer */
  static async load(path: string): Promise<WordTokenizer> {
    const json = checkJson('WordTokenizer', await readJson('WordTokenizer.load', path), path);
    const vocabulary = Vocabulary.fromJSON(json.vocabulary, path);
    try {
      return new WordTokenizer(vocabulary, {
        lowercase: json.lowercase,
        pattern: new RegExp(json.pattern ?? '', json.flags),
      });
    } catch (error) {
      throw new FormatError('WordTokenizer.load', path, `pattern: ${(error as Error).message}`);
    }
  }
}

function buildVocabulary(
  op: string,
  texts: Iterable<string>,
  split: (text: string) => string[],
  options: CharTokenizerOptions,
): Vocabulary {
  checkTexts(op, texts);
  const { lowercase, ...build } = options;
  const pieces = function* (): Iterable<string[]> {
    for (const text of texts) {
      checkString(op, 'a text', text);
      yield split(lowercase ? text.toLowerCase() : text);
    }
  };
  return Vocabulary.fromTokens(pieces(), build);
}

function checkVocabulary(op: string, vocabulary: unknown): Vocabulary {
  if (vocabulary instanceof Vocabulary) return vocabulary;
  throw new ArgumentError(op, `a Vocabulary is needed, got ${valueText(vocabulary)}`, vocabulary);
}

function lowercaseOf(op: string, options: { lowercase?: boolean }): boolean {
  checkOptions(op, options);
  const { lowercase = false } = options;
  checkBoolean(op, 'lowercase', lowercase);
  return lowercase;
}

function patternOf(op: string, { pattern = WORDS }: { pattern?: RegExp }): RegExp {
  if (pattern instanceof RegExp && pattern.global && pattern.unicode) return pattern;
  throw new ArgumentError(op, `pattern must be a RegExp with flags g and u, got ${valueText(pattern)}`, pattern);
}

function checkJson(type: string, json: unknown, path: string): TokenizerJson {
  const value = (typeof json === 'object' && json !== null ? json : {}) as Partial<TokenizerJson>;
  const wrong = (reason: string) => new FormatError(`${type}.load`, path, reason);
  if (value.type !== type) throw wrong(`type must be "${type}", got ${valueText(value.type)}`);
  if (typeof value.lowercase !== 'boolean') throw wrong('lowercase must be true or false');
  if (type === 'WordTokenizer' && !(typeof value.pattern === 'string' && typeof value.flags === 'string')) {
    throw wrong('pattern and flags must be strings');
  }
  return value as TokenizerJson;
}
