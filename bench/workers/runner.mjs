// What the workers of tables share: a line `name N` on stdin runs N steps of one case and prints their times.
import { createInterface } from 'node:readline';
import * as nabla from 'nabla';

const { emptyCache, getNumThreads, scope, synchronizeSync } = nabla;

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
  console.log(JSON.stringify({ ready: `nabla, ${getNumThreads()} threads` }));
  for await (const line of createInterface({ input: process.stdin })) {
    const cut = line.lastIndexOf(' ');
    try {
      prepare(line.slice(0, cut));
      const times = Array.from({ length: Number(line.slice(cut + 1)) }, () => step());
      console.log(JSON.stringify({ times, peakRssMb: process.resourceUsage().maxRSS / 1024 }));
    } catch (error) {
      current = undefined;
      console.log(JSON.stringify({ error: error.message }));
    }
  }
}
