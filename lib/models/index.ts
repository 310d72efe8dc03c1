export type { DecodingCache, GenerateOptions, NextToken, StepModel } from './decoding.js';
export { greedy } from './decoding.js';
export { type DeepConvNetOptions, deepConvNet } from './deep-conv-net.js';
export { GPT, type GPTOptions } from './gpt.js';
