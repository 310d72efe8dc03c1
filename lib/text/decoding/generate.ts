import { multinomial } from '../../ops/index.js';
import { checkOptions } from '../../tensor/check.js';
import { type Generator, generatorOf } from '../../tensor/random.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkNumber } from '../check.js';
import { checkSampling, filterLogits, repetitionPenalty, type SamplingOptions } from './filters.js';
import {
  checkDecoding,
  type DecodingOptions,
  type DecodingStep,
  type Prompt,
  promptRows,
  runStep,
  tokenTensor,
} from './step.js';

/** Options of {@link greedy}. */
export interface GreedyOptions<S> extends DecodingOptions<S> {
  /** See {@link repetitionPenalty}; counts the prompt too. Default 1: none. */
  repetitionPenalty?: number;
  /** Called with the new token of each row, null for rows that have ended: to show text while it is made. */
  onTokens?: (tokens: readonly (number | null)[]) => void;
}

/** Options of {@link sample}. */
export interface SampleOptions<S> extends GreedyOptions<S>, SamplingOptions {
  /** Where the random numbers come from: the same state gives the same text. Default: that of `manualSeed`. */
  generator?: Generator;
}

/**
 * Continues a prompt with the most probable token at each step.
 *
 * @returns the new tokens of each row, without the prompt and without the end token
 * @example
 * const state = new TensorState([]);
 * const step = (tokens, state) => {
 *   const [output, next] = lstm.forward(embedding.forward(tokens), state.tensors.length ? state.tensors : undefined);
 *   state.tensors = next;
 *   return head.forward(output.select(1, -1));
 * };
 * const [tokens] = await greedy(step, [[1, 5]], { state, maxTokens: 20, endToken: 2 });
 */
export function greedy<S = undefined>(
  step: DecodingStep<S>,
  prompt: Prompt,
  options: GreedyOptions<S>,
): Promise<number[][]> {
  checkOptions('greedy', options);
  return generate('greedy', step, prompt, options, (logits) => logits.argmax(1));
}

/**
 * Continues a prompt with tokens drawn at random, as probable as the model says.
 *
 * @returns the new tokens of each row, without the prompt and without the end token
 * @example
 * const generator = new Generator(1);
 * const rows = await sample(step, [[1]], { state, maxTokens: 50, temperature: 0.8, topK: 40, generator });
 */
export async function sample<S = undefined>(
  step: DecodingStep<S>,
  prompt: Prompt,
  options: SampleOptions<S>,
): Promise<number[][]> {
  const op = 'sample';
  checkOptions(op, options);
  checkSampling(op, options);
  const generator = generatorOf(op, options.generator);
  return generate(op, step, prompt, options, (logits) =>
    multinomial(filterLogits(logits, options).softmax(1), 1, { generator }).squeeze(1),
  );
}

async function generate<S>(
  op: string,
  step: DecodingStep<S>,
  prompt: Prompt,
  options: GreedyOptions<S>,
  choose: (logits: Tensor) => Tensor,
): Promise<number[][]> {
  checkDecoding(op, step, options);
  const { maxTokens, endToken, signal, repetitionPenalty: penalty = 1 } = options;
  checkNumber(op, 'repetitionPenalty', penalty, 'above 0', (x) => x > 0);
  const all = await promptRows(op, prompt);
  const made: number[][] = all.map(() => []);
  const ended = all.map(() => false);
  let input = all.map((row) => [...row]);
  for (let count = 0; count < maxTokens && ended.includes(false); count++) {
    signal?.throwIfAborted();
    const next = runStep(op, step, input, options.state as S, (logits) =>
      choose(penalty === 1 ? logits : repetitionPenalty(logits, tokenTensor(all), penalty)),
    );
    const tokens = Array.from(await next.data(), Number);
    next.dispose();
    input = tokens.map((token) => [token]);
    const shown = tokens.map((token, row) => {
      all[row].push(token);
      if (token === endToken) ended[row] = true;
      if (ended[row]) return null;
      made[row].push(token);
      return token;
    });
    options.onTokens?.(shown);
  }
  return made;
}
