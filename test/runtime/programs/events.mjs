// Writes scalars and histograms into the folder argv[2] until it is killed or (argv[3]) the file may not grow any more.
import { randn, SummaryWriter, scope } from '../../../dist/index.js';

const [, , folder, size] = process.argv;
const writer = new SummaryWriter(folder);
try {
  for (let step = 0; step < 100_000; step++) {
    writer.addScalar('step', step, step);
    scope(() => writer.addHistogram('values', randn([100]), step));
    if (step === 20) {
      await writer.flush();
      process.stdout.write('ready\n');
    }
    if (step % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (size && step % 100 === 0) await writer.flush();
  }
} catch (error) {
  await writer.close(); // the error was thrown already
  process.stdout.write(`${error.name} ${error.code} ${error.path.startsWith(folder)}\n`);
}
