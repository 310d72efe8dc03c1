import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { F, memory, nn, noGrad, rand, randn, SummaryWriter, type Tensor, tensor, zeros } from '../../lib/index.js';
import { Message, type ReadEvent, readEvents } from '../support/event-file.js';

const root = mkdtempSync(join(tmpdir(), 'nabla-summaries-'));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;

/** What a writer wrote, without the version. */
async function written(write: (writer: SummaryWriter, folder: string) => void): Promise<ReadEvent[]> {
  const folder = join(root, String(folders++));
  const writer = new SummaryWriter(folder);
  write(writer, folder);
  await writer.close();
  return readEvents(folder).slice(1);
}

const content = (event: ReadEvent): Message => (event.value as Message).message(9).message(1);
const sizes = (shape: Message): number[] => shape.messages(2).map((dim) => dim.int(1));

interface Fixture {
  histograms: {
    name: string;
    values: number[];
    bins: 'tensorflow' | number | number[];
    maxBins: number | null;
    expected: Record<'min' | 'max' | 'num' | 'sum' | 'sumSquares', number> & { limits: number[]; counts: number[] };
  }[];
  curves: {
    labels: number[];
    predictions: number[];
    thresholds: number;
    weights: number[] | null;
    expected: number[][];
  }[];
}
const fixture = JSON.parse(readFileSync('test/fixtures/tensorboard.json', 'utf8')) as Fixture;
const close = (got: readonly number[], expected: readonly number[], relative: number): void => {
  expect(got).toHaveLength(expected.length);
  got.forEach((v, i) => {
    expect(Math.abs(v - expected[i]), `${i}: ${v}, ${expected[i]}`).toBeLessThanOrEqual(
      Math.abs(expected[i]) * relative,
    );
  });
};

describe('scalars', () => {
  it('are written in the old field, or as tensors', async () => {
    const events = await written((writer) => {
      writer.addScalar('a', 0.1, 3, { walltime: 12.5 });
      writer.addScalar('b', tensor([[2.5]], { dtype: 'float64' }), -1, { newStyle: true });
      writer.addScalar('c', 0.1, null, { newStyle: true, doublePrecision: true });
      writer.addScalar('d', Number.NaN);
    });
    const [a, b, c, d] = events.map(({ value }) => value as Message);
    expect([a.float(2), events[0].step, events[0].event.double(1)]).toEqual([Math.fround(0.1), 3, 12.5]);
    expect([b.message(8).int(1), b.message(8).floats(5), events[1].step]).toEqual([1, [2.5], -1]);
    expect(b.message(9).message(1).text(1)).toBe('scalars');
    expect([c.message(8).int(1), c.message(8).doubles(6), events[2].event.has(2)]).toEqual([2, [0.1], false]);
    expect(d.float(2)).toBeNaN();
  });

  it('of one chart go into runs of their own', async () => {
    const here = join(root, String(folders));
    await written((writer) => {
      writer.addScalars('top/loss', { train: 1, test: tensor([2]) }, 5);
      writer.addScalars('top/loss', { train: 0.5 }, 6);
    });
    const train = readEvents(join(here, 'top_loss_train')).slice(1);
    expect(train.map(({ tag, step, value }) => [tag, step, value?.float(2)])).toEqual([
      ['top/loss', 5, 1],
      ['top/loss', 6, 0.5],
    ]);
    expect(readEvents(join(here, 'top_loss_test'))[1].value?.float(2)).toBe(2);
  });
});

