// Leak cases of data, files, metrics, plots, text, regularizers and callbacks.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import {
  arange,
  type Callback,
  callbacks,
  data,
  io,
  metrics,
  nn,
  optim,
  plots,
  rand,
  randn,
  regularizers,
  SummaryWriter,
  type Tensor,
  Trainer,
  tensor,
  text,
} from '../../../lib/index.js';
import type { Cases } from '../run.js';

const pairs = () => new data.TensorDataset(randn([6, 2]), arange(6));
/** Reads what a dataset has, item by item or in batches. */
async function readAll(dataset: data.Dataset<unknown>, options: object = {}): Promise<void> {
  for await (const _ of new data.DataLoader(dataset, { batchSize: 2, ...options }));
}

const inFolder = (use: (folder: string) => unknown) => async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-leaks-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
};
const withFile = (content: string | Uint8Array, use: (path: string) => unknown) =>
  inFolder((folder) => {
    const path = join(folder, 'file');
    writeFileSync(path, content);
    return use(path);
  });

const CSV = 'length,width,kind\n5.1,3.5,a\n7.0,3.2,b\n';
const NDJSON = '{"a":1}\n{"a":2}\n';
const IDX = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3);
const parquet = () =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'a', data: [1, 2], type: 'DOUBLE' },
        { name: 'b', data: [3, 4], type: 'DOUBLE' },
      ],
    }),
  );
const exhaust = async (items: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of items);
};

export const datasets: Cases = {
  'data.BatchConcatDataset': () => readAll(new data.BatchConcatDataset([pairs(), pairs()])),
  'data.concat': () => readAll(data.concat([pairs(), pairs()])),
  'data.BatchSubset': () => readAll(new data.BatchSubset(pairs(), [0, 3])),
  'data.Subset': () => readAll(new data.Subset(pairs(), [0, 3])),
  'data.randomSplit': () => readAll(data.randomSplit(pairs(), [2, 4], 1)[1]),
  'data.StackDataset': () => readAll(new data.StackDataset([pairs(), pairs()])),
  'data.ChainDataset': () => exhaust(new data.ChainDataset([[1, 2], [3]])),
  'data.sharded': () => exhaust(data.sharded([1, 2, 3])),
  'data.defaultCollate': () =>
    data.defaultCollate([
      { x: randn([2]), n: 1 },
      { x: randn([2]), n: 2 },
    ]),
  'data.makesBatches': () => data.makesBatches(pairs()),
  'data.SequentialSampler': () => readAll(pairs(), { sampler: new data.SequentialSampler(pairs()) }),
  'data.RandomSampler': () => readAll(pairs(), { sampler: new data.RandomSampler(pairs()) }),
  'data.SubsetRandomSampler': () => readAll(pairs(), { sampler: new data.SubsetRandomSampler([1, 2]) }),
  'data.DistributedSampler': () =>
    readAll(pairs(), { sampler: new data.DistributedSampler(pairs(), { numReplicas: 2, rank: 1 }) }),
  'data.BatchSampler': () => [...new data.BatchSampler(new data.SequentialSampler(pairs()), 2, false)],
  'data.loadCsv': withFile(CSV, async (path) => readAll(await data.loadCsv(path, { label: 'kind' }))),
  'data.TableDataset': withFile(CSV, async (path) => {
    return new data.TableDataset(await data.readCsv(path, { label: 'kind' })).get(1);
  }),
  'data.CsvStream': withFile(CSV, (path) => exhaust(new data.CsvStream(path))),
  'data.NdjsonStream': withFile(NDJSON, (path) => exhaust(new data.NdjsonStream(path))),
  'data.readNdjson': withFile(NDJSON, (path) => data.readNdjson(path)),
  'data.parseIdx': () => data.parseIdx(IDX),
  'data.readIdx': withFile(IDX, (path) => data.readIdx(path)),
  'data.readParquet': withFile(parquet(), (path) => data.readParquet(path)),
  'data.loadParquet': withFile(parquet(), async (path) => readAll(await data.loadParquet(path, { label: 'b' }))),
};

