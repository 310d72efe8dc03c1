// Proves on the object files that no instruction sits outside the objects of its instruction set, and that files
// compiled several times share no symbol (the linker might keep the AVX-512 copy for every processor).
//   node scripts/check-isa.mjs [--build build]    check a build
//   node scripts/check-isa.mjs --self-test        each rule must catch an object that breaks it
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

// In AT&T syntax. VEX mnemonics start with v (verr, verw and the vm* of hypervisors do not occur in user code).
const VEX = /^(v(?!err|erw|m)[a-z]|vm(ov|ul|ax|in|ask)|k(mov|or|and|xor|not|shift|test|unpck|add)[a-z]*[bwdq]\b)/;
const BMI = /^(andn|bextr|bls(i|r|msk)|mulx|pdep|pext|rorx|sarx|shlx|shrx|bzhi)[lq]?\b/;
const EVEX = /%zmm|%k[0-7]\b|\{%k|\{z\}|\{1to|%[xy]mm(1[6-9]|2\d|3[01])\b/;

function outsideIsa(isa, instruction) {
  if (isa === 'avx512') return false;
  if (EVEX.test(instruction)) return true;
  if (isa === 'avx2') return false;
  return VEX.test(instruction) || BMI.test(instruction) || instruction.includes('%ymm');
}

function tool(name, args) {
  const result = spawnSync(name, args, { encoding: 'utf8', maxBuffer: 1 << 30, env: { ...process.env, LC_ALL: 'C' } });
  if (result.error)
    throw new Error(`${name} cannot run (${result.error.message}); Debian: apt-get install -y binutils`);
  if (result.status !== 0) throw new Error(`${name} ${args.join(' ')} failed:\n${result.stderr}`);
  return result.stdout;
}

function instructionErrors(file, isa) {
  const errors = [];
  let name = '?';
  let count = 0;
  for (const line of tool('objdump', ['-d', '--no-show-raw-insn', '-C', file]).split('\n')) {
    const header = /^[0-9a-f]+ <(.*)>:$/.exec(line);
    if (header) name = header[1];
    const instruction = /^\s+[0-9a-f]+:\s+(?:(?:rep|lock|data16|notrack) )*(.*)$/.exec(line)?.[1];
    if (!instruction) continue;
    count++;
    if (outsideIsa(isa, instruction)) errors.push(`instruction outside ${isa}: "${instruction.trim()}" in ${name}`);
  }
  // One function may hold thousands; three say enough.
  return { errors: errors.length > 3 ? [...errors.slice(0, 3), `... and ${errors.length - 3} more`] : errors, count };
}

// What it takes to throw std::bad_alloc: Eigen does, for its temporaries. Data and code of the C++ library only.
const THROWING = /^(DW\.ref\.__gxx_personality_v0|_Z(TI|TV|N)St9bad_alloc(D1Ev)?)$/;

function symbolErrors(file, isa) {
  const errors = [];
  let registered = 0;
  for (const line of tool('nm', ['-f', 'posix', file]).split('\n')) {
    const [symbol, type] = line.split(' ');
    if (!type || THROWING.test(symbol)) continue;
    if (/[WVuvw]/.test(type)) {
      // Templates of Eigen, whose namespace carries the instruction set: no other copy has their names.
      if (!symbol.includes(`nablaEigen_${isa}`)) errors.push(`weak or shared symbol ${symbol} (${type})`);
    } else if (type === 'U' && /^_?_Z/.test(symbol)) errors.push(`calls C++ code outside the file: ${symbol}`);
    else if (/[TDBRSGC]/.test(type)) {
      if (new RegExp(`^_?nabla_register_\\w+__${isa}$`).test(symbol)) registered++;
      else errors.push(`exports ${symbol}, not tagged as nabla_register_<family>__${isa}`);
    }
  }
  if (registered !== 1) errors.push(`defines ${registered} register functions, expected 1`);
  if (/\.init_array|\.ctors/.test(tool('objdump', ['-h', file]))) errors.push('has a static initialiser');
  return errors;
}

function objectsUnder(dir) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(o|obj)$/.test(name))
    .map((name) => join(dir, name));
}

/** Checks the CMake object folders of a build. Returns messages and what was looked at. */
function check(build) {
  const cmake = join(build, 'CMakeFiles');
  const targets = existsSync(cmake) ? readdirSync(cmake).filter((name) => name.endsWith('.dir')) : [];
  const errors = [];
  let objects = 0;
  let instructions = 0;
  const isas = new Set();
  for (const target of targets) {
    const isa = /^kernels_(\w+)\.dir$/.exec(target)?.[1];
    for (const file of objectsUnder(join(cmake, target))) {
      objects++;
      if (isa) isas.add(isa);
      const code = process.arch === 'x64' ? instructionErrors(file, isa ?? 'baseline') : { errors: [], count: 1 };
      instructions += code.count;
      const found = isa ? [...code.errors, ...symbolErrors(file, isa)] : code.errors;
      errors.push(...found.map((message) => `${target}/${basename(file)}: ${message}`));
    }
  }
  const wanted = process.arch === 'x64' ? ['baseline', 'avx2', 'avx512'] : [];
  for (const isa of wanted) if (!isas.has(isa)) errors.push(`no kernel object for ${isa} under ${cmake}`);
  if (objects === 0 || instructions === 0) errors.push(`found nothing to check under ${cmake}`);
  return { errors, objects, instructions };
}

