// Trains with checkpoints until there is no room for one more, makes room, and goes on.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { callbacks, io, manualSeed, nn, optim, randn, Trainer, tensor } from '../../../dist/index.js';

const [folder] = process.argv.slice(2);

function setUp(extra) {
  manualSeed(1);
  const model = new nn.Linear(5, 3);
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.1 });
  const trainer = new Trainer({ model, loss: new nn.CrossEntropyLoss(), optimizer, callbacks: extra });
  const batches = Array.from({ length: 3 }, (_, i) => [randn([4, 5]), tensor([0, 1, 2, i], { dtype: 'int64' })]);
  return { model, trainer, batches };
}

const ballast = {
  name: 'ballast',
  bytes: 0,
  onEpochEnd({ epoch }) {
    this.bytes = epoch === 2 ? 40000 : 0;
  },
  stateDict() {
    return { text: 'x'.repeat(this.bytes) };
  },
  loadStateDict() {},
};
const { model, trainer, batches } = setUp([ballast, new callbacks.Checkpoint({ folder })]);
const options = { epochs: 3, progress: false };
const error = await trainer.fit(batches, options).catch((thrown) => thrown);
const files = readdirSync(folder);
const good = await io.loadCheckpoint(join(folder, 'last.safetensors'));

ballast.bytes = 0;
await trainer.fit(batches, { ...options, resume: true });
const undisturbed = setUp([]);
await undisturbed.trainer.fit(undisturbed.batches, options);

const values = (module) => JSON.stringify(module.parameters().map((p) => [...p.dataSync()]));
console.log(
  JSON.stringify({
    error: error.name,
    code: error.code,
    message: error.message,
    files,
    goodBefore: good.history.length === 1,
    epochs: trainer.history.epochs.length,
    same: values(model) === values(undisturbed.model),
  }),
);
