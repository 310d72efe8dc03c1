/**
 * Image datasets: Fashion-MNIST, digits, CIFAR, folders, VOC, COCO.
 * @packageDocumentation
 */
export type { Box, OutsideBoxes } from './boxes.js';
export { CIFAR10, CIFAR100, type CifarImage, type CifarOptions } from './cifar.js';
export { type CocoAnnotation, CocoDetection, type CocoOptions, type CocoTarget } from './coco.js';
export { Digits, type DigitsOptions } from './digits.js';
export { DatasetFolder, type FolderOptions, IMAGE_EXTENSIONS, ImageFolder, type Sample } from './folder.js';
export { type ReadImageOptions, readImage } from './image.js';
export { type LabeledImage, LabeledImages } from './labeled-images.js';
export { FashionMNIST, MNIST } from './mnist.js';
export { readPalette } from './palette.js';
export { decodeRle, maskOfPolygons, type Rle } from './rle.js';
export { DatasetNotFoundError, type LoadOptions } from './source.js';
export { VOC_CLASSES, VOCDetection, VOCSegmentation, type VocNode, type VocOptions, type VocTarget } from './voc.js';
