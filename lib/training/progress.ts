import { createRequire } from 'node:module';
import type { SingleBar } from 'cli-progress';

/** Numbers to show beside the bar, such as `{ loss: 0.52, accuracy: 0.81 }`. */
export type ProgressValues = Readonly<Record<string, number>>;

/** Where a {@link Progress} writes. */
export interface ProgressStream {
  /** Takes a piece of a line. */
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** How {@link Progress} shows itself. */
export interface ProgressOptions {
  /** Default `process.stdout`. A terminal gets a bar, anything else plain lines. */
  readonly stream?: ProgressStream;
  /** Seconds between two plain lines. Default 10. */
  readonly plainInterval?: number;
}

/** Leaves room for loss and rate on a terminal of 80 columns. */
const BAR_WIDTH = 16;

/** `0.5234`, `1.2e-5`, `12,345`: short, and of the same width from step to step. */
export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  if (size !== 0 && size < 1e-3) return value.toExponential(2);
  if (Number.isInteger(value)) return String(value);
  return value.toFixed(size >= 100 ? 1 : 4);
}

/** `loss 0.5234 | accuracy 0.8100`. */
export function formatValues(values: ProgressValues): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${formatValue(value)}`)
    .join(' | ');
}

/**
 * Shows how far a loop is: a bar where the output is a terminal, a line now and then where it is a file.
 *
 * @example
 * const progress = new Progress();
 * progress.start('epoch 1/3', 600);
 * progress.update(100, { loss: 0.52 });
 * progress.finish({ loss: 0.41, accuracy: 0.86 });
 */
export class Progress {
  private readonly stream: ProgressStream;
  private readonly plainInterval: number;
  private bar: SingleBar | null = null;
  private label = '';
  private total = 0;
  private startedAt = 0;
  private lineAt = 0;

  constructor(options: ProgressOptions = {}) {
    this.stream = options.stream ?? process.stdout;
    this.plainInterval = (options.plainInterval ?? 10) * 1000;
  }

  /** Begins a loop of `total` steps; a loop still running is closed first. */
  start(label: string, total: number): void {
    this.stop();
    this.label = label;
    this.total = total;
    this.startedAt = performance.now();
    this.lineAt = this.startedAt;
    if (this.stream.isTTY !== true) return;
    // Loaded here: most programs never show a bar.
    const cli = createRequire(import.meta.url)('cli-progress') as typeof import('cli-progress');
    this.bar = new cli.SingleBar({
      stream: this.stream as NodeJS.WritableStream,
      format: '{label} [{bar}] {value}/{total} | eta {eta_formatted}{values}',
      barsize: BAR_WIDTH,
      barCompleteChar: '=',
      barIncompleteChar: ' ',
      // A hidden cursor or a switched-off line wrap would outlive a Ctrl-C.
      hideCursor: false,
      linewrap: true,
      clearOnComplete: true,
      gracefulExit: false,
      emptyOnZero: true,
    });
    this.bar.start(total, 0, { label, values: '' });
  }

  /** Tells that `done` steps are done. */
  update(done: number, values: ProgressValues = {}): void {
    const text = formatValues(values);
    if (this.bar !== null) {
      this.bar.update(done, { values: text && ` | ${text}` });
      return;
    }
    const now = performance.now();
    if (now - this.lineAt < this.plainInterval) return;
    this.lineAt = now;
    this.stream.write(`${this.label}  ${done}/${this.total}${text && ` | ${text}`}\n`);
  }

  /** Ends the loop with one line that stays: the label, the time it took and `values`. */
  finish(values: ProgressValues = {}): void {
    this.stop();
    const seconds = ((performance.now() - this.startedAt) / 1000).toFixed(1);
    const text = formatValues(values);
    this.stream.write(`${this.label}  ${seconds} s${text && ` | ${text}`}\n`);
  }

  /** Takes the bar away without a last line, as after an error or an abort. */
  stop(): void {
    this.bar?.stop();
    this.bar = null;
  }
}
