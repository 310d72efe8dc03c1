// The operations of augmentation policies with their magnitudes, as in torchvision.
import type { ImageSize } from './sample.js';

/** An operation of a policy. */
export type PolicyOpName =
  | 'Identity'
  | 'ShearX'
  | 'ShearY'
  | 'TranslateX'
  | 'TranslateY'
  | 'Rotate'
  | 'Brightness'
  | 'Color'
  | 'Contrast'
  | 'Sharpness'
  | 'Posterize'
  | 'Solarize'
  | 'AutoContrast'
  | 'Equalize'
  | 'Invert';

/** The magnitudes of an operation in `bins` steps; `signed` ones are negated at random. Null: it has none. */
export interface Magnitudes {
  readonly values: (bins: number, size: ImageSize) => readonly number[] | null;
  readonly signed: boolean;
}

/** Operations in the order in which they are drawn. */
export type PolicySpace = readonly (readonly [name: PolicyOpName, magnitudes: Magnitudes])[];

/** torch.linspace in float32. */
function linspace(start: number, end: number, steps: number): number[] {
  if (steps === 1) return [start];
  const step = Math.fround(Math.fround(end - start) / (steps - 1));
  return Array.from({ length: steps }, (_, i) =>
    i < steps / 2
      ? Math.fround(start + Math.fround(step * i))
      : Math.fround(Math.fround(end) - Math.fround(step * (steps - 1 - i))),
  );
}

/** As in Python: a half goes to the even neighbour. */
function roundEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

const range = (start: number, end: number, signed = true): Magnitudes => ({
  values: (bins) => linspace(start, end, bins),
  signed,
});
const none: Magnitudes = { values: () => null, signed: false };
const bits = (from: number, over: number): Magnitudes => ({
  values: (bins) => Array.from({ length: bins }, (_, i) => roundEven(from - Math.fround(i / ((bins - 1) / over)))),
  signed: false,
});
const part = (axis: 0 | 1, share: number): Magnitudes => ({
  values: (bins, size) => linspace(0, share * size[axis], bins),
  signed: true,
});

const COLORS = (most: number): PolicySpace => [
  ['Brightness', range(0, most)],
  ['Color', range(0, most)],
  ['Contrast', range(0, most)],
  ['Sharpness', range(0, most)],
];
const END: PolicySpace = [
  ['Solarize', range(1, 0, false)],
  ['AutoContrast', none],
  ['Equalize', none],
];

const MOVES: PolicySpace = [
  ['ShearX', range(0, 0.3)],
  ['ShearY', range(0, 0.3)],
  ['TranslateX', part(1, 150 / 331)],
  ['TranslateY', part(0, 150 / 331)],
  ['Rotate', range(0, 30)],
];

/** The operations of RandAugment. */
export const RAND_SPACE: PolicySpace = [
  ['Identity', none],
  ...MOVES,
  ...COLORS(0.9),
  ['Posterize', bits(8, 4)],
  ...END,
];

/** The operations of AutoAugment. */
export const AUTO_SPACE: PolicySpace = [...RAND_SPACE.slice(1), ['Invert', none]];

/** The operations of TrivialAugment's wide space. */
export const TRIVIAL_SPACE: PolicySpace = [
  ['Identity', none],
  ['ShearX', range(0, 0.99)],
  ['ShearY', range(0, 0.99)],
  ['TranslateX', range(0, 32)],
  ['TranslateY', range(0, 32)],
  ['Rotate', range(0, 135)],
  ...COLORS(0.99),
  ['Posterize', bits(8, 6)],
  ...END,
];

const AUGMIX_PART: PolicySpace = [
  ['ShearX', range(0, 0.3)],
  ['ShearY', range(0, 0.3)],
  ['TranslateX', part(1, 1 / 3)],
  ['TranslateY', part(0, 1 / 3)],
  ['Rotate', range(0, 30)],
  ['Posterize', bits(4, 4)],
  ...END,
];

/** The operations of AugMix: all, or without those that the corruptions of its tests contain. */
export const augMixSpace = (all: boolean): PolicySpace => (all ? [...AUGMIX_PART, ...COLORS(0.9)] : AUGMIX_PART);

