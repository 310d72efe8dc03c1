// Byte-pair tokenizers against Hugging Face's (test/fixtures/make_tokenizer_fixtures.py).
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Config } from '../../lib/text/bpe/config.js';
import { makeNormalizer } from '../../lib/text/bpe/normalizer.js';
import { makePreTokenizer } from '../../lib/text/bpe/pre-tokenizer.js';
import { BytePairTokenizer } from '../../lib/text/index.js';

interface Case {
  tokenizer: Record<string, unknown> & { model: { merges: string[][]; vocab: Record<string, number> } };
  ids: number[][];
  tokens: string[];
  plain: number[];
  pair: number[];
  decoded: string[];
  withSpecial: string[];
}

const fixture = JSON.parse(readFileSync(new URL('../fixtures/tokenizers.json', import.meta.url), 'utf8')) as {
  training: string[];
  texts: string[];
  cases: Record<string, Case>;
  splits: { config: Record<string, unknown>; pieces: string[][] }[];
  characters: string[];
  normalized: { config: Record<string, unknown>; texts: string[] }[];
};
const { training, texts, characters } = fixture;

describe.each(Object.entries(fixture.cases))('tokenizer.json: %s', (_name, expected) => {
  const tokenizer = BytePairTokenizer.fromJSON(expected.tokenizer);

  it('encodes as Hugging Face does', () => {
    for (const [i, text] of texts.entries())
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(expected.ids[i]);
    expect(tokenizer.encode(texts[1], { addSpecialTokens: false })).toEqual(expected.plain);
    expect(tokenizer.encode('the cat', { pair: 'on the mat' })).toEqual(expected.pair);
    expect(expected.ids[0].map((id) => tokenizer.idToToken(id))).toEqual(expected.tokens);
  });

  it('decodes as Hugging Face does', () => {
    for (const [i, ids] of expected.ids.entries()) {
      expect(tokenizer.decode(ids), JSON.stringify(texts[i])).toBe(expected.decoded[i]);
      expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(expected.withSpecial[i]);
    }
  });

  it('writes what it has read', () => {
    const json = JSON.parse(JSON.stringify(tokenizer)) as Case['tokenizer'];
    expect(json).toEqual(expected.tokenizer);
    expect(BytePairTokenizer.fromJSON(json).encode(texts[2])).toEqual(expected.ids[2]);
  });
});

it('splits as each pre-tokenizer of Hugging Face does', () => {
  expect(fixture.splits.length).toBe(30);
  for (const { config, pieces } of fixture.splits) {
    const { split } = makePreTokenizer(Config.of('test', 'fixture', 'pre_tokenizer', config));
    for (const [i, text] of texts.entries()) expect(split(text), JSON.stringify([config, text])).toEqual(pieces[i]);
  }
});

it('normalizes as each normalizer of Hugging Face does', () => {
  expect(fixture.normalized.length).toBe(7);
  for (const { config, texts: wanted } of fixture.normalized) {
    const normalize = makeNormalizer(Config.of('test', 'fixture', 'normalizer', config));
    for (const [i, text] of [...texts, ...characters].entries())
      expect(normalize(text), JSON.stringify([config, text])).toBe(wanted[i]);
  }
});

it('learns the merges that Hugging Face learns', () => {
  for (const [name, addPrefixSpace] of [
    ['bytes', false],
    ['prefix', true],
  ] as const) {
    const { model } = fixture.cases[name].tokenizer;
    const options = { vocabSize: 340, specialTokens: ['<|end|>'], addPrefixSpace };
    const trained = BytePairTokenizer.train(training, options).toJSON().model as Case['tokenizer']['model'];
    expect(trained.merges).toEqual(model.merges);
    expect(trained.vocab).toEqual(model.vocab);
  }
});
