// Matrix products of two dimensions; `t` marks an operand that is the transpose of what lies in memory.
import { readFileSync } from 'node:fs';
import { matmul } from 'nabla';
import { randn, serve } from './runner.mjs';

const shapes = JSON.parse(readFileSync(new URL('../shapes/products.json', import.meta.url), 'utf8'));
const operand = (rows, columns, kind) => (kind === 't' ? randn([columns, rows]).t() : randn([rows, columns]));

const cases = {};
for (const [m, k, n] of Object.values(shapes).flat()) {
  for (const [left, right] of ['nn', 'nt', 'tn', 'tt']) {
    cases[`${m}x${k}x${n} ${left}${right}`] = () => {
      const [a, b] = [operand(m, k, left), operand(k, n, right)];
      return () => matmul(a, b);
    };
  }
}

await serve(cases);
