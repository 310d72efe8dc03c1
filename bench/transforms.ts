// The rows of `npm run bench -- transforms`: uint8 batches augmented. PyTorch's rows take torchvision's transforms.v2.
import type { Case } from './case.js';

/** What each row does, and to what. `each`: torchvision image by image, as in its data sets. */
const CHAINS: Readonly<Record<string, string>> = {
  standard: 'crop, flip, rotate, normalize',
  'crop flip': 'crop with a border of 4, flip',
  rotate: 'rotate by up to 15 degrees, bilinear',
  affine: 'affine, bilinear',
  resized: 'random resized crop',
  normalize: 'uint8 to normalized float32',
  jitter: 'colour jitter',
  blur: 'gaussian blur 5 x 5',
};

const BATCHES: Readonly<Record<string, string>> = {
  small: '256 images of 1 x 28 x 28',
  large: '32 images of 3 x 224 x 224',
};

export const TRANSFORM_CASES: readonly Case[] = Object.entries(BATCHES).flatMap(([size, batch]) =>
  Object.entries(CHAINS).flatMap(([name, text]) => {
    if (size === 'small' && name === 'jitter') return []; // needs colours
    const row = { name: `${size} ${name}`, text: `${text}, ${batch}`, target: 2 };
    return name === 'standard'
      ? [row, { ...row, name: `${row.name} each`, text: `${row.text}, PyTorch: each for itself` }]
      : [row];
  }),
);
