import { flopsOf } from '../ops/flops.js';
import { checkOptions } from '../tensor/check.js';
import { ones, zeros } from '../tensor/create.js';
import { type DType, ITEM_SIZES, isFloating } from '../tensor/dtype.js';
import { tracing } from '../tensor/graph.js';
import { checkShape } from '../tensor/layout.js';
import { collect, noGrad } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { type AnyModule, Module } from './module.js';
import { isUninitialized, type Parameter } from './parameter.js';
import { ReceptiveFields } from './summary-field.js';

/** One line of {@link Summary}. Without an input there are no shapes, and nothing is counted. */
export interface SummaryRow {
  /** Path in the model, such as `features.0`. */
  name: string;
  /** Class of the module. */
  type: string;
  /** Shape of what it returned. */
  output: readonly number[] | null;
  /** Parameters of its own. */
  parameters: number;
  /** Multiplications with additions in convolutions, linear layers, products of matrices, attention and recurrent layers. */
  macs: number;
  /** Bytes of the tensors that it made: views, and changes in place, make none. */
  activationBytes: number;
  /**
   * Elements of the input that one element of its output depends on, along each spatial axis of an input `[N, C, ...]`; of
   * several ways the longest. Null where the output is no map of places any more.
   */
  receptiveField: readonly number[] | null;
}

/** Layers, shapes and sizes of a model; prints as a table. */
export interface Summary {
  rows: SummaryRow[];
  parameters: number;
  trainable: number;
  /** Bytes of the parameters. */
  bytes: number;
  /** Of the whole model, for the batch that was given: also what functions outside of the rows do. */
  macs: number;
  /** Bytes of all tensors made in one run without gradients. */
  activationBytes: number;
  /** The table. */
  toString(): string;
}

/** What {@link Module.summary} runs the model on. */
export interface SummaryOptions {
  /** Shape of one input, batch included: `[1, 1, 28, 28]`. Without it no output shapes are shown. */
  input?: readonly number[];
  /** Dtype of that input. Default: that of the first parameter. */
  dtype?: DType;
}

/** Those whose shape is known. */
const initialized = (parameters: readonly Parameter[]): Parameter[] => parameters.filter((p) => !isUninitialized(p));

const sizeOf = (x: Tensor): number => x.numel * ITEM_SIZES[x.dtype];

/** What one run shows, by module: the innermost one in which a call happened. */
class Trace {
  readonly shapes = new Map<AnyModule, readonly number[]>();
  readonly fields = new Map<AnyModule, readonly number[] | null>();
  readonly macs = new Map<AnyModule, number>();
  readonly made = new Map<AnyModule, number>();
  private readonly field = new ReceptiveFields();
  private readonly open: AnyModule[] = [];

  /** Calls `forward` of a module. */
  enter<R>(module: AnyModule, forward: () => R): R {
    this.open.push(module);
    try {
      const result = forward();
      if (result instanceof Tensor) {
        this.shapes.set(module, result.shape);
        this.fields.set(module, this.field.of(result));
      }
      return result;
    } finally {
      this.open.pop();
    }
  }

  /** Runs `fn`, and notes each op called in it. */
  watch(input: Tensor, fn: () => void): void {
    const outer = tracing.op;
    const seen = (name: string, run: () => unknown, args: readonly unknown[]): unknown => {
      tracing.op = outer;
      try {
        const result = run();
        this.note(name, args, result);
        return result;
      } finally {
        tracing.op = seen;
      }
    };
    this.field.start(input);
    tracing.op = seen;
    try {
      fn();
    } finally {
      tracing.op = outer;
    }
  }

  private note(name: string, args: readonly unknown[], result: unknown): void {
    const [inputs, outputs] = [[...collect(args, new Set())], [...collect(result, new Set())]];
    const module = this.open.at(-1);
    if (!module) return;
    const add = (to: Map<AnyModule, number>, amount: number): void =>
      void to.set(module, (to.get(module) ?? 0) + amount);
    add(this.macs, flopsOf(name, args, outputs) / 2);
    const made = outputs.filter((y) => y._base === null && !inputs.includes(y));
    add(
      this.made,
      made.reduce((sum, y) => sum + sizeOf(y), 0),
    );
    this.field.note(name, args, inputs, outputs);
  }
}

