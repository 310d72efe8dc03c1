import { extname } from 'node:path';
import { writeAtomically } from '../data/files.js';
import { ArgumentError } from '../errors.js';
import { importOptional } from '../optional.js';
import { packageRoot } from '../package-root.js';

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
export async function encodePng(
  op: string,
  pixels: Uint8Array,
  width: number,
  height: number,
  channels: 1 | 3 | 4 = 3,
): Promise<Buffer> {
  const sharp = await loadSharp(op);
  return sharp(pixels, { raw: { width, height, channels } }).png().toBuffer();
}

/** Writes an SVG as it is or, for a path that ends with .png, drawn. */
export async function writeImage(op: string, svg: string, path: string): Promise<void> {
  if (requireImagePath(op, path) === '.svg') {
    await writeAtomically(path, (file) => file.writeFile(svg));
    return;
  }
  const sharp = await loadSharp(op);
  const drawn = sharp(Buffer.from(svg), { density: SVG_DPI * PIXEL_RATIO }).png({ compressionLevel: 9 });
  const png = await withFonts(() => drawn.toBuffer());
  await writeAtomically(path, (file) => file.writeFile(png));
}

/**
 * Lets the first drawing find our fonts beside the system's, because a bare Linux container has none and would draw
 * boxes. The variable is read once, when the first text is drawn; what the user has set goes first.
 */
async function withFonts<T>(draw: () => Promise<T>): Promise<T> {
  const { env, platform } = process;
  if (platform !== 'linux' || env.FONTCONFIG_FILE !== undefined || env.FONTCONFIG_PATH !== undefined) return draw();
  env.FONTCONFIG_FILE = `${packageRoot()}data/fonts/fonts.conf`;
  try {
    return await draw();
  } finally {
    delete env.FONTCONFIG_FILE;
  }
}

async function loadSharp(op: string) {
  const module = await importOptional(op, ['sharp'], () => import('sharp'));
  return module.default;
}
