import { WORDS } from '../tokenizer.js';
import { textToByteChars } from './bytes.js';
import type { Config } from './config.js';
import { readPattern } from './normalizer.js';

/** Splits or rewrites a piece of text. */
type Step = (piece: string) => string[];

/** Splits a text into words, and what is done with each word before the merges. @internal */
export interface PreTokenizer {
  split(text: string): string[];
  /** Undefined: the word is taken as it is. */
  readonly transform: ((word: string) => string) | undefined;
}

/** How GPT-2 splits a text into words. @internal */
export const GPT2_WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

const NOT_SPACE = /\P{White_Space}+/gu;
const PUNCTUATION = /\p{P}|[$+<=>^`|~]/gu;

/** The pre-tokenizer that a part of a tokenizer.json says. @internal */
export function makePreTokenizer(config: Config | null): PreTokenizer {
  const steps = config === null ? [] : stepsOf(config);
  // Bytes as characters come last nearly always, and are then made only for words that the cache does not have.
  const transform = steps.at(-1) === byteStep ? textToByteChars : undefined;
  const splits = transform === undefined ? steps : steps.slice(0, -1);
  return {
    transform,
    split(text) {
      let pieces = text === '' ? [] : [text];
      for (const step of splits)
        pieces = pieces.length === 1 ? step(pieces[0]) : pieces.flatMap((piece) => step(piece));
      return pieces;
    },
  };
}

const byteStep: Step = (piece) => [textToByteChars(piece)];

function stepsOf(config: Config): Step[] {
  switch (config.type) {
    case 'ByteLevel': {
      const steps: Step[] = [];
      if (config.boolean('add_prefix_space', true))
        steps.push((piece) => [piece.startsWith(' ') ? piece : ` ${piece}`]);
      if (config.boolean('use_regex', true)) steps.push((piece) => piece.match(GPT2_WORDS) ?? []);
      return [...steps, byteStep];
    }
    case 'Whitespace':
      return [(piece) => piece.match(WORDS) ?? []];
    case 'WhitespaceSplit':
      return [(piece) => piece.match(NOT_SPACE) ?? []];
    case 'Punctuation':
      return [splitStep(config, PUNCTUATION, config.has('behavior') ? config.string('behavior') : 'Isolated', false)];
    case 'Digits': {
      const pattern = config.boolean('individual_digits', false) ? /\p{N}/gu : /\p{N}+/gu;
      return [splitStep(config, pattern, 'Isolated', false)];
    }
    case 'Split':
      return [splitStep(config, readPattern(config), config.string('behavior'), config.boolean('invert', false))];
    case 'Sequence':
      return config.objects('pretokenizers').flatMap(stepsOf);
    default:
      throw config.unsupported('pre-tokenizer');
  }
}

interface Span {
  readonly text: string;
  readonly isMatch: boolean;
}

/** The matches of a pattern and what lies between them, in order. */
function spansOf(text: string, pattern: RegExp, invert: boolean): Span[] {
  const spans: Span[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match[0] === '') continue;
    if (match.index > end) spans.push({ text: text.slice(end, match.index), isMatch: invert });
    spans.push({ text: match[0], isMatch: !invert });
    end = match.index + match[0].length;
  }
  if (end < text.length) spans.push({ text: text.slice(end), isMatch: invert });
  return spans;
}

function splitStep(config: Config, pattern: RegExp, behavior: string, invert: boolean): Step {
  switch (behavior) {
    case 'Removed':
      return (text) => spansOf(text, pattern, invert).flatMap((span) => (span.isMatch ? [] : [span.text]));
    case 'Isolated':
      return (text) => spansOf(text, pattern, invert).map((span) => span.text);
    case 'Contiguous':
      return (text) => joinSpans(spansOf(text, pattern, invert), (before, span) => before.isMatch === span.isMatch);
    case 'MergedWithPrevious':
      return (text) => joinSpans(spansOf(text, pattern, invert), (before, span) => span.isMatch && !before.isMatch);
    case 'MergedWithNext':
      return (text) => joinSpans(spansOf(text, pattern, invert), (before, span) => before.isMatch && !span.isMatch);
    default:
      throw config.wrong(`the behavior ${JSON.stringify(behavior)} is not supported`);
  }
}

function joinSpans(spans: readonly Span[], joins: (before: Span, span: Span) => boolean): string[] {
  const pieces: string[] = [];
  for (const [i, span] of spans.entries()) {
    if (i > 0 && joins(spans[i - 1], span)) pieces[pieces.length - 1] += span.text;
    else pieces.push(span.text);
  }
  return pieces;
}
