import { WORDS } from '../tokenizer.js';
import { textToByteChars } from './bytes.js';
import type { Config } from './config.js';
import { readMetaspace, replaceBlanks } from './metaspace.js';
import { readPattern } from './normalizer.js';
import { escapePattern } from './pattern.js';

/** Splits or rewrites a piece of text; `isFirst`: nothing of the text stands before it. */
type Step = (piece: string, isFirst: boolean) => string[];

/** Splits a text into words, and what is done with each word before the merges. @internal */
export interface PreTokenizer {
  /** `isFirst`: no added token stands before this part of the text. Default true. */
  split(text: string, isFirst?: boolean): string[];
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
    split(text, isFirst = true) {
      let pieces = text === '' ? [] : [text];
      for (const step of splits) {
        pieces =
          pieces.length === 1
            ? step(pieces[0], isFirst)
            : pieces.flatMap((piece, i) => step(piece, isFirst && i === 0));
      }
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
    case 'BertPreTokenizer':
      return [(piece) => piece.match(NOT_SPACE) ?? [], (piece) => spansOf(piece, PUNCTUATION, false).map(textOf)];
    case 'CharDelimiterSplit': {
      const delimiter = config.string('delimiter');
      if ([...delimiter].length !== 1) throw config.wrong('delimiter must be one character');
      return [splitStep(config, new RegExp(escapePattern(delimiter), 'gu'), 'Removed', false)];
    }
    case 'Metaspace':
      return metaspaceSteps(config);
    case 'Punctuation':
      return [splitStep(config, PUNCTUATION, config.has('behavior') ? config.string('behavior') : 'Isolated', false)];
    case 'Digits': {
      const pattern = config.boolean('individual_digits', false) ? /\p{N}/gu : /\p{N}+/gu;
      return [splitStep(config, pattern, 'Isolated', false)];
    }
    case 'Split':
      return [splitStep(config, readPattern(config), config.string('behavior'), config.boolean('invert', false))];
    case 'Sequence': {
      const parts = config.objects('pretokenizers');
      for (const [i, part] of parts.entries()) {
        // Behind another part it is no longer known where the text begins.
        if (i > 0 && prependsToFirst(part)) throw part.wrong('prepend_scheme "first" must be the first part');
      }
      return parts.flatMap(stepsOf);
    }
    default:
      throw config.unsupported('pre-tokenizer');
  }
}

/** Whether a part adds a blank to the beginning of a text only. @internal */
export const prependsToFirst = (config: Config): boolean =>
  config.type === 'Sequence'
    ? config.objects('pretokenizers').some(prependsToFirst)
    : config.type === 'Metaspace' && config.values.prepend_scheme === 'first';

function metaspaceSteps(config: Config): Step[] {
  const blanks = readMetaspace(config);
  const replace: Step = (piece, isFirst) => [replaceBlanks(piece, blanks, isFirst)];
  if (!blanks.split) return [replace];
  const pattern = new RegExp(escapePattern(blanks.replacement), 'gu');
  return [replace, splitStep(config, pattern, 'MergedWithNext', false)];
}

const textOf = ({ text }: Span): string => text;

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
      return (text) => spansOf(text, pattern, invert).map(textOf);
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
