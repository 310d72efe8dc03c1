// What the specs of linear algebra cannot show: mistakes in values, reports, and large sizes.
import { describe, expect, it } from 'vitest';
import {
  einsum,
  eye,
  full,
  linalg,
  logdet,
  manualSeed,
  matmul,
  randn,
  tensor,
  ValueError,
  zeros,
} from '../../lib/index.js';

const singular = () =>
  tensor(
    [
      [
        [1, 0],
        [0, 1],
      ],
      [
        [1, 2],
        [2, 4],
      ],
    ],
    { dtype: 'float64' },
  );

describe('mistakes in values', () => {
  it.each([
    ['linalg.inv', () => linalg.inv(singular()), /^linalg.inv: matrix 1 of the batch is singular \(pivot 2 is zero\)/],
    [
      'linalg.solve',
      () => linalg.solve(singular(), zeros([2, 2, 1], { dtype: 'float64' })),
      /^linalg.solve: matrix 1 .* singular/,
    ],
    ['linalg.luFactor', () => linalg.luFactor(singular())[0], /^linalg.lu: matrix 1 of the batch is singular/],
    [
      'linalg.cholesky',
      () => linalg.cholesky(singular().mul(-1)),
      /matrix 0 of the batch is not positive definite \(the leading minor of order 1/,
    ],
    ['linalg.svd', () => linalg.svd(full([2, 2], Number.NaN))[1], /^linalg.svd: matrix 0 of the batch holds NaN/],
    ['linalg.eigh', () => linalg.eigh(full([2, 2], Number.NaN))[0], /^linalg.eigh: matrix 0 of the batch holds NaN/],
  ])('%s rejects the read', async (_name, call, message) => {
    const result = call();
    await expect(result.data()).rejects.toThrow(ValueError);
    await expect(call().data()).rejects.toThrow(message);
  });

  it('are reported by the Ex forms', async () => {
    expect(await linalg.invEx(singular())[1].toArray()).toEqual([0, 2]);
    expect(await linalg.luFactorEx(singular())[2].toArray()).toEqual([0, 2]);
    expect(await linalg.choleskyEx(singular().mul(-1))[1].toArray()).toEqual([1, 1]);
    expect(await linalg.solveEx(singular(), zeros([2, 2, 1], { dtype: 'float64' }))[1].toArray()).toEqual([0, 2]);
  });

  it('are numbers where PyTorch has numbers', async () => {
    expect(await linalg.det(singular()).toArray()).toEqual([1, -0]);
    expect(await logdet(singular()).toArray()).toEqual([0, -Infinity]);
    expect(await linalg.cond(singular(), 1).toArray()).toEqual([1, Infinity]);
    expect(await linalg.matrixExp(full([1, 1], Infinity)).toArray()).toEqual([[Number.NaN]]);
  });
});

it('large matrices are factored to the accuracy of their dtype', async () => {
  manualSeed(5);
  const n = 200;
  const a = randn([n, n], { dtype: 'float64' });
  const close = async (x: ReturnType<typeof matmul>, y: ReturnType<typeof matmul>) =>
    expect(await x.sub(y).abs().max().item()).toBeLessThan(1e-10);
  const [q, r] = linalg.qr(a);
  await close(matmul(q, r), a);
  const [u, s, vh] = linalg.svd(a);
  await close(matmul(u.mul(s), vh), a);
  const [p, l, upper] = linalg.lu(a);
  await close(matmul(matmul(p, l), upper), a);
  await close(matmul(a, linalg.inv(a)), eye(n, n, { dtype: 'float64' }));
  const wide = randn([40, 90], { dtype: 'float64' });
  const [p2, l2, u2] = linalg.lu(wide);
  await close(matmul(matmul(p2, l2), u2), wide);
});

it('einsum of many operands takes the cheap order', async () => {
  const [a, b, v] = [randn([300, 300]), randn([300, 300]), randn([300])];
  const result = einsum('ij,jk,k->i', a, b, v);
  const expected = matmul(a, matmul(b, v));
  expect(await result.sub(expected).abs().max().item()).toBeLessThan(0.05);
});
