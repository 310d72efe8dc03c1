// The sizes of models: those that torchvision and papers state, and those in the tables of docs/models.md.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { models, type nn } from '../../lib/index.js';
import { empty, layouts } from '../support/models.js';

/** Parameters, and billions of MACs at the size of its images, as torchvision 0.28 states them with its weights. */
const TORCHVISION: Readonly<Partial<Record<models.ModelName, readonly [parameters: number, gmacs: number]>>> = {
  alexnet: [61100840, 0.714],
  convnext_base: [88591464, 15.355],
  convnext_large: [197767336, 34.361],
  convnext_small: [50223688, 8.684],
  convnext_tiny: [28589128, 4.456],
  densenet121: [7978856, 2.834],
  densenet161: [28681000, 7.728],
  densenet169: [14149480, 3.36],
  densenet201: [20013928, 4.291],
  efficientnet_b0: [5288548, 0.386],
  efficientnet_b1: [7794184, 0.687],
  efficientnet_b2: [9109994, 1.088],
  efficientnet_b3: [12233232, 1.827],
  efficientnet_b4: [19341616, 4.394],
  efficientnet_b5: [30389784, 10.266],
  efficientnet_b6: [43040704, 19.068],
  efficientnet_b7: [66347960, 37.746],
  googlenet: [6624904, 1.498],
  inception_v3: [27161264, 5.713],
  mobilenet_v2: [3504872, 0.301],
  mobilenet_v3_large: [5483032, 0.217],
  mobilenet_v3_small: [2542856, 0.057],
  r3d_18: [33371472, 40.697],
  resnet18: [11689512, 1.814],
  resnet34: [21797672, 3.664],
  resnet50: [25557032, 4.089],
  resnet101: [44549160, 7.801],
  resnet152: [60192808, 11.514],
  resnext50_32x4d: [25028904, 4.23],
  resnext101_32x8d: [88791336, 16.414],
  resnext101_64x4d: [83455272, 15.46],
  squeezenet1_0: [1248424, 0.819],
  squeezenet1_1: [1235496, 0.349],
  vgg11: [132863336, 7.609],
  vgg11_bn: [132868840, 7.609],
  vgg13: [133047848, 11.308],
  vgg13_bn: [133053736, 11.308],
  vgg16: [138357544, 15.47],
  vgg16_bn: [138365992, 15.47],
  vgg19: [143667240, 19.632],
  vgg19_bn: [143678248, 19.632],
  vit_b_16: [86567656, 17.564],
  vit_b_32: [88224232, 4.409],
  vit_h_14: [632045800, 167.295],
  vit_l_16: [304326632, 61.555],
  vit_l_32: [306535400, 15.378],
  wide_resnet50_2: [68883240, 11.398],
  wide_resnet101_2: [126886696, 22.753],
};

/**
 * Rounded numbers of the papers, with the unit of the last digit: He 2015, table 6; Touvron 2020, table 1; Lin 2013 has none,
 * so Caffe's model zoo (7.6 million) and its 0.97 million for CIFAR-10; Krizhevsky 2012, section 3.5.
 */
const PAPERS: Readonly<Partial<Record<models.ModelName, readonly [parameters: number, unit: number]>>> = {
  resnet20: [0.27e6, 1e4],
  resnet32: [0.46e6, 1e4],
  resnet44: [0.66e6, 1e4],
  resnet56: [0.85e6, 1e4],
  resnet110: [1.7e6, 1e5],
  vit_ti_16: [5.7e6, 1e5],
  vit_s_16: [22e6, 1e6],
  nin: [7.6e6, 1e5],
  nin_cifar: [0.97e6, 1e4],
  alexnet_2012: [60e6, 1e7],
};

const made = new Map<string, number>();
/** Parameters of the model itself; of googlenet in evaluation. Layouts are compared with models in registry.test.ts. */
function countOf(name: models.ModelName): number {
  const known = name === 'googlenet' ? undefined : layouts[name]?.parameters;
  const count = known ?? made.get(name);
  if (count !== undefined) return count;
  const model = empty(name, name === 'googlenet' ? { auxLogits: false } : {});
  made.set(
    name,
    model.parameters().reduce((sum, p) => sum + p.numel, 0),
  );
  model.dispose();
  return made.get(name) as number;
}

const entries = <V>(record: Readonly<Partial<Record<models.ModelName, V>>>) =>
  Object.entries(record) as [models.ModelName, V][];

