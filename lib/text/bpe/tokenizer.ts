import { readFile } from 'node:fs/promises';
import { ArgumentError, valueText } from '../../errors.js';
import { checkOptions } from '../../tensor/check.js';
import { checkBoolean, checkString, checkTexts, readJson, writeJson } from '../check.js';
import type { Tokenizer } from '../tokenizer.js';
import { type AddedToken, AddedTokenFinder } from './added-tokens.js';
import { BYTE_CHARS } from './bytes.js';
import { Config } from './config.js';
import { makeDecoder } from './decoder.js';
import { type Parts, type Pipeline, partsToJson, readParts } from './json.js';
import type { BpeModel } from './model.js';
import { makeNormalizer, takesBeginning } from './normalizer.js';
import { makePostProcessor, type PostProcessor } from './post-processor.js';
import { makePreTokenizer, type PreTokenizer, prependsToFirst } from './pre-tokenizer.js';
import { type BpeTrainOptions, trainModel } from './train.js';

/** Options of {@link BytePairTokenizer.train}. */
export interface BytePairTrainOptions extends BpeTrainOptions {
  /**
   * Tokens of bytes, split into words as by GPT-2: any text can be encoded and comes back unchanged. False: tokens of
   * characters, split at white space, with a marker at the end of each word. Default true.
   */
  byteLevel?: boolean;
  /** Puts a blank before the text, so that a first word is as any other. With bytes only. Default false. */
  addPrefixSpace?: boolean;
  /** The marker at the end of words, without bytes. Default `</w>`. */
  endOfWordSuffix?: string;
  /** The token for unknown characters, without bytes; one of the special tokens. Default: they are an error. */
  unkToken?: string;
  /** Unicode normalization before everything else. Default none. */
  normalization?: 'NFC' | 'NFD' | 'NFKC' | 'NFKD';
  /** Lower-case the text. Default false. */
  lowercase?: boolean;
}

/** Options of {@link BytePairTokenizer.encode}. */
export interface EncodeOptions {
  /** A second text, for a post-processor that puts the two together. */
  pair?: string;
  /** Whether the post-processor adds its tokens. Default true. */
  addSpecialTokens?: boolean;
}

/** Options of {@link BytePairTokenizer.decode}. */
export interface DecodeOptions {
  /** Leaves out special tokens. Default true. */
  skipSpecialTokens?: boolean;
}

/**
 * Byte-pair encoding: words are split into the pieces that were most frequent in the training text. Reads and writes
 * Hugging Face's `tokenizer.json`.
 * Source: https://huggingface.co/docs/tokenizers/api/models#tokenizers.models.BPE
 *
 * @example
 * const tokenizer = BytePairTokenizer.train([text], { vocabSize: 2000, specialTokens: ['<|endoftext|>'] });
 * tokenizer.decode(tokenizer.encode('any text at all'));
 * await tokenizer.save('tokenizer.json');
 */
export class BytePairTokenizer implements Tokenizer {
  /** Tokens that are never split. */
  readonly addedTokens: readonly AddedToken[];
  /** One more than the highest number of a token. */
  readonly vocabularySize: number;
  private readonly model: BpeModel;
  private readonly added: ReadonlyMap<number, AddedToken>;
  private readonly ids: ReadonlyMap<string, number>;
  private readonly finder: AddedTokenFinder;
  private readonly preTokenizer: PreTokenizer;
  private readonly postProcess: PostProcessor;
  private readonly join: (tokens: string[]) => string;

  private constructor(
    private readonly parts: Parts,
    op: string,
    path: string,
  ) {
    const part = (place: string, value: unknown) => (value === null ? null : Config.of(op, path, place, value));
    this.model = parts.model;
    this.addedTokens = parts.addedTokens;
    this.added = new Map(parts.addedTokens.map((token) => [token.id, token]));
    this.ids = new Map([...parts.model.vocab, ...parts.addedTokens.map(({ content, id }) => [content, id] as const)]);
    this.vocabularySize = this.ids.size === 0 ? 0 : [...this.ids.values()].reduce((a, b) => Math.max(a, b)) + 1;
    const normalizer = part('normalizer', parts.normalizer);
    const preTokenizer = part('pre_tokenizer', parts.preTokenizer);
    if (normalizer && preTokenizer && prependsToFirst(preTokenizer) && takesBeginning(normalizer)) {
      throw preTokenizer.wrong(`prepend_scheme "first" is not supported behind ${normalizer.type}`);
    }
    this.finder = new AddedTokenFinder(parts.addedTokens, makeNormalizer(normalizer));
    this.preTokenizer = makePreTokenizer(preTokenizer);
    this.postProcess = makePostProcessor(part('post_processor', parts.postProcessor));
    this.join = makeDecoder(part('decoder', parts.decoder));
  }

