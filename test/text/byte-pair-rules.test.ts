// Byte pairs by hand, round trips, speed-ups that must not change anything, and files that are wrong.
import { mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ArgumentError, FormatError } from '../../lib/index.js';
import { BpeModel, type Merge } from '../../lib/text/bpe/model.js';
import { BytePairTokenizer } from '../../lib/text/index.js';

const folder = mkdtempSync(join(tmpdir(), 'nabla-text-'));
afterAll(() => rm(folder, { recursive: true }));

const SENNRICH = ['low '.repeat(5), 'lower '.repeat(2), 'newest '.repeat(6), 'widest '.repeat(3)];

/** Characters a to d with merges ab, cd, abcd. */
const tiny = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  version: '1.0',
  model: {
    type: 'BPE',
    vocab: { a: 0, b: 1, c: 2, d: 3, ab: 4, cd: 5, abcd: 6 },
    merges: ['a b', ['c', 'd'], 'ab cd'],
  },
  ...changes,
});
const tinyModel = (changes: Record<string, unknown>) => tiny({ model: { ...(tiny().model as object), ...changes } });

const META = { type: 'Metaspace', replacement: '_', prepend_scheme: 'first' };
const metaspace = (changes: Record<string, unknown>) =>
  tiny({ pre_tokenizer: { ...META, prepend_scheme: undefined, ...changes } });

describe('training', () => {
  it('finds the merges of the paper, by hand', () => {
    const tokenizer = BytePairTokenizer.train(SENNRICH, { byteLevel: false, vocabSize: 20 });
    const { merges, vocab } = tokenizer.toJSON().model as { merges: string[][]; vocab: Record<string, number> };
    // d e i l n o r s t w, then r</w> t</w> w</w>: 13 characters; equal counts go to the lower numbers.
    expect(merges.map((merge) => merge.join(' '))).toEqual([
      'e s', // 9, as "s t</w>", but e is lower
      'es t</w>', // 9
      'l o', // 7
      'e w', // 6, as "n e" and "w est</w>"
      'n ew', // 6
      'new est</w>', // 6
      'lo w</w>', // 5
    ]);
    expect(tokenizer.vocabularySize).toBe(20);
    expect(vocab['low</w>']).toBe(19);
    expect(tokenizer.tokenize('lowest  newest low')).toEqual(['lo', 'w', 'est</w>', 'newest</w>', 'low</w>']);
    expect(tokenizer.decode(tokenizer.encode('lowest newest low'))).toBe('lowest newest low');
  });

  it('counts overlapping pairs and stops where nothing is frequent enough', () => {
    const tokenizer = BytePairTokenizer.train(['aaaa aaaa aaa'], { byteLevel: false, minFrequency: 2, vocabSize: 99 });
    const { merges } = tokenizer.toJSON().model as { merges: string[][] };
    // "a a a a</w>" twice and "a a a</w>" once: (a a) 5, then (aa a) 2, (a a</w>) 2, (aa a</w>) 1.
    expect(merges).toEqual([
      ['a', 'a'],
      ['a', 'a</w>'],
      ['aa', 'aa</w>'],
    ]);
  });

  it('refuses wrong options and an empty corpus', () => {
    expect(() => BytePairTokenizer.train([])).toThrow(/the corpus is empty/);
    expect(() => BytePairTokenizer.train(['', '  '], { byteLevel: false })).toThrow(ArgumentError);
    expect(() => BytePairTokenizer.train('text' as unknown as string[])).toThrow(/an iterable is needed/);
    expect(() => BytePairTokenizer.train([7] as unknown as string[])).toThrow(/a text must be a string, got 7/);
    expect(() => BytePairTokenizer.train(['a'], { vocabSize: 0 })).toThrow(/vocabSize must be an integer/);
    expect(() => BytePairTokenizer.train(['a'], { specialTokens: ['x', 'x'] })).toThrow(/"x" twice/);
    expect(() => BytePairTokenizer.train(['a'], { unkToken: '<unk>' })).toThrow(/unkToken must be one of/);
    const options = { byteLevel: false, specialTokens: ['<unk>'] };
    expect(() => BytePairTokenizer.train(['abc'], options).encode('x')).toThrow(/"x<\/w>" is unknown/);
    expect(BytePairTokenizer.train(['abc'], { ...options, unkToken: '<unk>' }).encode('axc')[1]).toBe(0);
  });
});

