import { describe, expect, it } from 'vitest';
import { cat, F, gather, indexSelect, stack, synchronize, tensor, ValueError, zeros } from '../../lib/index.js';

const index = (data: number[]) => tensor(data, { dtype: 'int64' });

/** The op fails on the stream: the read rejects, and so does the next synchronize. */
async function expectLate(read: () => Promise<unknown>, message: string): Promise<void> {
  await expect(read()).rejects.toThrow(new ValueError(message.split(':')[0], message.slice(message.indexOf(':') + 2)));
  await synchronize().catch(() => {});
}

describe('an index out of range', () => {
  it('rejects what depends on it, naming the op, the index and the range', async () => {
    const x = zeros([10]);
    await expectLate(
      () => gather(x, 0, index([0, 12])).data(),
      'gather: index 12 is out of range for axis 0 of size 10',
    );
    await expectLate(
      () =>
        indexSelect(x, 0, index([-1]))
          .add(1)
          .data(),
      'indexSelect: index -1 is out of range for axis 0 of size 10',
    );
    await expectLate(
      () =>
        zeros([3])
          .scatterAdd(0, index([3]), zeros([1]))
          .data(),
      'scatterAdd: index 3 is out of range for axis 0 of size 3',
    );
    await expectLate(
      () =>
        zeros([3])
          .indexAdd(0, index([4]), zeros([1]))
          .data(),
      'indexAdd: index 4 is out of range for axis 0 of size 3',
    );
    await expectLate(() => F.oneHot(index([5]), 5).data(), 'oneHot: index 5 is out of range for axis 1 of size 5');
    expect(Array.from(await x.add(1).data(), Number)).toEqual(new Array(10).fill(1));
  });
});

describe('in place', () => {
  it('scatterAdd_ and indexAdd_ add into the tensor, in views too', async () => {
    const x = zeros([2, 3]);
    x.select(1, 1).indexAdd_(0, index([1, 1, 0]), tensor([1, 2, 4]), { alpha: 2 });
    expect(await x.toArray()).toEqual([
      [0, 8, 0],
      [0, 6, 0],
    ]);
    x.t().scatterAdd_(0, tensor([[2, 0]], { dtype: 'int32' }), tensor([[10, 20]]));
    expect(await x.toArray()).toEqual([
      [0, 8, 10],
      [20, 6, 0],
    ]);
  });
  it('marks what a recorded op has saved as changed', () => {
    const w = tensor([1, 2, 3]).requiresGrad_();
    const x = tensor([1, 1, 1]);
    const y = w.mul(x);
    x.indexAdd_(0, index([0]), tensor([1]));
    expect(() => y.backward({ gradient: tensor([1, 1, 1]) })).toThrow(/changed in place/);
    expect(() => w.scatterAdd_(0, index([0]), tensor([1]))).toThrow(/^scatterAdd_: .*in place/);
  });
});

describe('memory layout', () => {
  it('channels-last parts make a channels-last result', () => {
    const a = zeros([2, 3, 4, 5]).contiguous('channelsLast');
    expect(cat([a, a], 1).isChannelsLast()).toBe(true);
    expect(cat([zeros([2, 1, 4, 5]), a], 1).isChannelsLast()).toBe(true);
    expect(cat([zeros([2, 3, 4, 5]), zeros([2, 3, 4, 5])], 1).isContiguous()).toBe(true);
    expect(indexSelect(a, 0, index([1, 0, 1])).isChannelsLast()).toBe(true);
    expect(stack([zeros([3, 4]), zeros([3, 4])]).isContiguous()).toBe(true);
  });
});
