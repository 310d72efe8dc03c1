import { bertNormalizer, lowercase } from './bert.js';
import { textToByteChars } from './bytes.js';
import type { Config } from './config.js';
import { convertPattern, escapePattern } from './pattern.js';

/** @internal */
export type Normalizer = (text: string) => string;

/** The normalizer that a part of a tokenizer.json says. @internal */
export function makeNormalizer(config: Config | null): Normalizer {
  if (config === null) return (text) => text;
  const type = config.type;
  switch (type) {
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => text.normalize(type);
    case 'Lowercase':
      return lowercase;
    case 'StripAccents':
      return (text) => text.replace(MARKS, '');
    case 'BertNormalizer':
      return bertNormalizer(config);
    case 'ByteLevel':
      return textToByteChars;
    case 'Strip':
      return stripNormalizer(config.boolean('strip_left', true), config.boolean('strip_right', true));
    case 'Prepend': {
      const prefix = config.string('prepend');
      return (text) => (text === '' ? text : prefix + text);
    }
    case 'Replace': {
      const pattern = readPattern(config);
      const content = config.string('content');
      return (text) => text.replace(pattern, () => content);
    }
    case 'Sequence': {
      const steps = config.objects('normalizers').map(makeNormalizer);
      return (text) => steps.reduce((value, step) => step(value), text);
    }
    default:
      throw config.unsupported('normalizer');
  }
}

const MARKS = /\p{M}/gu;
/** Whether a part may take the beginning of a text away. @internal */
export const takesBeginning = (config: Config): boolean =>
  config.type === 'Sequence'
    ? config.objects('normalizers').some(takesBeginning)
    : ['BertNormalizer', 'Replace', 'Strip', 'StripAccents'].includes(config.type);

const LEFT = /^\p{White_Space}+/u;
const RIGHT = /\p{White_Space}+$/u;

function stripNormalizer(left: boolean, right: boolean): Normalizer {
  return (text) => {
    const rest = left ? text.replace(LEFT, '') : text;
    return right ? rest.replace(RIGHT, '') : rest;
  };
}

/** `{"String": "x"}` or `{"Regex": "x+"}`. @internal */
export function readPattern(config: Config): RegExp {
  const pattern = config.object('pattern');
  if (pattern.has('String')) return new RegExp(escapePattern(pattern.string('String')), 'gu');
  if (pattern.has('Regex')) return convertPattern(config.op, config.path, pattern.string('Regex'));
  throw pattern.wrong('must have String or Regex');
}
