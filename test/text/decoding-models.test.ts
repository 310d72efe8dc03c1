// Decoding with real models, small and seeded: what is kept against everything again, beams against all texts there are.
import { describe, expect, it } from 'vitest';
import { Generator, manualSeed, models, nn, noGrad, type Tensor, tensor } from '../../lib/index.js';
import { beamSearch, type DecodingState, greedy, sample } from '../../lib/text/index.js';

/** Tokens 0 to 3; a text begins with 0 and ends with 3. */
const [START, END, SIZE] = [0, 3, 4];
const MOST = 5;
const f64 = { dtype: 'float64' } as const;

const ints = (rows: readonly (readonly number[])[]): Tensor => tensor(rows as number[][], { dtype: 'int64' });

/** Two rows of a batch in a model that keeps what it has seen, and the same without. */
interface Subject {
  readonly prompts: readonly number[][];
  /** A step with what is kept, and an empty state. */
  cached(): { step: (tokens: Tensor, state: models.DecodingCache) => Tensor; state: models.DecodingCache };
  /** Scores of what follows texts `[N, T]` that go on from these rows, computed from the beginning. */
  whole(texts: Tensor, rows: readonly number[]): Tensor;
}

/** Weights so large that tokens differ in probability. */
function loud<M extends nn.AnyModule>(model: M): M {
  manualSeed(11);
  noGrad(() => {
    for (const parameter of model.parameters()) nn.init.normal_(parameter, 0, 0.7);
  });
  return model.eval();
}

function languageModel<C extends models.DecodingCache>(
  model: models.StepModel<C> & { forward(tokens: Tensor): Tensor; createCache(): C },
): Subject {
  return {
    prompts: [
      [START, 1, 2],
      [START, 2, 2],
    ],
    cached: () => ({ step: (tokens, state) => model.step(tokens, state as C), state: model.createCache() }),
    whole: (texts) => model.forward(texts).select(1, texts.shape[1] - 1),
  };
}

const LENGTHS = [4, 2];
const SOURCE = [
  [1, 2, 4, 3],
  [2, 1, 0, 0],
];

function translator<C extends models.DecodingCache>(
  model: models.StepModel<C>,
  createCache: (source: Tensor) => C,
  forward: (source: Tensor, target: Tensor, lengths: number[]) => Tensor,
): Subject {
  return {
    prompts: [[START], [START]],
    cached: () => ({ step: (tokens, state) => model.step(tokens, state as C), state: createCache(ints(SOURCE)) }),
    whole: (texts, rows) => {
      const source = ints(rows.map((row) => SOURCE[row]));
      const lengths = rows.map((row) => LENGTHS[row]);
      return forward(source, texts, lengths).select(1, texts.shape[1] - 1);
    },
  };
}

const charRnn = (cell: 'lstm' | 'gru'): Subject =>
  languageModel(
    loud(new models.CharRNN({ vocabSize: SIZE, embeddingDim: 3, hiddenSize: 6, numLayers: 2, cell, ...f64 })),
  );

function recurrent(attention: 'bahdanau' | 'general', cell: 'lstm' | 'gru'): Subject {
  const sizes = { sourceVocabSize: 5, targetVocabSize: SIZE, embeddingDim: 3, hiddenSize: 4 };
  const model = loud(new models.RNNSeq2Seq({ ...sizes, attention, cell, ...f64 }));
  return translator(
    model,
    (source) => model.createCache(source, { sourceLengths: LENGTHS }),
    (source, target, sourceLengths) => model.forward(source, target, { sourceLengths }),
  );
}

function transformer(): Subject {
  const sizes = { sourceVocabSize: 5, targetVocabSize: SIZE, dModel: 8, nhead: 2, dimFeedforward: 6, maxLen: 12 };
  const layers = { numEncoderLayers: 1, numDecoderLayers: 2, padToken: 0 };
  const model = loud(new models.TransformerSeq2Seq({ ...sizes, ...layers, ...f64 }));
  return translator(
    model,
    (source) => model.createCache(source),
    (source, target) => model.forward(source, target),
  );
}

