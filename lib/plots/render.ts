import { extname } from 'node:path';
import { writeAtomically } from '../data/files.js';
import { ArgumentError } from '../errors.js';
import { importOptional } from './optional.js';

/** Pixels per SVG unit, so that text stays sharp on dense screens. */
const PIXEL_RATIO = 2;
const SVG_DPI = 72;

/** What every font in a picture falls back to. */
export const FONT_FAMILY = 'Inter, Helvetica Neue, Arial, DejaVu Sans, sans-serif';

/** Makes text safe inside SVG. */
export function escapeXml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };
  return text.replace(/[&<>"']/g, (char) => entities[char]);
}

/** Says at the call, before any work, that a path is neither .png nor .svg. */
export function requireImagePath(op: string, path: string): '.png' | '.svg' {
  const extension = extname(path).toLowerCase();
  if (extension === '.png' || extension === '.svg') return extension;
  throw new ArgumentError(op, `path must end with .png or .svg, got ${JSON.stringify(path)}`, path);
}

/** Packs pixels as PNG. */
export async function encodePng(op: string, rgb: Uint8Array, width: number, height: number): Promise<Buffer> {
  const sharp = await loadSharp(op);
  return sharp(rgb, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** Writes an SVG as it is or, for a path that ends with .png, drawn. */
export async function writeImage(op: string, svg: string, path: string): Promise<void> {
  if (requireImagePath(op, path) === '.svg') {
    await writeAtomically(path, (file) => file.writeFile(svg));
    return;
  }
  const sharp = await loadSharp(op);
  const png = await sharp(Buffer.from(svg), { density: SVG_DPI * PIXEL_RATIO })
    .png({ compressionLevel: 9 })
    .toBuffer();
  await writeAtomically(path, (file) => file.writeFile(png));
}

async function loadSharp(op: string) {
  const module = await importOptional(op, ['sharp'], () => import('sharp'));
  return module.default;
}