  /**
   * Learns tokens from some texts, the same ones as Hugging Face's `BpeTrainer`. The vocabulary may end above `vocabSize`
   * where special tokens and characters alone are more.
   *
   * @throws ArgumentError for options out of range, and when the texts have no word
   */
  static train(texts: Iterable<string>, options: BytePairTrainOptions = {}): BytePairTokenizer {
    const op = 'BytePairTokenizer.train';
    checkTexts(op, texts);
    checkOptions(op, options);
    const { byteLevel = true, endOfWordSuffix = '</w>', unkToken = null, specialTokens = [] } = options;
    checkBoolean(op, 'byteLevel', byteLevel);
    checkString(op, 'endOfWordSuffix', endOfWordSuffix);
    if (unkToken !== null && (byteLevel || !specialTokens.includes(unkToken))) {
      throw new ArgumentError(op, 'unkToken must be one of specialTokens, and byteLevel false', unkToken);
    }
    const pipeline = pipelineOf(op, options, byteLevel, endOfWordSuffix);
    const words = countWords(op, texts, pipeline);
    const plain = { endOfWordSuffix: endOfWordSuffix || null, unkToken };
    const model = trainModel(op, words, { ...options, ...(byteLevel ? BYTES : plain) });
    return new BytePairTokenizer({ ...pipeline, model, addedTokens: specialTokens.map(specialToken) }, op, 'options');
  }

  /**
   * A tokenizer from the content of a `tokenizer.json`.
   * @param path named in errors
   * @throws FormatError for anything that is wrong or not supported, naming it and its place
   */
  static fromJSON(json: unknown, path = 'tokenizer.json'): BytePairTokenizer {
    const op = 'BytePairTokenizer.fromJSON';
    return new BytePairTokenizer(readParts(op, path, json), op, path);
  }

  /** {@link fromJSON} of a file. */
  static async load(path: string): Promise<BytePairTokenizer> {
    return BytePairTokenizer.fromJSON(await readJson('BytePairTokenizer.load', path), path);
  }

  /** GPT-2's two files, `vocab.json` and `merges.txt`. `<|endoftext|>` is a special token where it is there. */
  static async loadGpt2(vocabPath: string, mergesPath: string): Promise<BytePairTokenizer> {
    const op = 'BytePairTokenizer.loadGpt2';
    const vocab = (await readJson(op, vocabPath)) as Record<string, number> | null;
    const lines = (await readFile(mergesPath, 'utf8')).split('\n').map((line) => line.replace(/\r$/, ''));
    const merges = lines.filter((line, i) => line !== '' && !(i === 0 && line.startsWith('#version')));
    const end = '<|endoftext|>';
    const id = vocab === null ? undefined : vocab[end];
    const parts = readParts(op, vocabPath, {
      model: { type: 'BPE', vocab, merges },
      added_tokens: id === undefined ? [] : [{ id, content: end, special: true, normalized: false }],
      pre_tokenizer: BYTE_LEVEL,
      decoder: BYTE_LEVEL,
    });
    return new BytePairTokenizer(parts, op, vocabPath);
  }

  /** The content of a `tokenizer.json`. */
  toJSON(): Record<string, unknown> {
    return partsToJson(this.parts);
  }

  /** Writes a `tokenizer.json`. */
  save(path: string): Promise<void> {
    return writeJson(path, this);
  }

  /** The number of a token; undefined when there is none. */
  tokenToId(token: string): number | undefined {
    return this.ids.get(token);
  }

  /** The token with a number; undefined when there is none. */
  idToToken(id: number): string | undefined {
    return this.added.get(id)?.content ?? this.model.tokenOf(id);
  }