describe('numbers of parameters', () => {
  it('are those that torchvision states', () => {
    const got = entries(TORCHVISION).map(([name]) => [name, countOf(name)]);
    expect(got).toEqual(entries(TORCHVISION).map(([name, [count]]) => [name, count]));
  });

  it('are those of the papers', () => {
    for (const [name, [count, unit]] of entries(PAPERS)) {
      expect([name, Math.round(countOf(name) / unit) * unit]).toEqual([name, Math.round(count)]);
    }
    // LeCun 1998, section II.B: 156, 12, 1516, 32, 48,120 and 10,164 up to F6; and 850 of the layer in place of the RBF.
    expect(countOf('lenet5_1998')).toBe(156 + 12 + 1516 + 32 + 48120 + 10164 + 850);
    const model = models.lenet5_1998();
    const sizes = (model as unknown as nn.AnyModule).parameters().map((p) => p.numel);
    expect(sizes.reduce((a, b) => a + b) - 850).toBe(60000);
    // The same without the table of connections: 6 maps for each of 16 filters, and no weights of pools.
    expect(countOf('lenet5')).toBe(156 + (6 * 25 + 1) * 16 + 48120 + 10164 + 850);
  });

  it('follow from those of ResNet where nobody states them', () => {
    for (const depth of [20, 32, 44, 56] as const) expect(countOf(`plain${depth}`)).toBe(countOf(`resnet${depth}`));
    // 1 x 1 convolutions with normalization at the head of three stages.
    const shortcuts = [64, 128, 256].reduce((sum, planes) => sum + planes * 2 * planes + 2 * 2 * planes, 0);
    for (const depth of [18, 34] as const) {
      expect(countOf(`plain${depth}`)).toBe(countOf(`resnet${depth}`) - shortcuts);
    }
    // Before the shortcuts there is no normalization any more; one comes behind the last block; blocks keep their number.
    for (const depth of [18, 34] as const) {
      expect(countOf(`preact_resnet${depth}`)).toBe(countOf(`resnet${depth}`) - 2 * (128 + 256 + 512));
    }
    for (const depth of [50, 101, 152] as const) {
      const moved = 2 * (256 + 512 + 1024 + 2048);
      expect(countOf(`preact_resnet${depth}`)).toBe(countOf(`resnet${depth}`) - moved);
    }
  });
});

interface Row {
  parameters: number;
  macs: string;
}

/** The rows of the tables; a row may hold several models, and several numbers for them. */
function rowsOfPage(): Map<string, Row> {
  const text = readFileSync(new URL('../../docs/models.md', import.meta.url), 'utf8');
  const rows = new Map<string, Row>();
  for (const line of text.split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim());
    if (cells.length !== 6 || !cells[1].startsWith('`')) continue;
    const names = [...cells[2].matchAll(/`([^`]+)`/g)].map(([, name]) => name);
    const counts = cells[3].split(';').map((count) => Number(/^[\d,]+/.exec(count.trim())?.[0].replaceAll(',', '')));
    names.forEach((name, i) => {
      expect(rows.has(name), name).toBe(false);
      rows.set(name, { parameters: counts[i], macs: cells[4] });
    });
  }
  return rows;
}

describe('docs/models.md', () => {
  const rows = rowsOfPage();

  it('has a row for every model, with its numbers', () => {
    expect([...rows.keys()].sort()).toEqual(models.list());
    for (const [name, { parameters, macs }] of rows) {
      expect([name, parameters]).toEqual([name, countOf(name as models.ModelName)]);
      const stated = TORCHVISION[name as models.ModelName]?.[1];
      if (stated !== undefined) expect(Math.abs(Number.parseFloat(macs) - stated), name).toBeLessThan(0.0051);
    }
  });

  it.each([
    ['resnet20', [1, 3, 32, 32]],
    ['plain56', [1, 3, 32, 32]],
    ['resnet110', [1, 3, 32, 32]],
    ['nin_cifar', [1, 3, 32, 32]],
    ['plain18', [1, 3, 224, 224]],
    ['preact_resnet18', [1, 3, 224, 224]],
    ['vit_ti_16', [1, 3, 224, 224]],
    ['mobilenet_v3_small', [1, 3, 224, 224]],
    ['efficientnet_b0', [1, 3, 224, 224]],
  ] as const)('states the MACs of %s', (name, input) => {
    const model = empty(name) as unknown as nn.Module;
    const { macs } = model.summary({ input: [...input] });
    expect(rows.get(name)?.macs).toMatch(new RegExp(`^${(macs / 1e9).toFixed(2)} G`));
    model.dispose();
  });

  it('has a picture and a source for each family', () => {
    const text = readFileSync(new URL('../../docs/models.md', import.meta.url), 'utf8');
    const families = text.split(/^## /m).filter((section) => section.includes('| function |'));
    expect(families.length).toBeGreaterThanOrEqual(18);
    for (const section of families) {
      const title = section.split('\n')[0];
      const picture = /!\[.+\]\((images\/models\/[a-z0-9-]+\.svg)\)/.exec(section)?.[1];
      expect(picture, title).toBeDefined();
      const drawn = readFileSync(new URL(`../../docs/${picture}`, import.meta.url), 'utf8');
      expect(drawn, title).toMatch(/^<svg [\s\S]*<rect/);
      expect(section, title).toMatch(/arXiv \d{4}\.\d{5}|arXiv \d{4}\.\d{4}|, (19|20)\d\d|same paper/i);
    }
  });
});
