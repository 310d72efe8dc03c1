// Leak cases of transforms, readers and blocks of images.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { rand, randn, type Tensor, tensor, vision, zeros } from '../../../lib/index.js';
import type { Cases } from '../run.js';

const { transforms: t, ops } = vision;
const f = t.functional;

const pixels = () => rand([3, 12, 12]);
const bytes = () => pixels().mul(255).to('uint8');
const boxed = () => new t.BoundingBoxes([[1, 1, 8, 9]], { format: 'XYXY', canvasSize: [12, 12] });
const sample = () => ({
  image: pixels(),
  mask: new t.Mask(zeros([12, 12], { dtype: 'int64' })),
  boxes: boxed(),
  labels: tensor([1], { dtype: 'int64' }),
});

type Runs = { forward(sample: never): unknown };
const all = { everything: sample, image: pixels, bytes, boxes: boxed };
const on =
  (make: () => Runs, kind: keyof typeof all = 'everything') =>
  () =>
    make().forward(all[kind]() as never);

export const geometry: Cases = {
  'vision.transforms.BoundingBoxes': on(() => new t.RandomVerticalFlip(1), 'boxes'),
  'vision.transforms.CenterCrop': on(() => new t.CenterCrop(6)),
  'vision.transforms.ClampBoundingBoxes': on(() => new t.ClampBoundingBoxes()),
  'vision.transforms.ConvertBoundingBoxFormat': on(() => new t.ConvertBoundingBoxFormat('CXCYWH')),
  'vision.transforms.ElasticTransform': on(() => new t.ElasticTransform({ alpha: 5, sigma: 2 })),
  'vision.transforms.FiveCrop': on(() => new t.FiveCrop(6), 'image'),
  'vision.transforms.TenCrop': on(() => new t.TenCrop(6), 'image'),
  'vision.transforms.Pad': on(() => new t.Pad(2)),
  'vision.transforms.RandomAffine': on(() => new t.RandomAffine(20, { translate: [0.1, 0.1], scale: [0.8, 1.2] })),
  'vision.transforms.RandomCrop': on(() => new t.RandomCrop(8, { padding: 1 })),
  'vision.transforms.RandomHorizontalFlip': on(() => new t.RandomHorizontalFlip(1)),
  'vision.transforms.RandomVerticalFlip': on(() => new t.RandomVerticalFlip(1)),
  'vision.transforms.RandomIoUCrop': on(() => new t.RandomIoUCrop()),
  'vision.transforms.RandomPerspective': on(() => new t.RandomPerspective({ p: 1 })),
  'vision.transforms.RandomResize': on(() => new t.RandomResize(8, 16)),
  'vision.transforms.RandomResizedCrop': on(() => new t.RandomResizedCrop(8)),
  'vision.transforms.RandomRotation': on(() => new t.RandomRotation(30)),
  'vision.transforms.RandomShortestSize': on(() => new t.RandomShortestSize(8)),
  'vision.transforms.RandomZoomOut': on(() => new t.RandomZoomOut({ p: 1 })),
  'vision.transforms.Resize': on(() => new t.Resize([8, 8])),
  'vision.transforms.SanitizeBoundingBoxes': on(() => new t.SanitizeBoundingBoxes()),
  'vision.transforms.ScaleJitter': on(() => new t.ScaleJitter([12, 12])),
};