  /** The pieces of a text, as they stand in the vocabulary: tokens of bytes show a blank as `Ġ`. */
  tokenize(text: string): string[] {
    return this.encode(text, { addSpecialTokens: false }).map((id) => this.idToToken(id)!);
  }

  /** @throws ArgumentError for a character that is no token when there is no token for unknown ones */
  encode(text: string, options: EncodeOptions = {}): number[] {
    const op = 'BytePairTokenizer.encode';
    checkOptions(op, options);
    const { pair, addSpecialTokens = true } = options;
    checkString(op, 'text', text);
    const first = this.encodeText(text);
    if (pair === undefined) return addSpecialTokens ? this.postProcess(first, null) : first;
    checkString(op, 'pair', pair);
    const second = this.encodeText(pair);
    return addSpecialTokens ? this.postProcess(first, second) : [...first, ...second];
  }

  private encodeText(text: string): number[] {
    const { model, preTokenizer } = this;
    const ids: number[] = [];
    for (const [i, piece] of this.finder.split(text).entries()) {
      if (typeof piece === 'number') {
        ids.push(piece);
        continue;
      }
      for (const word of preTokenizer.split(piece, i === 0)) {
        for (const id of model.encode(word, preTokenizer.transform)) ids.push(id);
      }
    }
    return ids;
  }

  /** @throws ArgumentError for a number that no token has */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    const op = 'BytePairTokenizer.decode';
    checkTexts(op, ids);
    checkOptions(op, options);
    const { skipSpecialTokens = true } = options;
    const tokens: string[] = [];
    for (const id of ids) {
      const token = this.idToToken(id);
      if (token === undefined) throw new ArgumentError(op, `no token has the number ${valueText(id)}`, id);
      if (!(skipSpecialTokens && this.added.get(id)?.special)) tokens.push(token);
    }
    return this.join(tokens);
  }
}

const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
const BYTES = { initialAlphabet: BYTE_CHARS, endOfWordSuffix: null };

const specialToken = (content: string, id: number): AddedToken => ({
  id,
  content,
  singleWord: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

function pipelineOf(op: string, options: BytePairTrainOptions, byteLevel: boolean, suffix: string): Pipeline {
  const { addPrefixSpace = false, normalization, lowercase = false } = options;
  checkBoolean(op, 'addPrefixSpace', addPrefixSpace);
  checkBoolean(op, 'lowercase', lowercase);
  if (normalization !== undefined && !['NFC', 'NFD', 'NFKC', 'NFKD'].includes(normalization)) {
    throw new ArgumentError(op, `normalization must be a Unicode form, got ${valueText(normalization)}`, normalization);
  }
  if (addPrefixSpace && !byteLevel) throw new ArgumentError(op, 'addPrefixSpace needs byteLevel', addPrefixSpace);
  const steps = [...(normalization ? [{ type: normalization }] : []), ...(lowercase ? [{ type: 'Lowercase' }] : [])];
  const bytes = { ...BYTE_LEVEL, add_prefix_space: addPrefixSpace };
  return {
    normalizer: steps.length < 2 ? (steps[0] ?? null) : { type: 'Sequence', normalizers: steps },
    preTokenizer: byteLevel ? bytes : { type: 'WhitespaceSplit' },
    postProcessor: null,
    decoder: byteLevel ? bytes : suffix === '' ? { type: 'Fuse' } : { type: 'BPEDecoder', suffix },
  };
}

/** How often each word occurs, in the characters of the vocabulary. */
function countWords(op: string, texts: Iterable<string>, pipeline: Pipeline): Map<string, number> {
  const part = (value: unknown) => (value === null ? null : Config.of(op, 'options', '', value));
  const normalize = makeNormalizer(part(pipeline.normalizer));
  const { split, transform = (word: string) => word } = makePreTokenizer(part(pipeline.preTokenizer));
  const counts = new Map<string, number>();
  for (const text of texts) {
    checkString(op, 'a text', text);
    for (const word of split(normalize(text))) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  if (counts.size === 0) throw new ArgumentError(op, 'the corpus is empty: there is no word', texts);
  return new Map([...counts].map(([word, count]) => [transform(word), count]));
}
