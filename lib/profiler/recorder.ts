// Notes what the JavaScript thread does: spans of modules, ops and backward rules, each with the part of the stream that
// it filled. The stream notes when each task ran; lib/profiler/assign.ts brings both together.
import type { AnyModule } from '../nn/module.js';
import { flopsOf } from '../ops/flops.js';
import { ITEM_SIZES } from '../tensor/dtype.js';
import { type Node, tracing } from '../tensor/graph.js';
import { type CallRecorder, profiling, streamPosition } from '../tensor/profiling.js';
import { Tensor } from '../tensor/tensor.js';

/** Forward and backward passes, and everything else: optimizers, data. */
export type Phase = 'forward' | 'backward' | 'other';

/** @internal Something that the JavaScript thread did. */
export interface Span {
  readonly kind: 'op' | 'rule' | 'pass' | 'module' | 'label';
  readonly name: string;
  readonly parent: Span | null;
  /** Path of the module in which it is, or whose backward pass it is; null outside of all modules. */
  readonly module: string | null;
  readonly phase: Phase;
  readonly step: number;
  /** Milliseconds of performance.now(). */
  readonly start: number;
  end: number;
  /** What it queued: positions of the stream. */
  readonly from: number;
  to: number;
  inputs: readonly string[];
  outputs: readonly string[];
  bytes: number;
  flops: number;
}

const describe = (x: Tensor): string => `${x.dtype} [${x.shape.join(', ')}]`;

const tensorsIn = (values: readonly unknown[]): Tensor[] =>
  values.flatMap((value) =>
    value instanceof Tensor ? [value] : Array.isArray(value) ? value.filter((x) => x instanceof Tensor) : [],
  );

const bytesOf = (tensors: readonly Tensor[]): number =>
  tensors.reduce((sum, x) => sum + x.numel * ITEM_SIZES[x.dtype], 0);

/** As `gradFn.name` has it. */
const ruleName = ({ rule }: Node): string => `${rule.name[0].toUpperCase()}${rule.name.slice(1)}Backward`;

/** @internal */
export class Recorder implements CallRecorder {
  readonly spans: Span[] = [];
  /** Positions of the stream at which steps began. */
  readonly stepStarts: number[] = [streamPosition()];
  #top: Span | null = null;
  /** Which op recorded a node. */
  readonly #owners = new WeakMap<Node, Span>();
  readonly #restore: (() => void)[] = [];

  #open(kind: Span['kind'], name: string, module: string | null, phase: Phase): Span {
    const span: Span = {
      kind,
      name,
      parent: this.#top,
      module,
      phase,
      step: this.stepStarts.length - 1,
      start: performance.now(),
      end: 0,
      from: streamPosition(),
      to: 0,
      inputs: [],
      outputs: [],
      bytes: 0,
      flops: 0,
    };
    this.spans.push(span);
    this.#top = span;
    return span;
  }

  #close(span: Span): void {
    span.to = streamPosition();
    span.end = performance.now();
    this.#top = span.parent;
  }

  /** A span of the given kind around `fn`. */
  within<R>(kind: Span['kind'], name: string, module: string | null, phase: Phase, fn: (span: Span) => R): R {
    const span = this.#open(kind, name, module, phase);
    try {
      return fn(span);
    } finally {
      this.#close(span);
    }
  }

  /** The calls inside of a call are part of it. */
  readonly #op = (name: string, run: () => unknown, args: readonly unknown[]): unknown => {
    const top = this.#top;
    const phase = top === null || top.kind === 'label' ? 'forward' : top.phase;
    return this.within('op', name, top?.module ?? null, phase, (span) => {
      tracing.op = null;
      let result: unknown;
      try {
        result = run();
      } finally {
        tracing.op = this.#op;
      }
      const inputs = tensorsIn(args);
      const outputs = tensorsIn([result]);
      span.inputs = inputs.map(describe);
      span.outputs = outputs.map(describe);
      span.bytes = bytesOf(inputs) + bytesOf(outputs);
      span.flops = flopsOf(name, args, outputs);
      const node = outputs.find((x) => x._node !== null)?._node;
      if (node && !this.#owners.has(node)) this.#owners.set(node, span);
      return result;
    });
  };

  backward<R>(node: Node, needs: readonly boolean[], rule: () => R): R {
    const owner = this.#owners.get(node);
    return this.within('rule', ruleName(node), owner?.module ?? null, 'backward', (span) => {
      // Of a product of two: one of the same size for each operand's gradient. Counted if the rule is one kernel.
      span.flops = (owner?.flops ?? 0) * Math.min(2, needs.filter(Boolean).length);
      span.inputs = owner?.outputs ?? [];
      span.outputs = owner?.inputs ?? [];
      return rule();
    });
  }

  label<R>(name: string, fn: () => R): R {
    return this.within('label', name, this.#top?.module ?? null, 'other', fn);
  }

  /** The next step begins. */
  nextStep(): void {
    this.stepStarts.push(streamPosition());
  }

  pass(walk: () => void): void {
    this.within('pass', 'backward', null, 'backward', walk);
  }

  /** Wraps `forward` of a model's modules; a module that is watched is not fused with its neighbour. */
  watch(model: AnyModule, prefix: string): void {
    for (const [name, module] of model.namedModules()) {
      const path = [prefix, name].filter((part) => part !== '').join('.');
      const own = Object.getOwnPropertyDescriptor(module, 'forward');
      const forward = module.forward as (...inputs: unknown[]) => unknown;
      const label = module.constructor.name;
      Object.defineProperty(module, 'forward', {
        configurable: true,
        enumerable: false,
        writable: true,
        value: (...inputs: unknown[]) =>
          this.within('module', label, path, 'forward', (span) => {
            const output = forward.apply(module, inputs);
            span.outputs = tensorsIn([output]).map(describe);
            return output;
          }),
      });
      this.#restore.push(() => {
        if (own) Object.defineProperty(module, 'forward', own);
        else Reflect.deleteProperty(module, 'forward');
      });
    }
  }

  start(): void {
    profiling.recorder = this;
    tracing.op = this.#op;
  }

  stop(): void {
    profiling.recorder = null;
    tracing.op = null;
    for (const restore of this.#restore.splice(0).reverse()) restore();
  }
}
