import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ArgumentError, FormatError } from '../../lib/index.js';
import { CharTokenizer, Vocabulary, WordTokenizer } from '../../lib/text/index.js';

const folder = mkdtempSync(join(tmpdir(), 'nabla-vocabulary-'));
afterAll(() => rm(folder, { recursive: true }));

describe('Vocabulary', () => {
  const counts = { b: 3, a: 3, c: 5, '<unk>': 9, rare: 1, '\u{1f600}': 2, '\uffff': 2 };

  it('takes tokens by frequency, then by code points, specials first', () => {
    const vocabulary = Vocabulary.fromCounts(counts, {
      specials: ['<pad>', '<unk>'],
      unknown: '<unk>',
      minFrequency: 2,
    });
    expect(vocabulary.getItos()).toEqual(['<pad>', '<unk>', 'c', 'a', 'b', '\uffff', '\u{1f600}']);
    expect(vocabulary.length).toBe(7);
    expect(vocabulary.getDefaultIndex()).toBe(1);
    expect(vocabulary.lookupIndices(['a', 'rare', '<pad>'])).toEqual([3, 1, 0]);
    expect(vocabulary.lookupTokens([2, 1])).toEqual(['c', '<unk>']);
    expect(vocabulary.has('c')).toBe(true);
    expect(vocabulary.has('rare')).toBe(false);
    expect(vocabulary.getStoi().get('b')).toBe(4);
  });

  it('limits its size and puts specials last when asked', () => {
    const options = { specials: ['<pad>'], specialFirst: false, maxSize: 3 };
    expect(Vocabulary.fromCounts(new Map(Object.entries(counts)), options).getItos()).toEqual(['<unk>', 'c', '<pad>']);
    expect(Vocabulary.fromTokens([['x', 'y'], ['y']]).getItos()).toEqual(['y', 'x']);
    expect(() => Vocabulary.fromTokens(['hello'])).toThrow(/an iterable is needed, got "hello"/);
  });

  it('refuses unknown tokens without a default index', () => {
    const vocabulary = new Vocabulary(['a', 'b']);
    expect(() => vocabulary.lookupIndices(['a', 'z'])).toThrow(ArgumentError);
    expect(() => vocabulary.lookupIndex('z')).toThrow(/the token "z" is unknown/);
    vocabulary.setDefaultIndex(0);
    expect(vocabulary.lookupIndex('z')).toBe(0);
    expect(() => vocabulary.lookupToken(2)).toThrow(/index 2 is out of range \[0, 2\)/);
    expect(() => vocabulary.lookupIndices('ab')).toThrow(ArgumentError);
  });

  it('takes further tokens', () => {
    const vocabulary = new Vocabulary(['a', 'b'], { defaultIndex: 1 });
    vocabulary.insertToken('x', 1);
    vocabulary.appendToken('y');
    expect(vocabulary.getItos()).toEqual(['a', 'x', 'b', 'y']);
    expect(vocabulary.lookupIndices(['a', 'x', 'b', 'y', '?'])).toEqual([0, 1, 2, 3, 2]);
    expect(() => vocabulary.appendToken('a')).toThrow(/"a" is there already/);
    expect(() => vocabulary.insertToken('q', 9)).toThrow(/index 9 is above 4/);
  });

  it('refuses wrong arguments', () => {
    expect(() => Vocabulary.fromCounts({})).toThrow(/the corpus is empty/);
    expect(() => Vocabulary.fromTokens([])).toThrow(/the corpus is empty/);
    expect(() => Vocabulary.fromCounts({ a: 1 }, { specials: ['x', 'y'], maxSize: 1 })).toThrow(
      /the specials alone are 2/,
    );
    expect(() => Vocabulary.fromCounts({ a: 1 }, { unknown: 'u' })).toThrow(/unknown must be one of the specials/);
    expect(() => Vocabulary.fromCounts({ a: '1' } as unknown as Record<string, number>)).toThrow(/count of "a"/);
    expect(() => new Vocabulary(['a', 'a'])).toThrow(/"a" twice/);
    expect(() => new Vocabulary(['a'], { defaultIndex: 1 })).toThrow(/the default index must be/);
  });

  it('is saved and loaded', async () => {
    const path = join(folder, 'vocabulary.json');
    const vocabulary = new Vocabulary(['a', '"', '\n', '7'], { defaultIndex: 3 });
    await vocabulary.save(path);
    const loaded = await Vocabulary.load(path);
    expect(loaded.getItos()).toEqual(vocabulary.getItos());
    expect(loaded.getDefaultIndex()).toBe(3);
  });

  it.each([
    ['[1', /not valid JSON/],
    ['null', /type must be "Vocabulary", got undefined/],
    ['{"type":"Vocabulary","tokens":["a","a"]}', /tokens has "a" twice/],
    ['{"type":"Vocabulary","tokens":[1]}', /tokens must be an array of strings/],
    ['{"type":"Vocabulary","tokens":["a"],"defaultIndex":4}', /the default index must be null or in \[0, 1\), got 4/],
  ])('refuses the file %s', async (content, message) => {
    const path = join(folder, 'wrong.json');
    await writeFile(path, content);
    await expect(Vocabulary.load(path)).rejects.toThrow(FormatError);
    await expect(Vocabulary.load(path)).rejects.toThrow(message);
  });
});

describe('CharTokenizer', () => {
  it('takes code points apart and puts them together', async () => {
    const tokenizer = CharTokenizer.train(['Anna 😀', 'ann'], { specials: ['<pad>'], lowercase: true });
    expect(tokenizer.vocabulary.getItos()).toEqual(['<pad>', 'n', 'a', ' ', '😀']);
    expect(tokenizer.vocabularySize).toBe(5);
    expect(tokenizer.tokenize('NA😀')).toEqual(['n', 'a', '😀']);
    expect(tokenizer.decode(tokenizer.encode('na 😀'))).toBe('na 😀');
    expect(() => tokenizer.encode('x')).toThrow(/the token "x" is unknown/);
    await tokenizer.save(join(folder, 'chars.json'));
    const loaded = await CharTokenizer.load(join(folder, 'chars.json'));
    expect(loaded.encode('ANNA')).toEqual([2, 1, 1, 2]);
    await expect(WordTokenizer.load(join(folder, 'chars.json'))).rejects.toThrow(/type must be "WordTokenizer"/);
  });
});

describe('WordTokenizer', () => {
  it('splits at white space and punctuation', async () => {
    const tokenizer = WordTokenizer.train(["Don't stop, don't!"], { specials: ['<unk>'], unknown: '<unk>' });
    expect(tokenizer.tokenize("Don't  stop: größer ok_1")).toEqual(['Don', "'", 't', 'stop', ':', 'größer', 'ok_1']);
    expect(tokenizer.encode('Never stop')).toEqual([0, tokenizer.vocabulary.lookupIndex('stop')]);
    expect(tokenizer.decode(tokenizer.encode('stop , Don'))).toBe('stop , Don');
    const letters = WordTokenizer.train(['ab cd'], { pattern: /[a-z]/giu, lowercase: true });
    await letters.save(join(folder, 'letters.json'));
    const loaded = await WordTokenizer.load(join(folder, 'letters.json'));
    expect(loaded.pattern).toEqual(/[a-z]/giu);
    expect(loaded.tokenize('AB.C')).toEqual(['a', 'b', 'c']);
    expect(() => WordTokenizer.train(['a'], { pattern: /a/ })).toThrow(/flags g and u/);
    expect(() => WordTokenizer.train(['...'], { pattern: /a/gu })).toThrow(/the corpus is empty/);
  });
});
