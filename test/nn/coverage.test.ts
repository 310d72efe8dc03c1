// What every module must have: a fixture made by PyTorch, and a comment that says shapes and source.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { F, nn } from '../../lib/index.js';
import { commentsOf } from '../../scripts/docs/sources.js';

const classes = Object.entries(nn).flatMap(([name, value]) =>
  typeof value === 'function' && value.prototype instanceof nn.Module ? [name] : [],
);
const functions = Object.keys(F);

const folder = new URL('../fixtures/', import.meta.url);
const texts = readdirSync(folder)
  .filter((name) => /^nn.*\.json$/.test(name))
  .flatMap((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as { text: string }[])
  .map(({ text }) => text)
  .join('\n');
// A lazy module prints as what it has become: its test makes it.
const lazy = readFileSync(new URL('./lazy.test.ts', import.meta.url), 'utf8');

const tested = (name: string): boolean =>
  name.startsWith('Lazy') ? lazy.includes(`after(new nn.${name}(`) : new RegExp(`\\b${name}\\(`).test(texts);

describe('every exported module', () => {
  it('has a fixture made by PyTorch', () => {
    expect(classes.length).toBeGreaterThan(80);
    expect(classes.filter((name) => !tested(name))).toEqual([]);
  });
});

const comments = commentsOf(['lib/nn', 'lib/ops']);
/** Without a shape of their own: functions of each element, and lists. */
const ELEMENTWISE = new Set(
  (
    'celu elu gelu hardshrink hardsigmoid hardswish hardtanh leakyRelu logSigmoid mish relu relu6 rrelu selu sigmoid silu ' +
    'softplus softshrink softsign tanh tanhshrink threshold dropout alphaDropout celu_ elu_ hardtanh_ leakyRelu_ relu_ ' +
    'rrelu_ selu_ threshold_'
  ).split(' '),
);
const LISTS = new Set(['ModuleDict', 'ModuleList', 'ParameterDict', 'ParameterList']);
const saysShapes = (comment: string): boolean =>
  /`\[|elementwise|any shape|shapes? of|the shape|same shape/i.test(comment);
const saysSource = (comment: string): boolean => /https?:\/\/|\b(19|20)\d\d\b|\{@link/.test(comment);

describe('the comment of every exported module and function', () => {
  it('is there', () => {
    expect([...classes, ...functions].filter((name) => !comments.has(name))).toEqual([]);
  });
  it('says shapes', () => {
    const names = [...classes, ...functions].filter((name) => !ELEMENTWISE.has(name) && !LISTS.has(name));
    expect(names.filter((name) => !saysShapes(comments.get(name) ?? ''))).toEqual([]);
  });
  it('says where it comes from', () => {
    expect([...classes, ...functions].filter((name) => !saysSource(comments.get(name) ?? ''))).toEqual([]);
  });
});
