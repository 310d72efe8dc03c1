import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { visualize } from '../../examples/visualize.js';
import { readEvents } from '../support/event-file.js';

it('visualize draws every plot and logs to TensorBoard', { timeout: 240_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nabla-visualize-'));
  try {
    expect(await visualize(folder, 1)).toBeGreaterThan(0.05);
    const pictures = (await readdir(folder)).filter((name) => name.endsWith('.png'));
    const shown = [...(await readFile('docs/plots.md', 'utf8')).matchAll(/images\/([\w-]+\.png)/g)].map(
      ([, name]) => name,
    );
    expect(pictures.sort()).toEqual([...new Set(shown)].sort());
    const events = readEvents(join(folder, 'runs', 'train'));
    expect(events.filter(({ tag }) => tag === 'loss').map(({ step }) => step)).toEqual([6]);
    expect(events.some(({ event }) => event.has(4))).toBe(true);
  } finally {
    await rm(folder, { recursive: true });
  }
});
