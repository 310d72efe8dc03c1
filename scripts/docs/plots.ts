// npx tsx scripts/docs/plots.ts: draws the pictures of docs/plots.md with examples/visualize.ts, small enough for a page.
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { visualize } from '../../examples/visualize.js';

const MOST_BYTES = 60_000;

const folder = await mkdtemp(join(tmpdir(), 'nabla-pictures-'));
try {
  await visualize(folder, 20);
  await mkdir('docs/images', { recursive: true });
  for (const name of (await readdir(folder)).filter((file) => file.endsWith('.png'))) {
    const target = join('docs/images', name);
    const page = sharp(join(folder, name)).resize({ width: 800, withoutEnlargement: true });
    const { size } = await page.png({ palette: true, colours: 48, dither: 0, effort: 10 }).toFile(target);
    if (size > MOST_BYTES) throw new Error(`${target} has ${size} bytes`);
    console.log(`${target}: ${size} bytes`);
  }
} finally {
  await rm(folder, { recursive: true });
}
