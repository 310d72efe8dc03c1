// Recurrent and Transformer models of sequences: decoding step by step, what they refuse, what they learn.
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  cat,
  DTypeError,
  F,
  manualSeed,
  memory,
  models,
  optim,
  randint,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';

const largest = (x: Tensor): number => x.abs().max().itemSync();
const tokensOf = (...shape: number[]): Tensor => randint(1, 7, shape, { dtype: 'int64' });
const f64 = { dtype: 'float64' } as const;

const char = (cell: 'lstm' | 'gru') =>
  new models.CharRNN({ vocabSize: 7, embeddingDim: 4, hiddenSize: 5, numLayers: 2, cell, ...f64 }).eval();
const rnn = (options: Partial<models.RNNSeq2SeqOptions>) =>
  new models.RNNSeq2Seq({
    ...{ sourceVocabSize: 7, targetVocabSize: 7, embeddingDim: 4, hiddenSize: 5, numLayers: 2, ...f64 },
    ...options,
  }).eval();
const transformer = (options: Partial<models.TransformerSeq2SeqOptions> = {}) =>
  new models.TransformerSeq2Seq({
    ...{ sourceVocabSize: 7, targetVocabSize: 7, dModel: 8, nhead: 2, numDecoderLayers: 2, maxLen: 12, ...f64 },
    ...options,
  }).eval();

/** Logits step by step, with the sequences of the batch reordered after the first steps, are those of a whole run. */
function decodesAlike<C extends models.DecodingCache>(
  model: models.StepModel<C>,
  cache: C,
  whole: (tokens: Tensor, rows: Tensor) => Tensor,
): void {
  const tokens = tokensOf(3, 6);
  const same = tensor([0, 1, 2], { dtype: 'int64' });
  for (const [from, length] of [
    [0, 2],
    [2, 1],
    [3, 3],
  ]) {
    const logits = model.step(tokens.narrow(1, from, length), cache);
    const wanted = whole(tokens, same).select(1, from + length - 1);
    expect(largest(logits.sub(wanted)), `step at ${from}`).toBeLessThan(1e-12);
  }
  expect(cache.length).toBe(6);
  const rows = tensor([2, 0, 0, 1], { dtype: 'int64' });
  cache.reorder(rows);
  const next = tokensOf(4, 1);
  const longer = cat([tokens.indexSelect(0, rows), next], 1);
  expect(largest(model.step(next, cache).sub(whole(longer, rows).select(1, 6)))).toBeLessThan(1e-12);
  cache.dispose();
}

describe('decoding with what is kept is decoding without', () => {
  it.each(['lstm', 'gru'] as const)('CharRNN, %s', (cell) => {
    const model = char(cell);
    decodesAlike(model, model.createCache(), (tokens) => model.forward(tokens));
  });

  it.each([
    ['bahdanau', 'lstm', true],
    ['dot', 'gru', false],
    ['general', 'lstm', false],
    ['concat', 'gru', true],
  ] as const)('RNNSeq2Seq, %s, %s', (attention, cell, bidirectional) => {
    const model = rnn({ attention, cell, bidirectional });
    const [source, lengths] = [tokensOf(3, 5), [5, 2, 4]];
    decodesAlike(model, model.createCache(source, { sourceLengths: lengths }), (tokens, rows) => {
      const sourceLengths = Array.from(rows.dataSync(), Number).map((row) => lengths[row]);
      return model.forward(source.indexSelect(0, rows), tokens, { sourceLengths });
    });
  });

  it.each([null, 0])('TransformerSeq2Seq, padding %s', (padToken) => {
    const model = transformer({ padToken, normFirst: padToken === null });
    const source = tokensOf(3, 5);
    source.set([1, { start: 3 }], 0);
    decodesAlike(model, model.createCache(source), (tokens, rows) =>
      model.forward(source.indexSelect(0, rows), tokens),
    );
  });
});

describe('padding of the source changes nothing', () => {
  const [short, long] = [tokensOf(1, 3), tokensOf(1, 5)];
  const padded = cat([short, zeros([1, 2], { dtype: 'int64' })], 1);
  const both = cat([padded, long], 0);
  const target = tokensOf(2, 4);
  const alike = (one: Tensor, of: Tensor): void => {
    expect(largest(one.select(0, 0).sub(of.select(0, 0)))).toBeLessThan(1e-13);
  };
  it('with lengths', () => {
    for (const attention of ['bahdanau', 'general'] as const) {
      const model = rnn({ attention });
      alike(model.forward(short, target.narrow(0, 0, 1)), model.forward(both, target, { sourceLengths: [3, 5] }));
    }
  });
  it('with a token', () => {
    const model = transformer({ padToken: 0 });
    alike(model.forward(short, target.narrow(0, 0, 1)), model.forward(both, target));
  });
});

