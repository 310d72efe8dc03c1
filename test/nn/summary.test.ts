import { describe, expect, it } from 'vitest';
import { ArgumentError, memory, nn, ShapeError, synchronize, type Tensor } from '../../lib/index.js';
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
    const { rows, parameters, trainable, bytes } = model.summary({ input: [2, 1, 8, 8] });
    expect(rows).toEqual([
      { name: '0', type: 'Conv2d', output: [2, 4, 6, 6], parameters: 40 },
      { name: '1', type: 'BatchNorm2d', output: [2, 4, 6, 6], parameters: 8 },
      { name: '2.0', type: 'ReLU', output: [2, 4, 6, 6], parameters: 0 },
      { name: '2.1', type: 'Flatten', output: [2, 144], parameters: 0 },
      { name: '3', type: 'Linear', output: [2, 10], parameters: 1440 },
      { name: '4', type: 'Dropout', output: [2, 10], parameters: 0 },
    ]);
    expect({ parameters, trainable, bytes }).toEqual({ parameters: 1488, trainable: 1452, bytes: 5952 });
    expect(model.to('float64').summary().bytes).toBe(11_904);
  });

  it('prints as a table', () => {
    const text = String(new nn.Sequential(new nn.Linear(784, 10), new nn.ReLU()).summary({ input: [1, 784] }));
    expect(text.split('\n')).toEqual([
      'layer  type    output   parameters',
      '----------------------------------',
      '0      Linear  [1, 10]       7,850',
      '1      ReLU    [1, 10]           0',
      '----------------------------------',
      '7,850 parameters (7,850 trainable), 0.03 MB',
    ]);
  });

  it('shows no shapes without an input, and a layer alone as the model', () => {
    expect(new nn.Linear(2, 3).summary().rows).toEqual([{ name: '', type: 'Linear', output: null, parameters: 9 }]);
    expect(String(new nn.Linear(2, 3).summary())).toContain('(model)  Linear');
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
