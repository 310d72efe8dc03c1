// Single operations on demand.
import * as nabla from 'nabla';
import { rand, randn, serve } from './runner.mjs';

/** By name, as the cases are. */
const functions = { ...nabla };
const { F, manualSeed, randint, scope, synchronizeSync } = nabla;
manualSeed(0);

const N = 16 * 1024 * 1024;
const SIDE = 4096;

/** Runs the op; with `out` where it is taken, else in place where there is such a method. */
function preallocated(name, args) {
  const out = nabla.empty(args[0].shape, { dtype: args[0].dtype });
  try {
    if (functions[name](...args, { out }) === out) return () => functions[name](...args, { out });
  } catch {
    // No such option: in place.
  }
  const [x, ...rest] = args;
  if (typeof x[`${name}_`] !== 'function') throw new Error(`${name} takes no out and has no ${name}_`);
  return () => x[`${name}_`](...rest);
}

const vector = () => rand([N]).add(0.5);
const matrix = () => randn([SIDE, SIDE]);

const POINTWISE = {
  add: () => [vector(), vector()],
  mul: () => [vector(), vector()],
  relu: () => [randn([N])],
  exp: () => [vector()],
  tanh: () => [vector()],
  sigmoid: () => [vector()],
  log: () => [vector()],
  pow: () => [vector(), 1.7],
};

/** Makes the inputs of a case and returns what is timed, and how often one step runs it. */
const cases = {
  where: () => {
    const [a, b] = [vector(), vector()];
    const condition = a.lt(b);
    return () => nabla.where(condition, a, b);
  },
  lt: () => {
    const [a, b] = [vector(), vector()];
    return () => a.lt(b);
  },
  sum: () => reduction((x) => x.sum()),
  'sum rows': () => reduction((x) => x.sum(1)),
  'sum columns': () => reduction((x) => x.sum(0)),
  max: () => reduction((x) => x.max()),
  'max rows': () => reduction((x) => x.max(1)),
  var: () => reduction((x) => x.var()),
  'var rows': () => reduction((x) => x.var(1)),
  argmax: () => reduction((x) => x.argmax(1)),
  logsumexp: () => reduction((x) => x.logsumexp(1)),
  'cumsum rows': () => reduction((x) => x.cumsum(1)),
  'cumsum columns': () => reduction((x) => x.cumsum(0)),
  sort: () => {
    const x = randn([1024, SIDE]);
    return () => x.sort(1);
  },
  'sort vector': () => {
    const x = randn([1024 * 1024]);
    return () => x.sort();
  },
  topk: () => {
    const x = randn([1024, SIDE]);
    return () => x.topk(10, 1);
  },
  transpose: () => reduction((x) => x.t().contiguous()),
  'NCHW to NHWC': () => {
    const x = randn([32, 64, 56, 56]);
    return () => x.contiguous('channelsLast');
  },
  gather: () => {
    const x = matrix();
    const index = randint(0, SIDE, [SIDE, SIDE]);
    return () => x.gather(1, index);
  },
  indexSelect: () => {
    const x = randn([32_768, 512]);
    const index = randint(0, 32_768, [8192]);
    return () => x.indexSelect(0, index);
  },
  embedding: () => {
    const table = randn([32_000, 512]);
    table.requiresGrad = true;
    const tokens = randint(0, 32_000, [16, 512]);
    return () => {
      table.grad = null;
      F.embedding(tokens, table).sum().backward();
      return table.grad;
    };
  },
  cat: () => {
    const parts = Array.from({ length: 8 }, () => randn([1024, 2048]));
    return () => nabla.cat(parts, 1);
  },
  pad: () => {
    const x = randn([32, 64, 56, 56]);
    return () => F.pad(x, [1, 1, 1, 1]);
  },
  '1000 adds': () => {
    const x = randn([10, 10]);
    x.requiresGrad = true;
    const b = randn([10, 10]);
    const step = () => {
      x.grad = null;
      let y = x;
      for (let i = 0; i < 1000; i++) y = y.add(b);
      y.sum().backward();
      return y;
    };
    return () => nabla.scope(step);
  },
};

function reduction(fn) {
  const x = matrix();
  return () => fn(x);
}

for (const [name, inputs] of Object.entries(POINTWISE)) {
  cases[name] = () => {
    const args = inputs();
    return () => functions[name](...args);
  };
  cases[`${name} out`] = () => preallocated(name, inputs());
}

/** What a call costs the JavaScript thread: calls are queued in bursts that fit into the queue. */
function enqueue(grad) {
  const x = randn([10, 10]);
  x.requiresGrad = grad;
  const b = randn([10, 10]);
  const burst = 500;
  return () =>
    scope(() => {
      synchronizeSync();
      const start = performance.now();
      for (let i = 0; i < burst; i++) x.add(b);
      const time = performance.now() - start;
      synchronizeSync();
      return time / burst;
    });
}

/** Steps that return their own time. */
const timed = { enqueue: () => enqueue(false), 'enqueue with tape': () => enqueue(true) };

await serve(cases, timed);
