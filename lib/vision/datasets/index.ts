export { Digits, type DigitsOptions } from './digits.js';
export { type LabeledImage, LabeledImages } from './labeled-images.js';
export { FashionMNIST, MNIST } from './mnist.js';
export { DatasetNotFoundError, type LoadOptions } from './source.js';
