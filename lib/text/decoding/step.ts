import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { tensor } from '../../tensor/create.js';
import { noGrad } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkInteger } from '../check.js';
import { checkLogits } from './filters.js';

/**
 * One step of a model. The first call gets the whole prompt `[B, T]`, every later one the newest token of each row
 * `[B, 1]`, both int64; what it needs of the tokens before, `state` carries.
 * @returns scores of the next token, `[B, V]`, not normalized
 */
export type DecodingStep<S> = (tokens: Tensor, state: S) => Tensor;

/** A prompt for each row: numbers, as long in each row; or `[B, T]` of an integer dtype. */
export type Prompt = readonly (readonly number[])[] | Tensor;

/** What all ways of decoding take. */
export interface DecodingOptions<S> {
  /** Handed to every step. Default undefined, for a model that keeps its own. */
  state?: S;
  /** The most tokens to make. */
  maxTokens: number;
  /** Ends a row; not part of the result. Default: none. */
  endToken?: number;
  /** Stops before the next step; the promise then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** @internal */
export function checkDecoding<S>(op: string, step: unknown, options: DecodingOptions<S>): void {
  if (typeof step !== 'function') throw new ArgumentError(op, `step must be a function, got ${valueText(step)}`, step);
  const { maxTokens, endToken, signal } = options;
  checkInteger(op, 'maxTokens', maxTokens, 1);
  if (endToken !== undefined) checkInteger(op, 'endToken', endToken, 0);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new ArgumentError(op, `signal must be an AbortSignal, got ${valueText(signal)}`, signal);
  }
}

/** The rows of a prompt. @internal */
export async function promptRows(op: string, prompt: Prompt): Promise<number[][]> {
  if (prompt instanceof Tensor) {
    if (prompt.ndim !== 2 || prompt.shape.includes(0)) {
      throw new ShapeError(op, `a prompt [B, T] is needed, got ${shapeText(prompt.shape)}`, prompt.shape);
    }
    const values = Array.from(await prompt.data(), Number);
    const length = prompt.shape[1];
    return Array.from({ length: prompt.shape[0] }, (_, row) => values.slice(row * length, (row + 1) * length));
  }
  if (!Array.isArray(prompt) || prompt.length === 0 || !prompt.every(Array.isArray)) {
    throw new ArgumentError(op, `a prompt is an array of rows of tokens, got ${valueText(prompt)}`, prompt);
  }
  const rows = prompt as readonly (readonly number[])[];
  for (const row of rows) {
    for (const token of row) checkInteger(op, 'a token of the prompt', token, 0);
    if (row.length > 0 && row.length === rows[0].length) continue;
    throw new ArgumentError(op, 'the rows of a prompt must have one length of at least 1', prompt);
  }
  return rows.map((row) => [...row]);
}

/** @internal */
export const tokenTensor = (rows: readonly (readonly number[])[]): Tensor =>
  tensor(BigInt64Array.from(rows.flat(), BigInt), { shape: [rows.length, rows[0].length] });

/** Runs the model and what `choose` makes of its scores in one scope without gradients. @internal */
export function runStep<S, R>(
  op: string,
  step: DecodingStep<S>,
  rows: readonly (readonly number[])[],
  state: S,
  choose: (logits: Tensor) => R,
): R {
  return noGrad(() => {
    const logits = step(tokenTensor(rows), state);
    checkLogits(op, logits);
    if (logits.shape[0] !== rows.length) {
      const text = `step gave ${shapeText(logits.shape)} for ${rows.length} rows`;
      throw new ShapeError(op, text, logits.shape, [rows.length]);
    }
    return choose(logits);
  });
}