export const files: Cases = {
  'io.saveNpy': inFolder((folder) => io.saveNpy(join(folder, 'a.npy'), randn([3]))),
  'io.loadNpy': inFolder(async (folder) => {
    await io.saveNpy(join(folder, 'a.npy'), randn([3]));
    return io.loadNpy(join(folder, 'a.npy'));
  }),
  'io.SafetensorsFile': inFolder(async (folder) => {
    const path = join(folder, 'a.safetensors');
    await io.saveSafetensors(path, { a: randn([4, 2]) });
    const file = await io.openSafetensors(path);
    const isOne = file instanceof io.SafetensorsFile && (await file.getSlice('a', 1, 3)).sum();
    await file.close();
    return isOne;
  }),
  'io.loadPretrained': inFolder(async (folder) => {
    await io.saveSafetensors(join(folder, 'model.safetensors'), { a: randn([4, 2]) });
    return io.loadPretrained(folder);
  }),
};

/** A metric over two batches. */
const measured =
  (metric: () => { update(output: Tensor, target: Tensor): void; compute(): unknown }, of: () => [Tensor, Tensor]) =>
  async () => {
    const one = metric();
    for (let i = 0; i < 2; i++) one.update(...of());
    return one.compute();
  };
const scores = (): [Tensor, Tensor] => [rand([5, 3]), tensor([0, 1, 2, 1, 0], { dtype: 'int64' })];
const probabilities = (): [Tensor, Tensor] => [rand([5, 3]).softmax(1), tensor([0, 1, 2, 1, 0], { dtype: 'int64' })];
const values = (): [Tensor, Tensor] => [randn([5]), randn([5])];
const multiclass = { task: 'multiclass', numClasses: 3 } as const;

export const measures: Cases = {
  'metrics.averagePrecision': measured(() => metrics.averagePrecision(multiclass), probabilities),
  'metrics.calibrationError': measured(() => metrics.calibrationError(multiclass), probabilities),
  'metrics.cohenKappa': measured(() => metrics.cohenKappa(multiclass), scores),
  'metrics.diceScore': measured(
    () => metrics.diceScore({ numClasses: 3 }),
    () => [
      tensor(
        [
          [0, 1],
          [2, 1],
        ],
        { dtype: 'int64' },
      ),
      tensor(
        [
          [0, 1],
          [1, 1],
        ],
        { dtype: 'int64' },
      ),
    ],
  ),
  'metrics.explainedVariance': measured(() => metrics.explainedVariance(), values),
  'metrics.fBetaScore': measured(() => metrics.fBetaScore(2, multiclass), scores),
  'metrics.jaccardIndex': measured(() => metrics.jaccardIndex(multiclass), scores),
  'metrics.matthewsCorrCoef': measured(() => metrics.matthewsCorrCoef(multiclass), scores),
  'metrics.meanAbsoluteError': measured(() => metrics.meanAbsoluteError(), values),
  'metrics.meanAbsolutePercentageError': measured(() => metrics.meanAbsolutePercentageError(), values),
  'metrics.meanSquaredError': measured(() => metrics.meanSquaredError(), values),
  'metrics.rootMeanSquaredError': measured(() => metrics.rootMeanSquaredError(), values),
  'metrics.precisionRecallCurve': measured(() => metrics.precisionRecallCurve(multiclass), probabilities),
  'metrics.topKAccuracy': measured(() => metrics.topKAccuracy(2), scores),
};

const drawn = (draw: (path: string) => Promise<unknown>) => inFolder((folder) => draw(join(folder, 'plot.svg')));
const network = () => new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.ReLU());

