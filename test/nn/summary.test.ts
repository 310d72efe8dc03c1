import { describe, expect, it } from 'vitest';
import { ArgumentError, cat, F, memory, nn, ShapeError, synchronize, type Tensor } from '../../lib/index.js';
import { liveTensors } from '../support/garbage.js';

const numbers = (t: Tensor): number[] => Array.from(t.dataSync(), Number);

const make = () =>
  new nn.Sequential(
    new nn.Conv2d(1, 4, 3),
    new nn.BatchNorm2d(4),
    new nn.Sequential(new nn.ReLU(), new nn.Flatten()),
    new nn.Linear(144, 10, { bias: false }),
    new nn.Dropout(),
  );

describe('summary', () => {
  it('has one row per layer with output shape and parameters, and totals', () => {
    const model = make();
    model.parameters()[0].requiresGrad = false;
    const summary = model.summary({ input: [2, 1, 8, 8] });
    const basics = summary.rows.map(({ name, type, output, parameters }) => ({ name, type, output, parameters }));
    expect(basics).toEqual([
      { name: '0', type: 'Conv2d', output: [2, 4, 6, 6], parameters: 40 },
      { name: '1', type: 'BatchNorm2d', output: [2, 4, 6, 6], parameters: 8 },
      { name: '2.0', type: 'ReLU', output: [2, 4, 6, 6], parameters: 0 },
      { name: '2.1', type: 'Flatten', output: [2, 144], parameters: 0 },
      { name: '3', type: 'Linear', output: [2, 10], parameters: 1440 },
      { name: '4', type: 'Dropout', output: [2, 10], parameters: 0 },
    ]);
    const { parameters, trainable, bytes } = summary;
    expect({ parameters, trainable, bytes }).toEqual({ parameters: 1488, trainable: 1452, bytes: 5952 });
    expect(model.to('float64').summary().bytes).toBe(11_904);
  });

  it('prints as a table', () => {
    const text = String(new nn.Sequential(new nn.Linear(784, 10), new nn.ReLU()).summary({ input: [1, 784] }));
    expect(text.split('\n')).toEqual([
      'layer  type    output   parameters     MACs  memory  field',
      '----------------------------------------------------------',
      '0      Linear  [1, 10]       7,850  7.840 k  0.0 kB',
      '1      ReLU    [1, 10]           0           0.0 kB',
      '----------------------------------------------------------',
      '7,850 parameters (7,850 trainable), 0.03 MB',
      '7.840 k MACs, 0.1 kB of activations',
    ]);
  });

  it('shows no shapes without an input, and a layer alone as the model', () => {
    const row = {
      name: '',
      type: 'Linear',
      output: null,
      parameters: 9,
      macs: 0,
      activationBytes: 0,
      receptiveField: null,
    };
    expect(new nn.Linear(2, 3).summary().rows).toEqual([row]);
    expect(String(new nn.Linear(2, 3).summary())).not.toContain('MACs');
    expect(String(new nn.Linear(2, 3).summary())).toContain('(model)  Linear');
  });

  it('counts multiplications, made bytes and receptive fields', () => {
    const model = new nn.Sequential(
      new nn.Conv2d(4, 8, [3, 5], { stride: [1, 2], dilation: [2, 1], groups: 2, bias: false }),
      new nn.ReLU({ inplace: true }),
      new nn.MaxPool2d([2, 1]),
      new nn.ConstantPad2d(1, 0),
      new nn.Conv2d(8, 1, 2),
      new nn.AdaptiveAvgPool2d([2, 1]),
    );
    const { rows, macs, activationBytes } = model.summary({ input: [3, 4, 12, 9], dtype: 'float32' });
    // 12 x 9 becomes 8 x 3, 4 x 3, 6 x 5, 5 x 4 and 2 x 1.
    expect(rows.map((row) => row.macs)).toEqual([3 * 8 * 8 * 3 * 30, 0, 0, 0, 3 * 20 * 32, 0]);
    expect(macs).toBe(rows.reduce((sum, row) => sum + row.macs, 0));
    // The first convolution lays its input channels last, and the pool keeps one byte for each maximum.
    expect(rows.map((row) => row.activationBytes)).toEqual([5184 + 2304, 0, 1440, 2880, 240, 24]);
    expect(activationBytes).toBe(12_072);
    expect(rows.map((row) => row.receptiveField)).toEqual([[5, 5], [5, 5], [6, 5], null, null, null]);
  });

  it('takes the longest of several ways, and knows functions', () => {
    class Block extends nn.Module {
      readonly conv = new nn.Conv2d(2, 2, 5, { padding: 2 });
      readonly small = new nn.Conv2d(2, 2, 1);
      forward(x: Tensor): Tensor {
        const both = cat([this.conv.forward(x), F.maxPool2d(this.small.forward(x), 3, { stride: 1, padding: 1 })], 1);
        return both
          .add(cat([x, x], 1))
          .mul(both.mean([2, 3], { keepdim: true }))
          .permute([0, 1, 3, 2]);
      }
    }
    const summary = new nn.Sequential(new Block(), new nn.Conv2d(4, 1, [3, 1])).summary({ input: [1, 2, 8, 9] });
    expect(summary.rows.map((row) => [row.name, row.receptiveField])).toEqual([
      ['0.conv', [5, 5]],
      ['0.small', [1, 1]],
      ['1', [7, 5]],
    ]);
    // Also what was made outside of the rows is in the total.
    expect(summary.activationBytes).toBeGreaterThan(summary.rows.reduce((sum, row) => sum + row.activationBytes, 0));
    expect(new nn.Linear(4, 4).summary({ input: [2, 3, 4] }).rows[0].receptiveField).toBeNull();
  });

  it('counts shared parameters once in the total', () => {
    const layer = new nn.Linear(3, 3);
    expect(new nn.Sequential(layer, layer).summary({ input: [1, 3] }).parameters).toBe(12);
  });

  it('runs in evaluation mode and leaves the model as it was', async () => {
    const model = make().train();
    const [conv, norm, inner] = model.layers;
    norm.training = false;
    const own = (x: Tensor): Tensor => x.relu();
    inner.children()[0].forward = own as never;
    const modes = model.modules().map((module) => module.training);
    const mean = numbers((norm as nn.BatchNorm2d).runningMean as Tensor);
    const tensors = liveTensors();
    model.summary({ input: [2, 1, 8, 8] });
    await synchronize();
    expect(memory().tensors).toBe(tensors);
    expect(model.modules().map((module) => module.training)).toEqual(modes);
    expect(inner.children()[0].forward).toBe(own);
    expect(Object.hasOwn(conv, 'forward')).toBe(false);
    expect(conv.forward).toBe(nn.Conv2d.prototype.forward);
    expect(numbers((norm as nn.BatchNorm2d).runningMean as Tensor)).toEqual(mean);
  });

  it('restores everything when forward throws', () => {
    const model = make().train();
    const tensors = liveTensors();
    expect(() => model.summary({ input: [2, 3, 8, 8] })).toThrow(ShapeError);
    expect(() => model.summary({ input: [2, 1, 9, 9] })).toThrow(ShapeError);
    expect(model.modules().every((module) => module.training && !Object.hasOwn(module, 'forward'))).toBe(true);
    expect(memory().tensors).toBe(tensors);
  });

  it('refuses wrong options', () => {
    expect(() => make().summary(null as never)).toThrow(ArgumentError);
    expect(() => make().summary({ input: 5 as never })).toThrow(ArgumentError);
    expect(() => make().summary({ input: [1, -1] })).toThrow(ShapeError);
    expect(() => make().summary({ input: [1, 1, 8, 8], dtype: 'half' as never })).toThrow(ArgumentError);
  });
});
