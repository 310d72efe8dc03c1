// node site/build.mjs: makes the documentation site in build/site. Installs what it needs into site/node_modules.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const site = dirname(fileURLToPath(import.meta.url));
const lock = join(site, 'package-lock.json');
const installed = join(site, 'node_modules', '.installed-lock.json');
const run = (program, args) => execFileSync(program, args, { cwd: site, stdio: 'inherit' });

if (!existsSync(installed) || readFileSync(installed, 'utf8') !== readFileSync(lock, 'utf8')) {
  run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts']);
  copyFileSync(lock, installed);
}
run(process.execPath, ['node_modules/typedoc/bin/typedoc', '--options', 'typedoc.config.mjs']);
console.log(`the site is ${join(site, '..', 'build', 'site', 'index.html')}`);
