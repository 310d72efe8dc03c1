// Tools for trained models: freezing, heads, rates by layer, features, sliding classifiers, small filters.
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  F,
  manualSeed,
  models,
  nn,
  noGrad,
  ones,
  optim,
  rand,
  randn,
  type Tensor,
} from '../../lib/index.js';

const numbers = (t: Tensor): number[] => Array.from(t.detach().dataSync(), Number);
const shapes = (outputs: Record<string, Tensor>) => Object.entries(outputs).map(([key, x]) => [key, ...x.shape]);

class Net extends nn.Module {
  stem = new nn.Conv2d(1, 2, 3, { padding: 1 });
  layer1 = new nn.Sequential(new nn.Conv2d(2, 2, 1), new nn.BatchNorm2d(2), new nn.ReLU());
  layer2 = new nn.Sequential(new nn.Sequential(new nn.Conv2d(2, 4, 3), new nn.ReLU()), new nn.Conv2d(4, 4, 1));
  relu = new nn.ReLU();
  scale = new nn.Parameter(ones([1]));
  avgpool = new nn.AdaptiveAvgPool2d(1);
  fc = new nn.Linear(4, 3);

  forward(x: Tensor): Tensor {
    const y = this.relu.forward(this.layer2.forward(this.relu.forward(this.layer1.forward(this.stem.forward(x)))));
    return this.fc.forward(this.avgpool.forward(y).flatten(1).mul(this.scale));
  }
}

describe('freeze', () => {
  it('takes what fits out of training, and puts it back', () => {
    const model = new Net();
    expect(models.freeze(model, ['stem', 'layer1.0.b*'])).toEqual(['stem.weight', 'stem.bias', 'layer1.0.bias']);
    expect(model.stem.weight.requiresGrad).toBe(false);
    expect(model.layer1.parameters().map((p) => p.requiresGrad)).toEqual([true, false, true, true]);
    expect(models.unfreeze(model, /^stem\.w/)).toEqual(['stem.weight']);
    models.freeze(model, '*', { exclude: 'fc' });
    const trained = [...model.namedParameters()].filter(([, p]) => p.requiresGrad);
    expect(trained.map(([name]) => name)).toEqual(['fc.weight', 'fc.bias']);
    expect(models.unfreeze(model)).toHaveLength(13);
  });

  it('refuses a pattern that fits nothing', () => {
    expect(() => models.freeze(new Net(), ['stem', 'layer'])).toThrow('no parameter of Net fits layer');
    expect(() => models.freeze(new Net(), '*', { exclude: 'head' })).toThrow(ArgumentError);
    expect(() => models.freeze(3 as never)).toThrow(ArgumentError);
    expect(() => models.freeze(new Net(), 3 as never)).toThrow(ArgumentError);
  });

  it('leaves frozen parameters as they are in a step of training', () => {
    manualSeed(1);
    const model = new Net();
    models.freeze(model, '*', { exclude: 'fc' });
    const before = model.parameters().map(numbers);
    const optimizer = new optim.SGD(models.paramGroups(model, { lr: 0.1 }));
    F.crossEntropy(model.forward(randn([2, 1, 6, 6])), ones([2], { dtype: 'int64' })).backward();
    optimizer.step();
    const changed = [...model.namedParameters()].filter(([, p], i) => String(numbers(p)) !== String(before[i]));
    expect(changed.map(([name]) => name)).toEqual(['fc.weight', 'fc.bias']);
  });
});

describe('replaceHead', () => {
  it('replaces the last linear layer or convolution', () => {
    const model = models.squeezenet1_1({ numClasses: 7 });
    const head = models.replaceHead(model, 3) as nn.Conv2d;
    expect(String(head)).toBe('Conv2d(512, 3, kernel_size=(1, 1), stride=(1, 1))');
    expect(model.classifier.at(1)).toBe(head);
    expect(model.eval().forward(rand([1, 3, 35, 35])).shape).toEqual([1, 3]);
    const net = new Net().to('float64').eval();
    const linear = models.replaceHead(net, 5);
    expect([net.fc === linear, linear.training, linear.weight.dtype]).toEqual([true, false, 'float64']);
    expect(() => models.replaceHead(new nn.ReLU(), 5)).toThrow(ArgumentError);
    expect(() => models.replaceHead(new Net(), 0.5)).toThrow(ArgumentError);
  });
});

