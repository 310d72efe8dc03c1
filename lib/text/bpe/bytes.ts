// Bytes as visible characters, so that a vocabulary of strings can hold any text.
// Source: Radford et al., Language Models are Unsupervised Multitask Learners (GPT-2), 2019.

/** The character that stands for each byte: itself where it is visible in Latin-1, else one from U+0100 on. @internal */
export const BYTE_CHARS: readonly string[] = makeByteChars();

const CHAR_BYTES: ReadonlyMap<string, number> = new Map(BYTE_CHARS.map((char, byte) => [char, byte]));

function makeByteChars(): string[] {
  const visible = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(visible(byte) ? byte : next++));
}

/** The UTF-8 bytes of a text, one character each. A lone surrogate becomes U+FFFD. @internal */
export function textToByteChars(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 128) return bytesToChars(Buffer.from(text, 'utf8'));
    out += BYTE_CHARS[code];
  }
  return out;
}

function bytesToChars(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += BYTE_CHARS[byte];
  return out;
}

/** Bytes of a token; a token with any other character (a special one) stands for its own text. @internal */
export function tokenToBytes(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = CHAR_BYTES.get(token[i]);
    if (byte === undefined) return Buffer.from(token, 'utf8');
    bytes[i] = byte;
  }
  return bytes;
}

/** Text of bytes; what is no UTF-8 becomes U+FFFD. @internal */
export const bytesToText = (bytes: readonly Uint8Array[]): string => Buffer.concat(bytes).toString('utf8');