const gptSizes = { vocabSize: SIZE, nPositions: 12, nEmbd: 8, nLayer: 2, nHead: 2 };
const SUBJECTS: readonly (readonly [string, () => Subject])[] = [
  ['GPT', () => languageModel(loud(new models.GPT({ ...gptSizes, ...f64 })))],
  ['CharRNN, LSTM', () => charRnn('lstm')],
  ['CharRNN, GRU', () => charRnn('gru')],
  ['RNNSeq2Seq, Bahdanau', () => recurrent('bahdanau', 'lstm')],
  ['RNNSeq2Seq, Luong', () => recurrent('general', 'gru')],
  ['TransformerSeq2Seq', transformer],
];

/** Keeps no numbers, only the texts so far and which row each of them began as. */
class Texts implements DecodingState {
  rows: { from: number; text: number[] }[] = [];

  reorder(order: Tensor): void {
    const rows = Array.from(order.dataSync(), Number).map((row) => this.rows[row]);
    this.rows = rows.map(({ from, text }) => ({ from, text: [...text] }));
  }
}

/** A step that computes everything again. */
const again =
  (subject: Subject) =>
  (tokens: Tensor, state: Texts): Tensor => {
    const [count, length] = tokens.shape;
    const values = Array.from(tokens.dataSync(), Number);
    if (state.rows.length === 0) state.rows = Array.from({ length: count }, (_, from) => ({ from, text: [] }));
    for (const [i, { text }] of state.rows.entries()) text.push(...values.slice(i * length, (i + 1) * length));
    return subject.whole(
      ints(state.rows.map(({ text }) => text)),
      state.rows.map(({ from }) => from),
    );
  };

interface Found {
  tokens: number[];
  sum: number;
  /** With the end token. */
  length: number;
}

/** Every text of at most MOST tokens that goes on from a row, with its log probability. */
function allTexts(subject: Subject, row: number): Found[] {
  const found: Found[] = [];
  let open: { tokens: number[]; sum: number }[] = [{ tokens: [], sum: 0 }];
  for (let length = 1; length <= MOST; length++) {
    const texts = ints(open.map(({ tokens }) => [...subject.prompts[row], ...tokens]));
    const rows = open.map(() => row);
    const scores = noGrad(() => subject.whole(texts, rows).logSoftmax(1)).toArraySync() as number[][];
    const next: typeof open = [];
    for (const [i, { tokens, sum }] of open.entries()) {
      for (const [token, score] of scores[i].entries()) {
        if (token === END) found.push({ tokens, sum: sum + score, length });
        else next.push({ tokens: [...tokens, token], sum: sum + score });
      }
    }
    open = next;
  }
  return [...found, ...open.map(({ tokens, sum }) => ({ tokens, sum, length: MOST }))];
}

const best = (texts: readonly Found[], penalty: number) =>
  texts.map((text) => ({ ...text, score: text.sum / text.length ** penalty })).sort((a, b) => b.score - a.score);

