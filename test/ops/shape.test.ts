// Views share memory and a version counter; what no fixture reaches.
import { describe, expect, it } from 'vitest';
import { arange, ones, repeatInterleaveAsync, type Tensor, tensor, zeros } from '../../lib/index.js';

const VIEWS: Record<string, (x: Tensor) => Tensor> = {
  viewAs: (x) => x.viewAs(zeros([4, 6])),
  reshapeAs: (x) => x.reshapeAs(zeros([4, 6])),
  unflatten: (x) => x.unflatten(1, [3, 1]),
  ravel: (x) => x.ravel(),
  squeeze: (x) => x.unsqueeze(0).squeeze([0, 1]),
  swapaxes: (x) => x.swapaxes(0, 2),
  movedim: (x) => x.movedim(0, 1),
  T: (x) => x.select(0, 0).T,
  mT: (x) => x.mT,
  expandAs: (x) => x.expandAs(zeros([5, 2, 3, 4])),
  broadcastTo: (x) => x.broadcastTo([5, 2, 3, 4]),
  diagonal: (x) => x.diagonal(0, { dim1: 1, dim2: 2 }),
  unfold: (x) => x.unfold(2, 2, 1),
  tensorSplit: (x) => x.tensorSplit(2, 0)[0],
  hsplit: (x) => x.hsplit(3)[0],
  vsplit: (x) => x.vsplit(2)[0],
  dsplit: (x) => x.dsplit([1])[0],
};

describe('views', () => {
  it.each(Object.keys(VIEWS))('%s shares memory and versions', async (name) => {
    const x = zeros([2, 3, 4]);
    const view = VIEWS[name](x);
    x.fill_(3);
    const values = Array.from(await view.data(), Number);
    expect(values.length).toBeGreaterThan(0);
    expect(new Set(values)).toEqual(new Set([3]));
    expect(view._version).toBe(x._version);
  });
  it('of a leaf notice a later write when their gradient needs the values', () => {
    const x = ones([3, 3], { requiresGrad: true });
    const diagonal = x.diagonal();
    const loss = diagonal.mul(diagonal).sum();
    diagonal.detach().fill_(2);
    expect(() => loss.backward()).toThrow(/changed in place/);
  });
});

describe('repeat', () => {
  it('works on tensors of eight axes', async () => {
    const x = arange(0, 16).reshape([2, 1, 2, 1, 2, 1, 2, 1]);
    const y = x.repeat([1, 2, 1, 1, 2, 3, 1, 2]);
    expect(y.shape).toEqual([2, 2, 2, 1, 4, 3, 2, 2]);
    const [data, source] = [await y.data(), await x.data()];
    const at = (i: number[], shape: readonly number[]) => i.reduce((sum, k, d) => sum * shape[d] + (k % shape[d]), 0);
    for (let n = 0; n < data.length; n++) {
      const i = new Array<number>(8);
      for (let d = 7, rest = n; d >= 0; rest = Math.floor(rest / y.shape[d--])) i[d] = rest % y.shape[d];
      expect(data[n]).toBe(source[at(i, x.shape)]);
    }
  });
});

describe('repeatInterleaveAsync', () => {
  it('waits without blocking', async () => {
    const x = tensor([1, 2, 3]);
    const counts = tensor([2n, 0n, 1n]);
    expect(await (await x.repeatInterleaveAsync(counts)).toArray()).toEqual([1, 1, 3]);
    expect(await (await repeatInterleaveAsync(x, 2, 0)).toArray()).toEqual([1, 1, 2, 2, 3, 3]);
    await expect(repeatInterleaveAsync(x, tensor([1n, 2n]))).rejects.toThrow(/1 or 3 elements/);
  });
});
