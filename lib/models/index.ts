export { type DeepConvNetOptions, deepConvNet } from './deep_conv_net.js';
