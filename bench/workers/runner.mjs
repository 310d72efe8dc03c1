// What the workers of tables share: a line `name N` on stdin runs N steps of one case and prints their times; `? name`
// looks at one step: its error against float64 and how far the memory grows; `names` lists the cases.
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import * as nabla from 'nabla';

const { emptyCache, getNumThreads, manualSeed, memory, resetPeakMemory, scope, synchronizeSync } = nabla;

/** Cases make their numbers through these, so that they can be made again in float64: the same numbers. */
export const world = { dtype: 'float32' };
export const randn = (shape) => nabla.randn(shape).to(world.dtype);
export const rand = (shape) => nabla.rand(shape).to(world.dtype);

/** Runs a case from its queueing to its end. */
function stepOf(run) {
  return () => {
    const start = performance.now();
    scope(() => {
      run();
      synchronizeSync();
    });
    return performance.now() - start;
  };
}

/** The numbers that a case gives in a dtype: tensors that are not of it (indices) do not count. */
function numbersOf(make, dtype) {
  world.dtype = dtype;
  manualSeed(1);
  try {
    return scope(() => {
      const returned = make()();
      const result = typeof returned === 'function' ? returned() : returned;
      const list = Array.isArray(result) ? result : [result];
      return list.filter((x) => x instanceof nabla.Tensor && x.dtype === dtype).map((x) => x.dataSync());
    });
  } finally {
    world.dtype = 'float32';
  }
}

/** Differences as a part of the largest value and of the length. */
export function errorsOf(got, want) {
  let [worst, largest, squares, length, count] = [0, 0, 0, 0, 0];
  got.forEach((values, part) => {
    for (let i = 0; i < values.length; i++) {
      const exact = want[part][i];
      const difference = Math.abs(values[i] - exact);
      if (!(difference <= worst)) worst = difference;
      largest = Math.max(largest, Math.abs(exact));
      squares += difference * difference;
      length += exact * exact;
    }
    count += values.length;
  });
  if (count === 0 || largest === 0) return {};
  return { maxError: worst / largest, normError: Math.sqrt(squares / length) };
}

/** A line of /proc/self/status in MB. */
const status = (name) =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;

function settle() {
  synchronizeSync();
  for (let i = 0; i < 2; i++) globalThis.gc?.();
  memory(); // drops handles whose tensors were collected
  emptyCache();
}

/** How far resident memory grows during a step that is not the first of its kind; Linux. */
function growth(make) {
  if (process.platform !== 'linux') return {};
  const once = () =>
    scope(() => {
      make()();
      synchronizeSync();
    });
  once();
  settle();
  return scope(() => {
    const run = make();
    settle();
    const before = status('VmRSS');
    writeFileSync('/proc/self/clear_refs', '5');
    resetPeakMemory();
    const live = memory().live;
    run();
    synchronizeSync();
    return { stepMb: Math.max(0, status('VmHWM') - before), tensorMb: (memory().peak - live) / 2 ** 20 };
  });
}

/** Multiplications and additions of a step, as the profiler counts them; nothing for steps without products. */
function operations(make) {
  const flops = scope(() => {
    const run = make();
    const profile = nabla.profiler.start();
    run();
    return profile.stop().flops;
  });
  return flops > 0 ? { flops } : {};
}

function inspect(make) {
  const found = { ...growth(make), ...operations(make) };
  settle();
  const errors = make.unchecked ? {} : errorsOf(numbersOf(make, 'float32'), numbersOf(make, 'float64'));
  settle();
  return { ...found, ...errors };
}

/** Serves `cases` (each makes its inputs and returns what is timed) and `timed` (whose steps return their own time). */
export async function serve(cases, timed = {}) {
  let current;
  let step;
  const prepare = (name) => {
    if (name === current) return;
    step = undefined;
    emptyCache();
    step = timed[name] ? timed[name]() : stepOf(cases[name]());
    current = name;
  };
  const answer = (line) => {
    if (line === 'names') return { names: [...Object.keys(cases), ...Object.keys(timed)] };
    if (line.startsWith('? ')) {
      const name = line.slice(2);
      [current, step] = [undefined, undefined];
      return cases[name] ? inspect(cases[name]) : {};
    }
    const cut = line.lastIndexOf(' ');
    prepare(line.slice(0, cut));
    const times = Array.from({ length: Number(line.slice(cut + 1)) }, () => step());
    return { times, peakRssMb: process.resourceUsage().maxRSS / 1024 };
  };
  console.log(JSON.stringify({ ready: `nabla, ${getNumThreads()} threads` }));
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      console.log(JSON.stringify(answer(line)));
    } catch (error) {
      current = undefined;
      console.log(JSON.stringify({ error: error.message }));
    }
  }
}
