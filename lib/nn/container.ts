// Containers: modules that hold modules and register them.
import { ArgumentError, NablaError, valueText } from '../errors.js';
import type { Tensor } from '../tensor/tensor.js';
import { forgetsOutside } from './forgetful.js';
import { runInOrder } from './fusion.js';
import { checkName } from './members.js';
import { type AnyModule, assertModule, Module } from './module.js';

/** Position of an item, counted from the end when it is negative; `extra` allows the place behind the last one. @internal */
export function checkIndex(op: string, index: unknown, length: number, extra = 0): number {
  const end = length + extra;
  if (typeof index === 'number' && Number.isInteger(index) && index >= -length && index < end) {
    return index < 0 ? index + length : index;
  }
  throw new ArgumentError(op, `index ${valueText(index)} is out of range for ${length} items`, index);
}

/** Items to add to a list. @internal */
export function checkItems<T>(op: string, items: Iterable<T>): T[] {
  if (typeof items === 'object' && items !== null && Symbol.iterator in items) return [...items];
  throw new ArgumentError(op, `an array or another iterable is needed, got ${valueText(items)}`, items);
}

/** Pairs of a `Map`, a list of pairs or an object. @internal */
export function checkEntries<T>(op: string, entries: Entries<T>): [string, T][] {
  if (typeof entries !== 'object' || entries === null) {
    throw new ArgumentError(
      op,
      `an object or pairs of names and values are needed, got ${valueText(entries)}`,
      entries,
    );
  }
  const pairs = Symbol.iterator in entries ? [...(entries as Iterable<[string, T]>)] : Object.entries(entries);
  const wrong = pairs.findIndex((pair) => !Array.isArray(pair) || pair.length !== 2);
  if (wrong < 0) return pairs;
  throw new ArgumentError(op, `item ${wrong} must be a pair of a name and a value, got ${valueText(pairs[wrong])}`);
}

/** Named values: an object, a `Map`, or a list of pairs. */
export type Entries<T> = Readonly<Record<string, T>> | Iterable<readonly [string, T]>;

/**
 * Runs its modules one after the other; a ReLU behind a convolution or a linear layer runs in the same kernel, and so does,
 * in evaluation without gradients, a batch normalization behind a convolution (which rounds a little differently). Names are
 * `0`, `1`, …, or the keys of an object: `new nn.Sequential({ conv: new nn.Conv2d(1, 8, 3), act: new nn.ReLU() })`.
 * Any shape that the first one takes.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Sequential.html
 */
export class Sequential extends Module {
  private names: string[] = [];
  private modulesInOrder: Module[] = [];

  constructor(...layers: readonly Module[] | [Readonly<Record<string, Module>>]) {
    super();
    const [first] = layers;
    if (layers.length === 1 && Object.getPrototypeOf(first ?? 0) === Object.prototype) {
      for (const [name, layer] of Object.entries(first as Record<string, Module>)) this.addModule(name, layer);
    } else {
      layers.forEach((layer, i) => {
        assertModule('Sequential', layer, `item ${i}`);
        this._setOwn(String(i), layer);
      });
    }
  }

  /** The modules in the order in which they run. */
  get layers(): readonly Module[] {
    return this.modulesInOrder;
  }

  /** Number of modules. */
  get length(): number {
    return this.layers.length;
  }

  [Symbol.iterator](): Iterator<Module> {
    return this.layers[Symbol.iterator]();
  }

  /** @internal */
  override *_ownModules(): Generator<[string, AnyModule]> {
    for (let i = 0; i < this.names.length; i++) yield [this.names[i], this.modulesInOrder[i] as AnyModule];
    yield* super._ownModules();
  }

  /** @internal A new name comes last. */
  override _setOwn(name: string, value: Tensor | AnyModule | null): void {
    const at = this.names.indexOf(name);
    if (!(value instanceof Module) || Object.hasOwn(this, name)) super._setOwn(name, value);
    else if (at >= 0) this.modulesInOrder[at] = value as Module;
    else {
      this.names.push(name);
      this.modulesInOrder.push(value as Module);
    }
  }

  /**
   * The module at an index; negative ones count from the end. `model.at<nn.Linear>(0)` tells TypeScript its class.
   * @throws ArgumentError outside of the list.
   */
  at<M extends AnyModule = Module>(index: number): M {
    return this.layers[checkIndex('Sequential.at', index, this.length)] as AnyModule as M;
  }

  /** Replaces the module at an index. */
  set(index: number, module: Module): this {
    assertModule('Sequential.set', module, 'module');
    this.modulesInOrder[checkIndex('Sequential.set', index, this.length)] = module;
    return this;
  }

