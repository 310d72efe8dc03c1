// Fields of one module whose values are computed whenever they are read: the module gets a prototype of its own, between
// it and its class. Prototypes are never changed, so that a copy of the module, which has the same one, is independent.
import type { Tensor } from '../tensor/tensor.js';
import type { AnyModule } from './module.js';

/** How the value of a field comes about. It must find all it needs in the module that it is given. @internal */
export interface ComputedField {
  readonly get: (module: AnyModule) => Tensor;
  readonly set: (module: AnyModule, value: Tensor) => void;
  /** Stands before the name of the class while the module has such a field. */
  readonly prefix?: string;
}

interface Layer {
  readonly base: object;
  readonly fields: ReadonlyMap<string, ComputedField>;
}

const layers = new WeakMap<object, Layer>();

const layerOf = (module: AnyModule): Layer | undefined => layers.get(Object.getPrototypeOf(module) as object);

/** The computed fields of a module. @internal */
export const computedFields = (module: AnyModule): ReadonlyMap<string, ComputedField> =>
  layerOf(module)?.fields ?? new Map();

/** The class of a module as its author wrote it. @internal */
export const classOf = (module: AnyModule): { readonly name: string } =>
  (layerOf(module)?.base ?? module).constructor as { readonly name: string };

/** Replaces a field by a computed one. @internal */
export function setComputed(module: AnyModule, field: string, computed: ComputedField): void {
  Reflect.deleteProperty(module, field);
  useFields(module, new Map(computedFields(module)).set(field, computed));
}

/** Removes a computed field; the caller puts a value in its place. @internal */
export function dropComputed(module: AnyModule, field: string): void {
  const fields = new Map(computedFields(module));
  fields.delete(field);
  useFields(module, fields);
}

/** Makes a value an ordinary field again. @internal */
export function setField(module: AnyModule, field: string, value: unknown): void {
  Object.defineProperty(module, field, { value, writable: true, enumerable: true, configurable: true });
}

function useFields(module: AnyModule, fields: ReadonlyMap<string, ComputedField>): void {
  const base = layerOf(module)?.base ?? (Object.getPrototypeOf(module) as object);
  Object.setPrototypeOf(module, fields.size === 0 ? base : prototypeOf(base, fields));
}

function prototypeOf(base: object, fields: ReadonlyMap<string, ComputedField>): object {
  const prefix = [...fields.values()].find((field) => field.prefix)?.prefix;
  const prototype = prefix ? namedClass(base, prefix) : (Object.create(base) as object);
  for (const [field, { get, set }] of fields) {
    Object.defineProperty(prototype, field, {
      get(this: AnyModule) {
        return get(this);
      },
      set(this: AnyModule, value: Tensor) {
        set(this, value);
      },
      configurable: true,
    });
  }
  layers.set(prototype, { base, fields });
  return prototype;
}

function namedClass(base: object, prefix: string): object {
  const parent = base.constructor as new () => object;
  const named = class extends parent {};
  Object.defineProperty(named, 'name', { value: prefix + parent.name });
  return named.prototype;
}
