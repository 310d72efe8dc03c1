// Blanks as a character of their own, so that words know where they begin: Kudo and Richardson, https://arxiv.org/abs/1808.06226
import { valueText } from '../../errors.js';
import type { Config } from './config.js';

/** When a text without a blank at its beginning gets one. */
type PrependScheme = 'always' | 'first' | 'never';

/** What a `Metaspace` of a tokenizer.json says. @internal */
export interface Metaspace {
  readonly replacement: string;
  readonly scheme: PrependScheme;
  readonly split: boolean;
}

const SCHEMES: readonly string[] = ['always', 'first', 'never'];

/** @internal */
export function readMetaspace(config: Config): Metaspace {
  const replacement = config.string('replacement');
  if ([...replacement].length !== 1) {
    throw config.wrong(`replacement must be one character, got ${valueText(replacement)}`);
  }
  const scheme = config.has('prepend_scheme') ? config.string('prepend_scheme') : 'always';
  if (!SCHEMES.includes(scheme)) {
    throw config.wrong(`prepend_scheme must be always, first or never, got ${valueText(scheme)}`);
  }
  // Older files say it with a boolean.
  const prefix = config.boolean('add_prefix_space', scheme !== 'never');
  if (prefix === (scheme === 'never')) throw config.wrong('add_prefix_space and prepend_scheme disagree');
  return { replacement, scheme: scheme as PrependScheme, split: config.boolean('split', true) };
}

/** The piece with blanks replaced; `isFirst` says that the text begins with it. @internal */
export function replaceBlanks(piece: string, { replacement, scheme }: Metaspace, isFirst: boolean): string {
  const text = piece.replaceAll(' ', replacement);
  const wanted = scheme === 'always' || (scheme === 'first' && isFirst);
  return wanted && !text.startsWith(replacement) ? replacement + text : text;
}

/** Tokens with their blanks back; the first one loses them where the text got one. @internal */
export const restoreBlanks = (tokens: readonly string[], { replacement, scheme }: Metaspace): string[] =>
  tokens.map((token, i) => token.replaceAll(replacement, i === 0 && scheme !== 'never' ? '' : ' '));