  /** A part as a Sequential that shares the modules and, as in PyTorch, keeps their names. Arguments as in `Array.slice`. */
  slice(start?: number, end?: number): Sequential {
    const part = new Sequential();
    part.names = this.names.slice(start, end);
    part.modulesInOrder = this.modulesInOrder.slice(start, end);
    return part;
  }

  /** Adds a module at the end. */
  append(module: Module): this {
    assertModule('Sequential.append', module, 'module');
    this._setOwn(String(this.length), module as AnyModule);
    return this;
  }

  /** Adds modules at the end. */
  extend(modules: Iterable<Module>): this {
    for (const module of checkItems('Sequential.extend', modules)) this.append(module);
    return this;
  }

  /** Adds a module before the one at `index`; the others move up. */
  insert(index: number, module: Module): this {
    const op = 'Sequential.insert';
    assertModule(op, module, 'module');
    const at = checkIndex(op, index, this.length, 1);
    if (this.names.some((name, i) => name !== String(i))) {
      throw new ArgumentError(op, 'its layers have names; addModule(name, module) adds one at the end', index);
    }
    this.modulesInOrder.splice(at, 0, module);
    this.names.push(String(this.names.length));
    return this;
  }

  /** Removes the module at `index`, or those from `index` to `end`; the others get the names `0`, `1`, … */
  delete(index: number, end?: number): this {
    const from = end === undefined ? checkIndex('Sequential.delete', index, this.length) : index;
    const gone = new Set(this.modulesInOrder.map((_, i) => i).slice(from, end ?? from + 1));
    this.modulesInOrder = this.modulesInOrder.filter((_, i) => !gone.has(i));
    this.names = this.modulesInOrder.map((_, i) => String(i));
    return this;
  }

  /** Removes the module at `index` (default: the last one) and returns it. */
  pop(index = -1): Module {
    const module = this.at(index);
    this.delete(index);
    return module;
  }

  forward(x: Tensor): Tensor {
    let i = 0;
    try {
      return runInOrder(this.layers, x, (index) => {
        i = index;
      });
    } catch (error) {
      throw located(error, this.names[i], this.layers[i]);
    }
  }
}

forgetsOutside(Sequential);

const placed = new WeakSet<NablaError>();

/** The error with the layer in which it happened: of nested ones, the innermost. */
function located(error: unknown, name: string, layer: Module): unknown {
  if (!(error instanceof NablaError) || placed.has(error)) return error;
  placed.add(error);
  const before = error.message;
  const [text] = String(layer).split('\n');
  error.message = `${before} [in layer ${name} of Sequential: ${text}${text.endsWith('(') ? '...)' : ''}]`;
  if (error.stack) error.stack = error.stack.replace(before, error.message);
  return error;
}

function addTo<M>(op: string, items: M[], added: Iterable<M>): void {
  const list = checkItems(op, added);
  list.forEach((item, i) => {
    assertModule(op, item, `item ${i}`);
  });
  items.push(...list);
}

/**
 * A list of modules that registers them; how they are run is up to the owner. Names are `0`, `1`, …
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ModuleList.html
 */
export class ModuleList<M extends AnyModule = Module> extends Module<never[], never> {
  readonly items: M[] = [];

  constructor(items: Iterable<M> = []) {
    super();
    addTo('ModuleList', this.items, items);
  }

  /** @internal */
  override *_ownModules(): Generator<[string, AnyModule]> {
    for (let i = 0; i < this.items.length; i++) yield [String(i), this.items[i]];
    yield* super._ownModules();
  }