describe('encoding', () => {
  const tokenizer = BytePairTokenizer.train(['the theme of the thesis is there'.repeat(3)], { vocabSize: 280 });

  it('gives every code point back', () => {
    const text: string[] = [];
    for (let code = 0; code <= 0x10ffff; code += code < 0x3000 ? 1 : 61) {
      if (code < 0xd800 || code > 0xdfff) text.push(String.fromCodePoint(code));
    }
    for (const separator of ['', ' ']) {
      const whole = text.join(separator);
      expect(tokenizer.decode(tokenizer.encode(whole))).toBe(whole);
    }
    expect(tokenizer.decode(tokenizer.encode('\ud800x'))).toBe('\ufffdx');
    expect(tokenizer.encode('')).toEqual([]);
  });

  it('gives every byte its token', () => {
    const first = tokenizer.tokenToId('!')!;
    const ids = Array.from({ length: 256 }, (_, i) => first + i);
    expect(new Set(ids.map((id) => tokenizer.idToToken(id))).size).toBe(256);
    expect(tokenizer.decode([tokenizer.tokenToId('Ã')!])).toBe('\ufffd');
    expect(tokenizer.decode([tokenizer.tokenToId('Ã')!, tokenizer.tokenToId('¼')!])).toBe('ü');
  });

  it('splits long words as short ones', () => {
    // The simplest rule, word by word: the pair of the lowest rank, the leftmost of equal ones.
    const letters = ['a', 'b', 'c'];
    const vocab = new Map(letters.map((letter, i) => [letter, i]));
    const merges: Merge[] = [];
    const tokens = [...letters];
    for (let i = 0; i < 60; i++) {
      const merge: Merge = [tokens[(i * 7) % tokens.length], tokens[(i * 5 + 1) % tokens.length]];
      const joined = merge.join('');
      if (vocab.has(joined) || joined.length > 9) continue;
      vocab.set(joined, tokens.length);
      tokens.push(joined);
      merges.push(merge);
    }
    expect(merges.length).toBeGreaterThan(15);
    const model = new BpeModel(vocab, merges);
    const naive = (word: string): string[] => {
      const pieces = [...word];
      for (;;) {
        const ranks = pieces.map((p, i) => merges.findIndex(([l, r]) => l === p && r === pieces[i + 1]));
        const best = Math.min(...ranks.filter((rank) => rank >= 0));
        if (best === Number.POSITIVE_INFINITY) return pieces;
        const at = ranks.indexOf(best);
        pieces.splice(at, 2, pieces[at] + pieces[at + 1]);
      }
    };
    let seed = 1;
    for (let round = 0; round < 200; round++) {
      const length = 1 + (round % 70);
      const word = Array.from({ length }, () => {
        seed = (seed * 48271) % 2147483647;
        return letters[seed % 3];
      }).join('');
      expect(model.encode(word).map((id) => model.tokenOf(id))).toEqual(naive(word));
    }
  });

  it('takes time in proportion to a long word', () => {
    const word = 'the'.repeat(100_000);
    expect(tokenizer.decode(tokenizer.encode(word))).toBe(word);
  });

  it('refuses what is no text or no token', () => {
    expect(() => tokenizer.encode(5 as unknown as string)).toThrow(ArgumentError);
    expect(() => tokenizer.decode([9999])).toThrow(/no token has the number 9999/);
    expect(() => tokenizer.decode(5 as unknown as number[])).toThrow(ArgumentError);
  });
});