describe('paramGroups', () => {
  it('lowers the rate from the head to the input', () => {
    const groups = models.paramGroups(new Net(), { lr: 1, layerDecay: 0.5 });
    expect(groups.map(({ lr, names }) => [lr, ...names])).toEqual([
      [1, 'fc.weight', 'fc.bias'],
      [0.5, 'layer2.1.weight', 'layer2.1.bias'],
      [0.25, 'layer2.0.0.weight', 'layer2.0.0.bias'],
      [0.125, 'layer1.1.weight', 'layer1.1.bias'],
      [0.0625, 'layer1.0.weight', 'layer1.0.bias'],
      [0.03125, 'scale', 'stem.weight', 'stem.bias'],
    ]);
    const optimizer = new optim.AdamW(groups, { weightDecay: 0.1 });
    expect(optimizer.paramGroups.map(({ lr, weightDecay }) => [lr, weightDecay])[2]).toEqual([0.25, 0.1]);
  });

  it('takes layers, leaves out what is frozen and spares what has one axis from decay', () => {
    const model = new Net();
    models.freeze(model, 'fc.bias');
    const layers = [['stem', 'layer1'], 'layer2', 'fc'];
    const groups = models.paramGroups(model, { lr: 1, layerDecay: 0.1, layers, weightDecay: 0.5 });
    expect(groups.map(({ lr, weightDecay, params }) => [lr, weightDecay, params.length])).toEqual([
      [1, 0.5, 1],
      [0.1, 0.5, 2],
      [0.1, 0, 2],
      [0.1 * 0.1, 0.5, 2],
      [0.1 * 0.1, 0, 5],
    ]);
    expect(() => models.paramGroups(model, { layerDecay: -1 })).toThrow(ArgumentError);
    expect(() => models.paramGroups(new nn.ReLU())).toThrow('no parameter');
  });
});

describe('createFeatureExtractor', () => {
  it('returns outputs from inside and runs no further', () => {
    const model = new Net().eval();
    const x = rand([2, 1, 6, 6]);
    let heads = 0;
    model.fc.registerForwardHook(() => {
      heads++;
    });
    const extractor = models.createFeatureExtractor(model, ['layer1', 'relu_1', 'layer2.0']);
    const features = extractor.forward(x);
    expect(shapes(features)).toEqual([
      ['layer1', 2, 2, 6, 6],
      ['relu_1', 2, 4, 4, 4],
      ['layer2.0', 2, 4, 4, 4],
    ]);
    const layer1 = model.layer1.forward(model.stem.forward(x));
    expect(numbers(features.layer1)).toEqual(numbers(layer1));
    expect(numbers(features.relu_1)).toEqual(numbers(model.layer2.forward(layer1.relu()).relu()));
    expect([heads, Object.hasOwn(model.layer1, 'forward')]).toEqual([0, false]);
    const named = models.createFeatureExtractor(model, { fc: 'logits' }).forward(x);
    expect(numbers(named.logits)).toEqual(numbers(model.forward(x)));
  });

  it('has the parameters and modes of the model, gradients, and can be copied', () => {
    const model = new Net();
    const extractor = models.createFeatureExtractor(model, ['layer1']);
    expect(Object.keys(extractor.stateDict())).toEqual(Object.keys(model.stateDict()));
    extractor.eval();
    expect(model.training || model.layer1.at(1).training).toBe(false);
    const copy = extractor.clone();
    extractor
      .forward(rand([1, 1, 4, 4]))
      .layer1.sum()
      .backward();
    expect([model.stem.weight.grad !== null, model.fc.weight.grad]).toEqual([true, null]);
    noGrad(() => model.stem.weight.zero_());
    expect(numbers(copy.stateDict()['stem.weight']).some((w) => w !== 0)).toBe(true);
    extractor.loadStateDict(copy.stateDict());
    expect(numbers(model.stem.weight)).toEqual(numbers(copy.stateDict()['stem.weight']));
  });

  it('names what is there for a wrong path', () => {
    const make = (nodes: unknown) => () => models.createFeatureExtractor(new Net(), nodes as string[]);
    expect(make(['layer2.5'])).toThrow('Net has no module "layer2.5"; there are layer2, layer2.0, layer2.0.0');
    for (const wrong of [[], null, [3], { fc: 3 }, ['fc', 'fc'], ['']]) expect(make(wrong)).toThrow(ArgumentError);
    expect(() => make(['relu_7'])().forward(rand([1, 1, 6, 6]))).toThrow('relu did not run 8 times');
    expect(() =>
      models.createFeatureExtractor(models.googlenet({ numClasses: 2 }), ['fc']).forward(3 as never),
    ).toThrow(ArgumentError);
  });
});