describe('histograms', () => {
  it.each(fixture.histograms)("have PyTorch's buckets: $name", async ({ values, bins, maxBins, expected }) => {
    const [{ value }] = await written((writer) => {
      writer.addHistogram('h', tensor(Float64Array.from(values)), 0, { bins, maxBins: maxBins ?? undefined });
    });
    const histo = (value as Message).message(5);
    close(histo.doubles(6), expected.limits, 1e-14);
    expect(histo.doubles(7)).toEqual(expected.counts);
    const stats = [1, 2, 3, 4, 5].map((field) => histo.double(field));
    close(stats, [expected.min, expected.max, expected.num, expected.sum, expected.sumSquares], 1e-12);
  });

  it('take any dtype and shape, views and lists', async () => {
    const base = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const views: (Tensor | number[])[] = [base.t(), base.to('int32'), base.to('bfloat16'), [1, 2, 3, 4, 5, 6]];
    const events = await written((writer) => {
      for (const view of views) writer.addHistogram('h', view, 0, { bins: [0, 2.5, 10] });
      writer.addHistogram('b', tensor([true, false, true]), 0, { bins: 2 });
    });
    for (const { value } of events.slice(0, 4)) {
      expect(value?.message(5).doubles(7)).toEqual([0, 2, 4]);
      expect(value?.message(5).double(5)).toBe(91);
    }
    expect(events[4].value?.message(5).doubles(7)).toEqual([0, 1, 2]);
  });

  it('leave out what is not finite', async () => {
    const [some, none] = await written((writer) => {
      writer.addHistogram('h', tensor([1, Number.NaN, Number.POSITIVE_INFINITY, -2]), 0, { bins: [-3, 0, 3] });
      writer.addHistogram('n', tensor([Number.NaN]));
    });
    const histo = (some.value as Message).message(5);
    expect([1, 2, 3, 4, 5].map((field) => histo.double(field))).toEqual([-2, 1, 2, -1, 5]);
    expect(histo.doubles(7)).toEqual([0, 1, 1]);
    const empty = (none.value as Message).message(5);
    expect([empty.double(3), empty.doubles(6), empty.doubles(7)]).toEqual([0, [], []]);
  });

  it('see the values of the call, and keep no memory', async () => {
    const before = memory().tensors;
    const [{ value }] = await written((writer) => {
      const x = zeros([10]);
      writer.addHistogram('h', x, 0, { bins: [0, 1, 2] });
      x.fill_(1);
      x.dispose();
    });
    expect(value?.message(5).doubles(7)).toEqual([0, 10]);
    expect(memory().tensors).toBe(before);
  });

  it('that were counted elsewhere are written as they are', async () => {
    const raw = { min: 0, max: 3, num: 4, sum: 5, sumSquares: 9, bucketLimits: [1, 2, 3], bucketCounts: [1, 0, 3] };
    const [{ value }] = await written((writer) => writer.addHistogramRaw('r', raw, 2));
    const histo = (value as Message).message(5);
    expect([histo.double(2), histo.doubles(6), histo.doubles(7)]).toEqual([3, [1, 2, 3], [1, 0, 3]]);
  });
});

describe('images', () => {
  const pixels = async (event: ReadEvent) => {
    const image = (event.value as Message).message(4);
    const { data, info } = await sharp(image.bytes(4)).raw().toBuffer({ resolveWithObject: true });
    expect([image.int(1), image.int(2), image.int(3)]).toEqual([info.height, info.width, info.channels]);
    return { shape: [info.height, info.width, info.channels], data: [...data] };
  };

  it('are PNG files, in any order of axes', async () => {
    const chw = tensor([[[0, 0.5, 1]], [[2, -1, 0.1]], [[0, 0, Number.NaN]]]);
    const events = await written((writer) => {
      writer.addImage('chw', chw, 1);
      writer.addImage('hwc', chw.permute([1, 2, 0]), 1, { dataformats: 'HWC' });
      writer.addImage('wh', tensor([[0], [255]], { dtype: 'uint8' }), 1, { dataformats: 'WH' });
      writer.addImage('alpha', zeros([4, 1, 1], { dtype: 'uint8' }), 1);
    });
    const rgb = { shape: [1, 3, 3], data: [0, 255, 0, 127, 0, 0, 255, 25, 0] };
    expect(await pixels(events[0])).toEqual(rgb);
    expect(await pixels(events[1])).toEqual(rgb);
    expect(await pixels(events[2])).toEqual({ shape: [1, 2, 3], data: [0, 0, 0, 255, 255, 255] });
    expect(await pixels(events[3])).toEqual({ shape: [1, 1, 4], data: [0, 0, 0, 0] });
  });

  it('of a batch stand in rows of eight', async () => {
    const batch = tensor(
      Uint8Array.from({ length: 10 }, (_, i) => i + 1),
      { shape: [10, 1, 1, 1] },
    );
    const [first, second] = await written((writer) => {
      writer.addImages('many', batch);
      writer.addImages('few', batch.narrow(0, 0, 2).permute([0, 2, 3, 1]), 0, { dataformats: 'NHWC' });
    });
    const grey = (count: number) => (i: number) => (i < count ? [i + 1, i + 1, i + 1] : [0, 0, 0]);
    expect(await pixels(first)).toEqual({
      shape: [2, 8, 3],
      data: Array.from({ length: 16 }, (_, i) => grey(10)(i)).flat(),
    });
    expect(await pixels(second)).toEqual({ shape: [1, 2, 3], data: [1, 1, 1, 2, 2, 2] });
  });
});

