export type { AddedToken } from './bpe/added-tokens.js';
export {
  BytePairTokenizer,
  type BytePairTrainOptions,
  type DecodeOptions,
  type EncodeOptions,
} from './bpe/tokenizer.js';
export type { BpeTrainOptions } from './bpe/train.js';
export {
  CharTokenizer,
  type CharTokenizerOptions,
  type Tokenizer,
  WORDS,
  WordTokenizer,
  type WordTokenizerOptions,
} from './tokenizer.js';
export { Vocabulary, type VocabularyBuildOptions, type VocabularyJson, type VocabularyOptions } from './vocabulary.js';
