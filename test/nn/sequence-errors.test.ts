// Bad input of everything that takes sequences: lengths beyond the batch, masks of a wrong shape, unknown tokens.
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  DTypeError,
  data,
  F,
  full,
  models,
  type NablaError,
  nn,
  ones,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  ValueError,
  zeros,
} from '../../lib/index.js';
import * as text from '../../lib/text/index.js';

type Kind = new (...args: never[]) => NablaError;
type Case = readonly [name: string, call: () => unknown, kind: Kind, message: RegExp];

const { packPaddedSequence, packSequence, padPackedSequence, padSequence, unpadSequence } = nn.utils.rnn;
const bools = (...shape: number[]): Tensor => zeros(shape, { dtype: 'bool' });
const tokens = (...shape: number[]): Tensor => ones(shape, { dtype: 'int64' });

const steps = randn([4, 2, 3]).keep(); // [T, N, *]
const source = tokens(2, 4).keep();
const sizes = { sourceVocabSize: 5, targetVocabSize: 5, embeddingDim: 3, hiddenSize: 4 };
const recurrent = new models.RNNSeq2Seq(sizes);
const lengthsOf = (sourceLengths: number[]) => ({ sourceLengths });

function refuse(cases: readonly Case[]): void {
  it.each(cases.map(([name, ...rest]) => [name, rest] as const))('%s', async (_name, [call, kind, message]) => {
    const error = await new Promise<unknown>((resolve) => {
      Promise.resolve()
        .then(call)
        .then(() => resolve(undefined), resolve);
    });
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toMatch(message);
  });
}

describe('lengths', () => {
  const long = /lengths must be integers in \[1, 4\], got 5/;
  const count = /3 lengths for a batch of 2/;
  const options = { startToken: 1, maxNewTokens: 2 };
  refuse([
    ['packPaddedSequence, too long', () => packPaddedSequence(steps, [5, 1]), ArgumentError, long],
    ['packPaddedSequence, a tensor', () => packPaddedSequence(steps, tensor([5, 1])), ArgumentError, long],
    ['packPaddedSequence, none', () => packPaddedSequence(steps, [4, 0]), ArgumentError, /\[1, 4\], got 0/],
    ['packPaddedSequence, a part', () => packPaddedSequence(steps, [4, 1.5]), ArgumentError, /\[1, 4\], got 1.5/],
    ['packPaddedSequence, too many', () => packPaddedSequence(steps, [4, 2, 1]), ShapeError, count],
    ['packPaddedSequence, unsorted', () => packPaddedSequence(steps, [1, 4]), ArgumentError, /must not grow unless/],
    [
      'packPaddedSequence, axes turned',
      () => packPaddedSequence(steps, [2, 2], { batchFirst: true }),
      ShapeError,
      /2 lengths for a batch of 4/,
    ],
    ['packSequence, unsorted', () => packSequence([zeros([1]), zeros([2])]), ArgumentError, /must not grow unless/],
    ['packSequence, sizes', () => packSequence([zeros([2, 3]), zeros([1, 4])]), ShapeError, /\[2, 3\] and \[1, 4\]/],
    ['padSequence, none', () => padSequence([]), ArgumentError, /at least one Tensor/],
    ['unpadSequence, too long', () => unpadSequence(steps, [5, 1]), ArgumentError, long],
    ['unpadSequence, too many', () => unpadSequence(steps, [4, 2, 1]), ShapeError, count],
    [
      'padPackedSequence, too short',
      () => padPackedSequence(packPaddedSequence(steps, [4, 2]), { totalLength: 3 }),
      ArgumentError,
      /totalLength must be an integer >= 4, the longest length, got 3/,
    ],
    [
      'padPackedSequence, no pack',
      () => padPackedSequence(steps as never),
      ArgumentError,
      /a PackedSequence is needed/,
    ],
    [
      'LSTM, state of another batch',
      () => new nn.LSTM(3, 4).forward(packPaddedSequence(steps, [4, 2]), [zeros([1, 3, 4]), zeros([1, 3, 4])]),
      ShapeError,
      /h0 has shape \[1, 3, 4\], \[1, 2, 4\] is needed/,
    ],
    [
      'GRU, packed data of another width',
      () => new nn.GRU(5, 4).forward(packPaddedSequence(steps, [4, 2])),
      ShapeError,
      /packed data \[6, 3\] must end in inputSize 5/,
    ],
    ['RNNSeq2Seq.forward', () => recurrent.forward(source, source, lengthsOf([5, 1])), ArgumentError, long],
    ['RNNSeq2Seq.forward, too many', () => recurrent.forward(source, source, lengthsOf([1, 1, 1])), ShapeError, count],
    ['RNNSeq2Seq.createCache', () => recurrent.createCache(source, lengthsOf([5, 1])), ArgumentError, long],
    [
      'RNNSeq2Seq.generate',
      () => recurrent.generate(source, { ...options, ...lengthsOf([0, 1]) }),
      ArgumentError,
      /got 0/,
    ],
    ['ctcLoss, inputs', () => F.ctcLoss(randn([4, 2, 5]), tokens(2, 3), [5, 4], [3, 3]).item(), ValueError, /ctcLoss/],
    [
      'ctcLoss, too many',
      () => F.ctcLoss(randn([4, 2, 5]), tokens(2, 3), [4, 4, 4], [3, 3]),
      ShapeError,
      /inputLengths/,
    ],
    ['ctcLoss, targets', () => F.ctcLoss(randn([4, 2, 5]), tokens(2, 3), [4, 4], [4, 3]).item(), ValueError, /ctcLoss/],
    ['padBatch, empty', () => text.padBatch([[1], []]), ArgumentError, /a sequence is empty/],
    [
      'padBatch, maxLength',
      () => text.padBatch([[1]], { maxLength: 0 }),
      ArgumentError,
      /maxLength must be an integer/,
    ],
    [
      'BucketBatchSampler',
      () => new text.BucketBatchSampler([-1], { batchSize: 1 }),
      ArgumentError,
      /length 0 must be >= 0, got -1/,
    ],
  ]);
});

