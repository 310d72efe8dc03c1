import { readFile } from 'node:fs/promises';
import type { Compressors } from 'hyparquet';
import { ArgumentError, FormatError, valueText } from '../errors.js';
import { importOptional } from '../optional.js';
import { checkOptions } from '../tensor/check.js';
import { type Cell, type ColumnsOptions, type Table, TableDataset, toTable } from './table.js';

/**
 * Reads the columns of a Parquet file into tensors, with the package hyparquet: uncompressed, or packed with Snappy, gzip,
 * Brotli or, from Node 22.15 on, zstd. Dates become milliseconds since 1970.
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
    records = (await parquetReadObjects({ file, metadata, compressors: compressors() })) as Record<string, Cell>[];
  } catch (error) {
    const { message } = error as Error;
    const codec = /unsupported compression codec: (\w+)/.exec(message)?.[1];
    const reason = codec
      ? `compressed with ${codec}, which ${READABLE}`
      : `no Parquet file, or a damaged one: ${message}`;
    throw new FormatError(op, path, reason);
  }
  const rows = records.map((record) => names.map((name) => record[name]));
  return toTable(op, path, names, rows, (row) => `row ${row}`, options);
}

const READABLE = 'cannot be read here: write it with snappy, gzip, brotli or none (zstd from Node 22.15 on)';

/** Besides Snappy, which hyparquet has: what Node itself unpacks. */
function compressors(): Compressors {
  const zlib = process.getBuiltinModule('node:zlib');
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: typeof zlib.gunzipSync };
  // A page says how long it is unpacked; nothing longer is made.
  const bounded = (unpack: typeof zlib.gunzipSync) => (input: Uint8Array, length: number) =>
    new Uint8Array(unpack(input, { maxOutputLength: Math.max(1, length) }));
  return {
    GZIP: bounded(zlib.gunzipSync),
    BROTLI: bounded(zlib.brotliDecompressSync as typeof zlib.gunzipSync),
    ...(zstdDecompressSync && { ZSTD: bounded(zstdDecompressSync) }),
  };
}

/** {@link readParquet} as a dataset of `[features, label]`. */
export async function loadParquet(path: string, options: ColumnsOptions): Promise<TableDataset> {
  return new TableDataset(await readParquet(path, options));
}
