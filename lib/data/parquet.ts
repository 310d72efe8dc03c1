import { readFile } from 'node:fs/promises';
import { ArgumentError, FormatError, valueText } from '../errors.js';
import { importOptional } from '../optional.js';
import { checkOptions } from '../tensor/check.js';
import { type Cell, type ColumnsOptions, type Table, TableDataset, toTable } from './table.js';

/**
 * Reads the columns of a Parquet file into tensors, with the package hyparquet.
 *
 * @returns features `[N, D]` and, with `label`, labels `[N]`: names become the numbers of their sorted classes
 * @throws MissingPackageError when hyparquet is not installed
 * @throws FormatError for a file that is no Parquet or truncated, and for a value that is missing or no number
 * @example
 * const { features, labels } = await readParquet('houses.parquet', { label: 'price', regression: true });
 */
export async function readParquet(path: string, options: ColumnsOptions = {}): Promise<Table> {
  const op = 'readParquet';
  if (typeof path !== 'string') throw new ArgumentError(op, `path must be a string, got ${valueText(path)}`, path);
  checkOptions(op, options);
  const { parquetMetadata, parquetReadObjects, parquetSchema } = await importOptional(
    op,
    ['hyparquet'],
    () => import('hyparquet'),
  );
  const bytes = await readFile(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  let names: string[];
  let records: Record<string, Cell>[];
  try {
    const metadata = parquetMetadata(file);
    names = parquetSchema(metadata).children.map(({ element }) => element.name);
    records = (await parquetReadObjects({ file, metadata })) as Record<string, Cell>[];
  } catch (error) {
    throw new FormatError(op, path, `no Parquet file, or a damaged one: ${(error as Error).message}`);
  }
  const rows = records.map((record) => names.map((name) => record[name]));
  return toTable(op, path, names, rows, (row) => `row ${row}`, options);
}

/** {@link readParquet} as a dataset of `[features, label]`. */
export async function loadParquet(path: string, options: ColumnsOptions): Promise<TableDataset> {
  return new TableDataset(await readParquet(path, options));
}
