// Matrix products of two dimensions; `t` marks an operand that is the transpose of what lies in memory. Those of bfloat16
// are checked against the float64 product of the same numbers.
import { readFileSync } from 'node:fs';
import { matmul } from 'nabla';
import { randn, serve, world } from './runner.mjs';

const shapes = JSON.parse(readFileSync(new URL('../shapes/products.json', import.meta.url), 'utf8'));
const operand = (rows, columns, kind) => (kind === 't' ? randn([columns, rows]).t() : randn([rows, columns]));

const rounded = (x) => (world.dtype === 'float32' ? x.to('bfloat16') : x.to('bfloat16').to(world.dtype));

const cases = {};
for (const [m, k, n] of Object.values(shapes).flat()) {
  for (const [left, right] of ['nn', 'nt', 'tn', 'tt']) {
    cases[`${m}x${k}x${n} ${left}${right}`] = () => {
      const [a, b] = [operand(m, k, left), operand(k, n, right)];
      return () => matmul(a, b);
    };
    if (left === 't') continue;
    cases[`${m}x${k}x${n} ${left}${right}/bfloat16`] = () => {
      const [a, b] = [rounded(operand(m, k, left)), rounded(operand(k, n, right))];
      return () => {
        const product = matmul(a, b);
        return () => product.to(world.dtype);
      };
    };
  }
}

await serve(cases);