describe('masks', () => {
  const [rows, single] = [randn([2, 4, 6]).keep(), randn([4, 6]).keep()]; // [N, L, E], [L, E]
  const [q, memory] = [randn([2, 3, 6]).keep(), randn([2, 5, 6]).keep()];
  const mha = new nn.MultiheadAttention(6, 2, { batchFirst: true });
  const layer = { dimFeedforward: 4, dropout: 0, batchFirst: true } as const;
  const encoderLayer = new nn.TransformerEncoderLayer(6, 2, layer);
  const decoderLayer = new nn.TransformerDecoderLayer(6, 2, layer);
  const [encoder, decoder] = [new nn.TransformerEncoder(encoderLayer, 1), new nn.TransformerDecoder(decoderLayer, 1)];
  const transformer = new nn.Transformer(6, 2, { ...layer, numEncoderLayers: 1, numDecoderLayers: 1 });
  const attend = (options: object, needWeights: boolean) => () =>
    mha.forward(rows, rows, rows, { ...options, needWeights });
  const decode = (options: nn.DecoderLayerCall) => () => decoderLayer.forward(q, memory, options);
  const stacked = (options: nn.DecoderLayerCall) => () => decoder.forward(q, memory, options);
  const both = (options: nn.TransformerCall) => () => transformer.forward(memory, q, options);
  const heads = (options: F.AttentionOptions) => () => F.scaledDotProductAttention(rows, rows, rows, options);
  const needed = (given: string, wanted: string) => new RegExp(`has shape \\[${given}\\], \\[${wanted}\\]`);
  const named = (name: string, given: string) => new RegExp(`${name} .*\\[${given}\\]`);
  const cases: Case[] = [
    [
      'attention, keys',
      heads({ attnMask: bools(2, 4, 3) }),
      ShapeError,
      /\[2, 4, 3\] and \[2, 4, 4\] do not broadcast/,
    ],
    ['attention, axes', heads({ attnMask: bools(1, 2, 4, 4) }), ShapeError, named('attnMask', '1, 2, 4, 4')],
    ['attention, no axis', heads({ attnMask: bools(4) }), ShapeError, named('attnMask', '4')],
    ['encoder layer', () => encoderLayer.forward(rows, { srcMask: bools(3, 4) }), ShapeError, needed('3, 4', '4, 4')],
    [
      'encoder layer, padding',
      () => encoderLayer.forward(rows, { srcKeyPaddingMask: bools(4, 2) }),
      ShapeError,
      needed('4, 2', '2, 4'),
    ],
    ['encoder', () => encoder.forward(rows, { mask: bools(4, 5) }), ShapeError, needed('4, 5', '4, 4')],
    [
      'encoder, padding',
      () => encoder.forward(rows, { srcKeyPaddingMask: bools(2, 5) }),
      ShapeError,
      needed('2, 5', '2, 4'),
    ],
    ['encoder, causal without a mask', () => encoder.forward(rows, { isCausal: true }), ArgumentError, /isCausal says/],
    [
      'one sequence, padding of a batch',
      () => encoderLayer.forward(single, { srcKeyPaddingMask: bools(1, 4) }),
      ShapeError,
      needed('1, 4', '4'),
    ],
  ];
  for (const needWeights of [true, false]) {
    const name = needWeights ? 'with weights' : 'without weights';
    cases.push(
      [`heads ${name}`, attend({ attnMask: bools(4, 3) }, needWeights), ShapeError, needed('4, 3', '4, 4')],
      [
        `a mask of each head ${name}`,
        attend({ attnMask: bools(2, 4, 4) }, needWeights),
        ShapeError,
        needed('2, 4, 4', '4, 4'),
      ],
      [`padding ${name}`, attend({ keyPaddingMask: bools(2, 3) }, needWeights), ShapeError, needed('2, 3', '2, 4')],
      [`padding of one ${name}`, attend({ keyPaddingMask: bools(4) }, needWeights), ShapeError, needed('4', '2, 4')],
    );
  }
  for (const [name, run] of [
    ['decoder layer', decode],
    ['decoder', stacked],
    ['Transformer', both],
  ] as const) {
    cases.push(
      [`${name}, target`, run({ tgtMask: bools(5, 5) }), ShapeError, needed('5, 5', '3, 3')],
      [`${name}, memory`, run({ memoryMask: bools(5, 3) }), ShapeError, needed('5, 3', '3, 5')],
      [`${name}, padding of the target`, run({ tgtKeyPaddingMask: bools(2, 5) }), ShapeError, needed('2, 5', '2, 3')],
      [
        `${name}, padding of the memory`,
        run({ memoryKeyPaddingMask: bools(2, 3) }),
        ShapeError,
        needed('2, 3', '2, 5'),
      ],
    );
  }
  cases.push(
    ['Transformer, source', both({ srcMask: bools(3, 3) }), ShapeError, needed('3, 3', '5, 5')],
    ['Transformer, padding', both({ srcKeyPaddingMask: bools(2, 3) }), ShapeError, needed('2, 3', '2, 5')],
  );
  for (const attention of [new models.LuongAttention(6, 6), new models.BahdanauAttention(6, 6, 4)]) {
    const { name } = attention.constructor;
    const look = (mask: Tensor) => () => attention.forward(q, memory, { mask });
    cases.push(
      [name, look(bools(2, 3)), ShapeError, /mask must be bool \[2, 5\], got bool \[2, 3\]/],
      [`${name}, numbers`, look(zeros([2, 5])), ShapeError, /mask must be bool \[2, 5\], got float32/],
    );
  }
  refuse(cases);
});