/** The data set for which AutoAugment learned a policy. */
export type AutoAugmentPolicy = 'imagenet' | 'cifar10' | 'svhn';

/** One half of a sub-policy: operation, probability, and which of ten magnitudes. */
export type SubPolicy = readonly [name: PolicyOpName, probability: number, magnitude: number | null];

/** Sub-policies of AutoAugment: two operations each. */
export const AUTO_POLICIES: Readonly<Record<AutoAugmentPolicy, readonly (readonly [SubPolicy, SubPolicy])[]>> = {
  imagenet: [
    [
      ['Posterize', 0.4, 8],
      ['Rotate', 0.6, 9],
    ],
    [
      ['Solarize', 0.6, 5],
      ['AutoContrast', 0.6, null],
    ],
    [
      ['Equalize', 0.8, null],
      ['Equalize', 0.6, null],
    ],
    [
      ['Posterize', 0.6, 7],
      ['Posterize', 0.6, 6],
    ],
    [
      ['Equalize', 0.4, null],
      ['Solarize', 0.2, 4],
    ],
    [
      ['Equalize', 0.4, null],
      ['Rotate', 0.8, 8],
    ],
    [
      ['Solarize', 0.6, 3],
      ['Equalize', 0.6, null],
    ],
    [
      ['Posterize', 0.8, 5],
      ['Equalize', 1, null],
    ],
    [
      ['Rotate', 0.2, 3],
      ['Solarize', 0.6, 8],
    ],
    [
      ['Equalize', 0.6, null],
      ['Posterize', 0.4, 6],
    ],
    [
      ['Rotate', 0.8, 8],
      ['Color', 0.4, 0],
    ],
    [
      ['Rotate', 0.4, 9],
      ['Equalize', 0.6, null],
    ],
    [
      ['Equalize', 0, null],
      ['Equalize', 0.8, null],
    ],
    [
      ['Invert', 0.6, null],
      ['Equalize', 1, null],
    ],
    [
      ['Color', 0.6, 4],
      ['Contrast', 1, 8],
    ],
    [
      ['Rotate', 0.8, 8],
      ['Color', 1, 2],
    ],
    [
      ['Color', 0.8, 8],
      ['Solarize', 0.8, 7],
    ],
    [
      ['Sharpness', 0.4, 7],
      ['Invert', 0.6, null],
    ],
    [
      ['ShearX', 0.6, 5],
      ['Equalize', 1, null],
    ],
    [
      ['Color', 0.4, 0],
      ['Equalize', 0.6, null],
    ],
    [
      ['Equalize', 0.4, null],
      ['Solarize', 0.2, 4],
    ],
    [
      ['Solarize', 0.6, 5],
      ['AutoContrast', 0.6, null],
    ],
    [
      ['Invert', 0.6, null],
      ['Equalize', 1, null],
    ],
    [
      ['Color', 0.6, 4],
      ['Contrast', 1, 8],
    ],
    [
      ['Equalize', 0.8, null],
      ['Equalize', 0.6, null],
    ],
  ],
  cifar10: [
    [
      ['Invert', 0.1, null],
      ['Contrast', 0.2, 6],
    ],
    [
      ['Rotate', 0.7, 2],
      ['TranslateX', 0.3, 9],
    ],
    [
      ['Sharpness', 0.8, 1],
      ['Sharpness', 0.9, 3],
    ],
    [
      ['ShearY', 0.5, 8],
      ['TranslateY', 0.7, 9],
    ],
    [
      ['AutoContrast', 0.5, null],
      ['Equalize', 0.9, null],
    ],
    [
      ['ShearY', 0.2, 7],
      ['Posterize', 0.3, 7],
    ],
    [
      ['Color', 0.4, 3],
      ['Brightness', 0.6, 7],
    ],
    [
      ['Sharpness', 0.3, 9],
      ['Brightness', 0.7, 9],
    ],
    [
      ['Equalize', 0.6, null],
      ['Equalize', 0.5, null],
    ],
    [
      ['Contrast', 0.6, 7],
      ['Sharpness', 0.6, 5],
    ],
    [
      ['Color', 0.7, 7],
      ['TranslateX', 0.5, 8],
    ],
    [
      ['Equalize', 0.3, null],
      ['AutoContrast', 0.4, null],
    ],
    [
      ['TranslateY', 0.4, 3],
      ['Sharpness', 0.2, 6],
    ],
    [
      ['Brightness', 0.9, 6],
      ['Color', 0.2, 8],
    ],
    [
      ['Solarize', 0.5, 2],
      ['Invert', 0, null],
    ],
    [
      ['Equalize', 0.2, null],
      ['AutoContrast', 0.6, null],
    ],
    [
      ['Equalize', 0.2, null],
      ['Equalize', 0.6, null],
    ],
    [
      ['Color', 0.9, 9],
      ['Equalize', 0.6, null],
    ],
    [
      ['AutoContrast', 0.8, null],
      ['Solarize', 0.2, 8],
    ],
    [
      ['Brightness', 0.1, 3],
      ['Color', 0.7, 0],
    ],
    [
      ['Solarize', 0.4, 5],
      ['AutoContrast', 0.9, null],
    ],
    [
      ['TranslateY', 0.9, 9],
      ['TranslateY', 0.7, 9],
    ],
    [
      ['AutoContrast', 0.9, null],
      ['Solarize', 0.8, 3],
    ],
    [
      ['Equalize', 0.8, null],
      ['Invert', 0.1, null],
    ],
    [
      ['TranslateY', 0.7, 9],
      ['AutoContrast', 0.9, null],
    ],
  ],
  svhn: [
    [
      ['ShearX', 0.9, 4],
      ['Invert', 0.2, null],
    ],
    [
      ['ShearY', 0.9, 8],
      ['Invert', 0.7, null],
    ],
    [
      ['Equalize', 0.6, null],
      ['Solarize', 0.6, 6],
    ],
    [
      ['Invert', 0.9, null],
      ['Equalize', 0.6, null],
    ],
    [
      ['Equalize', 0.6, null],
      ['Rotate', 0.9, 3],
    ],
    [
      ['ShearX', 0.9, 4],
      ['AutoContrast', 0.8, null],
    ],
    [
      ['ShearY', 0.9, 8],
      ['Invert', 0.4, null],
    ],
    [
      ['ShearY', 0.9, 5],
      ['Solarize', 0.2, 6],
    ],
    [
      ['Invert', 0.9, null],
      ['AutoContrast', 0.8, null],
    ],
    [
      ['Equalize', 0.6, null],
      ['Rotate', 0.9, 3],
    ],
    [
      ['ShearX', 0.9, 4],
      ['Solarize', 0.3, 3],
    ],
    [
      ['ShearY', 0.8, 8],
      ['Invert', 0.7, null],
    ],
    [
      ['Equalize', 0.9, null],
      ['TranslateY', 0.6, 6],
    ],
    [
      ['Invert', 0.9, null],
      ['Equalize', 0.6, null],
    ],
    [
      ['Contrast', 0.3, 3],
      ['Rotate', 0.8, 4],
    ],
    [
      ['Invert', 0.8, null],
      ['TranslateY', 0, 2],
    ],
    [
      ['ShearY', 0.7, 6],
      ['Solarize', 0.4, 8],
    ],
    [
      ['Invert', 0.6, null],
      ['Rotate', 0.8, 4],
    ],
    [
      ['ShearY', 0.3, 7],
      ['TranslateX', 0.9, 3],
    ],
    [
      ['ShearX', 0.1, 6],
      ['Invert', 0.6, null],
    ],
    [
      ['Solarize', 0.7, 2],
      ['TranslateY', 0.6, 7],
    ],
    [
      ['ShearY', 0.8, 4],
      ['Invert', 0.8, null],
    ],
    [
      ['ShearX', 0.7, 9],
      ['TranslateY', 0.8, 3],
    ],
    [
      ['ShearY', 0.8, 5],
      ['AutoContrast', 0.7, null],
    ],
    [
      ['ShearX', 0.7, 2],
      ['Invert', 0.1, null],
    ],
  ],
};
