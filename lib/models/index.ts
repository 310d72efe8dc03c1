export { CharRNN, type CharRNNOptions } from './char-rnn.js';
export type { DecodingCache, GenerateOptions, NextToken, StepModel, TranslateOptions } from './decoding.js';
export { type DeepConvNetOptions, deepConvNet } from './deep-conv-net.js';
export { GPT, type GPTOptions } from './gpt.js';
export {
  BahdanauAttention,
  LuongAttention,
  type LuongOptions,
  type LuongScore,
  type MemoryCall,
} from './recurrent-attention.js';
export {
  create,
  type ListOptions,
  list,
  type ModelName,
  type ModelOf,
  type ModelOptions,
  type NamePattern,
} from './registry.js';
export { RNNSeq2Seq, type RNNSeq2SeqOptions, type SourceCall } from './rnn-seq2seq.js';
export type { StateCache } from './state-cache.js';
export { type TransformerCache, TransformerSeq2Seq, type TransformerSeq2SeqOptions } from './transformer-seq2seq.js';
export { AlexNet, type AlexNetOptions, alexnet } from './vision/alexnet.js';
export type { ClassifierOptions, DropoutOptions } from './vision/build.js';
