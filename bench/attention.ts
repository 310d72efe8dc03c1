// The rows of `npm run bench -- attention`. The shapes stand in bench/shapes, where the workers read them.
import { readFileSync } from 'node:fs';
import type { Case } from './case.js';

interface Shape {
  /** [N, H, L, E]. */
  readonly query: readonly [number, number, number, number];
  /** [N, G, S, E]; values have the same shape. */
  readonly key: readonly [number, number, number, number];
  readonly causal?: boolean;
  readonly grouped?: boolean;
  /** Forward only. */
  readonly inference?: boolean;
}

const shapes = JSON.parse(readFileSync(new URL('shapes/attention.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, Shape>
>;

function rows([name, { query, key, causal, inference }]: [string, Shape]): Case[] {
  const [batch, heads, queries, width] = query;
  const [, groups, keys] = key;
  const text = `attention [${query}], ${groups} heads of ${keys} keys${causal ? ', causal' : ''}`;
  // Two products forward, five backward; a causal one needs half of each.
  const product = 2 * batch * heads * queries * keys * width * (causal ? 0.5 : 1);
  const forward = { name: `${name} forward`, text, flops: 2 * product, target: 1.2 };
  if (inference) return [forward];
  return [
    forward,
    { name: `${name} backward`, text: `${text}, forward and backward`, flops: 7 * product, target: 1.2 },
  ];
}

export const ATTENTION_CASES: readonly Case[] = Object.entries(shapes).flatMap(rows);
