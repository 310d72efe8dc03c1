// Calls every exported function with random, mostly wrong arguments. Each call must return or throw a NablaError.
// Runs in a process of its own (test/fuzz.test.ts): the last line of the log names the call that ended it.
//   node --import tsx test/support/fuzzer.ts <log file> [seed] [calls per function] [only this function]
import { openSync, writeSync } from 'node:fs';
import * as nabla from '../../lib/index.js';
import { NablaError, Tensor } from '../../lib/index.js';
import { ArgumentMaker, describe } from './fuzz-arguments.js';

const [log, seed = '1', rounds = '60', only] = process.argv.slice(2);
const file = openSync(log, 'a');
const note = (line: string): void => {
  writeSync(file, `${line}\n`);
};

interface Target {
  name: string;
  method: boolean;
  fn: (...args: unknown[]) => unknown;
}

/** Classes that users extend. */
const BASES = new Set('Module Parameter Optimizer LRScheduler'.split(' '));

/** Functions that are no op: they take callbacks, or change the whole process. */
const SKIP = new Set(
  'scope noGrad enableGrad keep synchronize synchronizeSync setNumThreads setDefaultDType manualSeed emptyCache memory setDetectAnomaly'.split(
    ' ',
  ),
);

const plainName = (name: string): string => name.replaceAll('_', '').toLowerCase();
/** Networks of up to a gigabyte, made anew by each call that is not refused: the tests of models have their wrong options. */
const NETWORKS = new Set(nabla.models.list().map(plainName));

const isClass = (value: unknown): boolean =>
  typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));

type Instance = { forward?(...args: unknown[]): unknown; step?(): unknown };

/** A namespace that may not exist in this build. */
const namespace = (from: object, name: string): object => (from as Record<string, object | undefined>)[name] ?? {};

function functionsOf(prefix: string, object: object): Target[] {
  const targets: Target[] = [];
  for (const [key, value] of Object.entries(object)) {
    const name = prefix + key;
    if (typeof value !== 'function' || SKIP.has(key) || NETWORKS.has(plainName(key))) continue;
    if (!isClass(value)) targets.push({ name, method: false, fn: value as Target['fn'] });
    else if (prefix !== '' && !BASES.has(key)) targets.push(classTarget(name, value));
  }
  return targets;
}

/** A layer or optimizer: made with random arguments, then run on one or two random tensors. */
function classTarget(name: string, Class: new (...args: unknown[]) => Instance): Target {
  const fn = (first: unknown, ...args: unknown[]): unknown => {
    const instance = new Class(...args);
    return instance.forward ? instance.forward(first, args[0]) : instance.step?.();
  };
  return { name, method: false, fn };
}

/** Functions that make a metric or a batch transform, which gets two random arguments. */
function makersOf(prefix: string, object: object): Target[] {
  return functionsOf(prefix, object).map(({ name, fn }) => ({
    name,
    method: false,
    fn: (first: unknown, second: unknown, ...args: unknown[]): unknown => {
      const made = fn(...args) as
        | undefined
        | ((...batch: unknown[]) => unknown)
        | { update?(...batch: unknown[]): void; compute(): unknown };
      if (typeof made === 'function') return made(first, second);
      if (typeof made?.update !== 'function') return made;
      made.update(first, second);
      return made.compute();
    },
  }));
}

function methods(): Target[] {
  return Object.getOwnPropertyNames(Tensor.prototype).flatMap((name) => {
    const value = Object.getOwnPropertyDescriptor(Tensor.prototype, name)?.value;
    if (typeof value !== 'function' || name.startsWith('_') || name === 'constructor' || name === 'keep') return [];
    return [{ name: `Tensor.${name}`, method: true, fn: value }];
  });
}

const targets = [
  ...functionsOf('', nabla),
  ...functionsOf('F.', nabla.F),
  ...functionsOf('nn.', nabla.nn),
  ...functionsOf('nn.init.', nabla.nn.init),
  ...functionsOf('optim.', nabla.optim),
  ...functionsOf('optim.lrScheduler.', nabla.optim.lrScheduler),
  ...functionsOf('optim.swaUtils.', nabla.optim.swaUtils),
  ...functionsOf('metrics.', nabla.metrics),
  ...makersOf('metrics.', nabla.metrics),
  ...functionsOf('regularizers.', nabla.regularizers),
  ...makersOf('regularizers.', nabla.regularizers),
  ...functionsOf('vision.ops.', nabla.vision.ops),
  ...functionsOf('models.', nabla.models),
  ...functionsOf('autograd.', nabla.autograd),
  ...functionsOf('autograd.functional.', namespace(nabla.autograd, 'functional')),
  ...functionsOf('linalg.', nabla.linalg),
  ...functionsOf('special.', namespace(nabla, 'special')),
  ...methods(),
].filter((target) => only === undefined || target.name === only);

/** Tensors that no call knows of; a kernel that writes outside its output changes one of them sooner or later. */
const sentinels = [1, 7, 64, 1000, 20_000].map((n) => nabla.full([n], 0.625));

function checkSentinels(): void {
  for (const sentinel of sentinels) {
    if (sentinel.dataSync().some((x) => x !== 0.625)) throw new Error('memory of an unrelated tensor was overwritten');
  }
}

/** The error of a call, also one that a kernel finds later. */
async function outcome(target: Target, args: unknown[]): Promise<unknown> {
  try {
    const result = target.method ? target.fn.apply(args[0], args.slice(1)) : target.fn(...args);
    if (result instanceof Promise) await result;
    nabla.synchronizeSync();
    return undefined;
  } catch (error) {
    try {
      nabla.synchronizeSync();
    } catch (late) {
      if (!(late instanceof NablaError)) return late;
    }
    return error;
  }
}

let calls = 0;
let accepted = 0;
const failures: string[] = [];

async function once(target: Target, round: number): Promise<void> {
  const make = new ArgumentMaker(`${seed} ${target.name} ${round}`);
  await nabla.scope(async () => {
    const args = make.arguments(target.method || target.name.startsWith('nn.'));
    const text = `${target.name}(${args.map(describe).join(', ')})`;
    note(`${round} ${text}`);
    const error = await outcome(target, args);
    calls++;
    if (error === undefined) accepted++;
    else if (!(error instanceof NablaError)) {
      const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
      failures.push(`${text}\n    ${stack.split('\n').slice(0, 4).join('\n    ')}`);
    }
  });
}

for (const target of targets) {
  const before = failures.length;
  for (let round = 0; round < Number(rounds); round++) {
    await once(target, round);
    if (failures.length - before >= 3) break; // three of one function say enough
  }
  checkSentinels();
}

for (const failure of failures) console.log(failure);
console.log(JSON.stringify({ functions: targets.length, calls, accepted, failures: failures.length }));
process.exitCode = failures.length > 0 ? 1 : 0;