const GOOD = (isa) =>
  `extern "C" void nabla_register_good__${isa}(float* x) { for (int i = 0; i < 64; i++) x[i] *= 3; }\n`;
const FLAGS = { baseline: 'x86-64-v2', avx2: 'x86-64-v3', avx512: 'x86-64-v4', core: 'x86-64-v2' };

// Target, source, flags, and a pattern that the checker must print for it.
const BROKEN = [
  [
    'core',
    'float f(float* x) { float s = 0; for (int i = 0; i < 64; i++) s += x[i] * x[i]; return s; }',
    'x86-64-v4',
    /outside baseline/,
  ],
  ['core', 'unsigned f(unsigned a, unsigned b) { return ~a & b; }', 'x86-64-v3', /outside baseline: "andn/],
  ['baseline', `${GOOD('baseline')}`, 'x86-64-v3', /outside baseline/],
  ['avx2', `${GOOD('avx2')}`, 'x86-64-v4 -mprefer-vector-width=512', /outside avx2/],
  [
    'avx2',
    `${GOOD('avx2')}inline float g(float x) { return x + 1; }\nextern "C" float (*nabla_register_p__avx2)(float) = g;`,
    'x86-64-v3',
    /weak or shared symbol _Z1gf/,
  ],
  [
    'avx2',
    `${GOOD('avx2')}namespace nablaEigen_avx512 { inline float g(float x) { return x + 1; } }
extern "C" float (*nabla_register_p__avx2)(float) = nablaEigen_avx512::g;`,
    'x86-64-v3',
    /weak or shared symbol _ZN17nablaEigen_avx512/,
  ],
  ['avx2', `${GOOD('avx2')}void helper() {}`, 'x86-64-v3', /exports _Z6helperv/],
  ['avx2', `${GOOD('avx512')}`, 'x86-64-v3', /not tagged/],
  [
    'avx2',
    `void other(int);\nextern "C" void nabla_register_x__avx2() { other(1); }`,
    'x86-64-v3',
    /calls C\+\+ code outside/,
  ],
  [
    'avx512',
    `${GOOD('avx512')}int f();\nstatic int x = (int)(long)&f + f();\nextern "C" int* nabla_register_y__avx512() { return &x; }`,
    'x86-64-v4',
    /static initialiser/,
  ],
  ['avx512', 'static int x;', 'x86-64-v4', /defines 0 register functions/],
];

function compile(dir, target, name, source, march) {
  const folder = join(dir, 'CMakeFiles', target === 'core' ? 'core.dir' : `kernels_${target}.dir`);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.cpp`);
  writeFileSync(file, source);
  tool(process.env.CXX ?? 'c++', [
    '-O3',
    '-ffast-math',
    ...`-march=${march}`.split(' '),
    '-c',
    file,
    '-o',
    `${file}.o`,
  ]);
}

function withBuild(fill) {
  const dir = mkdtempSync(join(tmpdir(), 'nabla-isa-'));
  try {
    fill(dir);
    return check(dir).errors;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function good(dir) {
  compile(dir, 'core', 'core', 'float f(float* x) { return x[0] * 2; }', FLAGS.core);
  for (const isa of ['baseline', 'avx2', 'avx512']) compile(dir, isa, 'good', GOOD(isa), FLAGS[isa]);
  const tagged = 'namespace nablaEigen_avx2 { inline float g(float x) { return x + 1; } }';
  const use = 'extern "C" float nabla_register_tagged__avx2(float (**f)(float)) { *f = nablaEigen_avx2::g; return 0; }';
  compile(dir, 'avx2', 'tagged', `${tagged}\n${use}\n`, FLAGS.avx2);
}

function selfTest() {
  if (process.arch !== 'x64') return console.log('NOT RUN: the self-test needs an x64 compiler');
  const clean = withBuild(good);
  if (clean.length > 0) throw new Error(`self-test: a correct build was rejected: ${clean.join('; ')}`);
  if (withBuild(() => {}).length === 0) throw new Error('self-test: an empty build passed');
  for (const [target, source, march, pattern] of BROKEN) {
    const errors = withBuild((dir) => {
      good(dir);
      compile(dir, target, 'broken', source, march);
    });
    const found = errors.some((message) => message.includes('broken.cpp') && pattern.test(message));
    if (!found) throw new Error(`self-test: not caught ${pattern}: ${source}\nprinted: ${errors.join('; ')}`);
  }
  console.log(`self-test: ${BROKEN.length} broken objects caught, a correct build accepted`);
}

if (process.argv.includes('--self-test')) {
  selfTest();
} else {
  const at = process.argv.indexOf('--build');
  const { errors, objects, instructions } = check(at > 0 ? process.argv[at + 1] : join(root, 'build'));
  for (const message of errors) console.error(message);
  console.log(`${objects} objects, ${instructions} instructions, ${errors.length} violations`);
  process.exitCode = errors.length > 0 ? 1 : 0;
}
