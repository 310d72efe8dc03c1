// Runs an example by its name: npm run example -- NAME [options of the example]
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Name, file of this folder, what it shows. */
const EXAMPLES: readonly (readonly [name: string, file: string, about: string])[] = [
  ['augmentation', 'augmentation.ts', 'ways to augment images compared'],
  ['bayesian', 'bayesian.ts', 'Bayesian optimization against random search'],
  ['bottleneck', 'studies/bottleneck.ts', 'an inception module with and without 1 x 1 reductions'],
  ['depth', 'studies/depth.ts', 'plain and residual networks of 20 and 56 layers'],
  ['ensembles', 'ensembles.ts', 'cross-validation, bagging, boosting and ensembles'],
  ['fashion-ensemble', 'studies/fashion-ensemble.ts', 'five DeepConvNets, the best of Fashion-MNIST'],
  ['gpt', 'gpt.ts', 'a small GPT learns to write'],
  ['initialization', 'studies/initialization.ts', 'activations for weights of 0.01, Xavier and He'],
  ['long-sums', 'long-sums.ts', 'what recurrent layers remember'],
  ['names', 'names.ts', 'first names: told apart, and made up'],
  ['pronunciation', 'pronunciation.ts', 'from spelling to phonemes'],
  ['pronunciation-curve', 'pronunciation-curve.ts', "its learning curve beside PyTorch's"],
  ['quickstart', 'quickstart.ts', 'a CNN on Fashion-MNIST'],
  ['regularization', 'regularization.ts', 'regularizers compared'],
  ['retrieval', 'studies/retrieval.ts', 'embeddings of digits that it never saw'],
  ['server', 'server.ts', 'a server that predicts and trains at once'],
  ['small-filters', 'studies/small-filters.ts', 'one 5 x 5 filter against two of 3 x 3'],
  ['spam', 'spam.ts', 'mails sorted by a GRU'],
  ['transfer', 'studies/transfer.ts', 'from clothes to digits of which there are few'],
  ['vanishing-gradients', 'studies/vanishing-gradients.ts', 'the gradient of each layer of deep networks'],
  ['visualize', 'visualize.ts', 'every plot of a trained network'],
  ['where-time-goes', 'studies/where-time-goes.ts', 'the layers of AlexNet, forward and backward'],
];

const [name, ...rest] = process.argv.slice(2);
const found = EXAMPLES.find(([known]) => known === name);
if (found === undefined) {
  const width = Math.max(...EXAMPLES.map(([known]) => known.length));
  const list = EXAMPLES.map(([known, , about]) => `  ${known.padEnd(width)}  ${about}`).join('\n');
  const asked = name !== undefined && !['--help', '-h', 'list'].includes(name);
  if (asked) console.error(`There is no example ${JSON.stringify(name)}.`);
  console.log(`npm run example -- NAME [options; --help lists them]\n\n${list}`);
  process.exitCode = asked ? 1 : 0;
} else {
  const file = fileURLToPath(new URL(found[1], import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, file, ...rest], { stdio: 'inherit' });
  // The terminal sends a Ctrl-C to both, others only to this process; the example says when it is over.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.once('close', (code) => {
    process.exitCode = code ?? 1;
  });
}
