import { createReadStream } from 'node:fs';
import { ArgumentError, FormatError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { type ColumnsOptions, type Table, TableDataset, toTable } from './table.js';
import { sharded } from './worker/info.js';
import type { ModuleSource } from './worker/source.js';

/** How a CSV file is written. */
export interface CsvOptions {
  /** What parts two values. Default `,`. */
  readonly delimiter?: string;
  /** The first line names the columns (default), or the names, or false: they are called `0`, `1`, … */
  readonly header?: boolean | readonly string[];
  /** What begins a line that is no data. Default none. */
  readonly comment?: string;
  readonly encoding?: BufferEncoding;
}

/** One line of a file, by column. */
export type CsvRow = Readonly<Record<string, string>>;

interface Line {
  readonly names: readonly string[];
  readonly cells: readonly string[];
  readonly line: number;
}

/** The lines of a file that hold data, read piece by piece. */
async function* linesOf(op: string, path: string, options: CsvOptions): AsyncGenerator<Line> {
  const { delimiter = ',', header = true, comment, encoding = 'utf8' } = options;
  const { CsvError, parse } = await import('csv-parse');
  const input = createReadStream(path);
  const parser = input.pipe(
    parse({ delimiter, comment, encoding, bom: true, skip_empty_lines: true, info: true, relax_column_count: true }),
  );
  input.on('error', (error) => parser.destroy(error));
  let names = Array.isArray(header) ? (header as readonly string[]) : null;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (names === null && header === true) {
        names = record.map((name) => name.trim());
        continue;
      }
      names ??= record.map((_, i) => String(i));
      if (record.length !== names.length) {
        throw new FormatError(op, path, `line ${info.lines} has ${record.length} values, expected ${names.length}`);
      }
      yield { names, cells: record, line: info.lines };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new FormatError(op, path, `line ${(error as { lines?: number }).lines ?? '?'}: ${error.message}`);
  } finally {
    input.destroy();
  }
}

function checkCsv(op: string, path: unknown, options: unknown): void {
  checkOptions(op, options);
  if (typeof path !== 'string') throw new ArgumentError(op, `path must be a string, got ${valueText(path)}`, path);
}

/**
 * Reads a CSV file into tensors.
 *
 * @returns features `[N, D]` and, with `label`, labels `[N]`: names become the numbers of their sorted classes
 * @throws FormatError naming line and column for a value that is missing or no number, and for a line of another length
 * @example
 * const { features, labels, classes } = await readCsv('iris.csv', { label: 'species' });
 */
export async function readCsv(path: string, options: CsvOptions & ColumnsOptions = {}): Promise<Table> {
  const op = 'readCsv';
  checkCsv(op, path, options);
  const rows: (readonly string[])[] = [];
  const lines: number[] = [];
  let names: readonly string[] = Array.isArray(options.header) ? options.header : [];
  for await (const line of linesOf(op, path, options)) {
    names = line.names;
    rows.push(line.cells);
    lines.push(line.line);
  }
  if (rows.length === 0) throw new FormatError(op, path, 'holds no row');
  return toTable(op, path, names, rows, (row) => `line ${lines[row]}`, options);
}

/** {@link readCsv} as a dataset of `[features, label]`. */
export async function loadCsv(path: string, options: CsvOptions & ColumnsOptions): Promise<TableDataset> {
  return new TableDataset(await readCsv(path, options));
}

/**
 * The rows of a CSV file one after another, for files that are too large for memory. Workers take every
 * `numWorkers`-th row.
 *
 * @example
 * const rows = new CsvStream('clicks.csv');
 * const loader = new DataLoader(rows, { batchSize: 256, collateFn: (items) => tensor(items.map(({ x, y }) => [+x, +y])) });
 */
export class CsvStream implements AsyncIterable<CsvRow> {
  readonly path: string;
  readonly options: CsvOptions;

  constructor(path: string, options: CsvOptions = {}) {
    checkCsv('CsvStream', path, options);
    this.path = path;
    this.options = options;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<CsvRow> {
    for await (const { names, cells } of sharded(linesOf('CsvStream', this.path, this.options))) {
      yield Object.fromEntries(names.map((name, i) => [name, cells[i]]));
    }
  }

  workerSource(): ModuleSource {
    return { module: import.meta.url, export: 'CsvStream', args: [this.path, this.options] };
  }
}
