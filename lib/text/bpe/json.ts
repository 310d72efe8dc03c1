// The parts of a tokenizer.json. Source: https://huggingface.co/docs/tokenizers/api/tokenizer
import { ArgumentError, FormatError, valueText } from '../../errors.js';
import { type AddedToken, addedTokenToJson, readAddedToken } from './added-tokens.js';
import { Config } from './config.js';
import { BpeModel, type Merge } from './model.js';

/** The parts that are kept as they stand in the file. @internal */
export interface Pipeline {
  readonly normalizer: unknown;
  readonly preTokenizer: unknown;
  readonly postProcessor: unknown;
  readonly decoder: unknown;
}

/** Everything of a tokenizer.json. @internal */
export interface Parts extends Pipeline {
  readonly model: BpeModel;
  readonly addedTokens: readonly AddedToken[];
}

/** @internal */
export function readParts(op: string, path: string, json: unknown): Parts {
  const config = Config.of(op, path, '', json);
  for (const key of ['truncation', 'padding']) {
    if (config.has(key)) throw config.wrong(`${key} is not supported, it must be null`);
  }
  const model = readModel(config.object('model'));
  const addedTokens = config.has('added_tokens') ? config.objects('added_tokens').map(readAddedToken) : [];
  checkAddedTokens(config, model, addedTokens);
  const { normalizer = null, pre_tokenizer = null, post_processor = null, decoder = null } = config.values;
  return { model, addedTokens, normalizer, preTokenizer: pre_tokenizer, postProcessor: post_processor, decoder };
}

function readModel(config: Config): BpeModel {
  if (config.has('type') && config.type !== 'BPE') throw config.unsupported('model');
  if (config.has('dropout') && config.values.dropout !== 0) throw config.wrong('dropout is not supported');
  const vocab = readVocab(config.object('vocab'));
  const merges = config.array('merges').map((merge, i) => readMerge(config, merge, i));
  const optional = (key: string): string | null => (config.has(key) ? config.string(key) : null);
  const options = {
    unkToken: optional('unk_token'),
    continuingSubwordPrefix: optional('continuing_subword_prefix') || null,
    endOfWordSuffix: optional('end_of_word_suffix') || null,
    fuseUnk: config.boolean('fuse_unk', false),
    byteFallback: config.boolean('byte_fallback', false),
    ignoreMerges: config.boolean('ignore_merges', false),
  };
  try {
    return new BpeModel(vocab, merges, options);
  } catch (error) {
    if (error instanceof ArgumentError) throw config.wrong(error.message.replace(/^BpeModel: /, ''));
    throw error;
  }
}

/** Numbers far above the count of tokens would make an array of holes. */
const MOST_IDS = 2 ** 24;

function readVocab(config: Config): Map<string, number> {
  const vocab = new Map<string, number>();
  const seen = new Map<number, string>();
  for (const token of Object.keys(config.values)) {
    const id = config.index(token);
    if (id >= MOST_IDS) throw config.wrong(`the number ${id} of ${valueText(token)} is not below ${MOST_IDS}`);
    const other = seen.get(id);
    if (other !== undefined)
      throw config.wrong(`${valueText(other)} and ${valueText(token)} both have the number ${id}`);
    seen.set(id, token);
    vocab.set(token, id);
  }
  return vocab;
}

function readMerge(config: Config, merge: unknown, rank: number): Merge {
  const pair = typeof merge === 'string' ? merge.split(' ') : merge;
  if (Array.isArray(pair) && pair.length === 2 && pair.every((token) => typeof token === 'string' && token !== '')) {
    return pair as readonly unknown[] as Merge;
  }
  throw config.wrong(`merges[${rank}] must be two tokens, got ${valueText(merge)}`);
}

function checkAddedTokens(config: Config, model: BpeModel, tokens: readonly AddedToken[]): void {
  const seen = new Map<number, string>();
  for (const [i, { id, content }] of tokens.entries()) {
    const wrong = (reason: string) =>
      new FormatError(config.op, config.path, `added_tokens[${i}] ${valueText(content)} ${reason}`);
    const known = model.vocab.get(content);
    if (id >= MOST_IDS) throw wrong(`has the number ${id}, which is not below ${MOST_IDS}`);
    if (known !== undefined && known !== id) throw wrong(`has the number ${id}, in the vocabulary it is ${known}`);
    const other = seen.get(id) ?? model.tokenOf(id);
    if (other !== undefined && other !== content) throw wrong(`has the number ${id} of ${valueText(other)}`);
    seen.set(id, content);
  }
}

/** The content of a tokenizer.json. @internal */
export function partsToJson(parts: Parts): Record<string, unknown> {
  const { model, addedTokens, normalizer, preTokenizer, postProcessor, decoder } = parts;
  const { options } = model;
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens.map(addedTokenToJson),
    normalizer,
    pre_tokenizer: preTokenizer,
    post_processor: postProcessor,
    decoder,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: options.unkToken,
      continuing_subword_prefix: options.continuingSubwordPrefix,
      end_of_word_suffix: options.endOfWordSuffix,
      fuse_unk: options.fuseUnk,
      byte_fallback: options.byteFallback,
      ignore_merges: options.ignoreMerges,
      vocab: Object.fromEntries(model.vocab),
      merges: model.merges,
    },
  };
}
