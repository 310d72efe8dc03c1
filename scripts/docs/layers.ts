// npm run docs:layers [-- --check]: writes docs/layers.md from PyTorch's list, the sources and docs/differences.md; with
// --check it fails when the page is out of date.
import { readFileSync } from 'node:fs';
import * as nabla from '../../lib/index.js';
import { codeOf, declarations } from './declarations.js';
import { camelCase, code, namesOf } from './distance.js';
import { writeOrCheck } from './page.js';
import { sentences } from './sources.js';

interface Space {
  readonly ops: Readonly<Record<string, readonly string[]>>;
  readonly leftOut: Readonly<Record<string, readonly string[]>>;
}

const list = JSON.parse(readFileSync('docs/torch-layers.json', 'utf8')) as Record<string, Space> & { version: string };
const docs = sentences(['lib/nn', 'lib/ops']);
const all = declarations(['lib/nn', 'lib/ops']);

/** What `nn.utils.prune` is here: `F` for the functions, otherwise the object of the same path. */
function spaceOf(path: string): object | undefined {
  if (path === 'nn.functional') return nabla.F;
  return path
    .split('.')
    .reduce<object | undefined>((at, key) => (at as Record<string, object> | undefined)?.[key], nabla);
}

const bullets = readFileSync('docs/differences.md', 'utf8')
  .split(/\n- /)
  .slice(1)
  .map((text) => text.replace(/\s+/g, ' ').trim());

/** The differences that name it. */
function differencesOf(name: string): string {
  const spans = new Set([name, `F.${name}`, `nn.${name}`, `nn.utils.${name}`]);
  const own = bullets.filter((text) => [...text.matchAll(/`([^`]+)`/g)].some(([, span]) => spans.has(span)));
  return own.join(' ').replace(/\|/g, '\\|');
}

/** Arguments that the sources of the function or class never name. */
function notTaken(name: string, args: readonly string[]): string {
  const source = codeOf(name, all);
  if (source === '') return '';
  return code(args.filter((arg) => !new RegExp(`\\b${camelCase(arg)}\\b`).test(source)));
}

const nameOf = (torchName: string): string => (/^[A-Z]/.test(torchName) ? torchName : camelCase(torchName));

function section(path: string): { lines: string[]; here: number; total: number } {
  const { ops, leftOut } = list[path];
  const names = namesOf(spaceOf(path));
  const present = Object.entries(ops).filter(([key]) => names.has(nameOf(key)));
  const missing = Object.keys(ops).filter((key) => !names.has(nameOf(key)));
  const lines = [`## torch.${path}`, ''];
  if (present.length > 0)
    lines.push('| nabla | PyTorch | | arguments not taken | differences |', '|---|---|---|---|---|');
  for (const [key, args] of present) {
    const name = nameOf(key);
    lines.push(
      `| \`${name}\` | \`${key}\` | ${docs.get(name) ?? ''} | ${notTaken(name, args)} | ${differencesOf(name)} |`,
    );
  }
  if (present.length > 0) lines.push('');
  if (missing.length > 0) lines.push(`Not yet (${missing.length}): ${code(missing)}`, '');
  for (const [reason, group] of Object.entries(leftOut)) lines.push(`Left out, ${reason}: ${code(group)}`, '');
  return { lines, here: present.length, total: present.length + missing.length };
}

const paths = Object.keys(list).filter((key) => key !== 'version');
const sections = paths.map(section);
const counts = paths.map((path, i) => `| \`torch.${path}\` | ${sections[i].here} | ${sections[i].total} |`);

const page = [
  '# Layers',
  '',
  'Made by `npm run docs:layers`; do not edit. [torch-layers.json](torch-layers.json), made by `scripts/torch_layers.py`, lists what',
  `PyTorch ${list.version} has; the differences are those of [differences.md](differences.md), where those of all layers stand too.`,
  'An argument that is not taken is one whose name does not occur in the code.',
  '',
  '| | here | of |',
  '|---|---|---|',
  ...counts,
  '',
  ...sections.flatMap(({ lines }) => lines),
].join('\n');

writeOrCheck('docs/layers.md', page, 'docs:layers');