export const colors: Cases = {
  'vision.transforms.AugMix': on(() => new t.AugMix(), 'bytes'),
  'vision.transforms.AutoAugment': on(() => new t.AutoAugment(), 'bytes'),
  'vision.transforms.RandAugment': on(() => new t.RandAugment(), 'bytes'),
  'vision.transforms.TrivialAugmentWide': on(() => new t.TrivialAugmentWide(), 'bytes'),
  'vision.transforms.ColorJitter': on(() => new t.ColorJitter({ brightness: 0.4, contrast: 0.4, hue: 0.1 })),
  'vision.transforms.GaussianBlur': on(() => new t.GaussianBlur(3)),
  'vision.transforms.GaussianNoise': on(() => new t.GaussianNoise()),
  'vision.transforms.Grayscale': on(() => new t.Grayscale()),
  'vision.transforms.RGB': on(() => new t.RGB()),
  'vision.transforms.Image': () => new t.RandomInvert(1).forward(new t.Image(pixels())),
  'vision.transforms.Mask': () => new t.Resize([6, 6]).forward(sample()),
  'vision.transforms.JPEG': () => new t.JPEG(70).forwardAsync(bytes()),
  'vision.transforms.Normalize': on(() => new t.Normalize([0.5, 0.5, 0.5], [0.2, 0.2, 0.2])),
  'vision.transforms.RandomAdjustSharpness': on(() => new t.RandomAdjustSharpness(2, 1)),
  'vision.transforms.RandomAutocontrast': on(() => new t.RandomAutocontrast(1)),
  'vision.transforms.RandomChannelPermutation': on(() => new t.RandomChannelPermutation()),
  'vision.transforms.RandomEqualize': on(() => new t.RandomEqualize(1), 'bytes'),
  'vision.transforms.RandomErasing': on(() => new t.RandomErasing(1)),
  'vision.transforms.RandomGrayscale': on(() => new t.RandomGrayscale(1)),
  'vision.transforms.RandomInvert': on(() => new t.RandomInvert(1)),
  'vision.transforms.RandomPhotometricDistort': on(() => new t.RandomPhotometricDistort({ p: 1 })),
  'vision.transforms.RandomPosterize': on(() => new t.RandomPosterize(3, 1), 'bytes'),
  'vision.transforms.RandomSolarize': on(() => new t.RandomSolarize(0.5, 1)),
  'vision.transforms.ToDtype': on(() => new t.ToDtype('float32', { scale: true }), 'bytes'),
};

const flips = () => [new t.RandomHorizontalFlip(1), new t.RandomVerticalFlip(1)];

export const compositions: Cases = {
  'vision.transforms.Compose': on(() => new t.Compose(flips())),
  'vision.transforms.RandomApply': on(() => new t.RandomApply(flips(), 1)),
  'vision.transforms.RandomChoice': on(() => new t.RandomChoice(flips())),
  'vision.transforms.RandomOrder': on(() => new t.RandomOrder(flips())),
  'vision.transforms.Lambda': on(() => new t.Lambda((x: Tensor) => x.mul(2)), 'image'),
  'vision.transforms.TestTimeAugmentation': () => {
    const model = (x: Tensor): Tensor => x.mean([1, 2, 3]).unsqueeze(1);
    return new t.TestTimeAugmentation(model, [new t.RandomHorizontalFlip(1)]).forward(rand([2, 3, 8, 8]));
  },
  'vision.transforms.sampleGenerator': () => rand([3], { generator: t.sampleGenerator(1, 2) }),
};

