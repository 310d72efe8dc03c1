// Containers of parameters.
import { ArgumentError, valueText } from '../errors.js';
import { checkTensor } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkEntries, checkIndex, checkItems, checkKey, type Entries } from './container.js';
import { type AnyModule, Module } from './module.js';
import { isUninitialized, Parameter } from './parameter.js';

/** A tensor becomes a parameter that shares its memory. */
function asParameter(op: string, value: Tensor, name: string): Parameter {
  if (value instanceof Parameter) return value;
  checkTensor(op, value, name);
  return new Parameter(value);
}

const sizeOf = (value: Parameter): string => (isUninitialized(value) ? '?' : value.shape.join('x'));

/** The names of tensor types that PyTorch prints for a dictionary. */
const TYPES: Readonly<Record<string, string>> = {
  float32: 'FloatTensor',
  float64: 'DoubleTensor',
  float16: 'HalfTensor',
  bfloat16: 'BFloat16Tensor',
};

const line = (name: string | number, value: Parameter, type: string): string =>
  `  (${name}): Parameter containing: [torch.${type} of size ${sizeOf(value)}]`;

/**
 * A list of parameters that registers them under `0`, `1`, … Tensors become parameters.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ParameterList.html
 */
export class ParameterList extends Module<never[], never> {
  private readonly list: Parameter[] = [];

  constructor(values: Iterable<Tensor> = []) {
    super();
    this.extend(values);
  }

  /** @internal */
  override *_ownParameters(): Generator<[string, Parameter]> {
    yield* super._ownParameters();
    for (let i = 0; i < this.list.length; i++) yield [String(i), this.list[i]];
  }

  /** @internal */
  override _setOwn(name: string, value: Tensor | AnyModule | null): void {
    if (value instanceof Parameter && /^\d+$/.test(name) && Number(name) < this.list.length)
      this.list[Number(name)] = value;
    else super._setOwn(name, value);
  }

  /** The parameter at an index; negative ones count from the end. @throws ArgumentError outside of the list. */
  at(index: number): Parameter {
    return this.list[checkIndex('ParameterList.at', index, this.length)];
  }

  /** Replaces the parameter at an index. */
  set(index: number, value: Tensor): this {
    const at = checkIndex('ParameterList.set', index, this.length);
    this.list[at] = asParameter('ParameterList.set', value, 'value');
    return this;
  }

  /** Adds a parameter at the end. */
  append(value: Tensor): this {
    this.list.push(asParameter('ParameterList.append', value, 'value'));
    return this;
  }

  /** Adds parameters at the end. */
  extend(values: Iterable<Tensor>): this {
    const list = checkItems('ParameterList', values);
    this.list.push(...list.map((value, i) => asParameter('ParameterList', value, `item ${i}`)));
    return this;
  }

  /** A part as a list that shares the parameters. Arguments as in `Array.slice`. */
  slice(start?: number, end?: number): ParameterList {
    return new ParameterList(this.list.slice(start, end));
  }

  /** Number of parameters. */
  get length(): number {
    return this.list.length;
  }

  [Symbol.iterator](): Iterator<Parameter> {
    return this.list[Symbol.iterator]();
  }

  /** @throws ArgumentError always. */
  forward(): never {
    throw new ArgumentError('ParameterList', 'has no forward; use its parameters');
  }

  override extraRepr(): string {
    return this.list.map((value, i) => line(i, value, value.dtype)).join('\n');
  }
}

/**
 * Parameters by name, registered in the order of insertion (those of an object: of their names). Tensors become parameters. Names are used in the state dict as
 * they are. The type knows them: `new nn.ParameterDict({ left: zeros([2]) }).get('left')`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ParameterDict.html
 */
export class ParameterDict<K extends string = string> extends Module<never[], never> {
  private readonly map = new Map<K, Parameter>();

  constructor(values: Readonly<Record<K, Tensor>> | Iterable<readonly [K, Tensor]> = []) {
    super();
    this.update(values);
  }

  /** @internal */
  override *_ownParameters(): Generator<[string, Parameter]> {
    yield* super._ownParameters();
    yield* this.map;
  }

  /** @internal */
  override _setOwn(name: string, value: Tensor | AnyModule | null): void {
    if (value instanceof Parameter && this.map.has(name as K)) this.map.set(name as K, value);
    else super._setOwn(name, value);
  }

  /** The parameter of a name. @throws ArgumentError when there is none. */
  get(name: K): Parameter {
    const value = this.map.get(name);
    if (value) return value;
    throw new ArgumentError(
      'ParameterDict.get',
      `there is no ${valueText(name)} (${[...this.map.keys()].join(', ')})`,
      name,
    );
  }

  /** Adds a parameter, or replaces the one of this name. */
  set(name: K, value: Tensor): this {
    if (!this.map.has(name)) checkKey('ParameterDict.set', name);
    this.map.set(name, asParameter('ParameterDict.set', value, valueText(name)));
    return this;
  }

  /** The parameter of a name, which is first set to `value` when there is none. */
  setDefault(name: K, value: Tensor): Parameter {
    if (!this.map.has(name)) this.set(name, value);
    return this.get(name);
  }

  /** Whether there is a parameter of this name. */
  has(name: string): boolean {
    return this.map.has(name as K);
  }

  /** Removes a parameter; false when there is none of this name. */
  delete(name: K): boolean {
    return this.map.delete(name);
  }

  /** Removes all parameters. */
  clear(): void {
    this.map.clear();
  }

  /** Removes a parameter and returns it. @throws ArgumentError when there is none of this name. */
  pop(name: K): Parameter {
    const value = this.get(name);
    this.map.delete(name);
    return value;
  }

  /** Removes the last parameter and returns it with its name. @throws ArgumentError when there is none. */
  popitem(): [K, Parameter] {
    const last = [...this.map].at(-1);
    if (!last) throw new ArgumentError('ParameterDict.popitem', 'it is empty');
    this.map.delete(last[0]);
    return last;
  }

  /**
   * Adds or replaces parameters: those of an object, of pairs of names and tensors, or of another ParameterDict. As in
   * PyTorch, the names of an object are sorted first; pairs and a `Map` keep their order.
   */
  update(values: Readonly<Partial<Record<K, Tensor>>> | Iterable<readonly [K, Tensor]>): this {
    const pairs = checkEntries('ParameterDict', values as Entries<Tensor>);
    if (!(Symbol.iterator in values)) pairs.sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, value] of pairs) this.set(name as K, value);
    return this;
  }

  /** A dictionary with the same parameters. */
  copy(): ParameterDict<K> {
    return new ParameterDict<K>(this.map);
  }

  /** Names in the order of insertion. */
  keys(): IterableIterator<K> {
    return this.map.keys();
  }

  /** Parameters in the order of insertion. */
  values(): IterableIterator<Parameter> {
    return this.map.values();
  }

  /** Names and parameters in the order of insertion. */
  entries(): IterableIterator<[K, Parameter]> {
    return this.map.entries();
  }

  /** PyTorch's name of {@link entries}. */
  items(): IterableIterator<[K, Parameter]> {
    return this.entries();
  }

  /** Number of parameters. */
  get size(): number {
    return this.map.size;
  }

  /** Names and parameters, as a `Map` gives them. */
  [Symbol.iterator](): IterableIterator<[K, Parameter]> {
    return this.entries();
  }

  /** @throws ArgumentError always. */
  forward(): never {
    throw new ArgumentError('ParameterDict', 'has no forward; use its parameters');
  }

  override extraRepr(): string {
    return [...this.map].map(([name, value]) => line(name, value, TYPES[value.dtype])).join('\n');
  }
}
