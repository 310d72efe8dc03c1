// The graph of one forward pass: what each op read, inside of which module.
import { ArgumentError, valueText } from '../errors.js';
import { type AnyModule, assertModule, type Module } from '../nn/module.js';
import { Parameter } from '../nn/parameter.js';
import { tracing } from '../tensor/graph.js';
import { collect, noGrad } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import type { Fields } from './schema.js';

/** The numbers of TensorFlow's DataType. */
const DATA_TYPES: Readonly<Record<string, number>> = {
  float32: 1,
  float64: 2,
  int32: 3,
  uint8: 4,
  int8: 6,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  float16: 19,
};

interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly Tensor[];
  readonly module?: AnyModule;
}

/** A module that is running. */
interface Running {
  readonly scope: string;
  readonly module: AnyModule | null;
  readonly inputs: readonly unknown[];
  /** Nodes made since it began. */
  nodes: number;
}

/** TensorBoard's names: letters, digits and few signs, parts divided by slashes. */
const clean = (name: string): string => name.replace(/[^A-Za-z0-9_./-]/g, '_').replace(/^[^A-Za-z0-9.]/, 'x$&');

const shapeOf = (shape: readonly number[]): Fields => ({ dim: shape.map((size) => ({ size })) });

class Trace {
  readonly nodes: Fields[] = [];
  readonly #names = new Set<string>();
  /** Which output of which node a tensor is. */
  readonly #sources = new Map<Tensor, string>();
  readonly #members = new Map<Tensor, { name: string; op: string }>();
  readonly #running: Running[] = [];

  constructor(model: AnyModule) {
    const root = model.constructor.name;
    const scopeOf = (path: string): string => clean(path === '' ? root : `${root}/${path.replaceAll('.', '/')}`);
    const members = [...model.namedParameters(), ...model.namedBuffers()];
    for (const [path] of model.namedModules()) this.#names.add(scopeOf(path));
    for (const [path, tensor] of members) {
      this.#members.set(tensor, { name: scopeOf(path), op: tensor instanceof Parameter ? 'Parameter' : 'Buffer' });
    }
    this.scopeOf = scopeOf;
  }

  readonly scopeOf: (path: string) => string;

  input(tensor: Tensor): void {
    this.#add({ name: 'input', op: 'Placeholder', inputs: [], outputs: [tensor] });
  }

  output(tensor: Tensor): void {
    const source = this.#source(tensor);
    const [node] = [{ name: this.#unique('output'), op: 'Output', inputs: [source], outputs: [tensor] }];
    this.#write(node);
  }

  enter(scope: string, module: AnyModule, inputs: readonly unknown[]): void {
    this.#running.push({ scope, module, inputs, nodes: this.nodes.length });
  }

  /** A module in which no op ran (it changed its input in place, or passed it on) is a node itself. */
  leave(output: unknown): void {
    const { scope, module, inputs, nodes } = this.#running.pop() as Running;
    const outputs = [...collect(output, new Set())];
    if (nodes !== this.nodes.length || outputs.length === 0 || !module) return;
    const name = module.constructor.name;
    const sources = [...collect([...inputs], new Set())].map((x) => this.#source(x));
    this.#add({ name: `${scope}/${name}`, op: name, inputs: sources, outputs, module });
  }

  /** Runs an op without looking at the calls inside of it. */
  readonly op = (name: string, run: () => unknown, args: readonly unknown[]): unknown => {
    const outer = tracing.op;
    tracing.op = null;
    try {
      const result = run();
      const { scope = '', module = undefined } = this.#running.at(-1) ?? {};
      const inputs = tensorsIn(args).map((x) => this.#source(x));
      const outputs = tensorsIn([result]);
      this.#add({
        name: `${scope}/${name}`,
        op: name,
        inputs,
        outputs,
        module: module ?? undefined,
      });
      return result;
    } finally {
      tracing.op = outer;
    }
  };

  /** Where a tensor comes from; one that was there before the pass gets a node now. */
  #source(tensor: Tensor): string {
    const known = this.#sources.get(tensor) ?? (tensor._base ? this.#sources.get(tensor._base) : undefined);
    if (known !== undefined) return known;
    const member = this.#members.get(tensor);
    const scope = this.#running.at(-1)?.scope;
    const name = member?.name ?? (scope === undefined ? 'constant' : `${scope}/constant`);
    this.#add({ name, op: member?.op ?? 'Constant', inputs: [], outputs: [tensor] });
    return this.#sources.get(tensor) as string;
  }

  #add(node: GraphNode): void {
    const named = { ...node, name: this.#unique(node.name) };
    node.outputs.forEach((tensor, i) => {
      this.#sources.set(tensor, i === 0 ? named.name : `${named.name}:${i}`);
    });
    this.#write(named);
  }

  #unique(wanted: string): string {
    const name = clean(wanted);
    let found = name;
    for (let i = 1; this.#names.has(found); i++) found = `${name}_${i}`;
    this.#names.add(found);
    return found;
  }

  #write({ name, op, inputs, outputs, module }: GraphNode): void {
    const attr: Record<string, Fields> = { _output_shapes: { list: { shape: outputs.map((x) => shapeOf(x.shape)) } } };
    if (outputs.length > 0) attr.T = { type: DATA_TYPES[outputs[0].dtype] };
    if (module) {
      const text = module.children().length > 0 ? module.constructor.name : String(module);
      attr.module = { s: Buffer.from(text) };
    }
    this.nodes.push({ name, op, input: inputs, attr });
  }
}

/** The tensors among the arguments or results of an op. */
function tensorsIn(values: readonly unknown[]): Tensor[] {
  return values.flatMap((value) => {
    if (value instanceof Tensor) return [value];
    return Array.isArray(value) ? tensorsIn(value) : [];
  });
}

/** Runs the model once, in evaluation mode and without gradients, and gives the fields of a GraphDef. */
export function traceGraph(model: AnyModule, inputs: readonly unknown[]): Fields {
  const op = 'addGraph';
  assertModule(op, model, 'model');
  const given = tensorsIn(inputs);
  if (given.length === 0) throw new ArgumentError(op, `a tensor is needed as input, got ${valueText(inputs)}`, inputs);
  const trace = new Trace(model);
  const modes = model.modules().map((module) => [module, module.training] as const);
  const hooks = [...model.namedModules()].flatMap(([path, module]) => {
    const scope = trace.scopeOf(path);
    return [
      module.registerForwardPreHook((_, values) => trace.enter(scope, module, values)),
      module.registerForwardHook((_, __, output) => trace.leave(output)),
    ];
  });
  try {
    model.eval();
    for (const tensor of given) trace.input(tensor);
    noGrad(() => {
      tracing.op = trace.op;
      try {
        const output = (model as unknown as Module<unknown[], unknown>).forward(...inputs);
        tracing.op = null;
        for (const tensor of collect(output, new Set())) trace.output(tensor);
      } finally {
        tracing.op = null;
      }
    });
  } finally {
    for (const hook of hooks) hook.remove();
    for (const [module, training] of modes) module.training = training;
  }
  return { node: trace.nodes, versions: { producer: 22 } };
}