export const functions: Cases = {
  'vision.transforms.functional.adjustGamma': () => f.adjustGamma(pixels(), 0.8),
  'vision.transforms.functional.adjustHue': () => f.adjustHue(pixels(), 0.1),
  'vision.transforms.functional.adjustSaturation': () => f.adjustSaturation(pixels(), 0.5),
  'vision.transforms.functional.centerCrop': () => f.centerCrop(pixels(), 6),
  'vision.transforms.functional.clampBoundingBoxes': () => f.clampBoundingBoxes(boxed()),
  'vision.transforms.functional.convertBoundingBoxFormat': () => f.convertBoundingBoxFormat(boxed(), 'XYWH'),
  'vision.transforms.functional.elastic': () => f.elastic(pixels(), zeros([1, 12, 12, 2])),
  'vision.transforms.functional.equalize': () => f.equalize(bytes()),
  'vision.transforms.functional.fiveCrop': () => f.fiveCrop(pixels(), 6),
  'vision.transforms.functional.gaussianNoise': () => f.gaussianNoise(pixels()),
  'vision.transforms.functional.grayscaleToRgb': () => f.grayscaleToRgb(rand([1, 8, 8])),
  'vision.transforms.functional.hflip': () => f.hflip(pixels()),
  'vision.transforms.functional.verticalFlip': () => f.verticalFlip(pixels()),
  'vision.transforms.functional.invert': () => f.invert(pixels()),
  'vision.transforms.functional.jpeg': () => f.jpeg(bytes(), 60),
  'vision.transforms.functional.pad': () => f.pad(pixels(), 2),
  'vision.transforms.functional.permuteChannels': () => f.permuteChannels(pixels(), [2, 0, 1]),
  'vision.transforms.functional.perspective': () =>
    f.perspective(
      pixels(),
      [
        [0, 0],
        [11, 0],
        [11, 11],
        [0, 11],
      ],
      [
        [1, 0],
        [10, 1],
        [11, 10],
        [0, 11],
      ],
    ),
  'vision.transforms.functional.posterize': () => f.posterize(bytes(), 3),
  'vision.transforms.functional.resize': () => f.resize(pixels(), [6, 6]),
  'vision.transforms.functional.rgbToGrayscale': () => f.rgbToGrayscale(pixels()),
  'vision.transforms.functional.rotate': () => f.rotate(pixels(), 30),
  'vision.transforms.functional.sanitizeBoundingBoxes': () => f.sanitizeBoundingBoxes(boxed()),
  'vision.transforms.functional.solarize': () => f.solarize(pixels(), 0.5),
  'vision.transforms.functional.tenCrop': () => f.tenCrop(pixels(), 6),
  'vision.transforms.functional.toDtype': () => f.toDtype(bytes(), 'float32', { scale: true }),
};

const derived = (fn: (x: Tensor) => Tensor, shape: number[]) => () =>
  fn(randn(shape, { requiresGrad: true }))
    .sum()
    .backward();

export const blocks: Cases = {
  'vision.ops.Conv2dNormActivation': derived((x) => new ops.Conv2dNormActivation(2, 3).forward(x), [2, 2, 8, 8]),
  'vision.ops.Conv3dNormActivation': derived((x) => new ops.Conv3dNormActivation(2, 3).forward(x), [2, 2, 4, 8, 8]),
  'vision.ops.FrozenBatchNorm2d': derived((x) => new ops.FrozenBatchNorm2d(2).forward(x), [2, 2, 4, 4]),
  'vision.ops.Permute': derived((x) => new ops.Permute([0, 2, 1]).forward(x), [2, 3, 4]),
  'vision.ops.SqueezeExcitation': derived((x) => new ops.SqueezeExcitation(4, 2).forward(x), [2, 4, 5, 5]),
  'vision.ops.dropBlock2d': derived((x) => ops.dropBlock2d(x, 0.2, 3), [2, 2, 8, 8]),
  'vision.ops.dropBlock3d': derived((x) => ops.dropBlock3d(x, 0.2, 3), [2, 2, 4, 8, 8]),
  'vision.ops.DropBlock3d': derived((x) => new ops.DropBlock3d(0.2, 3).forward(x), [2, 2, 4, 8, 8]),
  'vision.ops.stochasticDepth': derived((x) => ops.stochasticDepth(x, 0.5, 'row'), [4, 3]),
};

/** A folder with an image that `use` reads. */
const withImage = (use: (folder: string, file: string) => Promise<unknown>) => async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-leaks-'));
  try {
    mkdirSync(join(folder, 'cat'));
    const file = join(folder, 'cat', 'a.png');
    const raw = { width: 6, height: 4, channels: 3 } as const;
    writeFileSync(file, await sharp(new Uint8Array(72), { raw }).png().toBuffer());
    await use(folder, file);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

const { datasets } = vision;

export const readers: Cases = {
  'vision.datasets.readImage': withImage((_, file) => datasets.readImage(file)),
  'vision.datasets.ImageFolder': withImage(async (folder) => (await datasets.ImageFolder.open(folder)).get(0)),
  'vision.datasets.maskOfPolygons': () => datasets.maskOfPolygons([[0, 0, 3, 0, 3, 3]], 4, 4),
};
