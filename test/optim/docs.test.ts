import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { optim } from '../../lib/index.js';
import { runExamples } from '../support/page.js';

runExamples('optimizers.md');

it('docs/optimizers.md names every optimizer, schedule and average', () => {
  const page = readFileSync(new URL('../../docs/optimizers.md', import.meta.url), 'utf8');
  const names = [optim, optim.lrScheduler, optim.swaUtils].flatMap((space) => Object.keys(space));
  expect(names.length).toBeGreaterThan(40);
  for (const name of names) expect(page, name).toMatch(new RegExp(`\\b${name}\\b`));
});
