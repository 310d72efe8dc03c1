// What models share that make a sequence token by token.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../errors.js';
import { checkSize } from '../nn/linear.js';
import type { AnyModule } from '../nn/module.js';
import { eq, logicalOr } from '../ops/pointwise/compare.js';
import { where } from '../ops/pointwise/select.js';
import { argmax } from '../ops/reduce/extremum.js';
import { all } from '../ops/reduce/reduce.js';
import { cat } from '../ops/shape/concat.js';
import { narrow, reshape, to } from '../ops/shape/view.js';
import { checkFunction, checkOptions, checkTensor } from '../tensor/check.js';
import { full } from '../tensor/create.js';
import { noGrad, scope } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

/** What a model has seen so far, so that a step computes the new tokens only. */
export interface DecodingCache {
  /** Number of tokens that were seen. */
  readonly length: number;
  /** Sequence i of the batch goes on from what sequence `rows[i]` (int64 `[M]`) was: for beam search. */
  reorder(rows: Tensor): void;
  /** Frees its memory. */
  dispose(): void;
}

/** A model that can be run token by token. */
export interface StepModel<C extends DecodingCache = DecodingCache> {
  /** Logits `[N, V]` of what follows the new tokens `[N, T]`, which the cache takes in. Records no gradients. */
  step(tokens: Tensor, cache: C): Tensor;
}

/** The next tokens, int64 `[N]`, from the logits `[N, V]`. */
export type NextToken = (logits: Tensor) => Tensor | Promise<Tensor>;

/** Options of `generate`. */
export interface GenerateOptions {
  /** How many tokens to make. */
  maxNewTokens: number;
  /** Chooses the next tokens. Default: the most probable ones. */
  next?: NextToken;
  /** A sequence ends with this token; when all have ended, generation stops. Default: none. */
  endToken?: number | null;
  /** What stands behind the end of a sequence. Default: `endToken`. */
  padToken?: number | null;
}

/** The most probable tokens `[N]` of logits `[N, V]`. */
export const greedy: NextToken = (logits) => argmax(logits, -1);

/** Throws unless `tokens` are indices of shape `[N, T]`. @internal */
export function checkTokens(op: string, tokens: Tensor, name = 'tokens'): void {
  checkTensor(op, tokens, name);
  if (tokens.dtype !== 'int64' && tokens.dtype !== 'int32') {
    throw new DTypeError(op, `${name} must be int64 or int32, got ${tokens.dtype}`, tokens.dtype);
  }
  if (tokens.ndim === 2 && tokens.shape[1] > 0) return;
  throw new ShapeError(
    op,
    `${name} must be [N, T] with at least one token, got ${shapeText(tokens.shape)}`,
    tokens.shape,
  );
}

/** Runs `fn` with the model in evaluation mode, and puts every mode back. @internal */
export async function evaluating<R>(model: AnyModule, fn: () => Promise<R>): Promise<R> {
  const modes = model.modules().map((module) => [module, module.training] as const);
  model.eval();
  try {
    return await fn();
  } finally {
    for (const [module, training] of modes) module.training = training;
  }
}

function checkToken(op: string, name: string, value: number | null): number | null {
  if (value === null || Number.isSafeInteger(value)) return value;
  throw new ArgumentError(op, `${name} must be an integer, got ${valueText(value)}`, value);
}

function checkChosen(op: string, chosen: Tensor, batch: number): Tensor {
  checkTensor(op, chosen, 'what next returns');
  if (chosen.numel === batch) return reshape(to(chosen, 'int64'), [batch, 1]);
  throw new ShapeError(op, `next must return [${batch}], got ${shapeText(chosen.shape)}`, chosen.shape, [batch]);
}

/**
 * Tokens `[N, T]` and those that follow, `[N, T + at most maxNewTokens]`, one step after the other. The cache must be new, or
 * stand before `tokens`; it is not freed. With an `endToken` each step waits for its values.
 * @internal
 */
export async function generateWith<C extends DecodingCache>(
  op: string,
  model: StepModel<C>,
  tokens: Tensor,
  cache: C,
  options: GenerateOptions,
): Promise<Tensor> {
  checkTokens(op, tokens);
  checkOptions(op, options);
  const { next = greedy, endToken = null, padToken = endToken } = options;
  const steps = checkSize(op, 'maxNewTokens', options.maxNewTokens, 0);
  checkFunction(op, next);
  const [end, pad] = [checkToken(op, 'endToken', endToken), checkToken(op, 'padToken', padToken)];
  const batch = tokens.shape[0];
  return noGrad(async () => {
    const made = [to(tokens, 'int64')];
    let ended: Tensor | null = null;
    for (let i = 0; i < steps; i++) {
      const before: Tensor | null = ended;
      const [token, done] = await scope(async (): Promise<[Tensor, Tensor | null]> => {
        const chosen = checkChosen(op, await next(model.step(made[made.length - 1], cache)), batch);
        if (end === null) return [chosen, null];
        const token = before ? where(before, pad ?? end, chosen) : chosen;
        const now = eq(token, end);
        return [token, before ? logicalOr(before, now) : now];
      });
      made.push(token);
      ended = done;
      if (done && (await all(done).item()) !== 0) break;
    }
    return cat(made, 1);
  });
}

/** Options of `generate` of models that translate. */
export interface TranslateOptions extends GenerateOptions {
  /** What the decoder begins with. */
  startToken: number;
}

/** Targets `[N, at most maxNewTokens]` for sources `[N, S]`, without the start token, in evaluation mode. @internal */
export async function translateWith<C extends DecodingCache>(
  op: string,
  model: AnyModule & StepModel<C>,
  source: Tensor,
  options: TranslateOptions,
  createCache: () => C,
): Promise<Tensor> {
  checkTokens(op, source, 'source');
  checkOptions(op, options);
  const { startToken } = options;
  if (typeof startToken !== 'number' || !Number.isSafeInteger(startToken)) {
    throw new ArgumentError(op, `startToken must be an integer, got ${valueText(startToken)}`, startToken);
  }
  const run = async (): Promise<Tensor> => {
    const cache = createCache();
    try {
      const start = full([source.shape[0], 1], startToken, { dtype: 'int64' });
      const out = await generateWith(op, model, start, cache, options);
      return narrow(out, 1, 1, out.shape[1] - 1);
    } finally {
      cache.dispose();
    }
  };
  return noGrad(() => evaluating(model, run));
}
