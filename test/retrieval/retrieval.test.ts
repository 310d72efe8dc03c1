// Nearest neighbours and what is made of them, against scikit-learn.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArgumentError, autograd, NablaError, randn, retrieval, ShapeError, tensor, zeros } from '../../lib/index.js';

interface Compared {
  distances: number[][];
  indices: number[][];
  knn: Record<'uniform' | 'distance', { proba: number[][]; classes: number[] }>;
  map: number;
  mapWithin: number;
  recall: Record<string, number>;
  recallWithin: Record<string, number>;
}

interface Fixture extends Record<'euclidean' | 'cosine', Compared> {
  gallery: number[][];
  galleryLabels: number[];
  queries: number[][];
  queryLabels: number[];
  tripletLoss: number;
}

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/retrieval.json', import.meta.url), 'utf8'),
) as unknown as Fixture;
const rows = (values: number[][]) => tensor(values, { dtype: 'float64' });
const items = (embeddings: number[][], labels: number[]) => ({
  embeddings: rows(embeddings),
  labels: tensor(labels, { dtype: 'int64' }),
});
const queries = items(fixture.queries, fixture.queryLabels);
const gallery = items(fixture.gallery, fixture.galleryLabels);

function expectNear(got: unknown, want: number[][], tolerance = 1e-7): void {
  const flat = (got as number[][]).flat();
  expect(flat).toHaveLength(want.flat().length);
  want.flat().forEach((value, i) => {
    expect(Math.abs(flat[i] - value)).toBeLessThanOrEqual(tolerance);
  });
}

describe.each(['euclidean', 'cosine'] as const)('%s', (distance) => {
  const want = fixture[distance];

  it.each([1024, 5])('finds the nearest in chunks of %i', (chunkSize) => {
    const found = retrieval.nearestNeighbors(queries.embeddings, gallery.embeddings, 6, { distance, chunkSize });
    expect(found.indices.dtype).toBe('int64');
    expect(Array.from(found.indices.dataSync(), Number)).toEqual(want.indices.flat());
    expectNear(found.distances.toArraySync(), want.distances);
  });

  it('classifies by them', () => {
    // The fixture leaves out the query that is an item of the gallery where its distance is rounding.
    const asked = distance === 'cosine' ? fixture.queries.filter((_, i) => i !== 3) : fixture.queries;
    for (const weights of ['uniform', 'distance'] as const) {
      const knn = new retrieval.KNNClassifier(5, { distance, weights }).fit(gallery.embeddings, gallery.labels);
      expectNear(knn.predictProba(rows(asked)).toArraySync(), want.knn[weights].proba, 1e-6);
      expect(Array.from(knn.predict(rows(asked)).dataSync(), Number)).toEqual(want.knn[weights].classes);
    }
  });

  it('scores a gallery, and every item against the others', async () => {
    const options = { distance, chunkSize: 7 };
    const ks = [1, 2, 4];
    expect(await retrieval.recallAtK(queries, gallery, ks, options)).toEqual(ks.map((k) => want.recall[k]));
    expect(await retrieval.recallAtK(gallery, null, ks, options)).toEqual(ks.map((k) => want.recallWithin[k]));
    expect(await retrieval.meanAveragePrecision(queries, gallery, options)).toBeCloseTo(want.map, 10);
    expect(await retrieval.meanAveragePrecision(gallery, null, options)).toBeCloseTo(want.mapWithin, 10);
  });
});

it('knows the distance 0 in float32 too', () => {
  const x = randn([300, 64]).mul(100);
  const { distances, indices } = retrieval.nearestNeighbors(x, x);
  expect(Math.max(...(distances.dataSync() as Float32Array))).toBe(0);
  expect(Array.from(indices.dataSync(), Number)).toEqual(Array.from({ length: 300 }, (_, i) => i));
});

it('leaves queries without their like out of the mean', async () => {
  const lone = items([[0], [1], [5]], [0, 0, 9]);
  expect(await retrieval.meanAveragePrecision(lone, null)).toBe(1);
  expect(await retrieval.meanAveragePrecision(items([[0], [1]], [0, 1]), null)).toBeNaN();
});

describe('semiHardTripletLoss', () => {
  it('is that of a loop over all pairs, with its gradient', () => {
    const x = rows(fixture.gallery).requiresGrad_();
    const loss = (values: typeof x) => retrieval.semiHardTripletLoss(values, gallery.labels, { margin: 0.4 });
    expect(loss(x).itemSync()).toBeCloseTo(fixture.tripletLoss, 10);
    expect(autograd.gradcheck(loss, [x])).toBe(true);
  });

  it('is 0 where there is no triplet', () => {
    const x = randn([3, 2], { requiresGrad: true });
    for (const labels of [
      [0, 1, 2],
      [1, 1, 1],
    ]) {
      const loss = retrieval.semiHardTripletLoss(x, tensor(labels, { dtype: 'int64' }));
      loss.backward();
      expect(loss.itemSync()).toBe(0);
    }
    expect(x.grad?.toArraySync()).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    expect(retrieval.semiHardTripletLoss(zeros([0, 2]), zeros([0], { dtype: 'int64' })).itemSync()).toBe(0);
  });
});

it('refuses what does not go together', async () => {
  const { embeddings, labels } = gallery;
  expect(() => retrieval.nearestNeighbors(embeddings, zeros([4, 2]))).toThrow(ShapeError);
  expect(() => retrieval.nearestNeighbors(embeddings, embeddings, 40, { excludeSelf: true })).toThrow(/from 1 to 39/);
  expect(() => retrieval.nearestNeighbors(embeddings, embeddings, 1, { distance: 'l1' as never })).toThrow(
    ArgumentError,
  );
  expect(() => new retrieval.KNNClassifier(0)).toThrow(ArgumentError);
  expect(() => new retrieval.KNNClassifier(2).predict(embeddings)).toThrow(NablaError);
  expect(() => new retrieval.KNNClassifier(41).fit(embeddings, labels)).toThrow(/at least 41 items/);
  expect(() => retrieval.semiHardTripletLoss(embeddings, zeros([3], { dtype: 'int64' }))).toThrow(ShapeError);
  expect(() => retrieval.semiHardTripletLoss(embeddings, labels, { margin: 0 })).toThrow(ArgumentError);
  await expect(retrieval.recallAtK(gallery, null, [40])).rejects.toThrow(/from 1 to 39/);
  await expect(retrieval.recallAtK({ embeddings, labels: zeros([40]) }, null, [1])).rejects.toThrow(ShapeError);
});