it('text and sound', async () => {
  const [text, sound] = await written((writer) => {
    writer.addText('note', '**süß**', 4);
    writer.addAudio('beep', tensor([[0, 0.5, -1, 3]]), 0, { sampleRate: 8000 });
  });
  expect([text.tag, text.step, content(text).text(1)]).toEqual(['note/text_summary', 4, 'text']);
  const stored = (text.value as Message).message(8);
  expect([stored.int(1), stored.texts(8), sizes(stored.message(2))]).toEqual([7, ['**süß**'], [1]]);
  const audio = (sound.value as Message).message(6);
  expect([audio.float(1), audio.int(2), audio.int(3), audio.text(5)]).toEqual([8000, 1, 4, 'audio/wav']);
  const wave = audio.bytes(4);
  expect(wave.toString('latin1', 0, 4) + wave.toString('latin1', 8, 16)).toBe('RIFFWAVEfmt ');
  expect([wave.readUInt32LE(4), wave.readUInt32LE(24), wave.readUInt32LE(40), wave.length]).toEqual([44, 8000, 8, 52]);
  expect([0, 1, 2, 3].map((i) => wave.readInt16LE(44 + 2 * i))).toEqual([0, 16383, -32767, 32767]);
});

describe('precision-recall curves', () => {
  it.each(fixture.curves)("are PyTorch's: $thresholds thresholds", async (curve) => {
    const { labels, predictions, thresholds, weights, expected } = curve;
    const doubles = (values: number[]): Tensor => tensor(Float64Array.from(values));
    const [event] = await written((writer) => {
      const options = { numThresholds: thresholds, weights: weights ? doubles(weights) : undefined };
      writer.addPrCurve('pr', tensor(labels).to('bool'), doubles(predictions), 1, options);
    });
    const stored = (event.value as Message).message(8);
    expect(sizes(stored.message(2))).toEqual([6, thresholds]);
    const got = stored.floats(5);
    expected.flat().forEach((v, i) => {
      expect(Math.abs(got[i] - v)).toBeLessThan(2e-6 * Math.max(1, Math.abs(v)));
    });
    expect(got).toHaveLength(6 * thresholds);
    expect([content(event).text(1), content(event).message(2).int(2)]).toEqual(['pr_curves', thresholds]);
  });

  it('leave out probabilities outside of 0 to 1', async () => {
    const [event] = await written((writer) => {
      writer.addPrCurve('pr', tensor([1, 0, 1]), tensor([2, Number.NaN, 1]), 1, { numThresholds: 3 });
    });
    expect((event.value as Message).message(8).floats(5).slice(0, 6)).toEqual([1, 1, 1, 0, 0, 0]);
  });
});

it('hyperparameters make a session with its metrics', async () => {
  const here = join(root, String(folders));
  await written((writer) => {
    const hparams = { lr: 0.1, name: 'adam', nesterov: true, none: null };
    writer.addHparams(hparams, { accuracy: 0.5 }, 2, { runName: 'one', domainDiscrete: { name: ['adam', 'sgd'] } });
  });
  const events = readEvents(join(here, 'one')).slice(1);
  expect(events.map(({ tag, step }) => [tag, step])).toEqual([
    ['_hparams_/experiment', 2],
    ['_hparams_/session_start_info', 2],
    ['_hparams_/session_end_info', 2],
    ['accuracy', 2],
  ]);
  const [experiment, start, end] = events.slice(0, 3).map((event) => content(event).message(2));
  const infos = experiment.message(2).messages(4);
  expect(infos.map((info) => [info.text(1), info.int(4)])).toEqual([
    ['lr', 3],
    ['name', 1],
    ['nesterov', 2],
  ]);
  expect(
    infos[1]
      .message(5)
      .messages(1)
      .map((value) => value.text(3)),
  ).toEqual(['adam', 'sgd']);
  expect(experiment.message(2).messages(5)[0].message(1).text(2)).toBe('accuracy');
  const values = start
    .message(3)
    .messages(1)
    .map((entry) => [entry.text(1), entry.message(2)] as const);
  expect(values.map(([name]) => name)).toEqual(['lr', 'name', 'nesterov']);
  expect([values[0][1].double(2), values[1][1].text(3), values[2][1].int(4)]).toEqual([0.1, 'adam', 1]);
  expect(end.message(4).int(1)).toBe(1);
  expect(events[3].value?.float(2)).toBe(0.5);
});

