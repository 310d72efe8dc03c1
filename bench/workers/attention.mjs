// Attention, forward and forward with backward; heads lie as views of [N, L, H * E], as in a model.
import { readFileSync } from 'node:fs';
import { F, noGrad } from 'nabla';
import { randn, serve } from './runner.mjs';

const shapes = JSON.parse(readFileSync(new URL('../shapes/attention.json', import.meta.url), 'utf8'));
const cases = {};

const headsOf = ([n, h, l, e]) => randn([n, l, h, e]).transpose(1, 2);

for (const [name, { query, key, causal = false, grouped = false, inference = false }] of Object.entries(shapes)) {
  const options = { isCausal: causal, enableGqa: grouped };
  const operands = () => [headsOf(query), headsOf(key), headsOf(key)];
  cases[`${name} forward`] = () => {
    const [q, k, v] = operands();
    return () => noGrad(() => F.scaledDotProductAttention(q, k, v, options));
  };
  if (inference) continue;
  cases[`${name} backward`] = () => {
    const leaves = operands().map((x) => x.requiresGrad_());
    const g = headsOf(query);
    return () => {
      for (const x of leaves) x.grad = null;
      F.scaledDotProductAttention(...leaves, options).backward({ gradient: g });
      return () => leaves.map((x) => x.grad); // as in layers.mjs
    };
  };
}

await serve(cases);
