// The augmentation policies: tables and operations as torchvision's, and what is drawn.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArgumentError, Generator, ShapeError, type Tensor, tensor, vision } from '../../../lib/index.js';
import { applyPolicyOps } from '../../../lib/vision/transforms/policies.js';
import {
  AUTO_POLICIES,
  AUTO_SPACE,
  augMixSpace,
  type PolicyOpName,
  RAND_SPACE,
  TRIVIAL_SPACE,
} from '../../../lib/vision/transforms/policy-tables.js';

const t = vision.transforms;

interface Fixture {
  policies: Record<string, unknown>;
  spaces: Record<string, readonly (readonly [string, readonly number[] | null, boolean])[]>;
  operations: readonly { name: PolicyOpName; magnitude: number; out: string }[];
}
const file = new URL('../../fixtures/color_bytes.json', import.meta.url);
const fixture = JSON.parse(readFileSync(file, 'utf8')) as Fixture;

/** The image that make_color_fixtures.py makes. */
function image(shape: readonly number[], seed: number): Tensor {
  let state = BigInt(seed);
  const [channels, height, width] = shape;
  const bytes = Uint8Array.from({ length: channels * height * width }, (_, i) => {
    state = (state * 1103515245n + 12345n) % 2n ** 31n;
    return i % 3 ? Number((state >> 16n) & 255n) : Math.floor((i * 7) / channels) % 256;
  });
  return tensor(bytes, { shape });
}

describe('tables', () => {
  it('hold the policies of AutoAugment', () => {
    expect(AUTO_POLICIES).toEqual(fixture.policies);
  });
  const spaces = [
    ['AutoAugment', AUTO_SPACE, 10],
    ['RandAugment', RAND_SPACE, 31],
    ['TrivialAugmentWide', TRIVIAL_SPACE, 31],
    ['AugMix', augMixSpace(true), 10],
  ] as const;
  for (const [name, space, bins] of spaces) {
    it(`hold the operations and magnitudes of ${name}`, () => {
      const table = space.map(([op, { values, signed }]) => [op, values(bins, [23, 37]), signed] as const);
      expect(table.map(([op, , signed]) => [op, signed])).toEqual(fixture.spaces[name].map(([op, , s]) => [op, s]));
      table.forEach(([op, values], i) => {
        const expected = fixture.spaces[name][i][1];
        expect(values?.length, op).toBe(expected?.length);
        values?.forEach((v, k) => {
          expect(Math.abs(v - (expected?.[k] ?? 0)), `${op} ${k}`).toBeLessThanOrEqual(
            2 ** -22 * Math.max(1, Math.abs(v)),
          );
        });
      });
    });
  }
});

describe('operations as torchvision', () => {
  const x = image([3, 17, 19], 9).reshape([1, 3, 17, 19]);
  for (const { name, magnitude, out } of fixture.operations) {
    it(`${name} ${magnitude}`, () => {
      const got = applyPolicyOps('test', x, [[name, magnitude]], {}).dataSync() as Uint8Array;
      const expected = Uint8Array.from(Buffer.from(out, 'base64'));
      const moved = /Shear|Translate|Rotate/.test(name);
      const off = got.reduce((n, v, i) => n + (Math.abs(v - expected[i]) > (moved ? 0 : 1) ? 1 : 0), 0);
      // A pixel half-way between two may go to either.
      expect(off).toBeLessThanOrEqual(moved ? got.length / 50 : 0);
    });
  }
});

describe('policies', () => {
  const one = image([3, 17, 19], 9);
  const batch = one.expand([48, 3, 17, 19]).contiguous();
  const results = (out: Tensor): Set<string> =>
    new Set(Array.from({ length: 48 }, (_, n) => String(out.select(0, n).dataSync())));
  const all = [
    new t.AutoAugment(),
    new t.AutoAugment('cifar10'),
    new t.AutoAugment('svhn'),
    new t.RandAugment(),
    new t.TrivialAugmentWide(),
    new t.AugMix(),
  ];
  for (const policy of all) {
    it(`${policy} draws for each image, alike for one generator`, () => {
      const run = (seed: number) => policy.forward(batch, { generator: new Generator(seed) });
      const out = run(1);
      expect([out.dtype, out.shape]).toEqual(['uint8', batch.shape]);
      expect(results(out).size).toBeGreaterThan(10);
      expect(run(1).dataSync()).toEqual(out.dataSync());
      expect(run(2).dataSync()).not.toEqual(out.dataSync());
    });
  }

  it('treat an image in a batch as they treat it alone', () => {
    const once = new t.RandAugment({ perSample: false }).forward(batch, { generator: new Generator(3) });
    expect(results(once).size).toBe(1);
    const alone = new t.RandAugment().forward(one, { generator: new Generator(3) });
    expect(alone.dataSync()).toEqual(once.select(0, 0).dataSync());
  });

  it('blend close to the image where all operations are weak', () => {
    const flat = tensor(new Uint8Array(48 * 3 * 64).fill(100), { shape: [48, 3, 8, 8] });
    const out = new t.AugMix({ severity: 1, allOps: true }).forward(flat, { generator: new Generator(2) });
    const values = out.dataSync() as Uint8Array;
    // Of severity 1 only Posterize (4 bits: 96) and Equalize, AutoContrast, none of which changes a flat image, remain.
    expect(Math.min(...values)).toBeGreaterThanOrEqual(95);
    expect(Math.max(...values)).toBeLessThanOrEqual(100);
  });

  it('refuse what they do not take', () => {
    const mask = new t.Mask(one.select(0, 0));
    expect(() => new t.RandAugment().forward({ one, mask })).toThrow(/takes images only, got a Mask/);
    expect(() => new t.RandAugment().forward(one.narrow(0, 0, 2))).toThrow(ShapeError);
    expect(() => new t.AutoAugment('mnist' as 'svhn')).toThrow(ArgumentError);
    expect(() => new t.RandAugment({ magnitude: 31 })).toThrow(/magnitude must be an integer of \[0, 30\]/);
    expect(() => new t.AugMix({ severity: 0 })).toThrow(ArgumentError);
    expect(() => new t.AugMix({ alpha: 0 })).toThrow(ArgumentError);
    expect(() => new t.TrivialAugmentWide({ numMagnitudeBins: 1.5 })).toThrow(ArgumentError);
  });
});
