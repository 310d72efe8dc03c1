import { ArgumentError, valueText } from '../../errors.js';
import { logSoftmax, topk } from '../../ops/index.js';
import { checkOptions } from '../../tensor/check.js';
import { tensor } from '../../tensor/create.js';
import { noGrad } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkBoolean, checkInteger, checkNumber } from '../check.js';
import type { DecodingState } from './state.js';
import { checkDecoding, type DecodingOptions, type DecodingStep, type Prompt, promptRows, runStep } from './step.js';

/** Options of {@link beamSearch}. */
export interface BeamOptions<S> extends DecodingOptions<S> {
  /** Needed: beams are copied and dropped at every step. */
  state: S;
  /** How many beginnings are followed for each row of the prompt. Default 4. */
  beams?: number;
  /** Scores are divided by length ** lengthPenalty: 0 prefers short texts, above 1 long ones. Default 1. */
  lengthPenalty?: number;
  /** Stop as soon as there are `beams` ended texts, though a better one may follow. Default false. */
  earlyStopping?: boolean;
}

/** A text that {@link beamSearch} found. */
export interface Beam {
  /** The new tokens, without the end token. */
  tokens: number[];
  /** Sum of the log probabilities, with the end token's. */
  logProbability: number;
  /** logProbability / length ** lengthPenalty; the length counts the end token. */
  score: number;
}

interface Running {
  readonly tokens: readonly number[];
  readonly sum: number;
}

/** One row of the prompt: what is followed, and what has ended. */
interface Search {
  running: Running[];
  ended: Beam[];
}

/**
 * Looks for the most probable continuations of a prompt: follows the best `beams` beginnings of each row at once.
 * Texts that reach `maxTokens` count as they are.
 * Source: Graves, https://arxiv.org/abs/1211.3711; the length penalty as in Hugging Face's `generate`.
 *
 * @returns for each row its texts, the best one first
 * @example
 * const [found] = await beamSearch(step, [[1]], { state, maxTokens: 30, endToken: 2, beams: 5 });
 * tokenizer.decode(found[0].tokens);
 */
export async function beamSearch<S extends DecodingState>(
  step: DecodingStep<S>,
  prompt: Prompt,
  options: BeamOptions<S>,
): Promise<Beam[][]> {
  const op = 'beamSearch';
  const { beams, lengthPenalty, earlyStopping } = checkBeams(op, step, options);
  const { state, maxTokens, endToken, signal } = options;
  const rows = await promptRows(op, prompt);
  const searches = rows.map((): Search => ({ running: [{ tokens: [], sum: 0 }], ended: [] }));
  const finish = (tokens: readonly number[], sum: number, length: number): Beam => ({
    tokens: [...tokens],
    logProbability: sum,
    score: sum / length ** lengthPenalty,
  });
  let input = rows;
  for (let length = 1; length <= maxTokens; length++) {
    signal?.throwIfAborted();
    const logits = runStep(op, step, input, state, (scores) => candidatesOf(scores, searches, beams));
    const found = await readCandidates(logits);
    const sources: number[] = [];
    const next: number[][] = [];
    let firstRow = 0;
    for (const [i, search] of searches.entries()) {
      const before = search.running;
      const chosen = choose(found[i], before, beams, endToken, (tokens, sum) =>
        search.ended.push(finish(tokens, sum, length)),
      );
      const isOver = isFinished(search, chosen, { beams, lengthPenalty, earlyStopping, length, maxTokens });
      search.running = isOver ? [] : chosen.map(({ running }) => running);
      if (!isOver) {
        for (const { beam, running } of chosen) {
          sources.push(firstRow + beam);
          next.push([running.tokens[running.tokens.length - 1]]);
        }
      }
      firstRow += before.length;
    }
    if (next.length === 0) break;
    input = next;
    const order = tensor(sources, { dtype: 'int64' });
    noGrad(() => state.reorder(order));
    order.dispose();
  }
  return searches.map(({ running, ended }) => {
    const cut = running.map(({ tokens, sum }) => finish(tokens, sum, tokens.length));
    return [...ended, ...cut].sort((a, b) => b.score - a.score).slice(0, beams);
  });
}

