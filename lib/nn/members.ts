// Names: how fields are called in a state dict, and what stands at a path.
import { ArgumentError, valueText } from '../errors.js';
import { Tensor } from '../tensor/tensor.js';
import { type AnyModule, Module } from './module.js';
import { Parameter } from './parameter.js';

/** Names that were asked for: there are few, and each training step asks for them. */
const stateNames = new Map<string, string>();

/**
 * The name of a field in a state dict: `runningMean` is `running_mean`, as PyTorch writes it. A field that begins with a
 * capital keeps its name: `Mixed_5b`. @internal
 */
export function stateName(field: string): string {
  const known = stateNames.get(field);
  if (known !== undefined) return known;
  const name = /^[A-Z]/.test(field) ? field : field.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
  if (stateNames.size < 4096) stateNames.set(field, name);
  return name;
}

/** @internal */
export const join = (prefix: string, name: string): string => (prefix ? `${prefix}.${name}` : name);

/** Fields with such values by name; each training step asks for them, so only these cost more than a look. @internal */
export function fieldsOf<T>(module: object, wanted: (value: unknown) => value is T): [string, T][] {
  const values: unknown[] = Object.values(module);
  const found: [string, T][] = [];
  let fields: string[] | undefined;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== 'object' || !wanted(value)) continue;
    fields ??= Object.keys(module);
    found.push([stateName(fields[i]), value]);
  }
  return found;
}

/** The field that a name of the state dict, or the name of a field, stands for. @internal */
export const fieldOf = (module: AnyModule, name: string): string =>
  Object.hasOwn(module, name) ? name : (Object.keys(module).find((field) => stateName(field) === name) ?? name);

/** Throws unless something may be registered under this name; returns what it will replace. @internal */
export function checkName(op: string, module: AnyModule, name: unknown): unknown {
  if (typeof name !== 'string' || name === '' || name.includes('.')) {
    throw new ArgumentError(op, `a name without dots is needed, got ${valueText(name)}`, name);
  }
  const old: unknown = Reflect.get(module, name);
  if (old === undefined || old === null) return old;
  const wanted = op === 'registerBuffer' || op === 'registerParameter' ? Tensor : Module;
  if (Object.hasOwn(module, name) && old instanceof wanted) return old;
  throw new ArgumentError(op, `${module.constructor.name} has something else of the name ${name}`, name);
}

/** The submodule at a path; with `what`, the module that should have it and its name. @internal */
export function lookUp(op: string, root: AnyModule, path: string): AnyModule;
export function lookUp(op: string, root: AnyModule, path: string, what: string): [AnyModule, string];
export function lookUp(op: string, root: AnyModule, path: string, what?: string): AnyModule | [AnyModule, string] {
  if (typeof path !== 'string' || (what !== undefined && path === '')) {
    throw new ArgumentError(op, `the path of a ${what ?? 'submodule'} is needed, got ${valueText(path)}`, path);
  }
  const names = path === '' ? [] : path.split('.');
  const last = what === undefined ? '' : (names.pop() as string);
  let module = root;
  for (const [i, name] of names.entries()) {
    const children = [...module._ownModules()];
    const child = children.find(([own]) => own === name) ?? children.find(([own]) => own === stateName(name));
    if (!child) {
      const where = i === 0 ? root.constructor.name : `${names.slice(0, i).join('.')} (${module.constructor.name})`;
      throw new ArgumentError(op, `${where} has no submodule ${valueText(name)}`, path);
    }
    [, module] = child;
  }
  return what === undefined ? module : [module, last];
}

const looked = new WeakSet<AnyModule>();

function* contained(value: unknown): Generator<unknown> {
  if (Array.isArray(value)) yield* value;
  else if (value instanceof Map) yield* value.values();
  else if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    yield* Object.values(value);
  }
}

/**
 * Warns, once per model, of modules and parameters that stand in an array or an object: nobody trains or saves them.
 * What is also registered elsewhere is fine. @internal
 */
export function warnOfUnregistered(root: AnyModule, parameters: ReadonlySet<Parameter>): void {
  if (looked.has(root)) return;
  looked.add(root);
  const modules = new Set(root.modules());
  for (const module of modules) {
    for (const [field, value] of Object.entries(module)) {
      for (const item of contained(value)) {
        const isModule = item instanceof Module && !modules.has(item);
        if (!isModule && !(item instanceof Parameter && !parameters.has(item))) continue;
        const kind = Array.isArray(value) ? 'List' : 'Dict';
        process.emitWarning(
          `${module.constructor.name}.${field} holds ${isModule ? 'modules' : 'parameters'} that are not registered: they are ` +
            `neither trained nor saved. Use nn.${isModule ? 'Module' : 'Parameter'}${kind}.`,
          { type: 'NablaWarning', code: 'NABLA_UNREGISTERED' },
        );
        break;
      }
    }
  }
}
