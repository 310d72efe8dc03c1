// W4: a matrix product. W5: relu, add, exp. W7: a long chain of small sums.
import { exp, matmul, relu, type Tensor } from '../../lib/index.js';
import { type Job, type Size, values } from './common.js';

/** W4. */
export function product(size: Size): Job {
  const n = size === 'small' ? 9 : 1024;
  const [a, b] = [values([n, n], 1), values([n, n], 2)];
  return { step: () => matmul(a, b), leaves: [] };
}

/** W5. */
export function elementwise(size: Size, name: 'relu' | 'add' | 'exp'): Job {
  const n = size === 'small' ? 100 : 16 * 1024 * 1024;
  const [a, b] = [values([n], 1), values([n], 2)];
  const step = { relu: () => relu(a), add: () => a.add(b), exp: () => exp(a) }[name];
  return { step, leaves: [] };
}

/** W7. */
export function chain(): Job {
  const x = values([10, 10], 1).requiresGrad_();
  const b = values([10, 10], 2);
  const step = (): Tensor => {
    x.grad = null;
    let y: Tensor = x;
    for (let i = 0; i < 1000; i++) y = y.add(b);
    const sum = y.sum();
    sum.backward();
    return sum;
  };
  return { step, leaves: [x] };
}
