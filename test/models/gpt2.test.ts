// A GPT-2 that Hugging Face's transformers saved: its file loads, logits and texts are equal (test/fixtures/make_gpt2_fixture.py).
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { io, models, noGrad, tensor } from '../../lib/index.js';
import { beamSearch, greedy } from '../../lib/text/index.js';

interface Fixture {
  sizes: { vocab_size: number; n_positions: number; n_embd: number; n_layer: number; n_head: number };
  end: number;
  tokens: number[][];
  logits: number[];
  greedy: number[][];
  penalized: number[][];
  beams: {
    beams: number;
    lengthPenalty: number;
    earlyStopping: boolean;
    found: { tokens: number[]; score: number }[][];
  }[];
}

const at = (name: string): URL => new URL(`../fixtures/${name}`, import.meta.url);
const fixture = JSON.parse(readFileSync(at('gpt2.json'), 'utf8')) as Fixture;
const { sizes, tokens, end } = fixture;

async function load(): Promise<models.GPT> {
  const model = new models.GPT({
    vocabSize: sizes.vocab_size,
    nPositions: sizes.n_positions,
    nEmbd: sizes.n_embd,
    nLayer: sizes.n_layer,
    nHead: sizes.n_head,
  });
  const { tensors } = await io.loadSafetensors(fileURLToPath(at('gpt2.safetensors')));
  expect(Object.keys(tensors)).not.toContain('lm_head.weight');
  model.loadStateDict(tensors);
  return model.eval();
}

describe('a file of GPT-2', () => {
  it('loads, and gives the same logits', async () => {
    const model = await load();
    const logits = noGrad(() => model.forward(tensor(tokens, { dtype: 'int64' })));
    const wanted = tensor(fixture.logits).reshape(logits.shape);
    expect(logits.sub(wanted).abs().max().itemSync()).toBeLessThan(1e-5);
  });

  it('says the same greedily, with and without a penalty of repetition', async () => {
    const model = await load();
    for (const [wanted, repetitionPenalty] of [
      [fixture.greedy, 1],
      [fixture.penalized, 1.5],
    ] as const) {
      const state = model.createCache();
      const options = { state, maxTokens: 6, endToken: end, repetitionPenalty };
      expect(await greedy((x, cache) => model.step(x, cache), tokens, options)).toEqual(wanted);
      state.dispose();
    }
  });

  it('finds the same beams with the same scores, for every length penalty', async () => {
    const model = await load();
    expect(fixture.beams.length).toBe(5);
    for (const { found, ...options } of fixture.beams) {
      const state = model.createCache();
      const own = await beamSearch((x, cache) => model.step(x, cache), tokens, {
        ...options,
        state,
        maxTokens: 6,
        endToken: end,
      });
      for (const [i, row] of found.entries()) {
        expect(own[i].map((beam) => beam.tokens)).toEqual(row.map((beam) => beam.tokens));
        for (const [rank, { score }] of row.entries()) expect(own[i][rank].score).toBeCloseTo(score, 4);
      }
      state.dispose();
    }
  });
});
