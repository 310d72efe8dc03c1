// Decoding with models whose probabilities are known, so that the right text can be found by trying all of them.
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  Generator,
  memory,
  nn,
  noGrad,
  ShapeError,
  scope,
  type Tensor,
  tensor,
} from '../../lib/index.js';
import {
  beamSearch,
  type DecodingState,
  filterLogits,
  greedy,
  repetitionPenalty,
  sample,
  TensorState,
  topKFilter,
  topPFilter,
} from '../../lib/text/index.js';

const END = 3;
const V = 4;

/** Some log probabilities that depend on all tokens so far. */
function scoresAfter(history: readonly number[]): number[] {
  let hash = 7;
  for (const token of history) hash = (hash * 31 + token * 17 + 5) % 1009;
  const weights = Array.from({ length: V }, (_, i) => Math.exp((((hash * (i + 3)) % 97) / 97) * 3));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => Math.log(weight / sum));
}

/** Remembers what stands in each row. */
class Histories implements DecodingState {
  rows: number[][] = [];
  calls: number[][] = [];

  reorder(rows: Tensor): void {
    this.rows = Array.from(rows.dataSync(), Number).map((row) => [...this.rows[row]]);
  }
}

function step(tokens: Tensor, state: Histories): Tensor {
  state.calls.push([...tokens.shape]);
  const [rows, length] = tokens.shape;
  const values = Array.from(tokens.dataSync(), Number);
  if (state.rows.length === 0) state.rows = Array.from({ length: rows }, () => []);
  for (const [i, row] of state.rows.entries()) row.push(...values.slice(i * length, (i + 1) * length));
  return tensor(state.rows.map(scoresAfter));
}

interface Text {
  tokens: number[];
  sum: number;
  length: number;
}

/** Every text of at most `most` tokens after a prompt. */
function allTexts(prompt: readonly number[], most: number): Text[] {
  const texts: Text[] = [];
  const visit = (tokens: number[], sum: number): void => {
    for (const [token, score] of scoresAfter([...prompt, ...tokens]).entries()) {
      const length = tokens.length + 1;
      if (token === END) texts.push({ tokens, sum: sum + score, length });
      else if (length === most) texts.push({ tokens: [...tokens, token], sum: sum + score, length });
      else visit([...tokens, token], sum + score);
    }
  };
  visit([], 0);
  return texts;
}

describe('beamSearch', () => {
  it.each([0, 0.5, 1, 2])(
    'finds the best of all texts when it follows all (length penalty %d)',
    async (lengthPenalty) => {
      const prompts = [
        [0, 1],
        [2, 2],
      ];
      const options = { state: new Histories(), maxTokens: 5, endToken: END, beams: 300, lengthPenalty };
      const found = await beamSearch(step, prompts, options);
      for (const [i, prompt] of prompts.entries()) {
        const best = allTexts(prompt, 5)
          .map(({ tokens, sum, length }) => ({ tokens, sum, score: sum / length ** lengthPenalty }))
          .sort((a, b) => b.score - a.score);
        for (let rank = 0; rank < 5; rank++) {
          expect(found[i][rank].tokens).toEqual(best[rank].tokens);
          expect(found[i][rank].score).toBeCloseTo(best[rank].score, 5);
          expect(found[i][rank].logProbability).toBeCloseTo(best[rank].sum, 5);
        }
      }
    },
  );

  it('equals a beam search written plainly', async () => {
    for (const beams of [1, 2, 3]) {
      for (const start of [0, 1, 2]) {
        let running = [{ tokens: [] as number[], sum: 0 }];
        const ended: { tokens: number[]; score: number }[] = [];
        for (let length = 1; length <= 8; length++) {
          const all = running
            .flatMap(({ tokens, sum }) =>
              scoresAfter([start, ...tokens]).map((s, token) => ({ tokens, token, sum: sum + s })),
            )
            .sort((a, b) => b.sum - a.sum);
          for (const one of all.slice(0, beams)) {
            if (one.token === END) ended.push({ tokens: one.tokens, score: one.sum / length });
          }
          running = all
            .filter(({ token }) => token !== END)
            .slice(0, beams)
            .map(({ tokens, token, sum }) => ({ tokens: [...tokens, token], sum }));
        }
        const all = [...ended, ...running.map(({ tokens, sum }) => ({ tokens, score: sum / tokens.length }))];
        const best = all.sort((a, b) => b.score - a.score)[0];
        const state = new Histories();
        const [found] = await beamSearch(step, [[start]], { state, maxTokens: 8, endToken: END, beams });
        expect(found[0].tokens).toEqual(best.tokens);
        expect(found[0].score).toBeCloseTo(best.score, 5);
        expect(found.length).toBeLessThanOrEqual(beams);
        expect(state.calls[0]).toEqual([1, 1]);
      }
    }
  });

  it('stops early when asked, and with one beam is greedy until the end', async () => {
    const search = async (earlyStopping: boolean) => {
      const state = new Histories();
      const options = { state, maxTokens: 40, endToken: END, beams: 2, earlyStopping, lengthPenalty: 2 };
      return { found: (await beamSearch(step, [[1]], options))[0], steps: state.calls.length };
    };
    const [early, full] = [await search(true), await search(false)];
    expect(early.steps).toBeLessThan(full.steps);
    expect(early.found[0].score).toBeLessThanOrEqual(full.found[0].score);
    const options = { maxTokens: 6, endToken: END };
    const [line] = await greedy(step, [[2]], { ...options, state: new Histories() });
    const [[beam]] = await beamSearch(step, [[2]], {
      ...options,
      state: new Histories(),
      beams: 1,
      earlyStopping: true,
    });
    expect(beam.tokens).toEqual(line);
  });

  it('refuses wrong options', async () => {
    const state = new Histories();
    await expect(beamSearch(step, [[0]], { state, maxTokens: 0 })).rejects.toThrow(/maxTokens must be an integer/);
    await expect(beamSearch(step, [[0]], { state, maxTokens: 1, beams: 0 })).rejects.toThrow(ArgumentError);
    const none = {} as unknown as Histories;
    await expect(beamSearch(step, [[0]], { state: none, maxTokens: 1 })).rejects.toThrow(/state must have reorder/);
  });
});