describe('generating', () => {
  it('says what the model says greedily, and stops at the end', async () => {
    manualSeed(5);
    const source = tokensOf(2, 4);
    for (const model of [rnn({}), rnn({ attention: 'bahdanau' }), transformer()]) {
      let slow = zeros([2, 1], { dtype: 'int64' });
      for (let i = 0; i < 5; i++) {
        const logits = model.forward(source, slow).select(1, i);
        slow = cat([slow, logits.argmax(-1).unsqueeze(1)], 1);
      }
      const fast = await model.train().generate(source, { startToken: 0, maxNewTokens: 5 });
      expect(fast.toArraySync()).toEqual(slow.narrow(1, 1, 5).toArraySync());
      expect(model.training).toBe(true);
      const next = () => tensor([3, 3], { dtype: 'int64' });
      expect((await model.generate(source, { startToken: 0, maxNewTokens: 5, next, endToken: 3 })).shape).toEqual([
        2, 1,
      ]);
    }
  });

  it('frees what it makes on the way', async () => {
    const source = tokensOf(2, 4);
    const [one, two, three] = [char('lstm'), rnn({}), transformer({ padToken: 0 })];
    const run = async (): Promise<void> => {
      (await one.generate(source, { maxNewTokens: 5 })).dispose();
      (await two.generate(source, { startToken: 0, maxNewTokens: 5, sourceLengths: [4, 2] })).dispose();
      (await three.generate(source, { startToken: 0, maxNewTokens: 5 })).dispose();
    };
    await run();
    const before = memory().tensors;
    await run();
    expect(memory().tensors - before).toBeLessThanOrEqual(0);
  });
});

describe('the models learn', () => {
  const reversed = (source: Tensor): Tensor => source.flip(1);
  it('to say a sequence backwards', () => {
    manualSeed(6);
    const source = tokensOf(16, 4);
    const target = cat([zeros([16, 1], { dtype: 'int64' }), reversed(source)], 1);
    for (const [model, lr] of [
      [rnn({ hiddenSize: 16, dtype: 'float32' }), 0.02],
      [transformer({ dModel: 16, dropout: 0, dtype: 'float32', numEncoderLayers: 1, numDecoderLayers: 1 }), 0.01],
    ] as const) {
      model.train();
      const optimizer = new optim.Adam(model.parameters(), { lr });
      let loss = Infinity;
      for (let i = 0; i < 60 && loss > 0.5; i++) {
        optimizer.zeroGrad();
        const logits = model.forward(source, target.narrow(1, 0, 4));
        const value = F.crossEntropy(logits.flatten(0, 1), target.narrow(1, 1, 4).flatten());
        value.backward();
        optimizer.step();
        loss = value.itemSync();
      }
      expect(loss).toBeLessThan(0.5);
    }
  });
});

describe('bad input', () => {
  it('is refused', async () => {
    expect(() => char('lstm').forward(zeros([2, 3]))).toThrow(DTypeError);
    expect(() => new models.CharRNN({ vocabSize: 0 })).toThrow(ArgumentError);
    expect(() => new models.CharRNN({ vocabSize: 3, cell: 'rnn' as never })).toThrow(/cell must be 'lstm' or 'gru'/);
    const model = rnn({});
    const text = /source \[3, 4\] and target \[2, 4\] differ in the batch/;
    expect(() => model.forward(tokensOf(3, 4), tokensOf(2, 4))).toThrow(text);
    expect(() => model.forward(tokensOf(2, 4), tokensOf(2, 4), { sourceLengths: [5, 1] })).toThrow(
      /in \[1, 4\], got 5/,
    );
    expect(() => rnn({ attention: 'none' as never })).toThrow(
      /attention must be one of bahdanau, dot, general, concat/,
    );
    expect(() => rnn({ attention: 'dot' })).toThrow(/score 'dot' needs equal sizes/);
    expect(() => transformer().forward(tokensOf(1, 13), tokensOf(1, 2))).toThrow(/has 13 positions, there are 12/);
    await expect(transformer().generate(tokensOf(1, 2), { startToken: 0, maxNewTokens: 13 })).rejects.toThrow(
      ShapeError,
    );
    await expect(model.generate(tokensOf(1, 2), { maxNewTokens: 1 } as never)).rejects.toThrow(/startToken must be/);
    const attention = new models.LuongAttention(3, 4);
    const [query, places] = [randn([2, 1, 3]), randn([2, 5, 4])];
    expect(() => attention.forward(places, query)).toThrow(/must be \[N, T, 3\] and \[N, S, 4\]/);
    expect(() => attention.forward(query, places, { mask: zeros([2, 4], { dtype: 'bool' }) })).toThrow(/\[2, 5\], got/);
    expect(attention.forward(query, places)[1].shape).toEqual([2, 1, 5]);
  });
});
