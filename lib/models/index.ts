/**
 * The networks people know, with torchvision's names, shapes and parameters, and what builds them by name.
 * @packageDocumentation
 */
export { CharRNN, type CharRNNOptions } from './char-rnn.js';
export type { DecodingCache, GenerateOptions, NextToken, StepModel, TranslateOptions } from './decoding.js';
export { type DeepConvNetOptions, deepConvNet } from './deep-conv-net.js';
export { createFeatureExtractor, type FeatureExtractor, type ReturnNodes } from './feature-extractor.js';
export { GPT, type GPTOptions } from './gpt.js';
export type { NamePattern } from './patterns.js';
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
} from './registry.js';
export { RNNSeq2Seq, type RNNSeq2SeqOptions, type SourceCall } from './rnn-seq2seq.js';
export { type SmallFiltersOptions, toSmallFilters } from './small-filters.js';
export type { StateCache } from './state-cache.js';
export { type ToConvolutionalOptions, toConvolutional } from './to-convolutional.js';
export {
  type FreezeOptions,
  freeze,
  type LayerGroup,
  type ParamGroupsOptions,
  paramGroups,
  replaceHead,
  unfreeze,
} from './transfer.js';
export { type TransformerCache, TransformerSeq2Seq, type TransformerSeq2SeqOptions } from './transformer-seq2seq.js';
export { AlexNet, type AlexNetOptions, alexnet, alexnet2012 } from './vision/alexnet.js';
export type { ClassifierOptions, DropoutOptions } from './vision/build.js';
export {
  ConvNeXt,
  type ConvNeXtOptions,
  type ConvNeXtStage,
  convnextBase,
  convnextLarge,
  convnextSmall,
  convnextTiny,
} from './vision/convnext.js';
export {
  type DenseNet,
  type DenseNetOptions,
  densenet121,
  densenet161,
  densenet169,
  densenet201,
} from './vision/densenet.js';
export {
  EfficientNet,
  type EfficientNetOptions,
  efficientnetB0,
  efficientnetB1,
  efficientnetB2,
  efficientnetB3,
  efficientnetB4,
  efficientnetB5,
  efficientnetB6,
  efficientnetB7,
  type MBConvStage,
} from './vision/efficientnet.js';
export { GoogLeNet, type GoogLeNetOptions, type GoogLeNetOutputs, googlenet } from './vision/googlenet.js';
export { type InceptionOutputs, InceptionV3, type InceptionV3Options, inceptionV3 } from './vision/inception.js';
export { type LeNet5Options, LeNet1998, type LeNet1998Options, lenet5, lenet5_1998 } from './vision/lenet.js';
export {
  type InvertedResidualRow,
  MobileNetV2,
  type MobileNetV2Options,
  MobileNetV3,
  type MobileNetV3Options,
  type MobileNetV3Row,
  type MobileNetV3VariantOptions,
  mobilenetV2,
  mobilenetV3Large,
  mobilenetV3Small,
} from './vision/mobilenet.js';
export { type NiNOptions, nin, ninCifar } from './vision/nin.js';
export {
  BasicBlock,
  Bottleneck,
  PlainBlock,
  plain18,
  plain34,
  type ResidualBlockClass,
  type ResidualBlockOptions,
  ResNet,
  type ResNetOptions,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  resnext50_32x4d,
  resnext101_32x8d,
  resnext101_64x4d,
  wideResnet50_2,
  wideResnet101_2,
} from './vision/resnet.js';
export {
  PreActBasicBlock,
  type PreActBlockClass,
  type PreActBlockOptions,
  PreActBottleneck,
  PreActResNet,
  type PreActResNetOptions,
  preactResnet18,
  preactResnet34,
  preactResnet50,
  preactResnet101,
  preactResnet152,
} from './vision/resnet-preact.js';
export {
  plain20,
  plain32,
  plain44,
  plain56,
  resnet20,
  resnet32,
  resnet44,
  resnet56,
  resnet110,
  type SmallPlainOptions,
  SmallResNet,
  type SmallResNetOptions,
} from './vision/resnet-small.js';
export { type SqueezeNet, type SqueezeNetOptions, squeezenet1_0, squeezenet1_1 } from './vision/squeezenet.js';
export {
  type VGG,
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
export { r3d18, VideoResNet, type VideoResNetOptions } from './vision/video-resnet.js';
export {
  type ConvStemConfig,
  VisionTransformer,
  type VisionTransformerOptions,
  type ViTOptions,
  vitB16,
  vitB32,
  vitH14,
  vitL16,
  vitL32,
  vitS16,
  vitTi16,
} from './vision/vision-transformer.js';
