// Rows of text as tensors: what CSV, NDJSON and Parquet have in common.
import { ArgumentError, FormatError, valueText } from '../errors.js';
import { tensor } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import { TensorDataset } from './tensor-dataset.js';

/** A cell as a reader gives it. */
export type Cell = string | number | bigint | boolean | null | undefined;

/** What becomes of the columns of a table. */
export interface ColumnsOptions {
  /** The columns that become the input, in this order. Default: all but the label. */
  readonly features?: readonly string[];
  /** The column with the label; without one there are inputs only. */
  readonly label?: string;
  /** The classes of a label that is a name, in the order of their numbers. Default: those that come, sorted. */
  readonly classes?: readonly string[];
  /** The label is a number to predict: float32 instead of a class. Default false. */
  readonly regression?: boolean;
  /** What stands for a missing value; without it a missing value is an error. */
  readonly missing?: number;
  /** Texts that mean a missing value, besides nothing. Default `NA`, `NaN`, `null`, `?`. */
  readonly missingTexts?: readonly string[];
  /** Of the input. Default float32. */
  readonly dtype?: DType;
}

/** Columns as tensors. */
export interface Table {
  /** `[N, D]`. */
  readonly features: Tensor;
  /** `[N]`: int64 classes, or float32 with `regression`; null without a label. */
  readonly labels: Tensor | null;
  readonly featureNames: readonly string[];
  /** The name of each class; empty where labels are numbers. */
  readonly classes: readonly string[];
}

const MISSING: readonly string[] = ['NA', 'NaN', 'null', '?'];

/** Where a row stands, for messages. */
type Place = (row: number) => string;

/** @internal The rows as tensors. */
export function toTable(
  op: string,
  path: string,
  names: readonly string[],
  rows: readonly (readonly Cell[])[],
  place: Place,
  options: ColumnsOptions,
): Table {
  const { label, dtype = 'float32' } = options;
  const featureNames = options.features ?? names.filter((name) => name !== label);
  const columns = featureNames.map((name) => columnOf(op, path, names, name));
  const values = new Float64Array(rows.length * columns.length);
  for (const [i, row] of rows.entries()) {
    for (const [j, column] of columns.entries()) {
      const at = `${place(i)}, column ${valueText(names[column])}`;
      values[i * columns.length + j] = numberOf(op, path, row[column], at, options);
    }
  }
  const features = tensor(values, { shape: [rows.length, columns.length], dtype });
  if (label === undefined) return { features, labels: null, featureNames, classes: [] };
  const column = columnOf(op, path, names, label);
  const cells = rows.map((row) => row[column]);
  const at = (row: number): string => `${place(row)}, column ${valueText(label)}`;
  return { features, featureNames, ...labelsOf(op, path, cells, at, options) };
}

function columnOf(op: string, path: string, names: readonly string[], name: string): number {
  const at = names.indexOf(name);
  if (at >= 0) return at;
  throw new FormatError(op, path, `has no column ${valueText(name)}; there are ${names.join(', ')}`);
}

const isMissing = (cell: Cell, { missingTexts = MISSING }: ColumnsOptions): boolean =>
  cell === null ||
  cell === undefined ||
  (typeof cell === 'string' && (cell.trim() === '' || missingTexts.includes(cell.trim())));

function numberOf(op: string, path: string, cell: Cell, at: string, options: ColumnsOptions): number {
  if (isMissing(cell, options)) {
    if (options.missing !== undefined) return options.missing;
    throw new FormatError(op, path, `${at}: the value is missing; say with \`missing\` what stands for it`);
  }
  const value = Number(typeof cell === 'string' ? cell.trim() : cell);
  if (!Number.isNaN(value) || cell === 'NaN') return value;
  throw new FormatError(op, path, `${at}: ${valueText(cell)} is no number`);
}

function labelsOf(
  op: string,
  path: string,
  cells: readonly Cell[],
  at: Place,
  options: ColumnsOptions,
): { labels: Tensor; classes: readonly string[] } {
  const gap = cells.findIndex((cell) => isMissing(cell, options));
  if (gap >= 0) throw new FormatError(op, path, `${at(gap)}: the label is missing`);
  const numbers = cells.map((cell) => Number(cell));
  if (options.regression) {
    const wrong = numbers.findIndex(Number.isNaN);
    if (wrong >= 0) throw new FormatError(op, path, `${at(wrong)}: ${valueText(cells[wrong])} is no number`);
    return { labels: tensor(Float32Array.from(numbers)), classes: [] };
  }
  if (options.classes === undefined && numbers.every((value) => Number.isSafeInteger(value) && value >= 0)) {
    return { labels: tensor(BigInt64Array.from(numbers, BigInt)), classes: [] };
  }
  const texts = cells.map((cell) => String(cell).trim());
  const classes = options.classes ?? [...new Set(texts)].sort();
  const codes = texts.map((text) => classes.indexOf(text));
  const unknown = codes.indexOf(-1);
  if (unknown >= 0) {
    const known = classes.join(', ');
    throw new FormatError(op, path, `${at(unknown)}: ${valueText(texts[unknown])} is none of the classes ${known}`);
  }
  return { labels: tensor(BigInt64Array.from(codes, BigInt)), classes };
}

/** A table as a dataset of `[features, label]`. */
export class TableDataset extends TensorDataset<[Tensor, Tensor]> {
  readonly table: Table;

  /** @throws ArgumentError for a table without labels */
  constructor(table: Table) {
    if (table.labels === null) {
      throw new ArgumentError('TableDataset', 'the table has no labels; name their column with `label`', table);
    }
    super(table.features, table.labels);
    this.table = table;
  }
}
