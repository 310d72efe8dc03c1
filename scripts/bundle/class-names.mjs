// Bundling renames classes that clash (`Conv2`) or use themselves (`_Adam`), yet modules print their class names and errors
// of optimizers begin with them. esbuild's keepNames writes a name into every function and class, at a fifth of the time
// that loading takes; so only where it tells another name than the code does is it taken over.

/** `class A {`, `class A extends B {`, `var A2 = class _A extends B {`, at the end of a line. */
const HEAD = /(?:(\w+) = )?class\b(?: (?!extends\b)(\w+))?(?: extends .+)? \{$/;
/** Stands in a block of the class, two levels below its head. */
const NAMED = /^( *) {4}__name\(this, "(\w+)"\);$/;

/** The kept name of each class in the order of the text; undefined where it has none. */
function keptNames(named) {
  const names = [];
  const open = new Map();
  for (const line of named.split('\n')) {
    const indent = line.length - line.trimStart().length;
    const name = NAMED.exec(line);
    if (name) names[open.get(name[1].length)] = name[2];
    if (HEAD.test(line)) open.set(indent, names.push(undefined) - 1);
  }
  return names;
}

/** The text without keepNames, with the names of the one with it where they differ. */
export function withClassNames(text, named) {
  const wanted = keptNames(named);
  let at = 0;
  const result = text.split('\n').map((line) => {
    const head = HEAD.exec(line);
    if (!head) return line;
    const name = wanted[at++];
    if (name === undefined || name === (head[2] ?? head[1])) return line;
    return `${line}\n  static {\n    Object.defineProperty(this, "name", { value: "${name}", configurable: true });\n  }`;
  });
  if (at !== wanted.length) throw new Error(`${at} classes here, ${wanted.length} with names`);
  return result.join('\n');
}