it('charts of custom scalars', async () => {
  const layout = { all: { losses: ['Multiline', ['a', 'b']], band: ['Margin', ['v', 'low', 'high']] } } as const;
  const [event] = await written((writer) => writer.addCustomScalars(layout));
  expect([event.tag, content(event).text(1)]).toEqual(['custom_scalars__config__', 'custom_scalars']);
  const [category] = new Message((event.value as Message).message(8).bytes(8)).messages(2);
  const [losses, band] = category.messages(2);
  expect([category.text(1), losses.text(1), losses.message(2).texts(1)]).toEqual(['all', 'losses', ['a', 'b']]);
  const [series] = band.message(3).messages(1);
  expect([series.text(1), series.text(2), series.text(3)]).toEqual(['v', 'low', 'high']);
});

it('embeddings are tables beside the event file', async () => {
  const here = join(root, String(folders));
  await written((writer) => {
    const mat = tensor([
      [1, 2],
      [3.5, 4],
      [5, 6],
    ]);
    const metadata = [
      ['a\tb', 1],
      ['c', 2],
      ['d', 3],
    ];
    writer.addEmbedding(mat, 12, { metadata, metadataHeader: ['word', 'n'], labelImg: rand([3, 3, 4, 6]), tag: 'x/y' });
    writer.addEmbedding(mat.t());
  });
  const read = (name: string): string => readFileSync(join(here, name), 'utf8');
  expect(read('00012/x%2fy/tensors.tsv')).toBe('1\t2\n3.5\t4\n5\t6\n');
  expect(read('00012/x%2fy/metadata.tsv')).toBe('word\tn\na b\t1\nc\t2\nd\t3\n');
  const sprite = await sharp(join(here, '00012/x%2fy/sprite.png')).metadata();
  expect([sprite.width, sprite.height]).toEqual([12, 12]);
  expect(read('00000/default/tensors.tsv')).toBe('1\t3.5\t5\n2\t4\t6\n');
  const config = read('projector_config.pbtxt');
  expect(config.match(/tensor_name: "x\/y:00012"|tensor_name: "default:00000"/g)).toHaveLength(2);
  expect(config).toContain('single_image_dim: 6 single_image_dim: 4');
});

class Block extends nn.Module {
  conv = new nn.Conv2d(1, 4, 3, { padding: 1 });
  relu = new nn.ReLU({ inplace: true });
  forward(x: Tensor): Tensor {
    return this.relu.forward(this.conv.forward(x)).add(x);
  }
}

class Net extends nn.Module<[Tensor], Tensor[]> {
  block = new Block();
  drop = new nn.Dropout(0.5);
  head = new nn.Linear(16, 3);
  scale = new nn.Buffer(tensor([2]));
  forward(x: Tensor): Tensor[] {
    const y = this.head.forward(this.drop.forward(F.maxPool2d(this.block.forward(x), 2).flatten(1)));
    return y.mul(this.scale).chunk(2, 1);
  }
}