  /** @internal */
  override _setOwn(name: string, value: Tensor | AnyModule | null): void {
    if (value instanceof Module && /^\d+$/.test(name) && Number(name) <= this.items.length) {
      this.items[Number(name)] = value as M;
    } else {
      super._setOwn(name, value);
    }
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

  /** Adds modules at the end. */
  push(...items: M[]): this {
    addTo('ModuleList.push', this.items, items);
    return this;
  }

  /** Adds a module at the end. */
  append(item: M): this {
    addTo('ModuleList.append', this.items, [item]);
    return this;
  }

  /** Adds modules at the end. */
  extend(items: Iterable<M>): this {
    addTo('ModuleList.extend', this.items, items);
    return this;
  }

  /** Adds a module before the one at `index`; the others move up. */
  insert(index: number, item: M): this {
    assertModule('ModuleList.insert', item, 'item');
    this.items.splice(checkIndex('ModuleList.insert', index, this.length, 1), 0, item);
    return this;
  }

  /** The module at an index, undefined outside of the list; negative ones count from the end. */
  at(index: number): M | undefined {
    return this.items.at(index);
  }

  /** Replaces the module at an index. */
  set(index: number, item: M): this {
    assertModule('ModuleList.set', item, 'item');
    this.items[checkIndex('ModuleList.set', index, this.length)] = item;
    return this;
  }

  /** A part as a list that shares the modules. Arguments as in `Array.slice`. */
  slice(start?: number, end?: number): ModuleList<M> {
    return new ModuleList(this.items.slice(start, end));
  }

  /** Removes the module at an index; the others move down. */
  delete(index: number): this {
    this.items.splice(checkIndex('ModuleList.delete', index, this.length), 1);
    return this;
  }

  /** Removes the module at `index` (default: the last one) and returns it. */
  pop(index = -1): M {
    return this.items.splice(checkIndex('ModuleList.pop', index, this.length), 1)[0];
  }

  /** Number of modules. */
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

/**
 * Modules by name, registered in the order of insertion. The type knows the names:
 * `new nn.ModuleDict({ conv: new nn.Conv2d(1, 8, 3), pool: new nn.MaxPool2d(2) }).get('conv')` is a `Conv2d`.
 * Names are used in the state dict as they are. JavaScript objects put keys that are whole numbers first; a `Map` or a list
 * of pairs keeps their order.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ModuleDict.html
 */
export class ModuleDict<T extends Record<string, AnyModule> = Record<string, Module>> extends Module<never[], never> {
  private readonly map = new Map<string, AnyModule>();

  constructor(modules: T | Iterable<readonly [keyof T & string, T[keyof T]]> = []) {
    super();
    this.update(modules);
  }

  /** @internal */
  override *_ownModules(): Generator<[string, AnyModule]> {
    yield* this.map;
    yield* super._ownModules();
  }

  /** @internal */
  override _setOwn(name: string, value: Tensor | AnyModule | null): void {
    if (value instanceof Module && !Object.hasOwn(this, name)) this.map.set(name, value as AnyModule);
    else super._setOwn(name, value);
  }

  /** The module of a name. @throws ArgumentError when there is none. */
  get<K extends keyof T & string>(name: K): T[K] {
    const module = this.map.get(name);
    if (module) return module as T[K];
    throw new ArgumentError(
      'ModuleDict.get',
      `there is no ${valueText(name)} (${[...this.map.keys()].join(', ')})`,
      name,
    );
  }

  /** Adds a module, or replaces the one of this name. */
  set<K extends keyof T & string>(name: K, module: T[K]): this {
    assertModule('ModuleDict.set', module, valueText(name));
    if (!this.map.has(name)) checkKey('ModuleDict.set', name);
    this.map.set(name, module);
    return this;
  }

  /** Whether there is a module of this name. */
  has(name: string): boolean {
    return this.map.has(name);
  }

  /** Removes a module; false when there is none of this name. */
  delete(name: keyof T & string): boolean {
    return this.map.delete(name);
  }

  /** Removes all modules. */
  clear(): void {
    this.map.clear();
  }

  /** Removes a module and returns it. @throws ArgumentError when there is none of this name. */
  pop<K extends keyof T & string>(name: K): T[K] {
    const module = this.get(name);
    this.map.delete(name);
    return module;
  }

  /** Adds or replaces modules: those of an object, of pairs of names and modules, or of another ModuleDict. */
  update(modules: Partial<T> | Iterable<readonly [keyof T & string, T[keyof T]]>): this {
    const entries = checkEntries('ModuleDict', modules as Entries<T[keyof T]>);
    for (const [name, module] of entries) this.set(name, module as T[string]);
    return this;
  }

  /** Names in the order of insertion. */
  keys(): IterableIterator<keyof T & string> {
    return this.map.keys() as IterableIterator<keyof T & string>;
  }

  /** Modules in the order of insertion. */
  values(): IterableIterator<T[keyof T]> {
    return this.map.values() as IterableIterator<T[keyof T]>;
  }

  /** Names and modules in the order of insertion. */
  entries(): IterableIterator<[keyof T & string, T[keyof T]]> {
    return this.map.entries() as IterableIterator<[keyof T & string, T[keyof T]]>;
  }

  /** PyTorch's name of {@link entries}. */
  items(): IterableIterator<[keyof T & string, T[keyof T]]> {
    return this.entries();
  }

  /** Number of modules. */
  get size(): number {
    return this.map.size;
  }

  /** Names and modules, as a `Map` gives them. */
  [Symbol.iterator](): IterableIterator<[keyof T & string, T[keyof T]]> {
    return this.entries();
  }

  /** @throws ArgumentError always: a dictionary has no order of execution. */
  forward(): never {
    throw new ArgumentError('ModuleDict', 'has no forward; call its modules');
  }
}

/** Throws unless a key can stand in the state dict. @internal */
export function checkKey(op: string, name: unknown): void {
  checkName(op, Object.create(null) as AnyModule, name);
}
