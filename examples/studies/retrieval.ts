// Embeddings trained with triplets find digits of classes they never saw. npm run example -- retrieval
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { data, F, manualSeed, nn, noGrad, optim, plots, retrieval, scope, type Tensor } from 'nabla';
import { runExample } from '../support.js';
import { loadImages, report, type StudyOptions, studyOptions, tableOf } from './study.js';

/** Classes that training never sees. */
const UNSEEN = [7, 8, 9];
const PER_CLASS = 12;

const makeModel = (): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(1, 32, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(32, 32, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(32, 64, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(64 * 4, 32),
  );

interface Items {
  x: Tensor;
  y: Tensor;
}

/** The items of the classes that were seen, or of the others. */
async function choose({ x, y }: Items, seen: boolean): Promise<Items> {
  const labels = Array.from(await y.data(), Number);
  const rows = labels.flatMap((label, i) => (UNSEEN.includes(label) === seen ? [] : [i]));
  return { x: x.index([rows]).keep(), y: y.index([rows]).keep() };
}

/** Batches with as many items of each class, so that there are pairs. */
function drawBatch(byClass: readonly (readonly number[])[], random: data.Philox): number[] {
  return byClass.flatMap((rows) => {
    const order = random.permutation(rows.length);
    return Array.from(order.subarray(0, PER_CLASS), (i) => rows[i]);
  });
}

async function main({ quick, seed, out }: StudyOptions): Promise<void> {
  const steps = quick ? 40 : 400;
  manualSeed(seed);
  const train = await choose(await loadImages('digits'), true);
  const test = await loadImages('digits', { train: false });
  const all = await loadImages('digits');
  const unseen = await choose({ x: all.x, y: all.y }, false);
  const labels = Array.from(await train.y.data(), Number);
  const classes = [...new Set(labels)];
  const byClass = classes.map((label) => labels.flatMap((own, i) => (own === label ? [i] : [])));
  const model = makeModel();
  const embed = (x: Tensor): Tensor => F.normalize(model.forward(x));
  const random = new data.Philox(seed);
  const score = async (name: string, items: Items, of: (x: Tensor) => Tensor) => {
    const embeddings = noGrad(() => of(items.x));
    const labelled = { embeddings, labels: items.y };
    const [r1] = await retrieval.recallAtK(labelled, null, [1]);
    const map = await retrieval.meanAveragePrecision(labelled, null);
    embeddings.dispose();
    return { name, r1, map };
  };
  const pixels = (x: Tensor): Tensor => x.flatten(1);
  const results = [
    await score('pixels, classes 7 to 9', unseen, pixels),
    await score('untrained network, classes 7 to 9', unseen, embed),
  ];
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  for (let step = 1; step <= steps; step++) {
    const rows = drawBatch(byClass, random);
    const loss = scope(() => {
      const value = retrieval.semiHardTripletLoss(embed(train.x.index([rows])), train.y.index([rows]), { margin: 0.3 });
      optimizer.zeroGrad();
      value.backward();
      optimizer.step();
      return value.itemSync();
    });
    if (step % (steps / 4) === 0) console.log(`step ${step}: triplet loss ${loss.toFixed(4)}`);
  }
  results.push(await score('triplets, classes 7 to 9 (never seen)', unseen, embed));
  results.push(await score('pixels, test images of all classes', test, pixels));
  results.push(await score('triplets, test images of all classes', test, embed));
  await mkdir(out, { recursive: true });
  await plots.saveEmbedding(
    noGrad(() => embed(test.x)),
    join(out, 'retrieval.png'),
    { labels: test.y, names: Array.from({ length: 10 }, (_, i) => String(i)), title: 'Embeddings of the test digits' },
  );
  const rows = results.map(({ name, r1, map }) => [name, (100 * r1).toFixed(1), (100 * map).toFixed(1)]);
  await report(out, results, tableOf(['embedding, images', 'recall@1, %', 'mean average precision, %'], rows));
}

await runExample(() => main(studyOptions('retrieval', 'Embeddings of digits, learned from triplets.')));
