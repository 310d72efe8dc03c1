// Random transforms of uint8 batches; each image draws for itself.
import { randint, vision } from 'nabla';
import { serve } from './runner.mjs';

const t = vision.transforms;
const SIZES = { small: [256, 1, 28, 28], large: [32, 3, 224, 224] };
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];
const cases = {};

for (const [size, shape] of Object.entries(SIZES)) {
  const [, channels, side] = shape;
  const bilinear = { interpolation: 'bilinear' };
  const crop = () => new t.RandomCrop(side, { padding: 4 });
  const normalize = () => [
    new t.ToDtype('float32', { scale: true }),
    new t.Normalize(MEAN.slice(0, channels), STD.slice(0, channels)),
  ];
  const standard = () =>
    new t.Compose([crop(), new t.RandomHorizontalFlip(), new t.RandomRotation(15, bilinear), ...normalize()]);
  const chains = {
    standard,
    'standard each': standard,
    'crop flip': () => new t.Compose([crop(), new t.RandomHorizontalFlip()]),
    rotate: () => new t.RandomRotation(15, bilinear),
    affine: () => new t.RandomAffine(10, { translate: [0.1, 0.1], scale: [0.9, 1.1], shear: 5, ...bilinear }),
    resized: () => new t.RandomResizedCrop(side),
    normalize: () => new t.Compose(normalize()),
    ...(channels === 3 && {
      jitter: () => new t.ColorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }),
    }),
    blur: () => new t.GaussianBlur(5),
  };
  for (const [name, make] of Object.entries(chains)) {
    const prepare = () => {
      const transform = make();
      const images = randint(0, 256, shape, { dtype: 'uint8' });
      return () => transform.forward(images);
    };
    prepare.unchecked = true; // random
    cases[`${size} ${name}`] = prepare;
  }
}

await serve(cases);
