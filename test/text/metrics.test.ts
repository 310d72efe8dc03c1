// Text metrics: BLEU against sacrebleu (test/fixtures/make_bleu_fixtures.py), the rest by hand.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArgumentError, ShapeError, tensor } from '../../lib/index.js';
import {
  type BleuOptions,
  type BleuScore,
  bleu,
  characterErrorRate,
  editDistance,
  perplexity,
  phonemeErrorRate,
  wordErrorRate,
} from '../../lib/text/index.js';

describe('bleu', () => {
  interface Case extends BleuScore {
    hypotheses: string[];
    references: string[][];
    options: BleuOptions;
  }
  const cases = JSON.parse(readFileSync(new URL('../fixtures/bleu.json', import.meta.url), 'utf8')) as Case[];

  it('gives the numbers of sacrebleu', () => {
    expect(cases.length).toBeGreaterThan(100);
    for (const { hypotheses, references, options, ...wanted } of cases) {
      const got = bleu(hypotheses, references, options);
      const note = JSON.stringify([hypotheses, options]);
      expect(got.score, note).toBeCloseTo(wanted.score, 9);
      expect(got.brevityPenalty, note).toBeCloseTo(wanted.brevityPenalty, 12);
      for (const [i, precision] of wanted.precisions.entries())
        expect(got.precisions[i], note).toBeCloseTo(precision, 9);
      expect(got).toMatchObject({ hypothesisLength: wanted.hypothesisLength, referenceLength: wanted.referenceLength });
    }
  });

  it('counts by hand', () => {
    // 5 of 6 words, 3 of 5 pairs; 1 of 4 triples, 0 of 3: exp makes 1/2 of it.
    const got = bleu(['the cat sat on the mat'], [['the cat is on the mat']]);
    expect(got.precisions.map((x) => x.toFixed(9))).toEqual(
      [5 / 6, 3 / 5, 1 / 4, 1 / 6].map((x) => (100 * x).toFixed(9)),
    );
    expect(got.score).toBeCloseTo(100 * ((5 / 6) * (3 / 5) * (1 / 4) * (1 / 6)) ** (1 / 4), 10);
    expect(bleu([['a', 'b']], [[['A', 'b']]], { maxOrder: 1, lowercase: true }).score).toBeCloseTo(100, 9);
    expect(bleu([''], [['a']]).score).toBe(0);
  });

  it('refuses what does not fit', () => {
    expect(() => bleu([], [])).toThrow(ArgumentError);
    expect(() => bleu(['a'], [['a'], ['b']])).toThrow(/1 hypotheses and 2 references/);
    expect(() => bleu(['a'], ['a'] as unknown as string[][])).toThrow(/hypothesis 0 needs an array of references/);
    expect(() => bleu(['a'], [['a']], { smoothing: 'odd' as 'exp' })).toThrow(/smoothing must be/);
    expect(() => bleu(['a'], [['a']], { maxOrder: 0 })).toThrow(ArgumentError);
  });
});

describe('edit distance', () => {
  it.each([
    ['kitten', 'sitting', 3],
    ['', 'abc', 3],
    ['abc', '', 3],
    ['', '', 0],
    ['flaw', 'lawn', 2],
    ['same', 'same', 0],
    ['😀a', '😁a', 1],
    ['intention', 'execution', 5],
  ])('of %j and %j', (a, b, wanted) => {
    expect(editDistance(a, b)).toBe(wanted);
    expect(editDistance(b, a)).toBe(wanted);
  });

  it('equals the definition for all short words', () => {
    const slow = (a: string, b: string): number => {
      if (a === '' || b === '') return a.length + b.length;
      const [x, y] = [a.slice(1), b.slice(1)];
      return Math.min(slow(x, y) + (a[0] === b[0] ? 0 : 1), slow(x, b) + 1, slow(a, y) + 1);
    };
    const all = Array.from({ length: 3 ** 4 }, (_, i) => i.toString(3).slice(0, i % 5));
    for (const a of all.slice(0, 40)) for (const b of all) expect(editDistance(a, b)).toBe(slow(a, b));
    expect(editDistance(['x', 1], ['x', '1'])).toBe(1);
    expect(() => editDistance(5 as unknown as string, 'a')).toThrow(ArgumentError);
  });
});

describe('error rates', () => {
  it('divide all edits by all tokens of the references', () => {
    expect(wordErrorRate(['the cat sat', 'a b'], ['the cat sat down', 'x b c'])).toBeCloseTo(3 / 7);
    expect(wordErrorRate(['a b c'], ['z'])).toBe(3);
    expect(characterErrorRate(['abc'], ['abd'])).toBeCloseTo(1 / 3);
    expect(phonemeErrorRate(['K AE T'], ['K AH T S'])).toBeCloseTo(2 / 4);
  });

  it('take the nearest of several right ones', () => {
    const references = [
      [
        ['K', 'AH', 'T', 'S'],
        ['K', 'AE'],
      ],
      ['D', 'AO', 'G'],
    ];
    expect(
      phonemeErrorRate(
        [
          ['K', 'AE'],
          ['D', 'AO', 'K'],
        ],
        references,
      ),
    ).toBeCloseTo(1 / 5);
  });

  it('refuse what does not fit', () => {
    expect(() => wordErrorRate(['a'], [])).toThrow(/1 hypotheses and 0 references/);
    expect(() => wordErrorRate(['a'], [''])).toThrow(/no token/);
    expect(() => wordErrorRate('a' as unknown as string[], ['a'])).toThrow(ArgumentError);
  });
});

describe('perplexity', () => {
  it('is e to the mean cross entropy of what counts', async () => {
    const metric = perplexity({ ignoreIndex: -1 });
    const p = [0.5, 0.25, 0.25];
    const logits = tensor([[p.map(Math.log), p.map(Math.log)]]); // [1, 2, 3]
    metric.update(logits, tensor([[0, 1]], { dtype: 'int64' }));
    metric.update(logits, tensor([[2, -1]], { dtype: 'int64' }));
    expect(await metric.compute()).toBeCloseTo(Math.exp((Math.log(2) + 2 * Math.log(4)) / 3), 5);
    metric.reset();
    metric.update(logits.squeeze(0), tensor([0, 0], { dtype: 'int64' }));
    expect(await metric.compute()).toBeCloseTo(2, 5);
    expect(() => metric.update(logits, tensor([0, 0], { dtype: 'int64' }))).toThrow(ShapeError);
  });
});
