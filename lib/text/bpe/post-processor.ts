import { FormatError } from '../../errors.js';
import type { Config } from './config.js';

type Ids = readonly number[];

/** Puts special tokens around one text, or around two. @internal */
export type PostProcessor = (first: Ids, second: Ids | null) => number[];

const plain: PostProcessor = (first, second) => (second === null ? [...first] : [...first, ...second]);

/** The post-processor that a part of a tokenizer.json says. @internal */
export function makePostProcessor(config: Config | null): PostProcessor {
  if (config === null) return plain;
  switch (config.type) {
    case 'ByteLevel': // changes offsets only, which are not kept here
      return plain;
    case 'TemplateProcessing':
      return templateProcessor(config);
    case 'BertProcessing':
    case 'RobertaProcessing':
      return aroundProcessor(config, config.type === 'RobertaProcessing');
    case 'Sequence': {
      const parts = config.objects('processors').filter((part) => part.type !== 'ByteLevel');
      if (parts.length > 1) throw config.wrong('a sequence of two post-processors is not supported');
      return makePostProcessor(parts[0] ?? null);
    }
    default:
      throw config.unsupported('post-processor');
  }
}

type Piece = { readonly ids: Ids } | { readonly text: 'A' | 'B' };

function templateProcessor(config: Config): PostProcessor {
  const specials = config.object('special_tokens');
  const [single, pair] = ['single', 'pair'].map((key) => config.objects(key).map((item) => readPiece(item, specials)));
  return (first, second) =>
    (second === null ? single : pair).flatMap((piece) => {
      if ('ids' in piece) return piece.ids;
      return piece.text === 'A' ? first : (second ?? []);
    });
}

function readPiece(item: Config, specials: Config): Piece {
  if (item.has('SpecialToken')) {
    const special = specials.object(item.object('SpecialToken').string('id'));
    const ids = special.array('ids');
    if (ids.every((id) => Number.isSafeInteger(id) && (id as number) >= 0)) return { ids: ids as number[] };
    throw special.wrong('ids must be integers >= 0');
  }
  if (item.has('Sequence')) {
    const id = item.object('Sequence').string('id');
    if (id === 'A' || id === 'B') return { text: id };
  }
  throw item.wrong('must be a SpecialToken, or a Sequence A or B');
}

/** `[CLS] A [SEP] B [SEP]`, or RoBERTa's `<s> A </s></s> B </s>`. */
function aroundProcessor(config: Config, doubled: boolean): PostProcessor {
  const [cls, sep] = ['cls', 'sep'].map((key) => {
    const id = config.array(key)[1];
    if (Number.isSafeInteger(id)) return id as number;
    throw new FormatError(config.op, config.path, `${config.place}.${key} must be a token and its number`);
  });
  return (first, second) => {
    const one = [cls, ...first, sep];
    if (second === null) return one;
    return doubled ? [...one, sep, ...second, sep] : [...one, ...second, sep];
  };
}
