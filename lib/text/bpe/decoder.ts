import { bytesToText, tokenToBytes } from './bytes.js';
import type { Config } from './config.js';
import { readMetaspace, restoreBlanks } from './metaspace.js';
import { readPattern } from './normalizer.js';

/** Rewrites tokens so that they can be put together. @internal */
export type Decoder = (tokens: string[]) => string[];

/** The decoder that a part of a tokenizer.json says; without one tokens are put together with blanks. @internal */
export function makeDecoder(config: Config | null): (tokens: string[]) => string {
  if (config === null) return (tokens) => tokens.join(' ');
  const steps = stepsOf(config);
  return (tokens) => steps.reduce((value, step) => step(value), tokens).join('');
}

function stepsOf(config: Config): Decoder[] {
  switch (config.type) {
    case 'ByteLevel':
      return [(tokens) => [bytesToText(tokens.map(tokenToBytes))]];
    case 'BPEDecoder': {
      const suffix = config.has('suffix') ? config.string('suffix') : '</w>';
      return [(tokens) => tokens.map((token, i) => token.replaceAll(suffix, i === tokens.length - 1 ? '' : ' '))];
    }
    case 'Fuse':
      return [(tokens) => [tokens.join('')]];
    case 'ByteFallback':
      return [joinBytes];
    case 'Replace': {
      const pattern = readPattern(config);
      const content = config.string('content');
      return [(tokens) => tokens.map((token) => token.replace(pattern, () => content))];
    }
    case 'Strip': {
      const [content, start, stop] = [config.string('content'), config.index('start'), config.index('stop')];
      return [(tokens) => tokens.map((token) => strip(token, content, start, stop))];
    }
    case 'Metaspace': {
      const blanks = readMetaspace(config);
      return [(tokens) => restoreBlanks(tokens, blanks)];
    }
    case 'Sequence':
      return config.objects('decoders').flatMap(stepsOf);
    default:
      throw config.unsupported('decoder');
  }
}

/** Runs of tokens `<0x41>` as the text of their bytes; a run that is no UTF-8 gives one U+FFFD a byte. */
function joinBytes(tokens: string[]): string[] {
  const out: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length === 0) return;
    const text = Buffer.from(bytes).toString('utf8');
    out.push(Buffer.from(text, 'utf8').equals(Buffer.from(bytes)) ? text : '\ufffd'.repeat(bytes.length));
    bytes = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token);
    if (byte !== null) {
      bytes.push(Number.parseInt(byte[1], 16));
      continue;
    }
    flush();
    out.push(token);
  }
  flush();
  return out;
}

/** Takes up to `start` copies of a character off the front and `stop` off the end. */
function strip(token: string, content: string, start: number, stop: number): string {
  let begin = 0;
  let end = token.length;
  for (let i = 0; i < start && token.startsWith(content, begin); i++) begin += content.length;
  for (let i = 0; i < stop && end > begin && token.slice(begin, end).endsWith(content); i++) end -= content.length;
  return token.slice(begin, Math.max(begin, end));
}
