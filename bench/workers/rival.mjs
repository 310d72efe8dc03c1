// What the workers of rivals share: they are resolved from the folder that the harness names, and serve as runner.mjs does.
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

/** A package of the folder of rivals. */
export const load = (folder, name) => createRequire(join(resolve(folder), 'package.json'))(name);

/** The numbers of bench/workloads/common.ts, from low to high. */
export function values(n, seed, low = -1, high = 1) {
  return Float32Array.from({ length: n }, (_, i) => {
    let h = (Math.imul(i, 0x9e3779b1) + Math.imul(seed, 0x85ebca77)) >>> 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) >>> 0;
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) >>> 0;
    return low + (((h ^ (h >>> 16)) >>> 0) / 2 ** 32) * (high - low);
  });
}

/** `cases` make their inputs and return a step, both perhaps as promises. */
export async function serve(ready, cases) {
  let current;
  let step;
  const answer = async (line) => {
    if (line === 'names') return { names: Object.keys(cases) };
    if (line.startsWith('? ')) return {};
    const cut = line.lastIndexOf(' ');
    const name = line.slice(0, cut);
    if (!Object.hasOwn(cases, name)) return { error: 'not supported' };
    if (name !== current) step = await cases[name]();
    current = name;
    const times = [];
    for (let i = 0; i < Number(line.slice(cut + 1)); i++) {
      const start = performance.now();
      await step();
      times.push(performance.now() - start);
    }
    return { times, peakRssMb: process.resourceUsage().maxRSS / 1024 };
  };
  console.log(JSON.stringify({ ready }));
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      console.log(JSON.stringify(await answer(line)));
    } catch (error) {
      current = undefined;
      console.log(JSON.stringify({ error: error.message.split('\n')[0] }));
    }
  }
}
