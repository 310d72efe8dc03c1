export { type DeepConvNetOptions, deepConvNet } from './deep-conv-net.js';
