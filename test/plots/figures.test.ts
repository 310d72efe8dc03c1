import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { ArgumentError, F, nn, plots, randn, ShapeError, type Tensor, tensor, zeros } from '../../lib/index.js';
import { diverging, hex, numberText, sequential, shades } from '../../lib/plots/style.js';
import { liveTensors } from '../support/garbage.js';

const folder = mkdtempSync(join(tmpdir(), 'nabla-figures-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

/** Draws into an SVG and gives its text. */
async function svg(draw: (path: string) => Promise<unknown>): Promise<string> {
  const path = join(folder, `${files++}.svg`);
  await draw(path);
  return readFileSync(path, 'utf8');
}

async function pngSize(draw: (path: string) => Promise<unknown>): Promise<[number, number]> {
  const path = join(folder, `${files++}.png`);
  await draw(path);
  const { format, width, height } = await sharp(path).metadata();
  expect(format).toBe('png');
  return [width as number, height as number];
}

/** What stands between tags, in the order of the file. */
const texts = (content: string): string[] => [...content.matchAll(/>([^<>]+)</g)].map(([, text]) => text.trim());

const expectTexts = (content: string, wanted: readonly string[]): void => {
  const all = texts(content);
  for (const text of wanted) expect(all).toContain(text);
};

async function expectRefused(draw: (path: string) => Promise<unknown>, type: typeof ArgumentError, text: RegExp) {
  const before = readdirSync(folder).length;
  for (const ending of ['svg', 'png']) {
    const error = await draw(join(folder, `bad.${ending}`)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(type);
    expect((error as Error).message).toMatch(text);
  }
  expect(readdirSync(folder)).toHaveLength(before);
}

describe('saveConfusionMatrix', () => {
  const counts = [
    [8, 2],
    [1, 3],
  ];

  it('shows shares by row, column or all, or counts, in colours of their size', async () => {
    const rows = await svg((path) =>
      plots.saveConfusionMatrix(counts, path, { labels: ['cat', 'dog'], title: 'Pets' }),
    );
    expectTexts(rows, ['Pets', 'cat', 'dog', 'true', 'predicted', '80', '20', '25', '75']);
    for (const share of [0.8, 0.2, 0.25, 0.75]) expect(rows).toContain(`fill="${hex(shades(share))}"`);
    const draw = (normalize: 'predicted' | 'all' | 'none') => (path: string) =>
      plots.saveConfusionMatrix(tensor(counts), path, { normalize });
    expectTexts(await svg(draw('predicted')), ['89', '40', '11', '60', 'percent of each predicted class']);
    expectTexts(await svg(draw('all')), ['57', '14', '7', '21']);
    expectTexts(await svg(draw('none')), ['8', '2', '1', '3', 'counts']);
  });

  it('draws empty classes and many of them', async () => {
    expectTexts(
      await svg((path) =>
        plots.saveConfusionMatrix(
          [
            [0, 0],
            [1, 999],
          ],
          path,
        ),
      ),
      ['<1'.replace('<', '&lt;'), '100'],
    );
    const [width, height] = await pngSize((path) => plots.saveConfusionMatrix(zeros([60, 60]), path));
    expect(width).toBeGreaterThan(1800);
    expect(height).toBeGreaterThan(1800);
  });

  it('refuses what is no matrix of counts', async () => {
    await expectRefused((path) => plots.saveConfusionMatrix([[1, 2]], path), ShapeError as never, /square matrix/);
    await expectRefused(
      (path) => plots.saveConfusionMatrix(zeros([2]), path),
      ShapeError as never,
      /\[C, C\] is needed, got \[2\]/,
    );
    await expectRefused((path) => plots.saveConfusionMatrix([[-1]], path), ArgumentError, /not negative, got -1/);
    await expectRefused(
      (path) => plots.saveConfusionMatrix([[1]], path, { labels: ['a', 'b'] }),
      ArgumentError,
      /1 classes need as many labels, got 2/,
    );
    await expectRefused(
      (path) => plots.saveConfusionMatrix([[1]], path, { normalize: 'x' as never }),
      ArgumentError,
      /got "x"/,
    );
    await expect(plots.saveConfusionMatrix(counts, join(folder, 'x.gif'))).rejects.toThrow(
      /must end with .png or .svg/,
    );
  });
});

describe('curves', () => {
  const roc = { fpr: [0, 0, 0.5, 1], tpr: [0, 0.5, 1, 1], thresholds: [1, 0.9, 0.5, 0.1] };
  const pr = { precision: [0.5, 2 / 3, 1, 1], recall: [1, 1, 0.5, 0], thresholds: [0.1, 0.5, 0.9] };

  it('show areas, names and axes', async () => {
    const single = await svg((path) => plots.saveRocCurve(roc, path));
    expectTexts(single, ['ROC curve', 'area 0.875', 'true positive rate', 'false positive rate', '0.2', '1']);
    const named = await svg((path) => plots.saveRocCurve({ small: roc, large: roc }, path, { title: 'Two' }));
    expectTexts(named, ['Two', 'small (area 0.875)', 'large (area 0.875)']);
    // Average precision: (1 - 0.5) * 2/3 + (0.5 - 0) * 1.
    const classes = await svg((path) => plots.savePrecisionRecallCurve([pr, pr], path, { labels: ['a', 'b'] }));
    expectTexts(classes, ['a (AP 0.833)', 'b (AP 0.833)', 'recall', 'precision']);
    expectTexts(await svg((path) => plots.saveRocCurve([roc, roc], path)), ['class 0 (area 0.875)']);
  });

  it('of many points are drawn with few', async () => {
    const count = 50_000;
    const at = Array.from({ length: count }, (_, i) => i / (count - 1));
    const long = { fpr: at, tpr: at.map(Math.sqrt), thresholds: at };
    const content = await svg((path) => plots.saveRocCurve(long, path));
    expect(content.length).toBeLessThan(60_000);
    expectTexts(content, ['area 0.667']);
  });

  it('of ten classes fit their page', async () => {
    const all = Array.from({ length: 10 }, () => roc);
    const [width, height] = await pngSize((path) => plots.saveRocCurve(all, path));
    expect([width, height > 1300]).toEqual([1120, true]);
  });

  it('that are none are refused', async () => {
    await expectRefused((path) => plots.saveRocCurve([], path), ArgumentError, /there is no curve/);
    await expectRefused(
      (path) => plots.saveRocCurve({ ...roc, tpr: [1] }, path),
      ArgumentError,
      /two columns of one length/,
    );
    await expectRefused((path) => plots.saveRocCurve([3 as never], path), ArgumentError, /got 3/);
    await expectRefused(
      (path) => plots.savePrecisionRecallCurve(pr, path, { labels: [] }),
      ArgumentError,
      /as many labels, got 0/,
    );
  });
});

describe('filters and activations', () => {
  const model = new nn.Sequential(
    new nn.Conv2d(1, 6, 3),
    new nn.ReLU({ inplace: true }),
    new nn.Flatten(),
    new nn.Linear(96, 2),
  );

  it('draw one picture for each filter, in the colours of its weights', async () => {
    const weight = tensor([-1, 0, 1, 0.5], { shape: [1, 1, 2, 2] });
    const path = join(folder, 'one.png');
    await plots.saveFilters(weight, path, { size: 50 });
    const { data } = await sharp(path)
      .extract({ left: 48 + 10, top: 172 + 10, width: 80, height: 80 })
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const pixel = (x: number, y: number) => [...data.subarray(3 * (80 * y + x), 3 * (80 * y + x) + 3)];
    expect(pixel(10, 10)).toEqual([...diverging(0)]);
    expect(pixel(70, 10)).toEqual([...diverging(0.5)]);
    expect(pixel(10, 70)).toEqual([...diverging(1)]);
    expect(pixel(70, 70)).toEqual([...diverging(0.75)]);
    const content = await svg((file) => plots.saveFilters(model.layers[0], file));
    expect(content.match(/<image /g)).toHaveLength(6);
    expectTexts(content, ['Filters', '6 filters, 1 channel, 3 × 3', '5']);
    const colour = await svg((file) => plots.saveFilters(zeros([4, 3, 5, 5]), file));
    expect(colour.match(/<image /g)).toHaveLength(4);
    expect(colour).not.toContain('linearGradient');
    const many = await svg((file) => plots.saveFilters(zeros([8, 2, 3, 3]), file, { limit: 5 }));
    expectTexts(many, ['8 filters, 2 channels, 3 × 3; the first 5 of 16 pictures', '2 · 0']);
  });

  it('draw what a layer returns, before later layers change it', async () => {
    const input = zeros([2, 1, 6, 6]).sub(3);
    const before = liveTensors();
    const content = await svg((path) => plots.saveActivations(model, '0', input, path));
    expect(content.match(/<image /g)).toHaveLength(6);
    expectTexts(content, ['Activations', '0: Conv2d, 6 maps, 4 × 4']);
    const numbers = texts(content)
      .map(Number)
      .filter((value) => value < 0);
    expect(numbers.length).toBeGreaterThan(0);
    expect(model.training).toBe(true);
    expect(Object.hasOwn(model.layers[0], 'forward')).toBe(false);
    expect(liveTensors()).toBe(before);
  });

  it('refuse layers without maps', async () => {
    await expectRefused(
      (path) => plots.saveFilters(model.layers[3], path),
      ShapeError as never,
      /\[O, I, H, W\] is needed, got \[2, 96\]/,
    );
    await expectRefused((path) => plots.saveFilters(new nn.ReLU(), path), ArgumentError, /a weight or a module/);
    const x = zeros([1, 1, 6, 6]);
    await expectRefused(
      (path) => plots.saveActivations(model, '3', x, path),
      ShapeError as never,
      /must return \[N, C, H, W\], got \[1, 2\]/,
    );
    await expectRefused((path) => plots.saveActivations(model, new nn.ReLU(), x, path), ArgumentError, /did not run/);
    await expectRefused((path) => plots.saveActivations(model, '9', x, path), ArgumentError, /getSubmodule/);
  });
});

describe('histograms', () => {
  it('of gradients have a panel each, and tell what is not finite', async () => {
    const model = new nn.Linear(4, 3);
    F.mseLoss(model.forward(randn([5, 4])), zeros([5, 3])).backward();
    const content = await svg((path) => plots.saveGradientHistograms(model, path, { title: 'Now' }));
    expectTexts(content, ['Now', 'weight', 'bias']);
    const values = {
      a: tensor([1, 2, 3, Number.NaN]),
      b: tensor([Number.POSITIVE_INFINITY]),
      c: tensor([2, 2], { dtype: 'int64' }),
    };
    const own = await svg((path) => plots.saveHistograms(values, path, { bins: 4 }));
    expectTexts(own, ['mean 2, deviation 0.816, 1 not finite', 'no finite value, 1 not finite', 'mean 2, deviation 0']);
    expect(await pngSize((path) => plots.saveHistograms({ a: randn([100]) }, path))).toEqual([600, 500]);
  });

  it('of nothing are refused', async () => {
    await expectRefused(
      (path) => plots.saveGradientHistograms(new nn.Linear(2, 2), path),
      ArgumentError,
      /call backward\(\) first/,
    );
    await expectRefused((path) => plots.saveHistograms({}, path), ArgumentError, /there is no tensor/);
    await expectRefused(
      (path) => plots.saveHistograms({ a: zeros([0]) }, path),
      ShapeError as never,
      /a has no values/,
    );
    await expectRefused(
      (path) => plots.saveHistograms({ a: zeros([1]) }, path, { bins: 0 }),
      ArgumentError,
      /bins must be/,
    );
  });
});

describe('saveEmbedding', () => {
  it('projects on the principal components', async () => {
    // On a line but for a small part: variances 2/3 * 18 and 2/3 * 0.02.
    const points = tensor([
      [-3, -3, 0.1],
      [0, 0, -0.2],
      [3, 3, 0.1],
    ]);
    const content = await svg((path) => plots.saveEmbedding(points, path, { labels: ['a', 'b', 'a'] }));
    expectTexts(content, [
      'Embedding',
      'component 1 (100 % of the variance)',
      'component 2 (0 % of the variance)',
      'a',
      'b',
    ]);
  });

  it('draws two numbers as they are, and a point of each row', async () => {
    const draw = (labels?: Tensor) => (path: string) =>
      plots.saveEmbedding(
        tensor([
          [0, 0],
          [1, 5],
          [2, 3],
        ]),
        path,
        { labels, names: ['zero', 'one'] },
      );
    const plain = await svg(draw());
    expectTexts(plain, ['x', 'y']);
    expect(plain).not.toContain('>zero<');
    const labelled = await svg(draw(tensor([1, 0, 7], { dtype: 'int64' })));
    expectTexts(labelled, ['zero', 'one', '7']);
    for (const colour of ['#0072B2', '#D55E00', '#009E73']) expect(labelled).toContain(colour);
    await svg((path) => plots.saveEmbedding(randn([1, 4]), path));
  });

  it('refuses labels of another length', async () => {
    await expectRefused(
      (path) => plots.saveEmbedding(zeros([3, 1]), path),
      ShapeError as never,
      /D >= 2, got \[3, 1\]/,
    );
    await expectRefused(
      (path) => plots.saveEmbedding(zeros([3, 2]), path, { labels: [1] }),
      ArgumentError,
      /3 points need as many labels, got 1/,
    );
  });
});

describe('saveMisclassified', () => {
  const images = zeros([4, 1, 5, 5]);
  const output = tensor([
    [2, 0],
    [0, 1],
    [0, 3],
    [5, 0],
  ]);
  const target = tensor([1, 0, 1, 0], { dtype: 'int64' });

  it('shows the surest mistakes first', async () => {
    const path = join(folder, 'wrong.svg');
    expect(await plots.saveMisclassified(images, output, target, path, { labels: ['cat', 'dog'] })).toBe(2);
    const content = readFileSync(path, 'utf8');
    expect(content.match(/<image /g)).toHaveLength(2);
    const shown = texts(content);
    expect(shown).toContain('2 of 4 wrong');
    expect(shown.indexOf('88 %')).toBeLessThan(shown.indexOf('73 %'));
    expect(shown.indexOf('88 %')).toBeGreaterThan(0);
    const one = await svg((file) => plots.saveMisclassified(images, output, target, file, { limit: 1 }));
    expectTexts(one, ['2 of 4 wrong']);
    const none = await svg((file) => plots.saveMisclassified(images, output, output.argmax(1), file));
    expectTexts(none, ['0 of 4 wrong']);
  });

  it('refuses what does not go together', async () => {
    await expectRefused(
      (path) => plots.saveMisclassified(images, output, zeros([3]), path),
      ShapeError as never,
      /got \[4, 1, 5, 5\], \[4, 2\], \[3\]/,
    );
    await expectRefused(
      (path) => plots.saveMisclassified(images, output, target, path, { labels: ['a'] }),
      ArgumentError,
      /2 classes need/,
    );
  });
});

describe('comparisons', () => {
  it('show means and spread over seeds', async () => {
    const bars = await svg((path) =>
      plots.saveBars({ plain: [0.5, 0.7], dropout: [0.8, 0.8] }, path, { axis: 'accuracy', title: 'Study' }),
    );
    expectTexts(bars, ['Study', 'plain', 'dropout', '0.6', '0.8', 'accuracy']);
    const groups = await svg((path) =>
      plots.saveBars(
        {
          plain: [
            [1, 1.1],
            [0.9, 0.8],
          ],
        },
        path,
        { groups: ['training', 'test'], from: 'auto' },
      ),
    );
    expectTexts(groups, ['training', 'test', '1.05', '0.85']);
    const lines = await svg((path) =>
      plots.saveLines(
        {
          plain: [
            [1, 2, 3],
            [3, 4],
          ],
          one: [5, 6, 7],
        },
        path,
        { axis: 'loss', steps: 'step' },
      ),
    );
    expectTexts(lines, ['plain', 'one', 'loss', 'step']);
    expect(lines).toContain('fill-opacity="0.13"');
    // The band of 0.1 and 0.9 goes below 0.
    const wide = {
      a: [
        [0.9, 3],
        [0, 4],
      ],
    };
    expect(texts(await svg((path) => plots.saveLines(wide, path)))).toContain('-1');
    expect(texts(await svg((path) => plots.saveLines(wide, path, { from: 0 })))).not.toContain('-1');
    expect(await pngSize((path) => plots.saveLines({ a: [1, Number.NaN, 3] }, path))).toEqual([1520, 920]);
  });

  it('refuse nothing and uneven groups', async () => {
    await expectRefused((path) => plots.saveBars({}, path), ArgumentError, /there is nothing to draw/);
    await expectRefused(
      (path) => plots.saveBars({ a: [[1], [2]], b: [1] }, path),
      ArgumentError,
      /b has 1 groups, expected 2/,
    );
    await expectRefused((path) => plots.saveBars({ a: [Number.NaN] }, path), ArgumentError, /a has no finite value/);
    await expectRefused((path) => plots.saveLines({ a: [] }, path), ArgumentError, /a has no values/);
    await expectRefused((path) => plots.saveLines({}, path), ArgumentError, /there is nothing to draw/);
  });
});

it('colours run from end to end, and numbers are short', () => {
  expect([sequential(0), sequential(1), diverging(0.5), shades(-3)]).toEqual([
    [68, 1, 84],
    [253, 231, 37],
    [255, 255, 255],
    [247, 251, 255],
  ]);
  expect(hex([0, 9, 255])).toBe('#0009ff');
  expect([0, 1234567, 0.00012, 0.12345, -2].map(numberText)).toEqual(['0', '1.2e6', '1.2e-4', '0.123', '-2']);
});