describe('files', () => {
  it('reads merges as strings and as pairs', () => {
    const tokenizer = BytePairTokenizer.fromJSON(tiny());
    expect(tokenizer.encode('abcd')).toEqual([6]);
    expect(tokenizer.encode('abcab')).toEqual([4, 2, 4]);
    expect(tokenizer.vocabularySize).toBe(7);
  });

  it('writes a file that reads as the same, and the two files of GPT-2', async () => {
    const trained = BytePairTokenizer.train(SENNRICH, { vocabSize: 270, specialTokens: ['<|endoftext|>'] });
    const path = join(folder, 'tokenizer.json');
    await trained.save(path);
    const text = 'lowest<|endoftext|> newest';
    const ids = trained.encode(text);
    expect((await BytePairTokenizer.load(path)).encode(text)).toEqual(ids);
    const { model } = JSON.parse(await readFile(path, 'utf8')) as { model: { vocab: object; merges: string[][] } };
    await writeFile(join(folder, 'vocab.json'), JSON.stringify(model.vocab));
    const merges = model.merges.map((merge) => merge.join(' ')).join('\n');
    await writeFile(join(folder, 'merges.txt'), `#version: 0.2\n${merges}\n`);
    const gpt2 = await BytePairTokenizer.loadGpt2(join(folder, 'vocab.json'), join(folder, 'merges.txt'));
    expect(gpt2.encode(text)).toEqual(ids);
    expect(gpt2.decode(ids)).toBe('lowest newest');
  });

  it.each([
    [[], /t\.json: the file must be an object/],
    [{}, /t\.json: model must be an object, got undefined/],
    [tiny({ model: { type: 'WordPiece' } }), /model: the model "WordPiece" is not supported/],
    [tinyModel({ dropout: 0.1 }), /model: dropout is not supported/],
    [tinyModel({ vocab: { a: -1 } }), /model\.vocab\.a must be an integer >= 0, got -1/],
    [tinyModel({ vocab: { a: 0, b: 0 } }), /model\.vocab: "a" and "b" both have the number 0/],
    [tinyModel({ vocab: { a: 1e12 } }), /model\.vocab: the number 1000000000000 of "a" is not below/],
    [tinyModel({ merges: ['ab'] }), /model: merges\[0\] must be two tokens, got "ab"/],
    [tinyModel({ merges: [['a', 'b', 'c']] }), /model: merges\[0\] must be two tokens/],
    [tinyModel({ merges: ['a x'] }), /model: merge 0 needs "x", which is no token/],
    [tinyModel({ merges: 5 }), /model\.merges must be an array, got 5/],
    [tinyModel({ unk_token: '<unk>' }), /model: the unknown token "<unk>" is not in the vocabulary/],
    [tiny({ normalizer: { type: 'Precompiled' } }), /normalizer: the normalizer "Precompiled" is not supported/],
    [
      tiny({ normalizer: { type: 'BertNormalizer', strip_accents: 1 } }),
      /normalizer\.strip_accents must be true or false/,
    ],
    [
      tiny({ normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Nmt' }] } }),
      /normalizer\.normalizers\[1\]: .*"Nmt"/,
    ],
    [tiny({ pre_tokenizer: { type: 'UnicodeScripts' } }), /the pre-tokenizer "UnicodeScripts" is not supported/],
    [tiny({ pre_tokenizer: { type: 'Metaspace' } }), /pre_tokenizer\.replacement must be a string, got undefined/],
    [metaspace({ replacement: '__' }), /pre_tokenizer: replacement must be one character, got "__"/],
    [metaspace({ prepend_scheme: 'odd' }), /prepend_scheme must be always, first or never, got "odd"/],
    [metaspace({ prepend_scheme: 'never', add_prefix_space: true }), /add_prefix_space and prepend_scheme disagree/],
    [metaspace({ prepend_scheme: 'always', add_prefix_space: false }), /add_prefix_space and prepend_scheme disagree/],
    [
      { ...metaspace({ prepend_scheme: 'first' }), normalizer: { type: 'Strip' } },
      /prepend_scheme "first" is not supported behind Strip/,
    ],
    [
      tiny({ pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Digits' }, META] } }),
      /pretokenizers\[1\]: prepend_scheme "first" must be the first part/,
    ],
    [tiny({ pre_tokenizer: { type: 'CharDelimiterSplit', delimiter: '' } }), /delimiter must be one character/],
    [tiny({ decoder: { type: 'Metaspace', replacement: '' } }), /decoder: replacement must be one character/],
    [
      tiny({ pre_tokenizer: { type: 'Split', pattern: { Regex: 'a++' }, behavior: 'Isolated' } }),
      /the pattern "a\+\+" is not supported/,
    ],
    [
      tiny({ pre_tokenizer: { type: 'Split', pattern: { Regex: '(?x)a' }, behavior: 'Isolated' } }),
      /has a group that is not supported/,
    ],
    [tiny({ pre_tokenizer: { type: 'Split', pattern: {}, behavior: 'Isolated' } }), /must have String or Regex/],
    [tiny({ pre_tokenizer: { type: 'Split', pattern: { String: 'a' }, behavior: 'Odd' } }), /the behavior "Odd"/],
    [tiny({ post_processor: { type: 'Odd' } }), /post_processor: the post-processor "Odd" is not supported/],
    [
      tiny({ post_processor: { type: 'TemplateProcessing', single: [{}], pair: [], special_tokens: {} } }),
      /single\[0\]: must be a SpecialToken/,
    ],
    [tiny({ decoder: { type: 'WordPiece' } }), /decoder: the decoder "WordPiece" is not supported/],
    [tiny({ padding: {} }), /padding is not supported/],
    [tiny({ added_tokens: [{ id: 1, content: 'x' }] }), /added_tokens\[0\] "x" has the number 1 of "b"/],
    [
      tiny({ added_tokens: [{ id: 9, content: 'a' }] }),
      /added_tokens\[0\] "a" has the number 9, in the vocabulary it is 0/,
    ],
    [tiny({ added_tokens: [{ id: 9 }] }), /added_tokens\[0\]\.content must be a string/],
  ])('refuses %#', (json, message) => {
    expect(() => BytePairTokenizer.fromJSON(json, 't.json')).toThrow(FormatError);
    expect(() => BytePairTokenizer.fromJSON(json, 't.json')).toThrow(message);
  });

  it('reads the older way to write Metaspace, and puts a blank before the text only once', () => {
    const vocab = { '<unk>': 0, _: 1, a: 2, _a: 3 };
    const model = { type: 'BPE', vocab, merges: ['_ a'], unk_token: '<unk>' };
    const added = [{ id: 9, content: 'X' }];
    const made = (changes: object) =>
      BytePairTokenizer.fromJSON(
        tiny({ model, added_tokens: added, pre_tokenizer: { type: 'Metaspace', replacement: '_', ...changes } }),
      ).encode('a aXa');
    expect(made({ add_prefix_space: true })).toEqual([3, 3, 9, 3]);
    expect(made({ add_prefix_space: false, prepend_scheme: 'never' })).toEqual([2, 3, 9, 2]);
    expect(made({ prepend_scheme: 'first' })).toEqual([3, 3, 9, 2]);
    expect(made({ prepend_scheme: 'first', split: false })).toEqual([3, 3, 9, 2]);
  });

  it('names the file and the reason when it is no JSON', async () => {
    const path = join(folder, 'broken.json');
    await writeFile(path, '{"model": ');
    await expect(BytePairTokenizer.load(path)).rejects.toMatchObject({ path, name: 'FormatError' });
    await expect(BytePairTokenizer.load(path)).rejects.toThrow(/broken\.json: not valid JSON: /);
  });
});
