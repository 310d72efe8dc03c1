// torchvision.transforms.v2.functional: transforms with given parameters.
export { horizontalFlip, horizontalFlip as hflip, verticalFlip, verticalFlip as vflip } from './flip.js';
