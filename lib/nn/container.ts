import { ArgumentError, valueText } from '../errors.js';
import type { Tensor } from '../tensor/tensor.js';
import { ReLU } from './activation.js';
import { Conv2d } from './conv.js';
import { Linear } from './linear.js';
import { type AnyModule, Module } from './module.js';

function assertModule(op: string, module: unknown, index: number): void {
  if (!(module instanceof Module))
    throw new ArgumentError(op, `item ${index} must be a Module, got ${valueText(module)}`, module);
}

/** Layers that can take a ReLU into their kernel; a subclass or a replaced `forward` runs as it is. */
function fusesRelu(layer: Module): layer is Conv2d | Linear {
  return (
    (layer instanceof Conv2d && layer.forward === Conv2d.prototype.forward) ||
    (layer instanceof Linear && layer.forward === Linear.prototype.forward)
  );
}

const isPlainRelu = (layer: Module | undefined): boolean =>
  layer instanceof ReLU && layer.forward === ReLU.prototype.forward;

/** Runs its modules one after the other; a ReLU behind a convolution or a linear layer runs in the same kernel. Names are `0`, `1`, … */
export class Sequential extends Module {
  readonly layers: readonly Module[];

  constructor(...layers: readonly Module[]) {
    super();
    layers.forEach((layer, i) => {
      assertModule('Sequential', layer, i);
    });
    this.layers = layers;
  }

  override *namedChildren(): Generator<[string, AnyModule]> {
    for (let i = 0; i < this.layers.length; i++) yield [String(i), this.layers[i]];
  }

  get length(): number {
    return this.layers.length;
  }

  [Symbol.iterator](): Iterator<Module> {
    return this.layers[Symbol.iterator]();
  }

  forward(x: Tensor): Tensor {
    const { layers } = this;
    let out = x;
    for (let i = 0; i < layers.length; i++) {
      const layer = layers[i];
      if (fusesRelu(layer) && isPlainRelu(layers[i + 1])) {
        out = layer._forwardRelu(out);
        i++;
      } else {
        out = layer.forward(out);
      }
    }
    return out;
  }
}

/** A list of modules that registers them; how they are run is up to the owner. */
export class ModuleList<M extends AnyModule = Module> extends Module<never[], never> {
  readonly items: M[];

  constructor(items: Iterable<M> = []) {
    super();
    if (typeof items !== 'object' || items === null || !(Symbol.iterator in items)) {
      throw new ArgumentError('ModuleList', `modules in an array are needed, got ${valueText(items)}`, items);
    }
    this.items = [...items];
    this.items.forEach((item, i) => {
      assertModule('ModuleList', item, i);
    });
  }

  override *namedChildren(): Generator<[string, AnyModule]> {
    for (let i = 0; i < this.items.length; i++) yield [String(i), this.items[i]];
  }

  /** Equal neighbours are printed once, with their number. */
  protected override childrenText(): string[] {
    const texts = this.items.map(String);
    const starts = texts.flatMap((text, i) => (i > 0 && text === texts[i - 1] ? [] : [i]));
    return starts.map((start, i) => {
      const end = (starts[i + 1] ?? texts.length) - 1;
      return start === end ? `(${start}): ${texts[start]}` : `(${start}-${end}): ${end - start + 1} x ${texts[start]}`;
    });
  }

  push(item: M): this {
    assertModule('ModuleList', item, this.items.length);
    this.items.push(item);
    return this;
  }

  at(index: number): M | undefined {
    return this.items.at(index);
  }

  get length(): number {
    return this.items.length;
  }

  [Symbol.iterator](): Iterator<M> {
    return this.items[Symbol.iterator]();
  }

  /** @throws ArgumentError always: a list has no order of execution. */
  forward(): never {
    throw new ArgumentError('ModuleList', 'has no forward; call its items');
  }
}
