// How far nabla's names reach into PyTorch's own list (docs/torch-ops.json).
import { readFileSync } from 'node:fs';
import * as nabla from '../../lib/index.js';
import { Tensor } from '../../lib/tensor/tensor.js';

interface Space {
  readonly ops: readonly string[];
  readonly leftOut: Readonly<Record<string, readonly string[]>>;
}

/** Names of PyTorch that run words together. */
const RENAMED: Readonly<Record<string, string>> = { logsigmoid: 'logSigmoid' };

/** `max_pool2d` is `maxPool2d`; a trailing underscore stays. */
export function camelCase(name: string): string {
  if (Object.hasOwn(RENAMED, name)) return RENAMED[name];
  const inPlace = name.endsWith('_') ? '_' : '';
  const words = name.replace(/_$/, '').split('_');
  return words.map((word, i) => (i === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join('') + inPlace;
}

/** Functions and classes of a namespace. */
export const namesOf = (value: unknown): Set<string> =>
  new Set(Object.entries((value ?? {}) as object).flatMap(([key, own]) => (typeof own === 'function' ? [key] : [])));

function spaces(): Record<string, [title: string, names: Set<string>]> {
  const root = nabla as unknown as Record<string, unknown>;
  return {
    torch: ['`torch.*`', namesOf(nabla)],
    Tensor: ['methods of `torch.Tensor`', new Set(Object.getOwnPropertyNames(Tensor.prototype))],
    'nn.functional': ['`torch.nn.functional.*`', namesOf(nabla.F)],
    linalg: ['`torch.linalg.*`', namesOf(root.linalg)],
    special: ['`torch.special.*`', namesOf(root.special)],
    fft: ['`torch.fft.*`', namesOf(root.fft)],
  };
}

/** Names as Markdown. */
export const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(' ');

/** The section of the page. */
export function distance(path: string): string {
  const list = JSON.parse(readFileSync(path, 'utf8')) as Record<string, Space> & { version: string };
  const lines: string[] = [];
  const details: string[] = [];
  let total = 0;
  let there = 0;
  for (const [key, [title, names]] of Object.entries(spaces())) {
    const { ops, leftOut } = list[key];
    const missing = ops.filter((op) => !names.has(camelCase(op)));
    const left = Object.values(leftOut).reduce((sum, group) => sum + group.length, 0);
    total += ops.length;
    there += ops.length - missing.length;
    lines.push(`| ${title} | ${ops.length - missing.length} | ${ops.length} | ${left} |`);
    if (missing.length > 0) details.push(`**${title}, not yet** (${missing.length}): ${code(missing)}`, '');
    for (const [reason, group] of Object.entries(leftOut)) {
      details.push(`${title}, ${reason} (${group.length}): ${code(group)}`, '');
    }
  }
  return [
    '## Distance to PyTorch',
    '',
    `Of ${total} public operations of PyTorch ${list.version} that work on real, dense tensors, ${there} are here under`,
    `the same name in camelCase: ${((100 * there) / total).toFixed(0)} %. The list is [torch-ops.json](torch-ops.json), made by \`scripts/torch_ops.py\`,`,
    'which states what counts.',
    '',
    '| | here | of | left out on purpose |',
    '|---|---|---|---|',
    ...lines,
    '',
    ...details,
  ].join('\n');
}
