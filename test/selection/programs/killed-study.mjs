// A study that goes on in its file; prints a line for every trial. Killed and started again until it is done.
import { selection } from 'nabla';

const [file, trials] = process.argv.slice(2);
const study = new selection.Study({
  space: { x: selection.float(0, 1), y: selection.categorical(['a', 'b']) },
  sampler: new selection.BayesianSampler({ startTrials: 5, candidates: 40 }),
  file,
  seed: 3,
});
await study.optimize(
  async ({ number, params }) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    console.log(`trial ${number}`);
    return (params.x - 0.7) ** 2 + (params.y === 'a' ? 0.5 : 0);
  },
  { trials: Number(trials) },
);
console.log(JSON.stringify(study.trials.map(({ number, params, value }) => ({ number, params, value }))));
