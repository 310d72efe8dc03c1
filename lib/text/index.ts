/**
 * Tokenizers, vocabularies, decoding, scores of texts.
 * @packageDocumentation
 */
export { type BleuOptions, type BleuScore, bleu } from './bleu.js';
export type { AddedToken } from './bpe/added-tokens.js';
export {
  BytePairTokenizer,
  type BytePairTrainOptions,
  type DecodeOptions,
  type EncodeOptions,
} from './bpe/tokenizer.js';
export type { BpeTrainOptions } from './bpe/train.js';
export { BucketBatchSampler, type BucketOptions } from './bucket.js';
export { type Beam, type BeamOptions, beamSearch } from './decoding/beam.js';
export { filterLogits, repetitionPenalty, type SamplingOptions, topKFilter, topPFilter } from './decoding/filters.js';
export { type GreedyOptions, greedy, type SampleOptions, sample } from './decoding/generate.js';
export { type DecodingState, TensorState } from './decoding/state.js';
export type { DecodingOptions, DecodingStep, Prompt } from './decoding/step.js';
export { characterErrorRate, editDistance, phonemeErrorRate, type Tokens, wordErrorRate } from './edit-distance.js';
export {
  type PaddedBatch,
  type PadOptions,
  padBatch,
  padCollate,
  padCollateLabeled,
  type TokenSequence,
} from './padding.js';
export { type PerplexityOptions, perplexity } from './perplexity.js';
export {
  CharTokenizer,
  type CharTokenizerOptions,
  type Tokenizer,
  type TokenizerJson,
  WORDS,
  WordTokenizer,
  type WordTokenizerOptions,
} from './tokenizer.js';
export { Vocabulary, type VocabularyBuildOptions, type VocabularyJson, type VocabularyOptions } from './vocabulary.js';
