import { checkOptions } from '../tensor/check.js';
import { ones, zeros } from '../tensor/create.js';
import { type DType, ITEM_SIZES, isFloating } from '../tensor/dtype.js';
import { checkShape } from '../tensor/layout.js';
import { noGrad } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { type AnyModule, Module } from './module.js';
import { isUninitialized, type Parameter } from './parameter.js';

/** One line of {@link Summary}. */
export interface SummaryRow {
  /** Path in the model, such as `features.0`. */
  name: string;
  /** Class of the module. */
  type: string;
  /** Shape of what it returned. */
  output: readonly number[] | null;
  /** Parameters of its own. */
  parameters: number;
}

/** Layers, shapes and sizes of a model; prints as a table. */
export interface Summary {
  rows: SummaryRow[];
  parameters: number;
  trainable: number;
  /** Bytes of the parameters. */
  bytes: number;
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

/** Runs the model once with every `forward` wrapped, and notes what each returned. */
function traceShapes(model: AnyModule, options: SummaryOptions): Map<AnyModule, readonly number[]> {
  const shapes = new Map<AnyModule, readonly number[]>();
  if (!options.input) return shapes;
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
      value: (...inputs: never[]) => {
        const result = forward.apply(module, inputs);
        if (result instanceof Tensor) shapes.set(module, result.shape);
        return result;
      },
    });
  }
  try {
    model.eval();
    const dtype = options.dtype ?? model.parameters()[0]?.dtype ?? 'float32';
    const input = options.input;
    noGrad(() => {
      const x = isFloating(dtype) ? ones(input, { dtype }) : zeros(input, { dtype });
      (model as unknown as Module).forward(x);
    });
  } finally {
    modules.forEach((module, i) => {
      const { training, forward } = before[i];
      module.training = training;
      if (forward) Object.defineProperty(module, 'forward', forward);
      else Reflect.deleteProperty(module, 'forward');
    });
  }
  return shapes;
}

function table(summary: Omit<Summary, 'toString'>): string {
  const header = ['layer', 'type', 'output', 'parameters'];
  const lines = summary.rows.map((row) => [
    row.name || '(model)',
    row.type,
    row.output ? `[${row.output.join(', ')}]` : '',
    row.parameters.toLocaleString('en-US'),
  ]);
  const widths = header.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i].length)));
  const render = (line: readonly string[]): string =>
    line
      .map((cell, i) => (i === 3 ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd();
  const rule = '-'.repeat(widths.reduce((a, b) => a + b + 2, -2));
  const total =
    `${summary.parameters.toLocaleString('en-US')} parameters (${summary.trainable.toLocaleString('en-US')} trainable), ` +
    `${(summary.bytes / 2 ** 20).toFixed(2)} MB`;
  return [render(header), rule, ...lines.map(render), rule, total].join('\n');
}

/** @internal See {@link Module.summary}. */
export function summarize(model: AnyModule, options: SummaryOptions): Summary {
  checkOptions('summary', options);
  const shapes = traceShapes(model, options);
  const rows: SummaryRow[] = [];
  for (const [name, module] of model.namedModules()) {
    const parameters = initialized(module.parameters({ recurse: false })).reduce((sum, p) => sum + p.numel, 0);
    if (module.children().length > 0 && parameters === 0) continue;
    rows.push({ name, type: module.constructor.name, output: shapes.get(module) ?? null, parameters });
  }
  const all = initialized(model.parameters());
  const bytes = all.reduce((sum, p) => sum + p.numel * ITEM_SIZES[p.dtype], 0);
  const parameters = all.reduce((sum, p) => sum + p.numel, 0);
  const trainable = all.reduce((sum, p) => sum + (p.requiresGrad ? p.numel : 0), 0);
  const summary = { rows, parameters, trainable, bytes };
  return { ...summary, toString: () => table(summary) };
}

declare module './module.js' {
  interface Module<Inputs extends readonly unknown[] = [Tensor], Output = Tensor> {
    /**
     * Layers with their output shapes and parameters. `String(model.summary({ input: [1, 1, 28, 28] }))` is a table.
     * The model is run once, in evaluation mode.
     */
    summary(options?: SummaryOptions): Summary;
  }
}

Module.prototype.summary = function (options = {}) {
  return summarize(this, options);
};