describe('unknown tokens', () => {
  const gpt = new models.GPT({ vocabSize: 5, nPositions: 8, nEmbd: 4, nLayer: 1, nHead: 1 });
  const char = new models.CharRNN({ vocabSize: 5, embeddingDim: 3, hiddenSize: 4 });
  const layers = { dModel: 4, nhead: 1, numEncoderLayers: 1, numDecoderLayers: 1 };
  const transformer = new models.TransformerSeq2Seq({ sourceVocabSize: 5, targetVocabSize: 5, ...layers });
  const wrong = (value: number) => full([2, 3], value, { dtype: 'int64' });
  const read = (x: Tensor) => x.toArray();
  const range = /out of range|in \[0, 5\)|\[-?\d+, 5\)/;
  const cases: Case[] = [];
  for (const value of [5, -1]) {
    const run = (name: string, call: () => Promise<unknown>): Case => [`${name}, ${value}`, call, ValueError, range];
    cases.push(
      run('Embedding', () => read(new nn.Embedding(5, 3).forward(wrong(value)))),
      run('EmbeddingBag', () => read(new nn.EmbeddingBag(5, 3).forward(wrong(value)))),
      run('GPT', () => read(gpt.forward(wrong(value)))),
      run('GPT.generate', async () => read(await gpt.generate(wrong(value), { maxNewTokens: 2 }))),
      run('CharRNN', () => read(char.forward(wrong(value)))),
      run('RNNSeq2Seq, source', () => read(recurrent.forward(wrong(value), source))),
      run('RNNSeq2Seq, target', () => read(recurrent.forward(source, wrong(value)))),
      run('TransformerSeq2Seq, source', () => read(transformer.forward(wrong(value), source))),
      run('TransformerSeq2Seq, target', () => read(transformer.forward(source, wrong(value)))),
      run('a loss', () => F.crossEntropy(randn([6, 5]), wrong(value).flatten()).item()),
    );
  }
  const beams = { maxTokens: 2, beams: 2 };
  const decoded = (name: string, call: (state: nn.KVCache) => Promise<unknown>): Case => [
    name,
    () => call(gpt.createCache()),
    ValueError,
    range,
  ];
  const step = (x: Tensor, cache: nn.KVCache): Tensor => gpt.step(x, cache);
  cases.push(
    decoded('greedy', (state) => text.greedy(step, [[9]], { maxTokens: 2, state })),
    decoded('sample', (state) => text.sample(step, wrong(7), { maxTokens: 2, state })),
    decoded('beamSearch', (state) => text.beamSearch(step, [[9]], { ...beams, state })),
    [
      'a prompt below 0',
      () => text.greedy(step, [[-1]], { maxTokens: 1, state: gpt.createCache() }),
      ArgumentError,
      /prompt/,
    ],
    ['no index', () => gpt.forward(randn([2, 3])), DTypeError, /tokens must be int64 or int32, got float32/],
  );
  const vocabulary = new text.Vocabulary(['a', 'b']);
  const letters = text.CharTokenizer.train(['ab']);
  const words = text.WordTokenizer.train(['a b']);
  const pairs = text.BytePairTokenizer.train(['ab ab'], { byteLevel: false });
  const unknown = /"x(<\/w>)?" is unknown/;
  cases.push(
    ['Vocabulary.lookupIndex', () => vocabulary.lookupIndex('x'), ArgumentError, unknown],
    ['Vocabulary.lookupIndices', () => vocabulary.lookupIndices(['a', 'x']), ArgumentError, unknown],
    ['Vocabulary.lookupToken', () => vocabulary.lookupToken(2), ArgumentError, /index 2 is out of range \[0, 2\)/],
    ['Vocabulary.lookupTokens', () => vocabulary.lookupTokens([0, -1]), ArgumentError, /index -1 is out of range/],
    ['CharTokenizer.encode', () => letters.encode('ax'), ArgumentError, unknown],
    ['CharTokenizer.decode', () => letters.decode([7]), ArgumentError, /index 7 is out of range/],
    ['WordTokenizer.encode', () => words.encode('a x'), ArgumentError, unknown],
    ['WordTokenizer.decode', () => words.decode([7]), ArgumentError, /index 7 is out of range/],
    ['BytePairTokenizer.encode', () => pairs.encode('x'), ArgumentError, unknown],
    ['BytePairTokenizer.decode', () => pairs.decode([77]), ArgumentError, /no token has the number 77/],
  );
  refuse(cases);

  it('in a loader name the item', async () => {
    const dataset = { length: 2, get: (i: number) => letters.encode(['ab', 'xy'][i]) };
    const loader = new data.DataLoader(dataset, { batchSize: 2, collateFn: text.padCollate() });
    expect(() => [...loader]).toThrow(/"x" is unknown/);
  });
});
