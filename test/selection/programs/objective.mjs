// Objectives of worker threads; the params say what goes wrong.
export default async function (trial) {
  const { x, how } = trial.params;
  if (how === 'throw') throw new RangeError('no good');
  if (how === 'exit') process.exit(3);
  if (how === 'NaN') return Number.NaN;
  for (let step = 1; step <= 4; step++) {
    await trial.report((x - 0.3) ** 2 + 1 / step, step);
    if (trial.shouldPrune()) {
      const error = new Error('enough');
      error.name = 'TrialPruned';
      throw error;
    }
  }
  return (x - 0.3) ** 2;
}
