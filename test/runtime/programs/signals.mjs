// Trains with a checkpoint after each step and writes files of every format beside it, until it ends in the way that
// argv[3] names, `delay` ms after its third step. `stop` stops at a signal and saves, as docs/training.md says.
//   node signals.mjs <folder> <how> <delay>
import { join } from 'node:path';
import { callbacks, io, manualSeed, nn, optim, randn, Trainer, tensor, text } from '../../../dist/index.js';

const [folder, how, delay = '0'] = process.argv.slice(2);
manualSeed(1);
const model = new nn.Sequential(new nn.Linear(64, 64), new nn.ReLU(), new nn.Dropout(0.1), new nn.Linear(64, 10));
const checkpoint = new callbacks.Checkpoint({ folder, everySteps: 1, keep: 2 });

const ends = {
  throw: () => {
    throw new Error('on purpose');
  },
  reject: () => Promise.reject(new Error('on purpose')),
  exit: () => process.exit(5),
  signal: () => {}, // sent by the parent
  stop: () => {},
};
let steps = 0;
const announce = {
  onStepEnd() {
    if (++steps !== 3) return;
    console.log('ready');
    setTimeout(ends[how], Number(delay));
  },
};
const trainer = new Trainer({
  model,
  loss: new nn.CrossEntropyLoss(),
  optimizer: new optim.Adam(model.parameters()),
  callbacks: [announce, new callbacks.CSVLogger(join(folder, 'log.csv')), checkpoint],
});
const batches = Array.from({ length: 5 }, () => [randn([8, 64]), tensor([0, 1, 2, 3, 4, 5, 6, 7], { dtype: 'int64' })]);

/** Each of the formats, one after the other, for ever. */
async function writeFiles() {
  const state = { a: randn([300, 200]), b: randn([50]) };
  const tokenizer = text.CharTokenizer.train(['a sentence to count characters in']);
  for (;;) {
    await io.saveSafetensors(join(folder, 'a.safetensors'), state);
    await io.saveSharded(join(folder, 'sharded'), state, { maxShardSize: 100_000 });
    await io.saveNpy(join(folder, 'a.npy'), state.a);
    await io.saveNpz(join(folder, 'a.npz'), state);
    await io.saveTorch(join(folder, 'a.pt'), state);
    await tokenizer.save(join(folder, 'tokenizer.json'));
  }
}

const stop = new AbortController();
if (how === 'stop') for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());
else writeFiles();
try {
  await trainer.fit(batches, { epochs: 1e6, progress: false, resume: true, signal: stop.signal });
} catch (error) {
  if (!stop.signal.aborted) throw error;
  await trainer.save(checkpoint.last);
  console.log(`saved step ${trainer.globalStep}`);
  process.exitCode = 130;
}
