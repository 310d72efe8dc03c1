// Refuses a Linux binary that would not load elsewhere: newer glibc than promised, symbols of its own that others could
// pick up, a library that a bare system lacks, or a call that Electron forbids. Uses readelf.
//   node scripts/check-binary.mjs FILE...
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { basename } from 'node:path';

export const GLIBC_FLOOR = [2, 28];
const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];
/** Node links these itself. */
const LIBRARIES =
  /^(libc|libm|libdl|libpthread|libgcc_s|ld-linux-x86-64|ld-linux-aarch64)\.so\.\d$|^libc\.musl-\w+\.so\.1$/;
/** V8's memory cage in Electron has no memory of others. */
const FORBIDDEN = /^napi_create_external_(arraybuffer|buffer)$/;

function readelf(file) {
  const result = spawnSync('readelf', ['-W', '--dyn-syms', '-d', '-S', file], { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (result.error || result.status !== 0)
    throw new Error(`readelf ${file}: ${result.error?.message ?? result.stderr}`);
  return result.stdout;
}

/** `exp@GLIBC_2.29 (4)` in the dynamic symbols: name, version, and whether it is defined here for others. */
function symbolsOf(text) {
  const lines = text.matchAll(/^ *\d+: [0-9a-f]+ +\d+ \w+ +(\w+) +\w+ +(\w+) ([\w.$]+)(?:@+(\w+?)_([\d.]+))?/gm);
  return [...lines].map(([, binding, section, name, library, version]) => ({
    name,
    defined: section !== 'UND' && binding !== 'LOCAL',
    library,
    version: version?.split('.').map(Number),
  }));
}

const newer = (a, b) => a[0] > b[0] || (a[0] === b[0] && (a[1] ?? 0) > b[1]);

/** What is wrong with the file, one line each. */
export function faultsOf(file, text = readelf(file)) {
  const symbols = symbolsOf(text);
  const faults = [];
  if (symbols.length < 10) faults.push('no symbols were found: the check is broken');
  for (const { name, defined, library, version } of symbols) {
    if (library === 'GLIBC' && newer(version, GLIBC_FLOOR)) faults.push(`${name} needs glibc ${version.join('.')}`);
    if (library === 'GLIBCXX' || library === 'CXXABI') faults.push(`${name} needs a shared libstdc++`);
    if (defined && !EXPORTS.includes(name)) faults.push(`${name} is visible to others`);
    if (FORBIDDEN.test(name)) faults.push(`${name} fails in Electron`);
  }
  for (const name of EXPORTS) if (!symbols.some((s) => s.defined && s.name === name)) faults.push(`${name} is missing`);
  for (const [, library] of text.matchAll(/\(NEEDED\).*\[(.+)\]/g))
    if (!LIBRARIES.test(library)) faults.push(`needs ${library}`);
  if (/ \.symtab /.test(text)) faults.push('is not stripped');
  return faults;
}

if (process.argv[1] && basename(process.argv[1]) === 'check-binary.mjs') {
  for (const file of process.argv.slice(2)) {
    const faults = faultsOf(file);
    for (const fault of faults) console.error(`${file}: ${fault}`);
    if (faults.length > 0) process.exitCode = 1;
    else console.log(`${file}: ${statSync(file).size} bytes, glibc ${GLIBC_FLOOR.join('.')} or newer`);
  }
}
