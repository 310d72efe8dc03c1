// How BERT normalizes a text. Source: https://huggingface.co/docs/tokenizers/api/normalizers#tokenizers.normalizers.BertNormalizer
import type { Config } from './config.js';

type Rewrite = (text: string) => string;

/** Controls, formats and places for private use, but for tab and line ends, and what stands for unknown characters. */
const CONTROLS = /[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]/gu;
const SPACE = /\p{White_Space}/gu;
/** The blocks of CJK ideographs that BERT knows. */
const IDEOGRAPHS =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
const ACCENTS = /\p{Mn}/gu;

/** Each character for itself, so there is no final sigma. @internal */
export const lowercase: Rewrite = (text) => text.replaceAll('\u03a3', '\u03c3').toLowerCase();

/** The normalizer `BertNormalizer` of a tokenizer.json. @internal */
export function bertNormalizer(config: Config): Rewrite {
  const lower = config.boolean('lowercase', true);
  const steps: Rewrite[] = [];
  if (config.boolean('clean_text', true)) {
    steps.push((text) => text.replace(CONTROLS, '').replace(SPACE, ' '));
  }
  if (config.boolean('handle_chinese_chars', true)) steps.push((text) => text.replace(IDEOGRAPHS, ' $& '));
  // Without a word about accents they go with the capitals.
  if (config.boolean('strip_accents', lower)) steps.push((text) => text.normalize('NFD').replace(ACCENTS, ''));
  if (lower) steps.push(lowercase);
  return (text) => steps.reduce((value, step) => step(value), text);
}
