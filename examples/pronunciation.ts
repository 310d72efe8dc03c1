// Learns to pronounce: English spelling to phonemes, as translation: npx tsx examples/pronunciation.ts --help
import { Command, Option } from 'commander';
import { data, manualSeed, scope } from 'nabla';
import {
  batchesOf,
  collate,
  evaluate,
  type Kind,
  loadWords,
  makeModel,
  meanLoss,
  SPECIALS,
  say,
  settingsOf,
  trainerOf,
  type Words,
  warmupOf,
} from './pronunciation-model.js';
import { datasetOf, dump, integer, percent, runExample, thousands } from './support.js';

interface Options {
  model: Kind;
  epochs: number;
  batchSize: number;
  seed: number;
  quick?: boolean;
  dump?: string;
}

async function train(words: Words, { model: kind, epochs, batchSize, seed, quick = false }: Options): Promise<void> {
  const { test, held, pairs } = words;
  const model = makeModel(kind, words, { quick });
  const size = model.parameters().reduce((sum, p) => sum + p.numel, 0);
  console.log(
    `${words.phonemes.length - SPECIALS.length} phonemes without stress; ${kind}, ${thousands(size)} parameters\n`,
  );
  const batchSampler = batchesOf(pairs, batchSize, seed);
  const loader = new data.DataLoader(datasetOf(pairs), { batchSampler, collateFn: collate });
  const step = trainerOf(model, kind, epochs * loader.length);
  const started = performance.now();
  for (let epoch = 1; epoch <= epochs; epoch++) {
    model.train();
    let total = 0;
    for (const batch of loader) {
      const loss = step(batch);
      total += await loss.item();
      loss.dispose();
    }
    model.eval();
    const measured = epoch === epochs ? test : test.slice(0, 1000);
    const { phonemeErrors, wordErrors } = await evaluate(model, measured, words);
    const losses = `loss ${(total / loader.length).toFixed(4)}  held-out loss ${(await meanLoss(model, held)).toFixed(4)}`;
    const rates = `phoneme errors ${percent(phonemeErrors)}  word errors ${percent(wordErrors)}`;
    const part = measured === test ? '' : ` of ${measured.length} words`;
    console.log(
      `epoch ${epoch}  ${losses}  ${rates}${part}  ${((performance.now() - started) / 60_000).toFixed(1)} min`,
    );
  }
  const shown = ['nabla', 'tensor', 'typescript', 'gradient', 'perceptron'];
  const said = await scope(() => say(model, shown, words));
  console.log();
  for (const [i, word] of shown.entries()) console.log(`${word}: ${said[i].join(' ')}`);
}

async function main(options: Options): Promise<void> {
  manualSeed(options.seed);
  const { model: kind, quick = false, epochs, batchSize } = options;
  const words = loadWords(quick);
  if (options.dump !== undefined) {
    const warmup = warmupOf(epochs * Math.ceil(words.pairs.length / batchSize));
    const content = { ...settingsOf(kind, words, { quick }), warmup, epochs, batchSize };
    return dump(options.dump, `pronunciation-${kind}`, content);
  }
  console.log(`${thousands(words.learned.length)} words to learn from, ${thousands(words.test.length)} held out;`);
  await train(words, options);
}

await runExample(async () => {
  const options = new Command('pronunciation')
    .description('Learns to pronounce English words: CMUdict spelling to phonemes.')
    .addOption(new Option('--model <kind>', 'which model').choices(['lstm', 'transformer']).default('lstm'))
    .option('--epochs <n>', 'times through the words', integer(1), 8)
    .option('--batch-size <n>', 'words per step', integer(1), 128)
    .option('--seed <n>', 'where all random numbers come from', integer(0), 1)
    .option('--quick', '3,000 words, a small model, four epochs of batches of 32')
    .option('--dump <folder>', 'write the data for examples/pytorch/pronunciation.py and end')
    .parse()
    .opts<Options>();
  if (options.quick) Object.assign(options, { epochs: Math.min(options.epochs, 4), batchSize: 32 });
  await main(options);
});
