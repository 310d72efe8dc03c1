// Every model of the registry is compared with PyTorch's, summed up, and timed.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MODEL_CASES, MORE_MODEL_CASES } from '../../bench/models.js';
import { models, type nn } from '../../lib/index.js';
import { empty, layouts } from '../support/models.js';

const folder = new URL('../fixtures/', import.meta.url);

/** Models whose outputs and gradients are compared: `compareModels` of their families. */
const compared = new Set(
  readdirSync(folder)
    .filter((file) => /^models_.+\.json$/.test(file))
    .flatMap((file) => {
      const family = file.slice('models_'.length, -'.json'.length).replaceAll('_', '-');
      const test = readFileSync(new URL(`../models/${family}.test.ts`, import.meta.url), 'utf8');
      expect(test).toContain('compareModels(');
      return (JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as { model: string }[]).map(({ model }) => model);
    }),
);

/**
 * The others differ from a model that is compared in numbers only: of layers, channels or groups. Their names and shapes
 * are compared in registry.test.ts, all of them, and a state dict of torchvision's loads strictly.
 */
const LIKE: Readonly<Partial<Record<models.ModelName, readonly models.ModelName[]>>> = {
  vgg11: ['vgg13', 'vgg16', 'vgg19'],
  vgg16_bn: ['vgg11_bn', 'vgg13_bn', 'vgg19_bn'],
  resnet18: ['resnet34'],
  resnet50: ['resnet101', 'resnet152', 'wide_resnet50_2', 'wide_resnet101_2'],
  resnext50_32x4d: ['resnext101_32x8d', 'resnext101_64x4d'],
  plain18: ['plain34'],
  resnet20: ['resnet32', 'resnet44', 'resnet56'],
  plain20: ['plain32', 'plain44', 'plain56'],
  preact_resnet18: ['preact_resnet34'],
  preact_resnet50: ['preact_resnet101', 'preact_resnet152'],
  efficientnet_b0: ['efficientnet_b1', 'efficientnet_b2', 'efficientnet_b3', 'efficientnet_b4'],
  efficientnet_b5: ['efficientnet_b6', 'efficientnet_b7'],
  vit_ti_16: ['vit_s_16', 'vit_b_16', 'vit_b_32', 'vit_l_16', 'vit_l_32', 'vit_h_14'],
  convnext_tiny: ['convnext_small', 'convnext_base', 'convnext_large'],
};
const alike = Object.entries(LIKE).flatMap(([name, others]) => others.map((other) => [other, name] as const));

describe('every model of models.list()', () => {
  it('is compared with the same network in PyTorch', () => {
    expect([...compared, ...alike.map(([name]) => name)].sort()).toEqual(models.list());
    for (const [name, other] of alike) {
      expect(compared.has(other), other).toBe(true);
      expect(layouts[name]?.parameters, name).toBeGreaterThan(1e5);
    }
  });

  it('has its rows in the benchmarks', () => {
    const rows = new Set([...MODEL_CASES, ...MORE_MODEL_CASES].map((row) => row.name));
    for (const name of models.list()) expect([name, rows.has(`${name} b1`)]).toEqual([name, true]);
    const timed = new Set([...rows].map((row) => row.replace(/ (b1|b8|train)$/, '')));
    expect([...timed].sort()).toEqual(models.list());
  });

  /** Those that the others are like, but for VGG-16, which is large. */
  const summed = models.list().filter((name) => compared.has(name) && name !== 'vgg16_bn');
  const INPUTS: Readonly<Record<string, readonly number[]>> = {
    lenet5: [1, 1, 28, 28],
    lenet5_1998: [1, 1, 32, 32],
    alexnet: [1, 3, 224, 224],
    alexnet_2012: [1, 3, 224, 224],
    nin: [1, 3, 224, 224],
    inception_v3: [1, 3, 96, 96],
    r3d_18: [1, 3, 4, 32, 32],
    vit_ti_16: [1, 3, 224, 224],
  };

  it.each(summed)('%s has a summary: parameters, work, output', (name) => {
    const model = empty(name) as unknown as nn.Module;
    const { parameters, macs, rows } = model.eval().summary({ input: [...(INPUTS[name] ?? [1, 3, 64, 64])] });
    expect(parameters).toBe(model.parameters().reduce((sum, p) => sum + p.numel, 0));
    expect(macs).toBeGreaterThan(1e5);
    const classes = /^(lenet|nin_cifar|(resnet|plain)(20|32|44|56|110)$)/.test(name)
      ? 10
      : name === 'r3d_18'
        ? 400
        : 1000;
    expect(rows.some((row) => row.output?.slice(0, 2).join() === `1,${classes}`)).toBe(true);
    model.dispose();
  });
});