describe('greedy and sample', () => {
  it('takes the most probable token and ends rows by themselves', async () => {
    const prompts = [
      [0, 1],
      [2, 2],
      [1, 0],
    ];
    const seen: (number | null)[][] = [];
    const state = new Histories();
    const options = {
      state,
      maxTokens: 7,
      endToken: END,
      onTokens: (tokens: readonly (number | null)[]) => seen.push([...tokens]),
    };
    const rows = await greedy(step, prompts, options);
    for (const [i, prompt] of prompts.entries()) {
      const wanted: number[] = [];
      while (wanted.length < 7) {
        const scores = scoresAfter([...prompt, ...wanted]);
        const token = scores.indexOf(Math.max(...scores));
        if (token === END) break;
        wanted.push(token);
      }
      expect(rows[i]).toEqual(wanted);
      expect(seen.flatMap((tokens) => tokens[i] ?? [])).toEqual(wanted);
    }
    expect(state.calls[0]).toEqual([3, 2]);
    expect(state.calls[1]).toEqual([3, 1]);
  });

  it('draws as the probabilities say, the same for the same generator', async () => {
    const draw = (seed: number) =>
      sample(
        step,
        Array.from({ length: 2000 }, () => [1]),
        { state: new Histories(), maxTokens: 1, generator: new Generator(seed) },
      );
    const rows = await draw(1);
    expect(await draw(1)).toEqual(rows);
    expect(await draw(2)).not.toEqual(rows);
    for (const [token, score] of scoresAfter([1]).entries()) {
      const p = Math.exp(score);
      const share = rows.filter(([first]) => first === token).length / 2000;
      expect(Math.abs(share - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / 2000));
    }
  });

  it('avoids repetition', async () => {
    const flat = (tokens: Tensor): Tensor => tensor(Array.from({ length: tokens.shape[0] }, () => [1.1, 1.2, 1.3, 1]));
    expect(await greedy(flat, [[0]], { maxTokens: 5 })).toEqual([[2, 2, 2, 2, 2]]);
    expect(await greedy(flat, [[0]], { maxTokens: 3, repetitionPenalty: 2 })).toEqual([[2, 1, 3]]);
  });

  it('carries the state of a recurrent layer, and leaves no memory behind', async () => {
    const embedding = new nn.Embedding(V, 6);
    const lstm = new nn.LSTM(6, 5, { batchFirst: true });
    const head = new nn.Linear(5, V);
    const run = (tokens: Tensor, state: TensorState): Tensor => {
      const before = state.tensors as [Tensor, Tensor] | [];
      const [output, next] = lstm.forward(
        embedding.forward(tokens),
        before.length ? [before[0], before[1]] : undefined,
      );
      state.tensors = next;
      return head.forward(output.select(1, -1));
    };
    /** The same without a state: everything again at each step. */
    const whole = async (prompt: number[], count: number): Promise<number[]> => {
      const tokens = [...prompt];
      for (let i = 0; i < count; i++) {
        const [output] = lstm.forward(embedding.forward(tensor([tokens], { dtype: 'int64' })));
        tokens.push(await head.forward(output.select(1, -1)).argmax(1).item());
      }
      return tokens.slice(prompt.length);
    };
    const state = new TensorState([]);
    const wanted = await noGrad(() => whole([1, 2, 0], 8));
    expect(await greedy(run, [[1, 2, 0]], { state, maxTokens: 8 })).toEqual([wanted]);
    state.dispose();
    const before = memory().tensors;
    const again = new TensorState([]);
    await beamSearch(
      run,
      [
        [1, 2],
        [0, 0],
      ],
      { state: again, maxTokens: 8, beams: 3 },
    );
    again.dispose();
    await sample(run, [[1]], { state: again, maxTokens: 8, temperature: 0.5, topK: 3, topP: 0.9 });
    again.dispose();
    expect(memory().tensors).toBe(before);
  });

  it('refuses wrong prompts, steps and options', async () => {
    const state = new Histories();
    const wrong = (prompt: number[][]) => greedy(step, prompt, { state, maxTokens: 1 });
    await expect(wrong([])).rejects.toThrow(ArgumentError);
    await expect(wrong([[1], [1, 2]])).rejects.toThrow(/one length/);
    await expect(wrong([[-1]])).rejects.toThrow(/a token of the prompt/);
    await expect(greedy(() => tensor([1, 2]), [[1]], { maxTokens: 1 })).rejects.toThrow(ShapeError);
    await expect(greedy(() => tensor([[1], [2]]), [[1]], { maxTokens: 1 })).rejects.toThrow(
      /step gave \[2, 1\] for 1 rows/,
    );
    await expect(sample(step, [[1]], { state, maxTokens: 1, temperature: 0 })).rejects.toThrow(
      /temperature must be above 0/,
    );
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(greedy(step, [[1]], { state, maxTokens: 1, signal })).rejects.toThrow('stopped');
  });
});

