// The nine workloads; bench/workloads/compile.ts makes them JavaScript.
import { manualSeed, setDefaultDType } from 'nabla';
import { WORKLOADS } from '../../build/bench/js/workloads/index.js';
import { serve, world } from './runner.mjs';

const cases = {};
for (const [name, [, make]] of Object.entries(WORKLOADS)) {
  cases[name] = () => {
    manualSeed(0);
    setDefaultDType(world.dtype);
    const job = make('full');
    setDefaultDType('float32');
    return () => job.step();
  };
}
cases.W1.unchecked = true; // dropout draws other numbers in float64
cases.W9.unchecked = true; // a count

await serve(cases);
