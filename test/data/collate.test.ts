// Batches of images, masks, boxes and targets.
import { expect, it } from 'vitest';
import { data, full, type Tensor, vision, zeros } from '../../lib/index.js';

it('stacks images and masks, and keeps boxes and lists of targets as lists', async () => {
  const { BoundingBoxes, Image, Mask } = vision.transforms;
  const item = (n: number) => ({
    image: new Image(full([3, 4, 5], n)),
    mask: new Mask(full([4, 5], n)),
    boxes: new BoundingBoxes(zeros([n, 4]), { format: 'XYXY', canvasSize: [4, 5] }),
  });
  const batch = data.defaultCollate([item(1), item(2)]) as unknown as {
    image: { data: Tensor };
    mask: { data: Tensor };
    boxes: { data: Tensor }[];
  };
  expect([batch.image.data.shape, batch.mask.data.shape]).toEqual([
    [2, 3, 4, 5],
    [2, 4, 5],
  ]);
  expect(batch.image).toBeInstanceOf(Image);
  expect(batch.mask).toBeInstanceOf(Mask);
  expect(batch.boxes.map((boxes) => boxes.data.shape)).toEqual([
    [1, 4],
    [2, 4],
  ]);
  // Detection: images of any size, targets with any number of objects.
  const pairs = [1, 2, 3].map((n) => [zeros([3, n, 4]), { boxes: zeros([n, 4]), labels: [n] }] as const);
  const loader = new data.DataLoader(
    { length: 3, get: (i: number) => pairs[i] },
    { batchSize: 2, collateFn: data.collateLists },
  );
  const shapes: unknown[] = [];
  for await (const [images, targets] of loader) {
    shapes.push([images.map((x) => x.shape[1]), targets.map(({ boxes, labels }) => [boxes.shape[0], labels[0]])]);
  }
  expect(shapes).toEqual([
    [[1, 2], [[1, 1], [2, 2]]],
    [[3], [[3, 3]]],
  ]); // biome-ignore format: lists
  expect(() => data.collateLists([[1, 2], [1]])).toThrow(/arrays of one length/);
});
