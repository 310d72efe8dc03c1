import { expect, it } from 'vitest';
import { nn, noGrad, optim, selection, tensor } from '../../lib/index.js';

const { crossValidate, FoldError, KFold } = selection;
const module = new URL('./programs/fold.mjs', import.meta.url);

it('gives mean, standard deviation and standard error', async () => {
  const { score } = await crossValidate(({ fold }) => [2, 4, 9][fold], new KFold(3).split(6));
  expect(score.values).toEqual([2, 4, 9]);
  expect(score.mean).toBe(5);
  expect(score.std).toBeCloseTo(Math.sqrt(13), 12);
  expect(score.standardError).toBeCloseTo(Math.sqrt(13 / 3), 12);
});

it('trains a model on each fold', async () => {
  const x = Array.from({ length: 24 }, (_, i) => (i - 12) / 6);
  const pick = (part: Uint32Array) => tensor([...part].map((i) => [x[i]]));
  const target = (part: Uint32Array) => tensor([...part].map((i) => [3 * x[i] + 1]));
  const { loss } = await crossValidate(
    async ({ train, test }) => {
      const model = new nn.Linear(1, 1);
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.3 });
      const lossFn = new nn.MSELoss();
      for (let step = 0; step < 60; step++) {
        optimizer.zeroGrad();
        lossFn.forward(model.forward(pick(train)), target(train)).backward();
        optimizer.step();
      }
      return { loss: Number(await noGrad(() => lossFn.forward(model.forward(pick(test)), target(test))).item()) };
    },
    new KFold(3, { shuffle: true, seed: 1 }).split(24),
  );
  expect(loss.values).toHaveLength(3);
  expect(loss.mean).toBeLessThan(1e-3);
});

it('runs folds side by side, in order of the folds', async () => {
  let running = 0;
  let most = 0;
  const { score } = await crossValidate(
    async ({ fold }) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 20 - 4 * fold));
      running--;
      return fold;
    },
    new KFold(4).split(8),
    { parallel: 2 },
  );
  expect(score.values).toEqual([0, 1, 2, 3]);
  expect(most).toBe(2);
});

it('does the same in worker threads', async () => {
  const scores = await crossValidate(module, new KFold(4).split(10), { parallel: 2 });
  expect(scores.samples.values).toEqual([7, 7, 8, 8]);
  expect(scores.sum.values).toEqual([3, 12, 13, 17]);
});

it.each([
  ['throw', /^crossValidate: fold 2 failed: no good/],
  ['exit', /^crossValidate: fold 2 failed: the worker thread ended before it had answered: exit code 3/],
  ['NaN', /^crossValidate: fold 2 failed: score must be a finite number, got NaN/],
] as const)('names the fold when a worker fails: %s', async (how, message) => {
  const outcome = crossValidate<unknown>(module, new KFold(4).split(10), { parallel: 2, settings: { fold: 2, how } });
  const error = (await outcome.catch((caught: unknown) => caught)) as InstanceType<typeof FoldError>;
  expect(error).toBeInstanceOf(FoldError);
  expect(error.message).toMatch(message);
  expect(error.fold).toBe(2);
  // What was finished is not lost.
  expect(error.scores[0]).toEqual({ samples: 7, sum: 3 });
  expect(error.scores[1]).toEqual({ samples: 7, sum: 12 });
});

it('refuses folds that teach or test nothing', async () => {
  const full = Uint32Array.of(1, 2);
  await expect(crossValidate(() => 1, [])).rejects.toThrow(/there is no fold/);
  await expect(crossValidate(() => 1, [[full, new Uint32Array(0)]])).rejects.toThrow(/fold 0 has no test samples/);
  await expect(
    crossValidate(
      () => 1,
      [
        [full, full],
        [new Uint32Array(0), full],
      ],
    ),
  ).rejects.toThrow(/fold 1 has no training samples/);
  await expect(crossValidate(({ fold }) => ({ [fold === 0 ? 'a' : 'b']: 1 }), new KFold(2).split(4))).rejects.toThrow(
    /fold 1 failed: there is b, fold 0 has a/,
  );
});
