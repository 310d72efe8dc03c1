import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { data, FormatError } from '../../lib/index.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-tables-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const IRIS =
  '\uFEFFlength,width,kind\r\n5.1,3.5,setosa\r\n"7,0",3.2,versicolor\r\n\r\n6.3,NA,virginica\r\n4.9,3.0,setosa\r\n';

describe('readCsv', () => {
  it('gives features, and classes for names', async () => {
    const path = await file('iris.csv', IRIS.replace('"7,0"', '7.0'));
    const { features, labels, featureNames, classes } = await data.readCsv(path, { label: 'kind', missing: -1 });
    expect([features.dtype, features.shape, featureNames]).toEqual(['float32', [4, 2], ['length', 'width']]);
    expect(await features.data()).toEqual(Float32Array.from([5.1, 3.5, 7, 3.2, 6.3, -1, 4.9, 3]));
    expect([await labels?.toArray(), classes]).toEqual([
      [0n, 1n, 2n, 0n],
      ['setosa', 'versicolor', 'virginica'],
    ]);
    const dataset = await data.loadCsv(path, { label: 'kind', features: ['length'], dtype: 'float64' });
    const [x, y] = dataset.batch([2, 0]);
    expect([x.dtype, await x.toArray(), await y.toArray()]).toEqual(['float64', [[6.3], [5.1]], [2n, 0n]]);
  });

  it('takes other headers, delimiters and labels', async () => {
    const path = await file('plain.csv', '# made by hand\n1;2;0.5\n3;4;1.5\n');
    const options = { header: ['a', 'b', 'price'], delimiter: ';', comment: '#', label: 'price', regression: true };
    const { features, labels } = await data.readCsv(path, options);
    expect([await features.toArray(), labels?.dtype, await labels?.toArray()]).toEqual([
      [
        [1, 2],
        [3, 4],
      ],
      'float32',
      [0.5, 1.5],
    ]);
    const unnamed = await data.readCsv(path, { header: false, delimiter: ';', comment: '#' });
    expect([unnamed.featureNames, unnamed.labels]).toEqual([['0', '1', '2'], null]);
    const known = await data.readCsv(path, { ...options, regression: false, features: ['a'], classes: ['1.5', '0.5'] });
    expect(await known.labels?.toArray()).toEqual([1n, 0n]);
  });

  it.each([
    ['a missing value', IRIS.replace('"7,0"', '7.0'), /line 5, column "width": the value is missing/],
    ['a word', IRIS, /line 3, column "length": "7,0" is no number/],
    ['a short line', 'length,width,kind\n1,2,a\n1,2\n', /line 3 has 2 values, expected 3/],
    ['a quote without end', 'length,width,kind\n1,2,"a\n', /line 2: Quote Not Closed/],
    ['no row', 'length,width,kind\n', /holds no row/],
    ['no such column', 'a,b\n1,2\n', /has no column "kind"; there are a, b/],
  ])('names line and column of %s', async (name, content, message) => {
    const path = await file(`${name}.csv`, content);
    const error = await data.readCsv(path, { label: 'kind' }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FormatError);
    expect((error as FormatError).message).toMatch(message);
    expect((error as FormatError).path).toBe(path);
  });

  it('streams rows', async () => {
    const path = await file('stream.csv', `x,y\n${Array.from({ length: 9 }, (_, i) => `${i},${i * i}\n`).join('')}`);
    const rows = new data.CsvStream(path);
    const collateFn = (items: data.CsvRow[]) => items.map(({ y }) => y).join(' ');
    const batches: string[] = [];
    for await (const batch of new data.DataLoader(rows, { batchSize: 4, collateFn })) batches.push(batch);
    expect(batches).toEqual(['0 1 4 9', '16 25 36 49', '64']);
    await expect(data.readCsv(join(folder, 'missing.csv'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('readNdjson', () => {
  it('gives the value of each line, and names one that was cut off', async () => {
    const path = await file('a.ndjson', '\uFEFF{"a": 1}\r\n\r\n[2]\n"three"');
    expect(await data.readNdjson(path)).toEqual([{ a: 1 }, [2], 'three']);
    const cut = await file('cut.ndjson', '{"a": 1}\n{"a": 2}\n{"a":');
    const values: unknown[] = [];
    const read = async () => {
      for await (const value of new data.NdjsonStream(cut)) values.push(value);
    };
    await expect(read()).rejects.toThrow(/cut\.ndjson: line 3: /);
    await expect(read()).rejects.toThrow(FormatError);
    expect(values.slice(0, 2)).toEqual([{ a: 1 }, { a: 2 }]);
    await expect(data.readNdjson(join(folder, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('readParquet', () => {
  const columns = [
    { name: 'rooms', data: [3, 4, 5], type: 'INT32' as const },
    { name: 'area', data: [50.5, 60.25, null], type: 'DOUBLE' as const },
    { name: 'town', data: ['b', 'a', 'b'], type: 'STRING' as const },
  ];

  it('gives columns as tensors', async () => {
    const path = await file('houses.parquet', new Uint8Array(parquetWriteBuffer({ columnData: columns })));
    const { features, labels, classes } = await data.readParquet(path, { label: 'town', missing: 0 });
    expect([await features.toArray(), await labels?.toArray(), classes]).toEqual([
      [
        [3, 50.5],
        [4, 60.25],
        [5, 0],
      ],
      [1n, 0n, 1n],
      ['a', 'b'],
    ]);
    await expect(data.readParquet(path, { label: 'town' })).rejects.toThrow(
      /row 2, column "area": the value is missing/,
    );
  });

  it('refuses what is truncated, or no Parquet', async () => {
    const whole = new Uint8Array(parquetWriteBuffer({ columnData: columns }));
    const cut = await file('cut.parquet', whole.subarray(0, whole.length - 9));
    await expect(data.readParquet(cut)).rejects.toThrow(FormatError);
    await expect(data.readParquet(await file('text.parquet', 'a,b\n1,2\n'))).rejects.toThrow(
      /no Parquet file, or a dam/,
    );
  });
});
