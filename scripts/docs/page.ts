// Writes a generated page; with --check it only compares.
import { readFileSync, writeFileSync } from 'node:fs';

/** Writes the page, or fails when it is out of date (`--check`). `script` is the npm script that makes it. */
export function writeOrCheck(path: string, content: string, script: string): void {
  const text = `${content.trimEnd()}\n`;
  if (!process.argv.includes('--check')) {
    writeFileSync(path, text);
  } else if (readFileSync(path, 'utf8') !== text) {
    console.error(`${path} is out of date: npm run ${script}`);
    process.exitCode = 1;
  }
}
