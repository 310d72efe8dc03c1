// Scores a fold in a worker thread; `settings` says what goes wrong.
export default async function ({ train, test, fold, settings }) {
  if (settings?.fold === fold) {
    if (settings.how === 'throw') throw new RangeError('no good');
    if (settings.how === 'exit') process.exit(3);
    return Number.NaN;
  }
  return { samples: train.length, sum: test.reduce((a, b) => a + b, 0) };
}
