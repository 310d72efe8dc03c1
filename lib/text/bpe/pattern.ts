// Regular expressions of tokenizer files (Oniguruma's syntax) as JavaScript's.
import { FormatError } from '../../errors.js';

const SPACE = '\\p{White_Space}';
const WORD = '\\p{Alphabetic}\\p{M}\\p{N}\\p{Pc}';

/** Escapes that mean something else in JavaScript: outside of `[...]`, and inside. */
const ESCAPES: Readonly<Record<string, readonly [outside: string, inside: string | null]>> = {
  s: [SPACE, SPACE],
  S: ['\\P{White_Space}', '\\P{White_Space}'],
  d: ['\\p{Nd}', '\\p{Nd}'],
  D: ['\\P{Nd}', '\\P{Nd}'],
  w: [`[${WORD}]`, WORD],
  W: [`[^${WORD}]`, null],
  A: ['(?<![\\s\\S])', null],
  z: ['(?![\\s\\S])', null],
  h: ['[0-9a-fA-F]', '0-9a-fA-F'],
};

/** Classes by name and characters by number. */
const LONG_ESCAPE = /^\\(?:[pP]\{[^}]*\}|x\{[0-9a-fA-F]+\}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})/;

/** What may stand behind a backslash in JavaScript's `u` mode without a meaning of its own. */
const PUNCTUATION = /[\^$\\.*+?()[\]{}|/]/;

/**
 * The pattern of a tokenizer file for JavaScript, with flags `g` and `u`.
 * @throws FormatError for syntax that cannot be carried over
 * @internal
 */
export function convertPattern(op: string, path: string, source: string): RegExp {
  const wrong = (reason: string) => new FormatError(op, path, `the pattern ${JSON.stringify(source)} ${reason}`);
  const groups: boolean[] = []; // for each open group, whether case counted before it
  let ignoreCase = false;
  let inClass = false;
  let out = '';
  for (let i = 0; i < source.length; i++) {
    const char = source[i];
    if (char === '\\') {
      const long = LONG_ESCAPE.exec(source.slice(i, i + 64));
      out += long === null ? convertEscape(source[i + 1], inClass, wrong) : long[0].replace('x{', 'u{');
      i += long === null ? 1 : long[0].length - 1;
    } else if (inClass) {
      if (char === '[' || (char === '&' && source[i + 1] === '&')) throw wrong('has a class inside a class');
      if (ignoreCase && /[a-z]/i.test(char)) throw wrong('has a class of letters where case is ignored');
      if (char === ']') inClass = false;
      out += char;
    } else if (char === '[') {
      inClass = true;
      out += char;
    } else if (char === '(') {
      groups.push(ignoreCase);
      const flag = source.startsWith('(?i:', i);
      if (flag) ignoreCase = true;
      else if (/^\(\?([>~#]|[imxa-]+[:)])/.test(source.slice(i)))
        throw wrong(`has a group that is not supported: ${source.slice(i, i + 6)}`);
      out += flag ? '(?:' : char;
      if (flag) i += 3;
    } else {
      if (char === ')') ignoreCase = groups.pop() ?? false;
      out += ignoreCase ? bothCases(char) : char;
    }
  }
  try {
    return new RegExp(out, 'gu');
  } catch (error) {
    throw wrong(`is not supported: ${(error as Error).message}`);
  }
}

function convertEscape(char: string | undefined, inClass: boolean, wrong: (reason: string) => FormatError): string {
  if (char === undefined) throw wrong('ends in a backslash');
  if (Object.hasOwn(ESCAPES, char)) {
    const text = ESCAPES[char][inClass ? 1 : 0];
    if (text === null) throw wrong(`has \\${char} inside a class`);
    return text;
  }
  if (char === '-') return inClass ? '\\-' : '-';
  if (/[a-zA-Z0-9]/.test(char) || PUNCTUATION.test(char)) return `\\${char}`;
  return char;
}

/** With the two letters beyond ASCII that are equal to one of ASCII when case is ignored. */
function bothCases(char: string): string {
  if (!/[a-z]/i.test(char)) return char;
  const further: Record<string, string> = { s: '\u017f', k: '\u212a' };
  const lower = char.toLowerCase();
  return `[${lower}${char.toUpperCase()}${further[lower] ?? ''}]`;
}

/** A text as a pattern that matches just it. @internal */
export const escapePattern = (text: string): string => text.replace(/[\^$\\.*+?()[\]{}|/]/g, '\\$&');