describe('filters', () => {
  const logits = () =>
    tensor([
      [2, 0, 1, 2.5],
      [-1, -1, 3, 0],
    ]);

  it('topKFilter keeps the k best and what equals the last of them', async () => {
    const out = -Infinity;
    expect(await topKFilter(logits(), 2).toArray()).toEqual([
      [2, out, out, 2.5],
      [out, out, 3, 0],
    ]);
    expect(await topKFilter(logits(), 3).toArray()).toEqual([
      [2, out, 1, 2.5],
      [-1, -1, 3, 0],
    ]);
    expect(await topKFilter(logits(), 9).toArray()).toEqual([
      [2, 0, 1, 2.5],
      [-1, -1, 3, 0],
    ]);
    expect(() => topKFilter(logits(), 0)).toThrow(ArgumentError);
    expect(() => topKFilter(tensor([1, 2]), 1)).toThrow(ShapeError);
  });

  it('topPFilter keeps as few as have the probability', async () => {
    const p = tensor([[0.5, 0.05, 0.15, 0.3]]).log();
    const kept = async (limit: number) =>
      ((await topPFilter(p, limit).toArray()) as number[][])[0].map((x) => x > -Infinity);
    expect(await kept(0.01)).toEqual([true, false, false, false]);
    expect(await kept(0.6)).toEqual([true, false, false, true]);
    expect(await kept(0.9)).toEqual([true, false, true, true]);
    expect(await kept(1)).toEqual([true, true, true, true]);
    expect(() => topPFilter(p, 0)).toThrow(/above 0 and at most 1/);
  });

  it('repetitionPenalty divides positive scores and multiplies negative ones', async () => {
    const seen = tensor(
      [
        [0, 0],
        [1, 2],
      ],
      { dtype: 'int64' },
    );
    expect(await repetitionPenalty(logits(), seen, 2).toArray()).toEqual([
      [1, 0, 1, 2.5],
      [-1, -2, 1.5, 0],
    ]);
    expect(() => repetitionPenalty(logits(), tensor([1]), 2)).toThrow(ShapeError);
  });

  it('come in the order temperature, top-k, top-p', async () => {
    const values = tensor([[0.4, 0.3, 0.2, 0.1]]).log();
    // Squared and normalized over the three that stay: 16 9 4 of 29.
    const filtered = scope(() => filterLogits(values, { temperature: 0.5, topK: 3, topP: 0.85 }).softmax(1));
    const [row] = (await filtered.toArray()) as number[][];
    expect(row[0]).toBeCloseTo(16 / 25, 5);
    expect(row[1]).toBeCloseTo(9 / 25, 5);
    expect(row.slice(2)).toEqual([0, 0]);
  });
});
