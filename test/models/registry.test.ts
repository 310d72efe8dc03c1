import { describe, expect, it } from 'vitest';
import { ArgumentError, models, type nn } from '../../lib/index.js';
import { empty, layouts } from '../support/models.js';

describe('models.list', () => {
  it('has every name once, sorted', () => {
    const names = models.list();
    expect(names).toContain('alexnet');
    expect(names).toEqual([...new Set(names)].sort());
  });

  it('takes patterns', () => {
    expect(models.list({ filter: 'alex*' })).toContain('alexnet');
    expect(models.list({ filter: 'alex???' })).toEqual(['alexnet']);
    expect(models.list({ filter: /^al.x/g, exclude: '*_2012' })).toEqual(['alexnet']);
    expect(models.list({ filter: ['alexnet', 'nothing'] })).toEqual(['alexnet']);
    expect(models.list({ filter: 'alex' })).toEqual([]);
    expect(() => models.list({ filter: 5 as never })).toThrow(ArgumentError);
    expect(() => models.list(null as never)).toThrow(ArgumentError);
  });
});

describe('models.create', () => {
  it('names the nearest models for a wrong name', () => {
    expect(() => models.create('alexnett' as never)).toThrow(/^create: there is no model "alexnett"; nearest: alexnet/);
    expect(() => models.create('toString' as never)).toThrow(ArgumentError);
    expect(() => models.create(7 as never)).toThrow(ArgumentError);
    expect(() => models.create('alexnet', { numClasses: -1 })).toThrow(ArgumentError);
  });

  const known = models.list().filter((name) => name in layouts);

  it.each(known)("%s has torchvision's parameters: names, shapes and order", (name) => {
    const model = empty(name);
    const state = Object.entries(model.stateDict()).map(([key, value]) => [key, value.shape]);
    expect(Object.fromEntries(state)).toEqual(layouts[name].state);
    expect(state.map(([key]) => key)).toEqual(Object.keys(layouts[name].state));
    expect(model.parameters().reduce((sum, p) => sum + p.numel, 0)).toBe(layouts[name].parameters);
    model.dispose();
  });
});

describe('model.summary', () => {
  // The billions of multiplications that torchvision states.
  it.each([
    ['alexnet', 0.714],
    ['squeezenet1_0', 0.819],
    ['squeezenet1_1', 0.349],
    ['googlenet', 1.498],
    ['densenet121', 2.834],
  ] as const)('counts the work of %s', (name, billions) => {
    const model = empty(name);
    const { macs } = (model as unknown as nn.Module).summary({ input: [1, 3, 224, 224] });
    expect(macs / 1e9).toBeCloseTo(billions, 3);
    model.dispose();
  });

  it.each([
    ['alexnet', 'features.12', 195],
    ['vgg11', 'features.20', 150],
    ['googlenet', 'maxpool2', 27],
  ] as const)('knows what %s sees', (name, path, size) => {
    const model = empty(name);
    const { rows } = (model as unknown as nn.Module).summary({ input: [1, 3, 64, 64] });
    expect(rows.find((row) => row.name === path)?.receptiveField).toEqual([size, size]);
    model.dispose();
  });
});
