import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { ArgumentError, FormatError, valueText } from '../errors.js';
import { sharded } from './worker/info.js';
import type { ModuleSource } from './worker/source.js';

interface Line {
  readonly text: string;
  readonly line: number;
}

async function* linesOf(path: string): AsyncGenerator<Line> {
  const input = createReadStream(path, 'utf8');
  const failed = new Promise<never>((_, reject) => input.once('error', reject));
  failed.catch(() => {});
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  let line = 0;
  try {
    for (;;) {
      const step = await Promise.race([lines.next(), failed]);
      if (step.done) return;
      const text = ++line === 1 ? step.value.replace(/^\uFEFF/, '') : step.value;
      if (text.trim() !== '') yield { text, line };
    }
  } finally {
    input.destroy();
  }
}

/**
 * The values of a file with one JSON value per line (NDJSON, JSON Lines), one after another. Workers take every
 * `numWorkers`-th one. A line that is no JSON, such as a last one that was cut off, is a FormatError that names it.
 *
 * @example
 * for await (const { text, label } of new NdjsonStream<Mail>('mails.ndjson')) { ... }
 */
export class NdjsonStream<T = unknown> implements AsyncIterable<T> {
  readonly path: string;

  constructor(path: string) {
    if (typeof path !== 'string') {
      throw new ArgumentError('NdjsonStream', `path must be a string, got ${valueText(path)}`, path);
    }
    this.path = path;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    for await (const { text, line } of sharded(linesOf(this.path))) {
      let value: T;
      try {
        value = JSON.parse(text);
      } catch (error) {
        throw new FormatError('NdjsonStream', this.path, `line ${line}: ${(error as Error).message}`);
      }
      yield value;
    }
  }

  workerSource(): ModuleSource {
    return { module: import.meta.url, export: 'NdjsonStream', args: [this.path] };
  }
}

/** All values of an NDJSON file. @throws FormatError naming the line that is no JSON */
export async function readNdjson<T = unknown>(path: string): Promise<T[]> {
  const values: T[] = [];
  for await (const value of new NdjsonStream<T>(path)) values.push(value);
  return values;
}
