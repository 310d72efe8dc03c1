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
export { AlexNet, type AlexNetOptions, alexnet, alexnet2012 } from './vision/alexnet.js';
export type { ClassifierOptions, DropoutOptions } from './vision/build.js';
export {
  DenseNet,
  type DenseNetOptions,
  densenet121,
  densenet161,
  densenet169,
  densenet201,
} from './vision/densenet.js';
export { GoogLeNet, type GoogLeNetOptions, type GoogLeNetOutputs, googlenet } from './vision/googlenet.js';
export { type InceptionOutputs, InceptionV3, type InceptionV3Options, inceptionV3 } from './vision/inception.js';
export { type LeNet5Options, LeNet1998, type LeNet1998Options, lenet5, lenet5_1998 } from './vision/lenet.js';
export { type NiNOptions, nin, ninCifar } from './vision/nin.js';
export { SqueezeNet, type SqueezeNetOptions, squeezenet1_0, squeezenet1_1 } from './vision/squeezenet.js';
export {
  VGG,
  type VGGOptions,
  vgg11,
  vgg11Bn,
  vgg13,
  vgg13Bn,
  vgg16,
  vgg16Bn,
  vgg19,
  vgg19Bn,
} from './vision/vgg.js';
