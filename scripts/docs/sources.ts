// The first sentence of what the sources say above each function.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A comment as one line of Markdown, up to the first full stop. */
function firstSentence(comment: string): string {
  const text = comment
    .split('\n')
    .map((line) => line.replace(/^\s*\/?\*+\/?\s?/, '').replace(/\*+\/\s*$/, ''))
    .join(' ')
    .replace(/\{@link ([^}]+)\}/g, '`$1`')
    .replace(/\s+/g, ' ')
    .replace(/ ?@(see|throws|param|example|internal|returns).*/, '')
    .trim();
  const end = text.search(/(?<=\S)[.](\s|$)/);
  return (end < 0 ? text : text.slice(0, end)).replace(/[:;,]$/, '').replace(/\|/g, '\\|');
}

const COMMENT = '(\\/\\*\\*(?:(?!\\*\\/)[\\s\\S])*\\*\\/)\\n';
const EXPORTED = new RegExp(`${COMMENT}export (?:async |abstract )?(?:function\\*?|const|class) (\\w+)`, 'g');
const METHOD = new RegExp(`${COMMENT} {4}(\\w+)\\(`, 'g');

/** The TypeScript files of a folder, or the file itself. */
export function sourcesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.ts')).map((name) => join(path, name));
}

/** The whole comment above each exported declaration; the first one of a name. */
export function commentsOf(paths: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of paths.flatMap(sourcesOf).sort()) {
    for (const [, comment, name] of readFileSync(file, 'utf8').matchAll(EXPORTED)) {
      if (!found.has(name)) found.set(name, comment);
    }
  }
  return found;
}

/** What the sources in these folders and files say of exported functions, by name, and of methods, as `Tensor.name`. */
export function sentences(paths: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  const add = (name: string, comment: string): void => {
    const sentence = firstSentence(comment);
    if (sentence !== '' && !sentence.startsWith('See ') && !found.has(name)) found.set(name, sentence);
  };
  for (const file of paths.flatMap(sourcesOf).sort()) {
    const source = readFileSync(file, 'utf8');
    for (const [, comment, name] of source.matchAll(EXPORTED)) add(name, comment);
    for (const [, comment, name] of source.matchAll(METHOD)) add(`Tensor.${name}`, comment);
    for (const [, from, to] of source.matchAll(/\b(\w+) as (\w+)\b/g)) {
      const sentence = found.get(from);
      if (sentence) add(to, sentence);
    }
  }
  return found;
}
