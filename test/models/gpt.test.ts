// GPT: decoding with and without what is kept, its files, its first values, bad input.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  cat,
  DTypeError,
  F,
  io,
  manualSeed,
  memory,
  models,
  optim,
  randint,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';

const SMALL = { vocabSize: 11, nPositions: 16, nEmbd: 8, nLayer: 2, nHead: 2 };
const largest = (x: Tensor): number => x.abs().max().itemSync();
const tokensOf = (...shape: number[]): Tensor => randint(0, 11, shape, { dtype: 'int64' });

describe('GPT', () => {
  it('gives the same logits step by step as at once', () => {
    manualSeed(2);
    const model = new models.GPT({ ...SMALL, initializerRange: 0.5, dtype: 'float64' }).eval();
    const tokens = tokensOf(3, 12);
    const whole = model.forward(tokens);
    for (const parts of [[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], [5, 1, 4, 2], [12]]) {
      const cache = model.createCache();
      let at = 0;
      for (const length of parts) {
        const logits = model.step(tokens.narrow(1, at, length), cache);
        at += length;
        expect(largest(logits.sub(whole.select(1, at - 1)))).toBeLessThan(1e-12);
      }
      expect(cache.length).toBe(12);
    }
  });

  it('goes on with other sequences of the batch', () => {
    const model = new models.GPT({ ...SMALL, initializerRange: 0.5, dtype: 'float64' }).eval();
    const tokens = tokensOf(3, 5);
    const rows = tensor([2, 2, 0, 1], { dtype: 'int64' });
    const cache = model.createCache();
    model.step(tokens, cache);
    cache.reorder(rows);
    const next = tokensOf(4, 1);
    const whole = model.forward(cat([tokens.indexSelect(0, rows), next], 1));
    expect(largest(model.step(next, cache).sub(whole.select(1, 5)))).toBeLessThan(1e-12);
  });

  it('generates: greedily, by a function, up to an end', async () => {
    manualSeed(3);
    const model = new models.GPT({ ...SMALL, initializerRange: 0.5 });
    model.transformer.drop.eval();
    const tokens = tokensOf(2, 3);
    let slow = tokens;
    model.eval();
    for (let i = 0; i < 6; i++) {
      const logits = model.forward(slow).select(1, slow.shape[1] - 1);
      slow = cat([slow, logits.argmax(-1).unsqueeze(1)], 1);
    }
    model.train();
    model.transformer.drop.eval();
    const fast = await model.generate(tokens, { maxNewTokens: 6 });
    expect(fast.toArraySync()).toEqual(slow.toArraySync());
    expect([model.training, model.transformer.drop.training]).toEqual([true, false]);

    let step = 0;
    const plan = [
      [4, 4],
      [9, 4],
      [4, 9],
      [4, 4],
    ];
    const next = async (logits: Tensor): Promise<Tensor> => {
      expect(logits.shape).toEqual([2, 11]);
      return tensor(plan[step++], { dtype: 'int64' });
    };
    const out = await model.generate(tokens, { maxNewTokens: 4, next, endToken: 9, padToken: 0 });
    expect(out.narrow(1, 3, 3).to('int32').toArraySync()).toEqual([
      [4, 9, 0],
      [4, 4, 9],
    ]);
    expect(step).toBe(3);
  });

  it('frees what it makes on the way', async () => {
    const model = new models.GPT(SMALL);
    const tokens = tokensOf(2, 3);
    (await model.generate(tokens, { maxNewTokens: 10 })).dispose();
    const before = memory().tensors;
    (await model.generate(tokens, { maxNewTokens: 10 })).dispose();
    expect(memory().tensors - before).toBeLessThanOrEqual(0);
  });

  it('loads files of Hugging Face, with all their differences', async () => {
    const model = new models.GPT(SMALL);
    const state = model.stateDict();
    expect(Object.keys(state).slice(0, 8)).toEqual(
      ['wte.weight', 'wpe.weight', 'h.0.ln_1.weight', 'h.0.ln_1.bias', 'h.0.attn.c_attn.weight', 'h.0.attn.c_attn.bias']
        .concat(['h.0.attn.c_proj.weight', 'h.0.attn.c_proj.bias'])
        .map((name) => `transformer.${name}`),
    );
    expect(state['transformer.h.0.attn.c_attn.weight'].shape).toEqual([8, 24]);
    expect(Object.keys(state).at(-1)).toBe('lm_head.weight');
    const tokens = tokensOf(2, 4);
    const wanted = model.eval().forward(tokens);
    const { 'lm_head.weight': _, ...untied } = state;
    const bare = Object.fromEntries(Object.entries(untied).map(([key, x]) => [key.replace('transformer.', ''), x]));
    bare['h.0.attn.bias'] = zeros([1, 1, 16, 16]);
    bare['h.1.attn.masked_bias'] = zeros([]);
    const folder = await mkdtemp(join(tmpdir(), 'gpt-'));
    await io.saveSafetensors(join(folder, 'model.safetensors'), bare);
    const { tensors: read } = await io.loadSafetensors(join(folder, 'model.safetensors'));
    await rm(folder, { recursive: true });
    for (const [given, options] of [
      [state, {}],
      [untied, { assign: true }],
      [bare, {}],
      [read, {}],
    ] as const) {
      const other = new models.GPT(SMALL).eval();
      other.loadStateDict(given, options);
      expect(other.lmHead.weight).toBe(other.transformer.wte.weight);
      expect(largest(other.forward(tokens).sub(wanted))).toBe(0);
    }
    expect(() => new models.GPT(SMALL).loadStateDict({ ...state, 'h.0.attn.extra': zeros([]) })).toThrow(/unexpected/);
  });

  it('stays tied in a copy, and begins as GPT-2', () => {
    const model = new models.GPT({ ...SMALL, nEmbd: 64, nLayer: 8 }).clone();
    expect(model.lmHead.weight).toBe(model.transformer.wte.weight);
    const std = (x: Tensor): number => x.std().itemSync();
    const [block] = model.transformer.h;
    expect(std(block.attn.cAttn.weight)).toBeCloseTo(0.02, 3);
    expect(std(block.mlp.cProj.weight)).toBeCloseTo(0.005, 3);
  });

  it('learns', () => {
    manualSeed(4);
    const model = new models.GPT({ ...SMALL, nEmbd: 16, residPdrop: 0, embdPdrop: 0, attnPdrop: 0 });
    const tokens = tensor([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]], { dtype: 'int64' });
    const optimizer = new optim.AdamW(model.parameters(), { lr: 0.02 });
    const losses: number[] = [];
    for (let i = 0; i < 30; i++) {
      optimizer.zeroGrad();
      const loss = F.crossEntropy(
        model.forward(tokens.narrow(1, 0, 9)).flatten(0, 1),
        tokens.narrow(1, 1, 9).flatten(),
      );
      loss.backward();
      optimizer.step();
      losses.push(loss.itemSync());
    }
    expect(losses[0]).toBeGreaterThan(2);
    expect(losses[29]).toBeLessThan(0.1);
  });

  it('refuses what does not fit', async () => {
    const model = new models.GPT(SMALL);
    expect(() => model.forward(tokensOf(1, 17))).toThrow(/tokens \[1, 17\]: 17 positions, nPositions is 16/);
    const cache = model.createCache();
    model.step(tokensOf(1, 10), cache);
    expect(() => model.step(tokensOf(1, 7), cache)).toThrow(/7 positions behind 10 others, nPositions is 16/);
    expect(() => model.forward(zeros([1, 3]))).toThrow(DTypeError);
    expect(() => model.forward(tokensOf(3))).toThrow(/tokens must be \[N, T\] with at least one token, got \[3\]/);
    expect(() => new models.GPT({ ...SMALL, nHead: 3 })).toThrow(ShapeError);
    expect(() => new models.GPT({ ...SMALL, nLayer: 0 })).toThrow(/nLayer must be an integer >= 1, got 0/);
    const wrong = { maxNewTokens: 1, next: () => tensor([1, 2, 3]) };
    await expect(model.generate(tokensOf(1, 2), wrong)).rejects.toThrow(/next must return \[1\], got \[3\]/);
  });
});
