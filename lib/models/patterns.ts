import { ArgumentError, valueText } from '../errors.js';

/** One pattern, or several of which one must fit: a name with `*` and `?` for letters, or a regular expression. */
export type NamePattern = string | RegExp | readonly (string | RegExp)[];

function expression(op: string, pattern: unknown, ending: string): RegExp {
  if (pattern instanceof RegExp) return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
  if (typeof pattern !== 'string') {
    throw new ArgumentError(
      op,
      `a pattern must be a string or a regular expression, got ${valueText(pattern)}`,
      pattern,
    );
  }
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${escaped}${ending}`);
}

const listOf = (pattern: NamePattern): readonly unknown[] => (Array.isArray(pattern) ? pattern : [pattern]);

/** Whether a name fits. @internal */
export function nameMatcher(op: string, pattern: NamePattern): (name: string) => boolean {
  const tests = listOf(pattern).map((one) => expression(op, one, '$'));
  return (name) => tests.some((test) => test.test(name));
}

/** One test for each pattern: whether a path fits, or is below one that fits. @internal */
export function pathMatchers(op: string, pattern: NamePattern): { pattern: unknown; fits(path: string): boolean }[] {
  return listOf(pattern).map((one) => {
    const test = expression(op, one, '(?:\\.|$)');
    return { pattern: one, fits: (path) => test.test(path) };
  });
}