describe('graphs', () => {
  const graphOf = async (model: nn.Module<never[], unknown>, input: Tensor | unknown[]) => {
    const [{ event }] = await written((writer) => writer.addGraph(model, input));
    const nodes = new Message(event.bytes(4)).messages(1).map((node) => {
      const attributes = new Map(node.messages(5).map((entry) => [entry.text(1), entry.message(2)]));
      const shapes = attributes.get('_output_shapes')?.message(1).messages(7).map(sizes);
      const type = attributes.get('T')?.int(6);
      return {
        name: node.text(1),
        op: node.text(2),
        inputs: node.texts(3),
        shapes,
        type,
        module: attributes.get('module'),
      };
    });
    return { nodes, of: (name: string) => nodes.find((node) => node.name === name) };
  };

  it('show modules, ops, parameters and shapes of one forward pass', async () => {
    const net = new Net().train();
    const { nodes, of } = await graphOf(net, randn([2, 1, 4, 4]));
    expect(of('input')).toMatchObject({ op: 'Placeholder', shapes: [[2, 1, 4, 4]], type: 1 });
    const conv = of('Net/block/conv/convolution');
    expect(conv?.shapes).toEqual([[2, 4, 4, 4]]);
    expect(conv?.inputs.slice(-2)).toEqual(['Net/block/conv/weight', 'Net/block/conv/bias']);
    expect(conv?.module?.text(2)).toMatch(/^Conv2d\(1, 4/);
    expect(of('Net/block/conv/weight')).toMatchObject({ op: 'Parameter', shapes: [[4, 1, 3, 3]] });
    expect(of('Net/block/relu/ReLU')?.inputs).toEqual(['Net/block/conv/convolution']);
    expect(of('Net/block/add')?.inputs).toEqual(['Net/block/relu/ReLU', 'input']);
    expect(of('Net/drop/Dropout')).toBeDefined();
    expect(of('Net/head/linear')?.inputs[0]).toBe('Net/drop/Dropout');
    expect(of('Net/scale')).toMatchObject({ op: 'Buffer' });
    expect(nodes.filter(({ op }) => op === 'Output').map(({ shapes }) => shapes)).toEqual([[[2, 2]], [[2, 1]]]);
    // Every input is a node (or one of its outputs) and every name stands once.
    const names = new Set(nodes.map(({ name }) => name));
    expect(names.size).toBe(nodes.length);
    for (const { inputs } of nodes) for (const input of inputs) expect(names).toContain(input.replace(/:\d+$/, ''));
    expect(net.training && net.drop.training).toBe(true);
    expect(Object.hasOwn(net.block, 'forward')).toBe(false);
  });

  it('take several inputs, shared modules and tensors from outside', async () => {
    const shared = new nn.Linear(3, 3);
    const mask = tensor([1, 0, 1]);
    class Twice extends nn.Module<[Tensor, Tensor]> {
      layer = shared;
      forward(a: Tensor, b: Tensor): Tensor {
        return this.layer.forward(this.layer.forward(a).mul(mask)).add(b);
      }
    }
    const { of } = await graphOf(new Twice(), [zeros([2, 3]), zeros([3])]);
    expect(of('Twice/layer/linear_1')?.inputs).toEqual(['Twice/mul', 'Twice/layer/weight', 'Twice/layer/bias']);
    expect(of('Twice/mul')?.inputs).toEqual(['Twice/layer/linear', 'Twice/constant']);
    expect(of('Twice/add')?.inputs).toEqual(['Twice/layer/linear_1', 'input_1']);
  });

  it('leave a model whose forward fails as it was', async () => {
    const net = new Net();
    const before = memory().tensors;
    await written((writer) => expect(() => writer.addGraph(net, zeros([2, 5, 4, 4]))).toThrow(/conv2d/));
    expect(net.training).toBe(true);
    expect(Object.hasOwn(net.block, 'forward')).toBe(false);
    expect(noGrad(() => net.forward(zeros([1, 1, 4, 4])).length)).toBe(2);
    expect(memory().tensors).toBe(before + 1);
  });
});

it('precision-recall curves that were counted elsewhere', async () => {
  const [{ value }] = await written((writer) => {
    writer.addPrCurveRaw('raw', {
      truePositiveCounts: [2, 1],
      falsePositiveCounts: [1, 0],
      trueNegativeCounts: [0, 1],
      falseNegativeCounts: [0, 1],
      precision: [2 / 3, 1],
      recall: [1, 0.5],
    });
  });
  expect(value?.message(8).floats(5).slice(0, 4)).toEqual([2, 1, 1, 0]);
});
