// Draws docs/images/transforms.png: what the transforms make of images of Fashion-MNIST.
//   npx tsx scripts/docs/transforms-picture.ts
import { writeFileSync } from 'node:fs';
import sharp, { type OverlayOptions } from 'sharp';
import { Generator, type Tensor, vision } from '../../lib/index.js';

const t = vision.transforms;
const bilinear = { interpolation: 'bilinear' } as const;
const ROWS: readonly (readonly [string, vision.transforms.TransformLike])[] = [
  ['original', (x: Tensor) => x],
  ['RandomCrop(28, { padding: 4 })', new t.RandomCrop(28, { padding: 4 })],
  ['RandomResizedCrop(28)', new t.RandomResizedCrop(28, { scale: [0.3, 1] })],
  ['RandomHorizontalFlip', new t.RandomHorizontalFlip()],
  ['RandomRotation(30)', new t.RandomRotation(30, bilinear)],
  ['RandomAffine', new t.RandomAffine(15, { translate: [0.1, 0.1], scale: [0.7, 1.2], shear: 15, ...bilinear })],
  ['RandomPerspective', new t.RandomPerspective({ p: 1 })],
  ['ElasticTransform', new t.ElasticTransform({ alpha: 30, sigma: 3 })],
  ['ColorJitter', new t.ColorJitter({ brightness: 0.6, contrast: 0.6 })],
  ['GaussianBlur(5)', new t.GaussianBlur(5, { sigma: [0.5, 2] })],
  ['GaussianNoise', new t.GaussianNoise({ sigma: 0.15 })],
  ['RandomErasing', new t.RandomErasing(1)],
  ['RandAugment', new t.RandAugment()],
  ['AugMix', new t.AugMix()],
];
const COUNT = 10;
const ZOOM = 2;
const CELL = 28 * ZOOM + 6;
const LABEL = 250;

/** A tile of the grid. */
async function tile(image: Tensor, row: number, column: number): Promise<OverlayOptions> {
  const raw = { width: 28, height: 28, channels: 1 } as const;
  const bytes = (await image.contiguous().data()) as Uint8Array;
  const size = 28 * ZOOM;
  const input = await sharp(bytes, { raw }).resize(size, size, { kernel: 'nearest' }).png().toBuffer();
  return { input, left: LABEL + column * CELL, top: row * CELL + 3 };
}

const fashion = await vision.datasets.FashionMNIST.load({ train: false, download: false });
const [floats] = fashion.batch(Array.from({ length: COUNT }, (_, i) => i));
const images = floats.mul(255).round().to('uint8').reshape([COUNT, 1, 28, 28]);
const tiles: OverlayOptions[] = [];
for (const [row, [, transform]] of ROWS.entries()) {
  const out = new t.Compose([transform]).forward(images, { generator: new Generator(row + 1) });
  for (let i = 0; i < COUNT; i++) tiles.push(await tile(out.select(0, i), row, i));
}
const [width, height] = [LABEL + COUNT * CELL, ROWS.length * CELL];
const texts = ROWS.map(
  ([name], row) =>
    `<text x="8" y="${row * CELL + CELL / 2 + 5}" font-family="sans-serif" font-size="14">${name}</text>`,
);
const labels = Buffer.from(
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${texts.join('')}</svg>`,
);
const canvas = sharp({ create: { width, height, channels: 3, background: '#fff' } });
const png = await canvas
  .composite([{ input: labels, left: 0, top: 0 }, ...tiles])
  .png({ palette: true })
  .toBuffer();
writeFileSync(new URL('../../docs/images/transforms.png', import.meta.url), png);
console.log(`docs/images/transforms.png: ${width} x ${height}, ${png.length} bytes`);
