// Tokens beside those of the model: found in the text before anything else is done with it.
import type { Config } from './config.js';
import type { Normalizer } from './normalizer.js';
import { escapePattern } from './pattern.js';

/** A token that is never split; the names are those of tokenizer.json. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Found only where no letter or digit stands beside it. */
  readonly singleWord: boolean;
  /** Takes the white space before it. */
  readonly lstrip: boolean;
  /** Takes the white space behind it. */
  readonly rstrip: boolean;
  /** Looked for in the normalized text. */
  readonly normalized: boolean;
  /** Left out by `decode`. */
  readonly special: boolean;
}

/** @internal */
export function readAddedToken(config: Config): AddedToken {
  const content = config.string('content');
  if (content === '') throw config.wrong('content is empty');
  return {
    id: config.index('id'),
    content,
    singleWord: config.boolean('single_word', false),
    lstrip: config.boolean('lstrip', false),
    rstrip: config.boolean('rstrip', false),
    normalized: config.boolean('normalized', true),
    special: config.boolean('special', false),
  };
}

/** @internal */
export const addedTokenToJson = (token: AddedToken): Record<string, unknown> => ({
  id: token.id,
  content: token.content,
  single_word: token.singleWord,
  lstrip: token.lstrip,
  rstrip: token.rstrip,
  normalized: token.normalized,
  special: token.special,
});

/** A piece of text, or the number of an added token in it. */
export type Piece = string | number;

const WORD_BEFORE = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]$/u;
const SPACE = /\p{White_Space}/u;
const WORD_AFTER = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]/u;

/** Finds added tokens: the leftmost, and the longest of those that begin there. @internal */
export class AddedTokenFinder {
  private readonly raw: Matcher | null;
  private readonly normal: Matcher | null;

  constructor(
    tokens: readonly AddedToken[],
    private readonly normalizer: Normalizer,
  ) {
    this.raw = matcherOf(tokens.filter((token) => !token.normalized).map((token) => [token.content, token]));
    this.normal = matcherOf(
      tokens.filter((token) => token.normalized).map((token) => [normalizer(token.content), token]),
    );
  }

  /** The normalized pieces of a text between added tokens, and these. */
  split(text: string): Piece[] {
    const pieces: Piece[] = [];
    for (const piece of splitBy(text, this.raw)) {
      if (typeof piece === 'number') pieces.push(piece);
      else pieces.push(...splitBy(this.normalizer(piece), this.normal));
    }
    return pieces;
  }
}

interface Matcher {
  readonly pattern: RegExp;
  readonly tokens: ReadonlyMap<string, AddedToken>;
}

function matcherOf(entries: (readonly [content: string, token: AddedToken])[]): Matcher | null {
  const useful = entries.filter(([content]) => content !== '');
  if (useful.length === 0) return null;
  const longestFirst = useful.map(([content]) => content).sort((a, b) => b.length - a.length);
  return { pattern: new RegExp(longestFirst.map(escapePattern).join('|'), 'gu'), tokens: new Map(useful) };
}

function splitBy(text: string, matcher: Matcher | null): Piece[] {
  if (text === '') return [];
  if (matcher === null) return [text];
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(matcher.pattern)) {
    const token = matcher.tokens.get(match[0])!;
    let from = match.index;
    let to = match.index + match[0].length;
    if (from < end) continue; // taken by the one before as white space
    if (token.singleWord && standsInWord(text, from, to)) continue;
    if (token.lstrip) while (from > end && SPACE.test(text[from - 1])) from--;
    if (token.rstrip) while (to < text.length && SPACE.test(text[to])) to++;
    if (from > end) pieces.push(text.slice(end, from));
    pieces.push(token.id);
    end = to;
  }
  if (end < text.length) pieces.push(text.slice(end));
  return pieces;
}

/** Whether a letter, digit or underscore stands beside the piece from `from` to `to`. */
const standsInWord = (text: string, from: number, to: number): boolean =>
  WORD_BEFORE.test(text.slice(Math.max(0, from - 2), from)) || WORD_AFTER.test(text.slice(to, to + 2));
