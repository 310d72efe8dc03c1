// The rows of `npm run bench -- models` and `more-models`. What they run stands in bench/shapes/models.json and
// more-models.json, where the workers read it.
import { readFileSync } from 'node:fs';
import type { Case } from './case.js';

interface Shape {
  /** Images of a training step; 0: none. */
  readonly train: number;
  /** Multiplications and additions for one image, in billions. */
  readonly gmacs: number;
  /** Shape of an image. Default [3, 224, 224]. */
  readonly input?: readonly number[];
}

const shapesOf = (file: string): [string, Shape][] =>
  Object.entries(JSON.parse(readFileSync(new URL(`shapes/${file}.json`, import.meta.url), 'utf8')));

function rows([name, { train, gmacs }]: [string, Shape], target?: number): Case[] {
  const inference = (batch: number): Case => ({
    name: `${name} b${batch}`,
    text: `${name} inference, batch ${batch}`,
    flops: 2e9 * gmacs * batch,
    target,
  });
  const text = `${name} training step, batch ${train}`;
  const training: Case = { name: `${name} train`, text, flops: 6e9 * gmacs * train, target };
  return [inference(1), inference(8), ...(train > 0 ? [training] : [])];
}

/** The networks whose speed has a goal. */
export const MODEL_CASES: readonly Case[] = shapesOf('models').flatMap((shape) => rows(shape, 1.3));

/** All others of `models.list()`. */
export const MORE_MODEL_CASES: readonly Case[] = shapesOf('more-models').flatMap((shape) => rows(shape));