interface Candidates {
  readonly values: Tensor;
  readonly indices: Tensor;
  readonly vocabulary: number;
}

/** For each row that is still followed the best 2 x beams next tokens: as many as may end, and as many to go on with. */
function candidatesOf(logits: Tensor, searches: readonly Search[], beams: number): (Candidates | null)[] {
  const logProbabilities = logSoftmax(logits, 1);
  const vocabulary = logits.shape[1];
  let firstRow = 0;
  return searches.map(({ running }) => {
    if (running.length === 0) return null;
    const sums = tensor(
      running.map(({ sum }) => sum),
      { dtype: 'float64', shape: [running.length, 1] },
    );
    const scores = logProbabilities.narrow(0, firstRow, running.length).add(sums).reshape([-1]);
    firstRow += running.length;
    return { ...topk(scores, Math.min(2 * beams, scores.shape[0])), vocabulary };
  });
}

interface Candidate {
  readonly sum: number;
  readonly beam: number;
  readonly token: number;
}

/** The best ones first. */
function readCandidates(candidates: readonly (Candidates | null)[]): Promise<Candidate[][]> {
  return Promise.all(
    candidates.map(async (one) => {
      if (one === null) return [];
      const [values, indices] = await Promise.all([one.values.data(), one.indices.data()]);
      one.values.dispose();
      one.indices.dispose();
      return Array.from(indices as ArrayLike<number | bigint>, (index, i) => ({
        sum: Number(values[i]),
        beam: Math.floor(Number(index) / one.vocabulary),
        token: Number(index) % one.vocabulary,
      }));
    }),
  );
}

interface Chosen {
  readonly beam: number;
  readonly running: Running;
}

/** The beginnings to go on with. A text that ends counts only when it is among the best `beams` candidates. */
function choose(
  candidates: readonly Candidate[],
  before: readonly Running[],
  beams: number,
  endToken: number | undefined,
  end: (tokens: readonly number[], sum: number) => void,
): Chosen[] {
  const chosen: Chosen[] = [];
  for (const [rank, { sum, beam, token }] of candidates.entries()) {
    if (sum === Number.NEGATIVE_INFINITY || chosen.length === beams) break;
    const { tokens } = before[beam];
    if (token !== endToken) chosen.push({ beam, running: { tokens: [...tokens, token], sum } });
    else if (rank < beams) end(tokens, sum);
  }
  return chosen;
}

interface Limits {
  readonly beams: number;
  readonly lengthPenalty: number;
  readonly earlyStopping: boolean;
  readonly length: number;
  readonly maxTokens: number;
}

/** Whether nothing that is still followed can be better than what has ended. Forgets ended texts that cannot be among the best. */
function isFinished(search: Search, chosen: readonly Chosen[], limits: Limits): boolean {
  if (chosen.length === 0) return true;
  const { beams, lengthPenalty, earlyStopping, length, maxTokens } = limits;
  if (length === maxTokens) return false; // what is followed counts as it is
  search.ended.sort((a, b) => b.score - a.score).splice(beams);
  if (search.ended.length < beams) return false;
  if (earlyStopping) return true;
  const longest = lengthPenalty > 0 ? maxTokens : length + 1;
  const attainable = Math.max(...chosen.map(({ running }) => running.sum)) / longest ** lengthPenalty;
  return attainable <= search.ended[beams - 1].score;
}

function checkBeams<S extends DecodingState>(op: string, step: unknown, options: BeamOptions<S>) {
  checkOptions(op, options);
  checkDecoding(op, step, options);
  const { state, beams = 4, lengthPenalty = 1, earlyStopping = false } = options;
  checkInteger(op, 'beams', beams, 1);
  checkNumber(op, 'lengthPenalty', lengthPenalty, 'a number', () => true);
  checkBoolean(op, 'earlyStopping', earlyStopping);
  if (typeof state?.reorder !== 'function') {
    throw new ArgumentError(op, `state must have reorder(rows), got ${valueText(state)}`, state);
  }
  return { beams, lengthPenalty, earlyStopping };
}