export const drawings: Cases = {
  'plots.saveActivations': drawn((path) => plots.saveActivations(network(), '0', rand([1, 1, 8, 8]), path)),
  'plots.saveEmbedding': drawn((path) => plots.saveEmbedding(randn([5, 2]), path)),
  'plots.saveFilters': drawn((path) => plots.saveFilters(new nn.Conv2d(1, 2, 3), path)),
  'plots.saveGradientHistograms': drawn((path) => {
    const model = network();
    model
      .forward(rand([1, 1, 8, 8]))
      .sum()
      .backward();
    return plots.saveGradientHistograms(model, path);
  }),
  'plots.saveHistograms': drawn((path) => plots.saveHistograms({ a: randn([50]) }, path)),
  'plots.saveImageGrid': drawn((path) => plots.saveImageGrid(rand([2, 1, 8, 8]), ['a', 'b'], path)),
  'plots.saveLines': drawn((path) => plots.saveLines({ a: [1, 2, 3] }, path)),
  'plots.saveMisclassified': drawn((path) => plots.saveMisclassified(rand([5, 1, 8, 8]), ...scores(), path)),
  'plots.savePrecisionRecallCurve': drawn((path) =>
    plots.savePrecisionRecallCurve({ precision: [0.5, 1], recall: [1, 0], thresholds: [0.5] }, path),
  ),
  'plots.saveRocCurve': drawn((path) => plots.saveRocCurve({ fpr: [0, 1], tpr: [0, 1], thresholds: [1, 0] }, path)),
  SummaryWriter: inFolder(async (folder) => {
    const writer = new SummaryWriter(folder);
    writer.addHistogram('a', randn([20]), 1);
    await writer.close();
  }),
};

export const words: Cases = {
  'text.characterErrorRate': () => text.characterErrorRate(['abc'], ['abd']),
  'text.filterLogits': () => text.filterLogits(randn([2, 9]), { temperature: 0.5, topK: 3 }),
  'text.topKFilter': () => text.topKFilter(randn([2, 9]), 3),
  'text.topPFilter': () => text.topPFilter(randn([2, 9]), 0.5),
  'text.repetitionPenalty': () => text.repetitionPenalty(randn([1, 9]), tensor([[1, 2]], { dtype: 'int64' }), 1.2),
  'text.padCollateLabeled': () =>
    text.padCollateLabeled()([
      [[1, 2, 3], 0],
      [[4], 1],
    ]),
};

/** Two steps with a Trainer that has the callbacks. */
const fitted = (make: (folder: string) => Callback) =>
  inFolder((folder) => {
    const model = new nn.Linear(3, 2);
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    const trainer = new Trainer({
      model,
      optimizer,
      loss: new nn.CrossEntropyLoss(),
      callbacks: [make(folder)],
    });
    const batch = (): [Tensor, Tensor] => [randn([4, 3]), tensor([0, 1, 1, 0], { dtype: 'int64' })];
    return trainer.fit([batch(), batch()], { epochs: 1, progress: false });
  });

export const training: Cases = {
  'callbacks.CSVLogger': fitted((folder) => new callbacks.CSVLogger(join(folder, 'log.csv'))),
  'callbacks.GradientMonitor': fitted(() => new callbacks.GradientMonitor()),
  'regularizers.constraint': fitted(() => regularizers.constraint((weights) => weights.map((w) => w.mul(2)))),
  'regularizers.nonNegative': fitted(() => regularizers.nonNegative()),
  'regularizers.unitNorm': fitted(() => regularizers.unitNorm()),
  'regularizers.rDropPenalty': () =>
    regularizers.rDropPenalty(randn([4, 3], { requiresGrad: true }), randn([4, 3], { requiresGrad: true })).backward(),
  'regularizers.cutout': () => regularizers.cutout(3)(rand([2, 1, 8, 8]), scores()[1]),
  'regularizers.gaussianNoise': () => regularizers.gaussianNoise(0.1)(rand([2, 4]), scores()[1]),
};
