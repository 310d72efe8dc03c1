// The workloads on demand: a line `name N` on stdin runs N steps of one and prints their times.
import { createInterface } from 'node:readline';
import { getNumThreads, manualSeed, scope, synchronizeSync } from '../../lib/index.js';
import type { Job } from './common.js';
import { WORKLOADS } from './index.js';

manualSeed(0);
let current = '';
let job: Job | undefined;

function step(own: Job): number {
  const start = performance.now();
  scope(() => {
    own.step();
    synchronizeSync();
  });
  return performance.now() - start;
}

console.log(JSON.stringify({ ready: `nabla, ${getNumThreads()} threads` }));
for await (const line of createInterface({ input: process.stdin })) {
  const [name, steps] = line.split(' ');
  try {
    if (name !== current || !job) job = WORKLOADS[name][1]('full');
    current = name;
    const own = job;
    const times = Array.from({ length: Number(steps) }, () => step(own));
    console.log(JSON.stringify({ times, peakRssMb: process.resourceUsage().maxRSS / 1024 }));
  } catch (error) {
    console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
  }
}