describe('toConvolutional', () => {
  it('gives the same logits, and a map of them on larger images', () => {
    manualSeed(3);
    const model = new nn.Sequential(
      new nn.Sequential(new nn.Conv2d(1, 3, 3), new nn.ReLU(), new nn.MaxPool2d(2)),
      new nn.AdaptiveAvgPool2d(3),
      new nn.Flatten(),
      new nn.Linear(27, 5, { bias: false }),
      new nn.BatchNorm1d(5),
      new nn.ReLU(),
      new nn.Dropout(),
      new nn.Linear(5, 2),
    );
    model.forward(randn([4, 1, 8, 8]));
    const sliding = models.toConvolutional(model, { input: [1, 8, 8] });
    expect([sliding.training, model.training, model.parameters()[0] === sliding.parameters()[0]]).toEqual([
      true,
      true,
      false,
    ]);
    sliding.eval();
    model.eval();
    const x = randn([2, 1, 10, 8]);
    const map = sliding.forward(x);
    expect(map.shape).toEqual([2, 2, 2, 1]);
    for (const [i, y] of [0, 2].entries()) {
      const want = numbers(model.forward(x.narrow(2, y, 8)));
      const got = numbers(map.select(2, i).select(2, 0));
      for (const [k, value] of want.entries()) expect(got[k]).toBeCloseTo(value, 5);
    }
  });

  it('lays out models whose parts run one after the other', () => {
    const net = new Net().double();
    const sliding = models.toConvolutional(net, { input: [1, 8, 8] }).eval();
    expect(() => sliding.forward(rand([1, 1, 12, 8], { dtype: 'float64' }))).not.toThrow();
    const model = models.googlenet({ numClasses: 3 });
    const wide = models.toConvolutional(model, { input: [3, 64, 64] }).eval();
    const x = rand([1, 3, 96, 64]);
    expect(wide.forward(x).shape).toEqual([1, 3, 2, 1]);
  });

  it('refuses what it cannot lay out', () => {
    const dense = models.densenet121({ numClasses: 2, blockConfig: [1, 1, 1, 1] });
    expect(() => models.toConvolutional(dense, { input: [3, 32, 32] })).toThrow('do not run one after the other');
    expect(() => models.toConvolutional(new nn.Conv2d(1, 1, 1), { input: [1, 4, 4] })).toThrow(ArgumentError);
    expect(() => models.toConvolutional(new Net(), { input: [4, 4] })).toThrow(ArgumentError);
    const uneven = new nn.Sequential(new nn.AdaptiveAvgPool2d(3), new nn.Flatten(), new nn.Linear(9, 1));
    expect(() => models.toConvolutional(uneven, { input: [1, 4, 4] })).toThrow('different sizes');
  });
});

describe('toSmallFilters', () => {
  const count = (module: nn.AnyModule): number => module.parameters().reduce((sum, p) => sum + p.numel, 0);

  it('sees the same places and gives the same size', () => {
    const conv = new nn.Conv2d(64, 64, 5, { padding: 2 });
    const small = models.toSmallFilters(conv);
    expect([count(conv), count(small)]).toEqual([102_464, 73_856]);
    for (const made of [conv, small]) {
      const { rows } = made.summary({ input: [1, 64, 9, 9] });
      expect([rows.at(-1)?.output, rows.at(-1)?.receptiveField]).toEqual([
        [1, 64, 9, 9],
        [5, 5],
      ]);
    }
    const seven = models.toSmallFilters(new nn.Conv2d(3, 8, 7, { stride: 2, padding: 3, bias: false }), {
      channels: 4,
      relu: false,
    });
    expect([seven.length, seven.forward(rand([1, 3, 15, 15])).shape, count(seven)]).toEqual([
      3,
      [1, 8, 8, 8],
      108 + 144 + 288,
    ]);
  });

  it('refuses other layers', () => {
    const layers = [
      new nn.Conv2d(2, 2, 4),
      new nn.Conv2d(2, 2, [3, 5]),
      new nn.Conv2d(2, 2, 1),
      new nn.Conv2d(2, 2, 5, { dilation: 2 }),
      new nn.Conv2d(2, 2, 5, { groups: 2 }),
      new nn.Conv2d(2, 2, 5, { padding: 1 }),
      new nn.Linear(2, 2),
    ];
    for (const layer of layers) expect(() => models.toSmallFilters(layer as nn.Conv2d)).toThrow(ArgumentError);
  });
});
