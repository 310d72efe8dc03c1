import { writeAtomically } from '../data/files.js';
import { ArgumentError, valueText } from '../errors.js';
import { requireImagePath } from '../plots/render.js';
import { checkOptions } from '../tensor/check.js';
import type { TaskTimes } from '../tensor/profiling.js';
import { assignTasks, type Task } from './assign.js';
import { saveLayerChart } from './chart.js';
import type { Recorder, Span } from './recorder.js';
import { type LayerProfile, type OpProfile, Totals } from './rows.js';
import { layerTable, opTable } from './table.js';
import { type ChromeTrace, chromeTrace } from './trace.js';

/** How {@link Profile.table} prints. */
export interface ProfileTableOptions {
  /** `'layers'`, which is the default when the profile knows a model, or `'ops'`. */
  by?: 'layers' | 'ops';
  /** At most so many rows, the longest: ops only. Default: all. */
  rows?: number;
}

/** Options of {@link Profile.saveChart}. */
export interface ProfileChartOptions {
  title?: string;
}

/** What a profiler found: sums by op and by layer, a table, a picture, a trace. Times are milliseconds. */
export class Profile {
  /** The calls of each op in each phase, longest first. */
  readonly ops: readonly OpProfile[];
  /** The layers in the order in which they ran; empty when no model was given. */
  readonly layers: readonly LayerProfile[];
  /** Steps that were profiled; the rows are of one step. */
  readonly steps: number;
  /** Time of the tasks of one step on the stream: the sum of {@link ops}. */
  readonly time: number;
  /** Time from the start to the stop, of all steps together. */
  readonly wallTime: number;
  /** Multiplications and additions of one step. */
  readonly flops: number;
  /** Tasks that were not noted because there were too many. */
  readonly dropped: number;
  private readonly spans: readonly Span[];
  private readonly tasks: readonly Task[];
  private readonly origin: number;

  /** @internal */
  constructor(
    { spans, stepStarts }: Recorder,
    times: TaskTimes,
    clock: { readonly script: number; readonly stream: number },
  ) {
    this.spans = spans;
    this.origin = clock.script;
    this.wallTime = performance.now() - clock.script;
    this.tasks = assignTasks(spans, times, stepStarts, clock.stream);
    // What follows the last step() is a step of its own, if there was anything.
    const last = Math.max(spans.at(-1)?.step ?? 0, this.tasks.at(-1)?.step ?? 0);
    this.steps = Math.max(stepStarts.length - 1, last + 1);
    this.dropped = times.dropped;
    const totals = new Totals(spans, this.tasks, this.steps);
    this.ops = totals.ops();
    this.layers = totals.layers();
    this.time = totals.time;
    this.flops = this.ops.reduce((sum, op) => sum + op.flops, 0);
  }

  /**
   * The layers or the ops as text.
   * @throws ArgumentError for another `by`, or a number of rows below 1.
   */
  table(options: ProfileTableOptions = {}): string {
    checkOptions('table', options);
    const { by = this.layers.length > 0 ? 'layers' : 'ops', rows = Number.POSITIVE_INFINITY } = options;
    if (by !== 'layers' && by !== 'ops') {
      throw new ArgumentError('table', `by must be 'layers' or 'ops', got ${valueText(by)}`, by);
    }
    if (!(rows >= 1)) throw new ArgumentError('table', `rows must be at least 1, got ${valueText(rows)}`, rows);
    const text = by === 'layers' ? layerTable(this.layers) : opTable(this.ops.slice(0, rows));
    return `${text}\n${this.#total()}`;
  }

  #total(): string {
    const speed = this.flops > 0 && this.time > 0 ? `, ${(this.flops / 1e6 / this.time).toFixed(1)} GFLOP/s` : '';
    const lost = this.dropped > 0 ? `; ${this.dropped} tasks were not noted` : '';
    return `${this.time.toFixed(3)} ms on the stream a step${speed}, ${this.steps} steps in ${this.wallTime.toFixed(1)} ms${lost}`;
  }

  /** The table of operations. */
  toString(): string {
    return this.table();
  }

  /** Every span of the JavaScript thread and every task of the stream, in Chrome's trace format. */
  chromeTrace(): ChromeTrace {
    return chromeTrace(this.spans, this.tasks, this.origin);
  }

  /** Writes {@link chromeTrace} as JSON, for chrome://tracing and https://ui.perfetto.dev. */
  async saveTrace(path: string): Promise<void> {
    await writeAtomically(path, (file) => file.writeFile(JSON.stringify(this.chromeTrace())));
  }

  /**
   * Draws where the time goes, by class and layer by layer, as PNG or SVG, whichever the path ends with. Needs the
   * packages echarts and, for PNG, sharp.
   * @throws MissingPackageError when one of them is not installed
   * @throws ArgumentError when the profile knows no layers, or the path has another ending.
   */
  async saveChart(path: string, options: ProfileChartOptions = {}): Promise<void> {
    checkOptions('saveChart', options);
    requireImagePath('saveChart', path);
    const { title = `Where the time goes: ${this.time.toPrecision(3)} ms a step` } = options;
    await saveLayerChart(this.layers, title, path);
  }
}