/** Runs the model once with every `forward` wrapped. */
function traced(model: AnyModule, options: SummaryOptions): Trace {
  const trace = new Trace();
  if (!options.input) return trace;
  checkShape('summary', options.input);
  const modules = model.modules();
  const before = modules.map((module) => ({
    training: module.training,
    forward: Object.getOwnPropertyDescriptor(module, 'forward'),
  }));
  for (const module of modules) {
    const forward = module.forward;
    Object.defineProperty(module, 'forward', {
      configurable: true,
      enumerable: false,
      value: (...inputs: never[]) => trace.enter(module, () => forward.apply(module, inputs)),
    });
  }
  try {
    model.eval();
    const dtype = options.dtype ?? model.parameters()[0]?.dtype ?? 'float32';
    const input = options.input;
    noGrad(() => {
      const x = isFloating(dtype) ? ones(input, { dtype }) : zeros(input, { dtype });
      trace.watch(x, () => void (model as unknown as Module).forward(x));
    });
  } finally {
    modules.forEach((module, i) => {
      const { training, forward } = before[i];
      module.training = training;
      if (forward) Object.defineProperty(module, 'forward', forward);
      else Reflect.deleteProperty(module, 'forward');
    });
  }
  return trace;
}

const UNITS: readonly [number, string][] = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

/** `105.4 M`: four digits, few of them behind the point. */
function countText(count: number): string {
  const [size, unit] = UNITS.find(([least]) => count >= least) ?? [1, ''];
  if (size === 1) return String(count);
  const scaled = count / size;
  return `${scaled.toFixed(scaled < 10 ? 3 : scaled < 100 ? 2 : 1)} ${unit}`;
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MB`;
const bytesText = (bytes: number): string =>
  bytes >= 2 ** 20 ? megabytes(bytes) : `${(bytes / 2 ** 10).toFixed(1)} kB`;

/** Equal along all axes: once. */
const fieldText = (field: readonly number[]): string =>
  field.every((size) => size === field[0]) ? String(field[0]) : field.join(' x ');

type Totals = Omit<Summary, 'toString'>;

function cells(row: SummaryRow, shown: boolean): string[] {
  const texts = [
    row.name || '(model)',
    row.type,
    row.output ? `[${row.output.join(', ')}]` : '',
    row.parameters.toLocaleString('en-US'),
  ];
  if (!shown) return texts;
  const field = row.receptiveField ? fieldText(row.receptiveField) : '';
  return [
    ...texts,
    row.macs > 0 ? countText(row.macs) : '',
    row.activationBytes > 0 ? bytesText(row.activationBytes) : '',
    field,
  ];
}

function table(summary: Totals, shown: boolean): string {
  const header = ['layer', 'type', 'output', 'parameters', ...(shown ? ['MACs', 'memory', 'field'] : [])];
  const lines = summary.rows.map((row) => cells(row, shown));
  const widths = header.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i].length)));
  const render = (line: readonly string[]): string =>
    line
      .map((cell, i) => (i >= 3 ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd();
  const rule = '-'.repeat(widths.reduce((a, b) => a + b + 2, -2));
  const parameters =
    `${summary.parameters.toLocaleString('en-US')} parameters ` +
    `(${summary.trainable.toLocaleString('en-US')} trainable), ${megabytes(summary.bytes)}`;
  const work = `${countText(summary.macs)} MACs, ${bytesText(summary.activationBytes)} of activations`;
  return [render(header), rule, ...lines.map(render), rule, parameters, ...(shown ? [work] : [])].join('\n');
}

const total = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

/** @internal See {@link Module.summary}. */
export function summarize(model: AnyModule, options: SummaryOptions): Summary {
  checkOptions('summary', options);
  const trace = traced(model, options);
  const rows: SummaryRow[] = [];
  for (const [name, module] of model.namedModules()) {
    const parameters = total(initialized(module.parameters({ recurse: false })).map((p) => p.numel));
    const macs = trace.macs.get(module) ?? 0;
    if (module.children().length > 0 && parameters === 0 && macs === 0) continue;
    rows.push({
      name,
      type: module.constructor.name,
      output: trace.shapes.get(module) ?? null,
      parameters,
      macs,
      activationBytes: trace.made.get(module) ?? 0,
      receptiveField: trace.fields.get(module) ?? null,
    });
  }
  const all = initialized(model.parameters());
  const summary: Totals = {
    rows,
    parameters: total(all.map((p) => p.numel)),
    trainable: total(all.map((p) => (p.requiresGrad ? p.numel : 0))),
    bytes: total(all.map(sizeOf)),
    macs: total(trace.macs.values()),
    activationBytes: total(trace.made.values()),
  };
  return { ...summary, toString: () => table(summary, options.input !== undefined) };
}

declare module './module.js' {
  interface Module<Inputs extends readonly unknown[] = [Tensor], Output = Tensor> {
    /**
     * Layers with their output shapes, parameters, work, memory and receptive fields.
     * `String(model.summary({ input: [1, 1, 28, 28] }))` is a table. The model is run once, in evaluation mode.
     */
    summary(options?: SummaryOptions): Summary;
  }
}

Module.prototype.summary = function (options = {}) {
  return summarize(this, options);
};
