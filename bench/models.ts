// The rows of `npm run bench -- models`. What they run stands in bench/shapes/models.json, where the workers read it.
import { readFileSync } from 'node:fs';
import type { Case } from './case.js';

interface Shape {
  /** Images of a training step. */
  readonly train: number;
  /** Multiplications and additions for one image of 224 x 224, in billions. */
  readonly gmacs: number;
}

const shapes = JSON.parse(readFileSync(new URL('shapes/models.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, Shape>
>;

function rows([name, { train, gmacs }]: [string, Shape]): Case[] {
  const inference = (batch: number): Case => ({
    name: `${name} b${batch}`,
    text: `${name} inference, batch ${batch}`,
    flops: 2e9 * gmacs * batch,
    target: 1.3,
  });
  const text = `${name} training step, batch ${train}`;
  return [inference(1), inference(8), { name: `${name} train`, text, flops: 6e9 * gmacs * train, target: 1.3 }];
}

export const MODEL_CASES: readonly Case[] = Object.entries(shapes).flatMap(rows);