describe.each(SUBJECTS)('%s', (_name, make) => {
  const subject = make();
  const options = { maxTokens: MOST, endToken: END };

  it('says the same with what is kept as without, in every way of decoding', async () => {
    const draw = () => ({ temperature: 0.8, topK: 3, topP: 0.95, repetitionPenalty: 1.1, generator: new Generator(5) });
    const long = { maxTokens: 9 };
    const { cached, prompts } = subject;
    for (const penalty of [1, 1.3]) {
      const own = { ...long, repetitionPenalty: penalty };
      const [kept, anew] = [cached(), { step: again(subject), state: new Texts() }];
      const made = await greedy(kept.step, prompts, { ...own, state: kept.state });
      expect(made).toEqual(await greedy(anew.step, prompts, { ...own, state: anew.state }));
      expect(made.map((row) => row.length)).toEqual([9, 9]);
      kept.state.dispose();
    }
    const drawn = cached();
    const rows = await sample(drawn.step, prompts, { ...long, ...draw(), state: drawn.state });
    expect(rows).toEqual(await sample(again(subject), prompts, { ...long, ...draw(), state: new Texts() }));
    const beams = cached();
    const found = await beamSearch(beams.step, prompts, { ...options, beams: 3, state: beams.state });
    const slow = await beamSearch(again(subject), prompts, { ...options, beams: 3, state: new Texts() });
    expect(found.map((row) => row.map(({ tokens }) => tokens))).toEqual(
      slow.map((row) => row.map(({ tokens }) => tokens)),
    );
    for (const [i, row] of found.entries()) {
      for (const [rank, { score }] of row.entries()) expect(score).toBeCloseTo(slow[i][rank].score, 10);
    }
  });

  it('is greedy with one beam, with the most probable token, and with a part of no probability', async () => {
    const run = subject.cached;
    const [one, line] = [run(), run()];
    const wanted = await greedy(line.step, subject.prompts, { ...options, state: line.state });
    const found = await beamSearch(one.step, subject.prompts, {
      ...options,
      state: one.state,
      beams: 1,
      earlyStopping: true,
    });
    expect(found.map(([{ tokens }]) => tokens)).toEqual(wanted);
    for (const filter of [{ topK: 1 }, { topP: 1e-9 }, { temperature: 1e-3 }]) {
      const { step, state } = run();
      expect(await sample(step, subject.prompts, { ...options, ...filter, state })).toEqual(wanted);
    }
  });

  it.each([-1, 0, 0.7, 1, 2])(
    'finds the best of all texts with enough beams, length penalty %d',
    async (lengthPenalty) => {
      const { step, state } = subject.cached();
      // 81 beginnings of four tokens that have not ended.
      const found = await beamSearch(step, subject.prompts, { ...options, state, beams: 250, lengthPenalty });
      for (const row of [0, 1]) {
        const wanted = best(allTexts(subject, row), lengthPenalty);
        expect(found[row]).toHaveLength(Math.min(250, wanted.length));
        for (const [rank, { tokens, score, sum }] of wanted.slice(0, 20).entries()) {
          expect(found[row][rank].tokens).toEqual(tokens);
          expect(found[row][rank].score).toBeCloseTo(score, 10);
          expect(found[row][rank].logProbability).toBeCloseTo(sum, 10);
        }
      }
    },
  );
});

describe('beams and length', () => {
  it('find texts that the greedy way misses, longer ones for a higher penalty', async () => {
    let missed = 0;
    const lengths: number[][] = [];
    for (const [, make] of SUBJECTS) {
      const subject = make();
      const line = subject.cached();
      const options = { maxTokens: MOST, endToken: END };
      const greedily = await greedy(line.step, subject.prompts, { ...options, state: line.state });
      for (const row of [0, 1]) {
        const texts = allTexts(subject, row);
        if (String(best(texts, 0)[0].tokens) !== String(greedily[row])) missed++;
        lengths.push([0, 1, 4].map((penalty) => best(texts, penalty)[0].length));
      }
    }
    expect(missed).toBeGreaterThan(0);
    for (const [short, middle, long] of lengths) {
      expect(short).toBeLessThanOrEqual(middle);
      expect(middle).toBeLessThanOrEqual(long);
    }
    expect(lengths.some(([short, , long]) => short < long)).toBe(true);
  });
});

describe('generate of the models', () => {
  it('says what the greedy way of nabla/text says', async () => {
    manualSeed(4);
    const gpt = loud(new models.GPT({ ...gptSizes, ...f64 }));
    const prompts = [
      [START, 1, 2],
      [START, 2, 2],
    ];
    const state = gpt.createCache();
    const rows = await greedy((tokens, cache) => gpt.step(tokens, cache), prompts, {
      state,
      maxTokens: MOST,
      endToken: END,
    });
    const made = await gpt.generate(ints(prompts), { maxNewTokens: MOST, endToken: END });
    const texts = (made.narrow(1, 3, made.shape[1] - 3).toArraySync() as bigint[][]).map((row) => row.map(Number));
    expect(texts.map((row) => (row.includes(END) ? row.slice(0, row.indexOf(END)) : row))).toEqual(rows);
  });
});
