import { readFile } from 'node:fs/promises';
import { writeAtomically } from '../data/files.js';
import { ArgumentError, FormatError, valueText } from '../errors.js';

/** Throws unless `value` is an integer of at least `least`. */
export function checkInteger(op: string, name: string, value: unknown, least: number): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  throw new ArgumentError(op, `${name} must be an integer of at least ${least}, got ${valueText(value)}`, value);
}

/** Throws unless `value` is a finite number for which `holds`; `rule` says what that is. */
export function checkNumber(
  op: string,
  name: string,
  value: unknown,
  rule: string,
  holds: (x: number) => boolean,
): void {
  if (typeof value === 'number' && Number.isFinite(value) && holds(value)) return;
  throw new ArgumentError(op, `${name} must be ${rule}, got ${valueText(value)}`, value);
}

/** Throws unless `value` is a string. */
export function checkString(op: string, name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string')
    throw new ArgumentError(op, `${name} must be a string, got ${valueText(value)}`, value);
}

/** Throws unless `value` is a boolean. */
export function checkBoolean(op: string, name: string, value: unknown): asserts value is boolean {
  if (typeof value === 'boolean') return;
  throw new ArgumentError(op, `${name} must be true or false, got ${valueText(value)}`, value);
}

/** Throws unless `value` is an array of strings without repetition. */
export function checkTokens(op: string, name: string, value: unknown): asserts value is readonly string[] {
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw new ArgumentError(op, `${name} must be an array of strings, got ${valueText(value)}`, value);
  }
  const seen = new Set<string>();
  for (const token of value) {
    if (seen.has(token)) throw new ArgumentError(op, `${name} has ${valueText(token)} twice`, token);
    seen.add(token);
  }
}

/** Throws unless `texts` can be looped over; a single string would be taken for its characters. */
export function checkTexts(op: string, texts: unknown): asserts texts is Iterable<unknown> {
  if (typeof texts === 'object' && texts !== null && Symbol.iterator in texts) return;
  throw new ArgumentError(op, `an iterable is needed, got ${valueText(texts)}`, texts);
}

/** The order of code points, which is Python's order of strings; that of JavaScript's `<` is by UTF-16 units. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [p, q] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (p === q) continue;
    const aSurrogate = p >= 0xd800 && p <= 0xdfff;
    const bSurrogate = q >= 0xd800 && q <= 0xdfff;
    if (aSurrogate !== bSurrogate) return aSurrogate ? 1 : -1;
    return p - q;
  }
  return a.length - b.length;
}

/** A JSON value of a file, not yet checked. */
export async function readJson(op: string, path: string): Promise<unknown> {
  checkString(op, 'path', path);
  return parseJson(op, path, await readFile(path, 'utf8'));
}

/** @throws FormatError with the parser's reason */
export function parseJson(op: string, path: string, text: string): unknown {
  try {
    return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
  } catch (error) {
    throw new FormatError(op, path, `not valid JSON: ${(error as Error).message}`);
  }
}

export const writeJson = (path: string, value: unknown): Promise<void> =>
  writeAtomically(path, (file) => file.writeFile(`${JSON.stringify(value, null, 2)}\n`));
