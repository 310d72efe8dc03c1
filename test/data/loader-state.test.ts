import { describe, expect, it } from 'vitest';
import { ArgumentError, data, text } from '../../lib/index.js';

const numbers = { length: 11, get: (index: number) => index };
type Options = data.DataLoaderOptions;
const make = (options: Options = {}): data.DataLoader<number, number[]> =>
  new data.DataLoader(numbers, { batchSize: 3, shuffle: true, seed: 5, collateFn: (items) => items, ...options });

async function rest(loader: Iterable<number[]>): Promise<number[][]> {
  return [...loader];
}

describe('the state of a DataLoader', () => {
  it('goes on behind any batch, also with another seed, in `for` and `for await`', async () => {
    const whole = make();
    const epochs = [await rest(whole), await rest(whole), await rest(whole)];
    for (let stop = 0; stop <= 4; stop++) {
      const loader = make();
      await rest(loader);
      let state = loader.stateDict();
      let taken = 0;
      if (stop > 0) {
        for await (const _ of loader) {
          if (++taken < stop) continue;
          state = JSON.parse(JSON.stringify(loader.stateDict()));
          break;
        }
      }
      const other = make({ seed: 99 });
      other.loadStateDict(state);
      expect(other.stateDict()).toEqual(state);
      expect(await rest(other), `behind ${stop}`).toEqual(epochs[1].slice(stop));
      expect(await rest(other)).toEqual(epochs[2]);
    }
  });

  it('behind an epoch, and behind one that was left early, stands before the next', async () => {
    const loader = make();
    expect(loader.stateDict()).toMatchObject({ epoch: 0, batch: 0, seed: 5 });
    await rest(loader);
    expect(loader.stateDict()).toMatchObject({ epoch: 1, batch: 0 });
    for (const _ of loader) break;
    expect(loader.stateDict()).toMatchObject({ epoch: 2, batch: 0 });
    for await (const _ of loader) break;
    expect(loader.stateDict()).toMatchObject({ epoch: 3, batch: 0 });
  });

  it('with a batch sampler, and the state of the sampler', async () => {
    const sampler = {
      length: 3,
      offset: 0,
      *batches(epoch: number) {
        for (let i = 0; i < 3; i++) yield [(epoch + i + this.offset) % 11, 10];
      },
      stateDict() {
        return { offset: this.offset };
      },
      loadStateDict(state: data.StateTree) {
        this.offset = state.offset as number;
      },
    };
    const options = { batchSampler: sampler, collateFn: (items: number[]) => items };
    const loader = new data.DataLoader(numbers, options);
    sampler.offset = 4;
    const wanted = await rest(loader);
    loader.epoch = 0;
    let state: data.StateTree = {};
    for (const _ of loader) {
      state = loader.stateDict();
      break;
    }
    sampler.offset = 0;
    loader.loadStateDict(state);
    expect(await rest(loader)).toEqual(wanted.slice(1));
  });

  it('with buckets drawn by another seed', async () => {
    const lengths = Array.from({ length: 11 }, (_, i) => (i * 7) % 5);
    const build = (seed: number) =>
      new data.DataLoader(numbers, {
        batchSampler: new text.BucketBatchSampler(lengths, { batchSize: 2, seed }),
        collateFn: (items: number[]) => items,
      });
    const loader = build(1);
    const wanted = await rest(loader);
    loader.epoch = 0;
    const other = build(2);
    for (const _ of loader) {
      other.loadStateDict(loader.stateDict());
      break;
    }
    expect(await rest(other)).toEqual(wanted.slice(1));
    expect(await rest(build(2))).not.toEqual(wanted);
  });

  it('of another loader is refused, and nothing changes', () => {
    const loader = make();
    const before = loader.stateDict();
    const wrong: [Options | data.StateTree, RegExp][] = [
      [{ ...make({ batchSize: 4 }).stateDict() }, /^DataLoader\.loadStateDict: batchSize is 3, that of the saved .* 4/],
      [{ ...make({ shuffle: false }).stateDict() }, /shuffle is true/],
      [{ ...before, items: 12 }, /items is 11, that of the saved loader was 12/],
      [{ ...before, epoch: -1 }, /epoch is -1/],
      [{ ...before, batch: 0.5 }, /batch is 0\.5/],
      [{ ...before, seed: 'x' }, /seed is "x"/],
      [{}, /shuffle is true, that of the saved loader was undefined/],
    ];
    for (const [state, message] of wrong) {
      expect(() => loader.loadStateDict(state as data.StateTree)).toThrow(ArgumentError);
      expect(() => loader.loadStateDict(state as data.StateTree)).toThrow(message);
      expect(loader.stateDict()).toEqual(before);
    }
  });
});
