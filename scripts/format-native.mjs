// clang-format over native/**: rewrites, or with --check lists what differs and fails.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const check = process.argv.includes('--check');
const files = readdirSync(join(root, 'native'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(cpp|h|cu|cuh|inc)$/.test(entry.name))
  .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
  .filter((file) => !/(^|[\\/])build[^\\/]*[\\/]/.test(file))
  .sort();

const tool = process.env.CLANG_FORMAT ?? 'clang-format';
const mode = check ? ['--dry-run', '--Werror'] : ['-i'];
const result = spawnSync(tool, [...mode, '--style=file', ...files], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
});
if (result.error) {
  console.error(`${tool} cannot run (${result.error.message}); Debian: apt-get install -y clang-format`);
  process.exit(1);
}
if (files.length === 0) throw new Error('found no file under native/');
if (result.status !== 0) {
  console.error('native sources are not formatted: npm run format');
  process.exit(1);
}
console.log(`${check ? 'checked' : 'formatted'} ${files.length} native files`);
